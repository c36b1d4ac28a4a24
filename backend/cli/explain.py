"""Say why a point is scored as it is."""

import click

from backend.cli.explain_words import plain, print_explanation
from backend.cli.moments import MOMENT, Moment
from backend.cli.output import json_option, print_json
from backend.cli.session import Session, pass_session


@click.command("explain")
@click.argument("detector")
@click.option("--at", "time", type=MOMENT, required=True, help="A time within the point's bucket.")
@click.option("--series", help="Key of the series, tag=value,…; may be left out if there is one.")
@json_option
@pass_session
def command(
    session: Session, detector: str, time: Moment, series: str | None, as_json: bool
) -> None:
    """Say why a point of DETECTOR is scored as it is.

    Shown are each channel's value, what was expected, how large its error is beside what is usual,
    what the model learned from, and the normal window that is most like what it saw.
    """
    found = session.application.explaining.explain(detector, series, time.at(session.now()))
    if as_json:
        print_json(plain(found))
    else:
        print_explanation(found)
