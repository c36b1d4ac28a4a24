"""`normalcy profile`: a look at data before anything is learned from them."""

from pathlib import Path
from typing import Any

import click

from backend.cli.output import json_option
from backend.cli.session import Session, pass_session

_EXAMPLES = """\b
Examples:
  normalcy profile plant.csv --without label --plots pictures
  normalcy profile gas-room --last 30d
"""


@click.command("profile", epilog=_EXAMPLES)
@click.argument("target", metavar="FILE|DETECTOR")
@click.option("--time-column", help="Column of the times; found by itself if not given.")
@click.option("--without", multiple=True, metavar="COLUMN", help="Column to leave out of a file.")
@click.option("--every", help="Grid of a file, as 10m; found by itself if not given.")
@click.option(
    "--last", help="How much of a detector's data, as 30d; else as much as it learns from."
)
@click.option(
    "--plots", type=click.Path(file_okay=False, path_type=Path), help="Draw pictures in here."
)
@json_option
@pass_session
def command(session: Session, **options: Any) -> None:
    """Look at a FILE (CSV, gzipped CSV, Parquet) or at the newest data of a DETECTOR.

    Told are rhythm and gaps, channels that are constant, stuck, skewed or alike, periods, and
    whether levels stay; then settings to start with, and what to know before.
    """
    from backend.cli.profile_run import Asked, run  # noqa: PLC0415 - not needed for --help

    run(session, Asked(**options))
