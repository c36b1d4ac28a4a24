"""Accounts of people and tokens of programs."""

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from backend.exceptions import Conflict, NotFound
from backend.records import Role, Token, User
from backend.stores.records import tables
from backend.stores.records.rows import columns, insert_into

_USERS = tables.users
_TOKENS = tables.tokens


def users(connection: Connection) -> list[User]:
    """Accounts by name; sorted here, since databases sort by their own languages."""
    rows = connection.execute(select(_USERS))
    return sorted((_user(row) for row in rows), key=lambda one: one.name)


def user(connection: Connection, name: str) -> User:
    """One account."""
    rows = connection.execute(select(_USERS).where(_USERS.c.name == name))
    return _found(rows.one_or_none(), name)


def add_user(connection: Connection, account: User) -> User:
    """Store a new account."""
    statement = insert_into(connection, _USERS).values(columns(account))
    stored = connection.execute(statement.on_conflict_do_nothing().returning(_USERS))
    if (row := stored.one_or_none()) is None:
        raise Conflict(f"There is an account {account.name!r} already.")
    return _user(row)


def change_user(connection: Connection, name: str, values: dict[str, Any]) -> User:
    """Change some columns of an account."""
    administrators = _administrators(connection)
    if values.get("role", Role.ADMIN) != Role.ADMIN:
        _refuse_last(administrators, name)
    statement = update(_USERS).where(_USERS.c.name == name).values(values).returning(_USERS)
    return _found(connection.execute(statement).one_or_none(), name)


def remove_user(connection: Connection, name: str, *, last: bool) -> None:
    """Remove an account."""
    administrators = _administrators(connection)
    if not last:
        _refuse_last(administrators, name)
    statement = delete(_USERS).where(_USERS.c.name == name).returning(_USERS)
    _found(connection.execute(statement).one_or_none(), name)


def tokens(connection: Connection) -> list[Token]:
    """Tokens by id."""
    return [_token(row) for row in connection.execute(select(_TOKENS).order_by(_TOKENS.c.id))]


def add_token(connection: Connection, token: Token) -> Token:
    """Store a token and number it."""
    values = columns(token, without="id")
    values["detectors"] = list(token.detectors)
    number = connection.scalar(insert(_TOKENS).values(values).returning(_TOKENS.c.id))
    assert number is not None
    return replace(token, id=number)


def revoke_token(connection: Connection, token: int, *, at: int) -> Token:
    """Take a token back; the update's condition keeps the first time."""
    statement = update(_TOKENS).where(_TOKENS.c.id == token, _TOKENS.c.revoked_at.is_(None))
    row = connection.execute(statement.values(revoked_at=at).returning(_TOKENS)).one_or_none()
    if row is None:
        raise NotFound(f"There is no token {token}, or it was revoked already.")
    return _token(row)


def token_by_digest(connection: Connection, digest: str) -> Token | None:
    """The token with a digest."""
    row = connection.execute(select(_TOKENS).where(_TOKENS.c.digest == digest)).one_or_none()
    return None if row is None else _token(row)


def touch_token(connection: Connection, token: int, *, at: int) -> None:
    """Note when a token was shown."""
    connection.execute(update(_TOKENS).where(_TOKENS.c.id == token).values(used_at=at))


def _administrators(connection: Connection) -> list[str]:
    """Names of the administrators, held fast so that two cannot remove each other at once."""
    statement = select(_USERS.c.name).where(_USERS.c.role == Role.ADMIN.value)
    return list(connection.scalars(statement.order_by(_USERS.c.name).with_for_update()))


def _refuse_last(administrators: list[str], name: str) -> None:
    if administrators == [name]:
        raise Conflict(
            f"{name!r} is the only administrator: make another account an administrator first."
        )


def _found(row: Row[Any] | None, name: str) -> User:
    if row is None:
        raise NotFound(f"There is no account {name!r}.")
    return _user(row)


def _user(row: Row[Any]) -> User:
    return User(**{**row._mapping, "role": Role(row.role)})


def _token(row: Row[Any]) -> Token:
    changed = {"role": Role(row.role), "detectors": tuple(row.detectors)}
    return Token(**{**row._mapping, **changed})
