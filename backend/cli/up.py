"""Run everything, supervised."""

import click

from backend.cli.edge import MISUSED
from backend.cli.processes import Child, Supervisor, module, stop_on_signals
from backend.cli.session import Session, pass_session
from backend.cli.web import listen
from backend.settings import require_token


@click.command("up")
@click.pass_context
@pass_session
def command(session: Session, ctx: click.Context) -> None:
    """Run the pages and the jobs until told to stop; what dies is started again."""
    require_token(session.settings)
    listen(session.settings.web).close()  # a port in use is told once, not by every restart
    children = [Child("web", module("backend", "web")), Child("jobs", module("jobs"))]
    with stop_on_signals() as stop:
        code = Supervisor(children, fatal=frozenset({MISUSED})).run(stop)
    ctx.exit(code)
