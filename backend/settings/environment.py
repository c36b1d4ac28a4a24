"""Environment variables: each with what it may be, secrets also by file."""

from collections.abc import Mapping
from pathlib import Path

from backend.exceptions import Problem
from backend.ports import Credentials

PREFIX = "NORMALCY_"


class Variables:
    """Reads variables and collects what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[Problem] = []

    def text(self, name: str) -> str | None:
        """`NORMALCY_<name>`; an empty one counts as not set, as Compose files leave it."""
        return self._environ.get(PREFIX + name) or None

    def secret(self, name: str) -> str | None:
        """`NORMALCY_<name>`, or what the file named by `NORMALCY_<name>_FILE` holds."""
        value, file = self.text(name), self.text(f"{name}_FILE")
        if file is None:
            return value
        if value is not None:
            self._wrong(f"{name}_FILE", f"expected this or {PREFIX}{name}, both are set")
        try:
            held = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "not text in UTF-8"
            self._wrong(f"{name}_FILE", f"{file} cannot be read: {why}")
            return None
        if not held:
            self._wrong(f"{name}_FILE", f"{file} is empty, expected the secret in it")
        return held or None

    def port(self, name: str) -> int | None:
        """`NORMALCY_<name>` as a TCP port."""
        text = self.text(name)
        if text is None:
            return None
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
            self._wrong(name, f"expected a port from 1 to 65535, got {text!r}")
            return None
        return int(text)

    def credentials(self, name: str) -> Credentials | None:
        """User name, password and token of a store; None when none of them is set."""
        found = Credentials(
            self.secret(f"{name}_USERNAME"),
            self.secret(f"{name}_PASSWORD"),
            self.secret(f"{name}_TOKEN"),
        )
        if found.password and not found.username:
            self._wrong(f"{name}_PASSWORD", f"is set without {PREFIX}{name}_USERNAME")
        return None if found == Credentials() else found

    def _wrong(self, name: str, message: str) -> None:
        self.problems.append(Problem(PREFIX + name, message))
