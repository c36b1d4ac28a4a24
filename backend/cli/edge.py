"""The edge to the shell: every failure is one sentence on stderr and an exit code.

0 done, 1 failed, 2 wrong usage or configuration, 130 interrupted.
"""

import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import click

from backend.cli.session import Session
from backend.exceptions import ConfigurationError, NormalcyError

FAILED, MISUSED, INTERRUPTED = 1, 2, 130
_PASS = (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError)
"""What click itself turns into a message and an exit code."""


class Failure(click.ClickException):
    """A message for the person at the shell."""

    exit_code = FAILED

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message on stderr."""
        click.echo(f"normalcy: {self.format_message()}", file=file, err=file is None)


class Misuse(Failure):
    """The configuration or the command line has to be changed first."""

    exit_code = MISUSED


@contextmanager
def guarded(ctx: click.Context) -> Iterator[None]:
    """Turn exceptions into a `Failure`; the traceback of an unexpected one goes to a file."""
    try:
        yield
    except _PASS:
        raise
    except ConfigurationError as error:
        raise Misuse(str(error)) from error
    except NormalcyError as error:
        raise Failure(str(error)) from error
    except KeyboardInterrupt:
        click.echo("normalcy: interrupted", err=True)
        ctx.exit(INTERRUPTED)
    except Exception as error:
        file = _keep_traceback(ctx.obj, error)
        words = " ".join(str(error).split())[:200]
        kind = type(error).__name__
        raise Failure(f"unexpected {kind}: {words or 'no message'} (details in {file})") from error


def _keep_traceback(session: Session | None, error: Exception) -> Path:
    name = f"normalcy-{datetime.now(UTC):%Y%m%dT%H%M%S%f}.log"
    text = "".join(traceback.format_exception(error))
    for directory in (session.logs if session else None, Path(tempfile.gettempdir())):
        try:
            if directory is not None:
                directory.mkdir(parents=True, exist_ok=True)
                (directory / name).write_text(text, encoding="utf-8")
                return directory / name
        except OSError:
            continue  # a home that cannot be written to may be the very reason
    return Path("nowhere: no directory can be written to")
