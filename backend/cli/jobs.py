"""Run the timetable."""

import os
import sys

import click

from backend.cli.processes import module
from backend.cli.session import Session, pass_session


@click.command("jobs")
@pass_session
def command(session: Session) -> None:
    """Run the timetable: score what is due, retrain, and answer the pages' requests.

    It runs until it is told to stop (Ctrl-C, SIGTERM).
    """
    _ = session.settings  # a wrong configuration is told here, once
    sys.stdout.flush()
    sys.stderr.flush()
    # The jobs stand above this package, so they take over the process: signals reach them directly.
    os.execv(sys.executable, module("jobs"))  # nosec B606  # its own module
