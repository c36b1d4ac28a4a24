"""Replay a detector's past as if the product had watched it."""

from pathlib import Path
from typing import Any

import click

from backend.cli.moments import DurationType
from backend.cli.output import json_option
from backend.cli.report_file import ReportType
from backend.cli.session import Session, pass_session
from backend.cli.trial_options import Asked, SinceType


@click.command("trial")
@click.argument("detector")
@click.option(
    "--since", type=SinceType(), required=True, help="How far back, as 1y or 90d, or a time."
)
@click.option(
    "--failures",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="CSV of what broke: time, and where known stop, the series' tags, text.",
)
@click.option(
    "--horizon",
    type=DurationType(),
    default="2d",
    show_default=True,
    help="An alarm that begins at most so long before a failure announces it.",
)
@click.option(
    "--retrain-every",
    type=DurationType(),
    help="Train so often; by the detector's timetable if not given, weekly if it has none.",
)
@click.option(
    "--most",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    help="False alarms a week, of one series, that are still a go.",
)
@click.option("--report", type=ReportType(), help="Write it with pictures as HTML or Markdown.")
@json_option
@pass_session
def command(session: Session, **options: Any) -> None:
    """Replay the past of DETECTOR as if it had been watched, and say go or no-go for each series.

    At each retrain moment it learns only from what was labelled by then; nothing is written to the
    stores.
    """
    # What it works with is loaded when it runs, so that --help answers at once.
    from backend.cli.trial_run import run  # noqa: PLC0415

    run(session, Asked(**options))
