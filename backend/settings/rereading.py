"""normalcy.yaml while the service runs: when it changed, what it says now, and what it last said.

What was right is kept as a copy, so that a worker or a process that is started in the middle of a
wrong edit goes on as those beside it do.
"""

import logging
import os
import time
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import fields
from pathlib import Path

from backend.exceptions import ConfigurationError
from backend.settings.environment import PREFIX
from backend.settings.loading import home_in, load, load_copy
from backend.settings.values import Settings, kept_in

logger = logging.getLogger(__name__)

KEPT = f"{PREFIX}CONFIG_KEPT"
"""Names the copy to the processes that this one starts."""
_TAKEN_UP = {"detectors", "labels", "text"}
_TOLD_BY_OTHERS = {"secrets"}
"""What each of them is for has changed with them."""
_WORDS = {
    "audit_kept": "audit",
    "log_form": "NORMALCY_LOG_FORMAT",
    "store_credentials": "the credentials of the store",
    "results_credentials": "the credentials of the results",
    "copy_credentials": "the credentials of normalcy copy",
    "copy_records": "the records of normalcy copy",
}
_SETTLED_S = 1.0
"""A file that changed no longer ago may still be being written."""

Mark = tuple[int, ...]
_GONE: Mark = ()


class ConfigFile:
    """The file that settings were read from, looked at again."""

    def __init__(
        self,
        settings: Settings,
        read: Callable[[], Settings],
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Stand by what is in force.

        Args:
            settings: as the process was started with.
            read: reads file and environment again.
            now: the time of the file system, in seconds.
        """
        self._settings = self._newest = settings
        self._read = read
        self._now = now

    def mark(self) -> Mark | None:
        """Tells one state of the file from another; None while it is being written."""
        file = self._settings.config
        if file is None:
            return _GONE
        try:
            found = file.stat()
        except OSError:
            return None if self._is_fresh(_changed(file.parent)) else _GONE
        if self._is_fresh(found.st_mtime):
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def read(self) -> Settings:
        """What file and environment say now.

        Raises:
            ConfigurationError: the file is wrong or gone, or changes what a running process cannot.
        """
        file = self._settings.config
        if file is None:
            return self._settings
        if not file.exists():
            raise ConfigurationError(f"{file} is gone: put it back")
        fresh = self._read()
        if changed := _changed_for_good(self._settings, fresh):
            raise ConfigurationError(
                f"{file} changes {', '.join(changed)}, which is read at the start only: restart "
                "normalcy to let all of it take effect"
            )
        self._newest = fresh
        return fresh

    def is_in_force(self) -> None:
        """Stand by what was read last, and keep it."""
        if self._newest is not self._settings:
            self._settings = self._newest
            keep_copy(self._settings)

    def _is_fresh(self, changed: float) -> bool:
        return abs(self._now() - changed) < _SETTLED_S


def load_to_run(environ: Mapping[str, str]) -> Settings:
    """As `load`; where the file is wrong, what it last said to the process that started this one.

    Raises:
        ConfigurationError: it is wrong, and there is no copy that is right.
    """
    try:
        return load(environ)
    except ConfigurationError as error:
        copy = environ.get(KEPT)
        if not copy:
            raise
        try:
            settings = load_copy(environ, Path(copy))
        except ConfigurationError:
            raise error from None
        logger.warning("the configuration of before goes on: %s", error.in_one_line)
        return settings


def load_in_force(environ: Mapping[str, str]) -> Settings:
    """As `load`; where the file is wrong, what it last said to the service that runs here.

    Raises:
        ConfigurationError: it is wrong, and there is no copy that is right.
    """
    return load_to_run({KEPT: str(kept_in(home_in(environ))), **environ})


def keep(settings: Settings, environ: MutableMapping[str, str]) -> None:
    """Keep a copy of what is right, and name it to the processes that are started from here."""
    if settings.config is not None and keep_copy(settings):
        environ[KEPT] = str(settings.kept)


def keep_copy(settings: Settings) -> bool:
    """Write down what the file said; whether that could be done."""
    kept = settings.kept
    part = kept.with_suffix(f".{os.getpid()}")  # several processes may keep it at once
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(settings.text, encoding="utf-8")
        part.replace(kept)
    except OSError as error:
        logger.warning("%s cannot be written: %s", kept, error.strerror)
        return False
    return True


def _changed_for_good(before: Settings, after: Settings) -> list[str]:
    names = [
        field.name for field in fields(Settings) if field.name not in _TAKEN_UP | _TOLD_BY_OTHERS
    ]
    return [
        _WORDS.get(name, name) for name in names if getattr(before, name) != getattr(after, name)
    ]


def _changed(directory: Path) -> float:
    try:
        return directory.stat().st_mtime
    except OSError:
        return 0.0
