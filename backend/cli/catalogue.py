"""`normalcy catalogue`: what the stores hold."""

import click

from backend.cli.output import json_option
from backend.cli.session import Session, pass_session

_EXAMPLES = """\b
Examples:
  normalcy catalogue
  normalcy catalogue air
  normalcy catalogue air --series --by room
"""


@click.command("catalogue", epilog=_EXAMPLES)
@click.argument("measurement", required=False)
@click.option("--series", "with_series", is_flag=True, help="Also its series and their rhythm.")
@click.option("--by", multiple=True, metavar="TAG", help="Tag that parts series; else all tags.")
@click.option("--results", is_flag=True, help="Look into the results instead of the sensors.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, help="Series at most.")
@json_option
@pass_session
def command(  # noqa: PLR0913, PLR0917 - one parameter an option
    session: Session,
    measurement: str | None,
    with_series: bool,
    by: tuple[str, ...],
    results: bool,
    limit: int,
    as_json: bool,
) -> None:
    """List measurements, or show the fields, tags and series of MEASUREMENT.

    For each series: its first and last row, how often it has one, and where it has none.
    """
    from backend.cli.catalogue_run import show_measurement, show_measurements  # noqa: PLC0415

    application = session.application
    catalogue = application.results_catalogue if results else application.catalogue
    if measurement is None:
        if with_series or by:
            raise click.UsageError("--series and --by need a measurement: name one")
        show_measurements(catalogue, as_json=as_json)
    else:
        chosen = (by or None, limit) if with_series or by else None
        show_measurement(catalogue, measurement, chosen, as_json=as_json)
