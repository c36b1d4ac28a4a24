"""What might be labelled next."""

import click

from backend.cli.moments import MOMENT, Moment
from backend.cli.output import iso, json_option, print_json, print_table, printable
from backend.cli.session import Session, pass_session
from backend.services.drawing import Span
from backend.services.suggesting import Suggestion

_WEEKS = 14 * 86_400_000_000_000


@click.command("suggest")
@click.argument("detector")
@click.option(
    "--from", "start", type=MOMENT, default=Moment(None, _WEEKS), help="Default: now-14d."
)
@click.option("--to", "stop", type=MOMENT, default=Moment(None), help="Default: now.")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    help="Most suggestions to show.",
)
@json_option
@pass_session
def suggest(
    session: Session, detector: str, start: Moment, stop: Moment, limit: int, as_json: bool
) -> None:
    """Show what might be labelled next: events to confirm or refute, and long quiet time.

    Nothing of it is a label until somebody says so with `normalcy label add`.
    """
    now = session.now()
    span = Span(start.at(now), stop.at(now))
    found = session.application.suggesting.find(detector, span, limit=limit)
    if as_json:
        print_json([_plain(one) for one in found])
        return
    rows = [
        [one.kind, iso(one.start), iso(one.stop), printable(one.series), printable(one.why)]
        for one in found
    ]
    empty = "nothing to suggest there: all is labelled, or nothing was scored"
    print_table(["perhaps", "from", "to", "series", "why"], rows, empty)


def _plain(one: Suggestion) -> dict[str, object]:
    return {**vars(one), "start": iso(one.start), "stop": iso(one.stop)}
