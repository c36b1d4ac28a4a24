"""Train on the rows of a file given as normal, score the rest, report how well that went."""

from pathlib import Path
from typing import Any

import click

from backend.cli.evaluate_options import (
    Asked,
    SettingType,
    every_option,
    normal_options,
    seed_option,
    time_column_option,
    window_option,
)
from backend.cli.output import json_option
from backend.cli.report_file import ReportType

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("evaluate")
@click.argument("file", type=_FILE)
@time_column_option
@click.option(
    "--label-column", required=True, help="Column of labels: 0 normal, 1 anomalous, 2 not judged."
)
@normal_options
@click.option("--train", type=_FILE, help="The rows of another file with label 0 are normal.")
@click.option(
    "--model",
    "models",
    multiple=True,
    default=("ensemble",),
    show_default=True,
    help="Kind of model; several, or all of them by 'all', are compared.",
)
@window_option
@click.option(
    "--set",
    "settings",
    type=SettingType(),
    multiple=True,
    help="A setting of the detector, as threshold.kind=quantile or model.epochs=30.",
)
@seed_option
@every_option
@click.option(
    "--buffer",
    type=click.IntRange(0),
    default=100,
    show_default=True,
    help="Largest buffer of VUS-PR, in rows.",
)
@click.option(
    "--plots", type=click.Path(file_okay=False, path_type=Path), help="Draw pictures in here."
)
@click.option(
    "--report",
    type=ReportType(),
    help="Write everything, with pictures, as one HTML page or as Markdown.",
)
@json_option
def command(**options: Any) -> None:
    """Train on the rows of FILE given as normal, score the rest, and report how well that went.

    FILE is CSV, gzipped CSV or Parquet. The figures from f1 to mar are those of the threshold that
    was chosen without the labels; best_f1 is the best that any threshold reaches with hindsight.
    Of several models, one that cannot be trained is told with its reason, and the others go on.
    """
    # What it works with is loaded when it runs, so that --help answers at once.
    from backend.cli.evaluate_run import run  # noqa: PLC0415

    run(Asked(**options))
