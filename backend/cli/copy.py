"""`normalcy copy`: move series, results and labels to another store."""

from typing import Any

import click

from backend.cli.moments import MOMENT
from backend.cli.output import json_option
from backend.cli.session import Session, pass_session

_EXAMPLES = """\b
Examples:
  normalcy copy --from embedded:///var/lib/normalcy/store --to influxdb://localhost:8086/plant --all
  normalcy copy --from influxdb://old:8086/plant --to influxdb://new:8086/plant --measurement air
  normalcy copy --from influxdb://old:8086/normalcy --to influxdb://new:8086/normalcy --results
  normalcy copy --labels --from sqlite:////home/me/records.sqlite3 --to postgresql://host/normalcy
"""


@click.command("copy", epilog=_EXAMPLES)
@click.option(
    "--from", "origin", required=True, metavar="URL", help="Store to read; never written."
)
@click.option("--to", "target", required=True, metavar="URL", help="Store to write.")
@click.option(
    "--measurement", "measurements", multiple=True, metavar="NAME", help="May be repeated."
)
@click.option("--results", is_flag=True, help="All measurements that normalcy writes.")
@click.option("--all", "everything", is_flag=True, help="All measurements there are.")
@click.option("--labels", is_flag=True, help="Labels and detectors, between two record stores.")
@click.option("--since", type=MOMENT, help="Only rows from this time on.")
@click.option("--until", type=MOMENT, help="Only rows before this time.")
@click.option("--restart", is_flag=True, help="Begin anew instead of going on after a cut.")
@json_option
@pass_session
def command(session: Session, **given: Any) -> None:
    """Copy measurements, or labels, from one store to another.

    A copy that was cut off goes on where it was when it is started again. Copying twice is safe.
    Credentials come from NORMALCY_COPY_FROM_USERNAME, _PASSWORD or _TOKEN and NORMALCY_COPY_TO_…,
    for --labels from NORMALCY_COPY_FROM_RECORDS_URL and NORMALCY_COPY_TO_RECORDS_URL, or from the
    configuration where a store is one of its own.
    """
    from backend.cli.copy_run import run  # noqa: PLC0415

    run(session, given)
