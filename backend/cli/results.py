"""`normalcy results`: what was written for a detector."""

from dataclasses import asdict

import click

from backend.cli.moments import MOMENT, Moment
from backend.cli.noting import noted
from backend.cli.output import iso, json_option, print_json, print_table
from backend.cli.session import Session, pass_session

_LAST = 2**63 - 1


@click.group("results")
def command() -> None:
    """Look after the rows that normalcy wrote; those of the sensors are never touched."""


@command.command("delete")
@click.argument("detector")
@click.option("--from", "start", type=MOMENT, help="First moment of the range; else all there is.")
@click.option("--to", "stop", type=MOMENT, help="First moment after the range; else all there is.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_session
def delete(
    session: Session,
    detector: str,
    start: Moment | None,
    stop: Moment | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Delete scores, events and the rest that was written for DETECTOR, for good.

    Labels and model versions stay: normalcy score DETECTOR --from … writes the scores again.
    InfluxDB 3 Core cannot delete rows.
    """
    now = session.now()
    first = -_LAST if start is None else start.at(now)
    end = _LAST if stop is None else stop.at(now)
    if not yes:
        ranged = start is not None or stop is not None
        span = f" from {_shown(start, now)} to {_shown(stop, now)}" if ranged else ""
        click.confirm(f"Delete all results of {detector}{span}?", abort=True, err=True)
    span = f"{_shown(start, now)} to {_shown(stop, now)}"
    with noted(session, "results.remove", span, detector) as told:
        gone = session.application.forgetting.run(detector, first, end)
        told(", ".join(f"{one.rows} rows of {one.measurement}" for one in gone))
    if as_json:
        print_json([asdict(one) for one in gone])
    else:
        rows = [(one.measurement, one.rows) for one in gone]
        print_table(("measurement", "rows deleted"), rows, "nothing was there")


def _shown(moment: Moment | None, now: int) -> str:
    return "ever" if moment is None else iso(moment.at(now))
