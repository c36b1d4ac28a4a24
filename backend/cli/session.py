"""What every subcommand shares: the configuration and the application, built on first use."""

import getpass
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from contextvars import Token as ContextToken

    from backend.bootstrap import Application
    from backend.services.acting import Actor
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
        self._acting: ContextToken[Actor] | None = None

    @cached_property
    def settings(self) -> "Settings":
        """The configuration as it is now.

        Raises:
            ConfigurationError: with every mistake in it.
        """
        from backend.settings.rereading import load_to_run  # noqa: PLC0415

        return load_to_run(self.environ)

    @cached_property
    def application(self) -> "Application":
        """All use cases, wired; opening it touches no server.

        From now on the audit log says of changes that this command made them.
        """
        from backend.records import How  # noqa: PLC0415
        from backend.services.acting import Actor, act_as  # noqa: PLC0415

        self._acting = act_as(Actor(self.user, How.COMMAND))
        if self._build is not None:
            return self._build(self.settings)
        from backend.bootstrap import bootstrap  # noqa: PLC0415
        from backend.settings import load  # noqa: PLC0415

        return bootstrap(self.settings, reread=lambda: load(self.environ))

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
        if self._acting is not None:
            from backend.services.acting import done  # noqa: PLC0415

            done(self._acting)
            self._acting = None


pass_session: Callable[[Callable[..., Any]], Callable[..., Any]] = click.make_pass_decorator(
    Session
)
