"""The whole loop on simulated sensors, on this machine alone."""

from pathlib import Path
from typing import Any

import click

from backend.cli.demo_options import STORIES, Asked
from backend.cli.output import json_option
from backend.cli.session import Session, pass_session


@click.command("demo")
@click.argument("story", type=click.Choice(STORIES), default="gas-room")
@click.option("--once", is_flag=True, help="End when the pictures are drawn; serve nothing.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8087,
    show_default=True,
    help="Where the pages are served.",
)
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where everything is kept, made anew each time.  [default: NORMALCY_HOME/demo]",
)
@click.option("--seed", type=click.IntRange(0), default=0, help="Another seed, another story.")
@json_option
@pass_session
def command(session: Session, **options: Any) -> None:
    """Show the whole loop on simulated sensors: import, label, train, score, find.

    STORY is gas-room (five sensors, six injected faults) or sine-tangent (a sine that turns into a
    tangent). Nothing outside the directory is touched. Without --once the sensors go on reporting,
    their points are scored, and the pages are served until Ctrl-C.
    """
    # What the demo works with is loaded when it runs, so that --help answers at once.
    from backend.cli.demo_run import run  # noqa: PLC0415

    run(session, Asked(**options))
