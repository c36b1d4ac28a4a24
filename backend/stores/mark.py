"""A mark in a directory, by which two machines tell whether they see the same one."""

import secrets
import shutil
from contextlib import suppress
from pathlib import Path

from backend.exceptions import StoreRefused

_PLACE = ".mark"
_FILE = "id"


def mark(directory: Path) -> str:
    """The mark of a directory, eight digits; made by whoever asks first.

    Raises:
        StoreRefused: it cannot be written or read.
    """
    try:
        if not (directory / _PLACE).exists():
            _make(directory)
        return (directory / _PLACE / _FILE).read_text(encoding="ascii")
    except OSError as error:
        raise StoreRefused(
            f"The directory {directory} cannot be marked ({error.strerror}): check that it is "
            "there and may be written."
        ) from error


def _make(directory: Path) -> None:
    """Put a whole mark into its place, unless somebody was faster.

    A directory can be renamed onto an empty one only, on every file system that is shared.
    """
    directory.mkdir(parents=True, exist_ok=True)
    draft = directory / f"{_PLACE}-{secrets.token_hex(8)}"
    draft.mkdir()
    try:
        (draft / _FILE).write_text(secrets.token_hex(4), encoding="ascii")
        with suppress(OSError):
            draft.rename(directory / _PLACE)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
