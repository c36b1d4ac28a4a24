"""Environment variables: each with what it may be, secrets also by file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from backend.exceptions import Problem
from backend.ports import Credentials

PREFIX = "NORMALCY_"


class Variables:
    """Reads variables and collects what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[Problem] = []
        self.secrets: set[str] = set()
        """Every secret that was read, for what must not tell one."""

    def text(self, name: str) -> str | None:
        """`NORMALCY_<name>`; an empty one counts as not set, as Compose files leave it."""
        return self._environ.get(PREFIX + name) or None

    def secret(self, name: str) -> str | None:
        """`NORMALCY_<name>`, or what the file named by `NORMALCY_<name>_FILE` holds."""
        held = self._held(name)
        self.secrets |= {held} if held else set()
        return held

    def port(self, name: str) -> int | None:
        """`NORMALCY_<name>` as a TCP port."""
        text = self.text(name)
        if text is None:
            return None
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
            self.wrong(name, f"expected a port from 1 to 65535, got {text!r}")
            return None
        return int(text)

    def chosen(self, name: str, choices: Sequence[str]) -> str | None:
        """`NORMALCY_<name>` as one of several words."""
        text = self.text(name)
        if text is not None and text not in choices:
            self.wrong(name, f"expected {' or '.join(choices)}, got {text!r}")
            return None
        return text

    def credentials(self, name: str) -> Credentials | None:
        """User name, password and token of a store; None when none of them is set.

        The name is no secret: as `admin` or `normalcy` it is in every other line of the log.
        """
        found = Credentials(
            self._held(f"{name}_USERNAME"),
            self.secret(f"{name}_PASSWORD"),
            self.secret(f"{name}_TOKEN"),
        )
        if found.password and not found.username:
            self.wrong(f"{name}_PASSWORD", f"is set without {PREFIX}{name}_USERNAME")
        return None if found == Credentials() else found

    def wrong(self, name: str, message: str) -> None:
        """Note a mistake in a variable."""
        self.problems.append(Problem(PREFIX + name, message))

    def _held(self, name: str) -> str | None:
        value, file = self.text(name), self.text(f"{name}_FILE")
        if file is None:
            return value
        if value is not None:
            self.wrong(f"{name}_FILE", f"expected this or {PREFIX}{name}, both are set")
        try:
            held = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "not text in UTF-8"
            self.wrong(f"{name}_FILE", f"{file} cannot be read: {why}")
            return None
        if not held:
            self.wrong(f"{name}_FILE", f"{file} is empty, expected the secret in it")
        return held or None
