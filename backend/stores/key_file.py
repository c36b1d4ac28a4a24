"""A secret of this installation's own, made when it is first needed."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from backend.exceptions import StoreRefused

_LENGTH = 64


class FileKey:
    """The key in a file that only its owner can read; equal for all processes that ask."""

    def __init__(self, path: Path) -> None:
        """Nothing is touched yet."""
        self._path = path
        self._key: str | None = None

    def __call__(self) -> str:
        """The key.

        Raises:
            StoreRefused: the file cannot be made or read, or does not hold a key.
        """
        if self._key is None:
            self._key = self._read()
        return self._key

    def _read(self) -> str:
        try:
            if not self._path.exists():
                self._make()
            key = self._path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not text"
            raise StoreRefused(
                f"The key file {self._path} cannot be used ({why}): check the rights of the "
                "file and of its directory."
            ) from error
        if len(key) != _LENGTH or not key.isalnum():
            raise StoreRefused(
                f"The key file {self._path} is damaged: remove the file, and a new one is made; "
                "what was signed with the old one, links or sign-ins, counts no more."
            )
        return key

    def _make(self) -> None:
        """Write a new key beside the place, then put it there whole, unless someone was faster."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(f".{self._path.name}-{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(secrets.token_hex(_LENGTH // 2) + "\n")
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(draft, self._path)
        finally:
            draft.unlink()
