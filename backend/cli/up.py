"""Run everything, supervised."""

import os

import click

from backend.cli.edge import MISUSED
from backend.cli.processes import Child, Supervisor, module, stop_on_signals
from backend.cli.session import Session, pass_session
from backend.cli.web import listen
from backend.settings import require_token
from backend.settings.rereading import keep

SILENT_WEB_S = 180.0
"""Longer than a store that does not answer can hold up every thread that answers for it."""
SILENT_JOBS_S = 60.0


@click.command("up")
@click.pass_context
@pass_session
def command(session: Session, ctx: click.Context) -> None:
    """Run the pages and the jobs until told to stop; what dies is started again."""
    require_token(session.settings)
    keep(session.settings, os.environ)  # a wrong edit is then no reason to end
    listen(session.settings.web).close()  # a port in use is told once, not by every restart
    children = [
        Child("web", module("backend", "web"), SILENT_WEB_S),
        Child("jobs", module("jobs"), SILENT_JOBS_S),
    ]
    with stop_on_signals() as stop:
        code = Supervisor(children, fatal=frozenset({MISUSED})).run(stop)
    ctx.exit(code)
