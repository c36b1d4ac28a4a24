"""The file of an embedded store, copied out at one moment and back in, while others use it."""

import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from backend.exceptions import InputError, StoreRefused
from backend.stores.embedded.database import LAYOUT, PAGE_BYTES, Database

_CHUNK = 1 << 20
_FOLDER = ".copy-"
_LEFT_AGE_S = 86_400.0
_KNOWN = {"series", "fields", "segments", "segments_of_series"}


def copied_out(database: Database) -> Iterator[bytes]:
    """The store as it is at one moment, as the bytes of its file; writers go on meanwhile."""
    with _beside(database) as file:
        with database.reading() as connection, closing(sqlite3.connect(file)) as target:
            connection.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk


@contextmanager
def staged(database: Database, chunks: Iterable[bytes]) -> Iterator[Callable[[], None]]:
    """Look at such bytes, and let the store be what they hold, all at once, when that is called.

    Raises:
        InputError: they hold no embedded store.
        StoreRefused: a newer normalcy has written it.
        StoreError: they cannot be written beside the store.
    """
    with _beside(database) as file:
        with database.translated(), file.open("wb") as stream:
            stream.writelines(chunks)
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as source:
            _require_store(source)
            yield lambda: database.overwrite(source)


@contextmanager
def _beside(database: Database) -> Iterator[Path]:
    """A file in a folder of its own, on the disk of the store."""
    directory = database.path.parent
    with database.translated():
        directory.mkdir(parents=True, exist_ok=True)
        _remove_left(directory)
        folder = tempfile.TemporaryDirectory(prefix=_FOLDER, dir=directory)
    with folder as path:
        yield Path(path) / "copy.sqlite3"


def _require_store(source: sqlite3.Connection) -> None:
    """Refuse what is no store, or a file that would do more than hold rows."""
    try:
        source.execute("PRAGMA trusted_schema = OFF")
        layout = int(source.execute("PRAGMA user_version").fetchone()[0])
        page = int(source.execute("PRAGMA page_size").fetchone()[0])
        found = source.execute("SELECT type, name FROM sqlite_schema").fetchall()
        sound = source.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok"
    except sqlite3.Error as error:
        raise InputError(f"The copy is no embedded store ({error}).") from error
    if layout > LAYOUT:
        raise StoreRefused(
            f"The copy of the embedded store was written by a newer normalcy (layout {layout}, "
            f"this one knows {LAYOUT}): install that one."
        )
    own = {name for kind, name in found if kind in ("table", "index")}
    odd = {name for name in own if not name.startswith("sqlite_")} != _KNOWN
    if odd or len(own) < len(found) or layout < 1 or page != PAGE_BYTES or not sound:
        raise InputError("The copy is no embedded store, or is damaged.")


def _remove_left(directory: Path) -> None:
    """Remove the folders of copies that were killed."""
    for folder in directory.glob(f"{_FOLDER}*"):
        with suppress(FileNotFoundError):  # another copy ended meanwhile
            if time.time() - folder.stat().st_mtime > _LEFT_AGE_S:
                shutil.rmtree(folder, ignore_errors=True)
