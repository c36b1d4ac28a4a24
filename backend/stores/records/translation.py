"""The one seam where SQLAlchemy's and the drivers' errors become ours.

Only the driver's own first line is passed on: SQLAlchemy adds the statement and its parameters,
and an address may hold a password.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import (
    DBAPIError,
    IntegrityError,
    SQLAlchemyError,
    StatementError,
)
from sqlalchemy.exc import TimeoutError as NoFreeConnection

from backend.exceptions import (
    Conflict,
    InputError,
    NormalcyError,
    StoreRefused,
    StoreUnavailable,
)

_SQLITE_RETRY = {
    sqlite3.SQLITE_BUSY: "is locked by another process; try again, and end a process that hangs",
    sqlite3.SQLITE_LOCKED: "is locked by another process; try again, and end a process that hangs",
    sqlite3.SQLITE_FULL: "cannot be written because the disk is full; free some space",
    sqlite3.SQLITE_IOERR: "cannot be read or written; check the disk",
    sqlite3.SQLITE_NOMEM: "could not be read for want of memory",
}
_NO_RIGHTS = "cannot be opened; check the rights of the file and of its directory"
_DAMAGED = "is damaged or not an SQLite database; restore a backup or name another file"
_SQLITE_REFUSED = {
    sqlite3.SQLITE_CANTOPEN: _NO_RIGHTS,
    sqlite3.SQLITE_READONLY: _NO_RIGHTS,
    sqlite3.SQLITE_PERM: _NO_RIGHTS,
    sqlite3.SQLITE_AUTH: _NO_RIGHTS,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
}

# Classes of SQLSTATE: connection, transaction rollback, resources, operator intervention, system.
_POSTGRES_RETRY = ("08", "40", "53", "57", "58")
_LOCK_NOT_AVAILABLE = "55P03"
# A failed connection carries no SQLSTATE; these words of the server mean that it answered no.
_POSTGRES_NO = ("authentication failed", "does not exist", "pg_hba.conf", "permission denied")


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Turn every error of the database under `place` (words for its address) into ours."""
    try:
        yield
    except SQLAlchemyError as error:
        raise translate(error, place) from error
    except (UnicodeEncodeError, OverflowError) as error:
        raise StoreRefused(f"{place} cannot hold a value: {error}.") from error


def translate(error: SQLAlchemyError, place: str) -> NormalcyError:
    """Our error for one of SQLAlchemy's."""
    cause = getattr(error, "orig", None) or error
    if isinstance(error, NoFreeConnection):
        return StoreUnavailable(f"{place} is busy: no connection became free in time; try again.")
    if isinstance(error, IntegrityError):
        return Conflict(f"{place} holds such a record already: {_first_line(cause)}.")
    if isinstance(cause, sqlite3.Error):
        return _of_sqlite(cause, place)
    if isinstance(error, DBAPIError):
        return _of_postgres(cause, place)
    if isinstance(error, StatementError):
        return StoreRefused(f"{place} cannot hold a value: {_first_line(cause)}.")
    return StoreRefused(f"{place} could not be used: {_first_line(cause)}.")


def _of_sqlite(cause: sqlite3.Error, place: str) -> NormalcyError:
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # the rest only tells the kinds apart
    if code in _SQLITE_RETRY:
        return StoreUnavailable(f"{place} {_SQLITE_RETRY[code]} ({_first_line(cause)}).")
    why = _SQLITE_REFUSED.get(code, "refused a statement")
    return StoreRefused(f"{place} {why} ({_first_line(cause)}).")


def _of_postgres(cause: BaseException, place: str) -> NormalcyError:
    state, text = getattr(cause, "sqlstate", None), _first_line(cause)
    if "cannot contain NUL" in text:
        return InputError(f"{place} cannot hold what was given: {text}.")
    if state is None and type(cause).__name__ == "OperationalError":
        if any(words in str(cause) for words in _POSTGRES_NO):
            return StoreRefused(
                f"{place} refused the connection; check user, password and database ({text})."
            )
        return StoreUnavailable(
            f"{place} cannot be reached; check that it runs and that the address is right ({text})."
        )
    if state is not None and (state.startswith(_POSTGRES_RETRY) or state == _LOCK_NOT_AVAILABLE):
        return StoreUnavailable(f"{place} cannot answer now; try again ({text}).")
    return StoreRefused(f"{place} refused a statement; check the rights of its user ({text}).")


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__).strip().rstrip(".")
