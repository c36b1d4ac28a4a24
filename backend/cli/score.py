"""Score what is due, or a past range."""

import click

from backend.cli.moments import MOMENT, Moment
from backend.cli.output import iso, json_option, print_json, progress
from backend.cli.session import Session, pass_session
from backend.services.scored_part import ScoringReport


@click.command("score")
@click.argument("detector")
@click.option("--from", "start", type=MOMENT, help="Score again from this time on (a backfill).")
@click.option("--to", "stop", type=MOMENT, help="Up to, not including, this time; default now.")
@json_option
@pass_session
def command(
    session: Session, detector: str, start: Moment | None, stop: Moment | None, as_json: bool
) -> None:
    """Score the points of DETECTOR that are due now, or all of a range.

    Times are ISO 8601, in UTC unless they name a zone, or relative to now as in now-6h.
    """
    if stop is not None and start is None:
        raise click.UsageError("--to needs --from: give the whole range, or neither to score now")
    report = _score(session, detector, start, stop)
    if as_json:
        print_json({**report.plain(), "start": iso(report.start), "stop": iso(report.stop)})
    else:
        _print(report)


def _score(
    session: Session, detector: str, start: Moment | None, stop: Moment | None
) -> ScoringReport:
    scoring = session.application.scoring
    if start is None:
        return scoring.tick(detector)
    now = session.now()
    first, end = start.at(now), (stop or Moment(None)).at(now)
    if first >= end:
        raise click.UsageError(f"the range is empty: {iso(first)} is not before {iso(end)}")
    with progress(f"Scoring {detector}") as bar:
        return scoring.backfill(detector, first, end, bar)


def _print(report: ScoringReport) -> None:
    note = f" ({report.note})" if report.note else ""
    if not report.points and not report.set_aside:
        click.echo(f"{report.detector}: nothing to score{note}")
        return
    click.echo(
        f"{report.detector}: {iso(report.start)} to {iso(report.stop)}, series: {report.series}, "
        f"points: {report.points}, judged: {report.judged}, "
        f"bridged: {report.bridged}, flagged: {report.flagged}, "
        f"events: {report.events}, lag: {report.lag_s:.0f} s{note}"
    )
    for series, reason in report.set_aside.items():
        click.echo(f"  {series or 'the series'} was set aside: {reason}")
