"""What every subcommand shares: the configuration and the application, built on first use."""

import getpass
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from backend.bootstrap import Application
    from backend.settings import Settings


class Session:
    """One run of the command.

    Importing the application's parts takes a while, so that they are imported when asked for.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        build: "Callable[[Settings], Application] | None" = None,
    ) -> None:
        """Take the environment, and for tests another way to build the application."""
        self.environ = environ
        self._build = build

    @cached_property
    def settings(self) -> "Settings":
        """The configuration as it is now.

        Raises:
            ConfigurationError: with every mistake in it.
        """
        from backend.settings import load  # noqa: PLC0415

        return load(self.environ)

    @cached_property
    def application(self) -> "Application":
        """All use cases, wired; opening it touches no server."""
        if self._build is not None:
            return self._build(self.settings)
        from backend.bootstrap import bootstrap  # noqa: PLC0415

        return bootstrap(self.settings)

    @cached_property
    def user(self) -> str:
        """Who runs the command, for the record."""
        try:
            return getpass.getuser()
        except (OSError, KeyError):  # a container's user need not have a name
            return "command"

    @property
    def logs(self) -> Path | None:
        """Where tracebacks are kept, if the configuration can tell."""
        try:
            return self.settings.logs
        except Exception:  # what is wrong with it may be the very thing that is being told
            return None

    def now(self) -> int:
        """The time, UTC nanoseconds."""
        return self.application.clock.now()

    def close(self) -> None:
        """Release what was opened."""
        if "application" in self.__dict__:
            self.application.close()


pass_session: Callable[[Callable[..., Any]], Callable[..., Any]] = click.make_pass_decorator(
    Session
)
