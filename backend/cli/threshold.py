"""Another threshold: what it would have given, and have it serve."""

from typing import Any

import click

from backend.cli.moments import MOMENT, Moment
from backend.cli.output import iso, json_option, print_json, print_table, progress
from backend.cli.session import Session, pass_session
from backend.exceptions import InputError
from backend.records import series_key
from backend.services.drawing import Span
from backend.services.rethresholding import Applied, AskedThreshold
from backend.services.threshold_asked import nested, read_pair
from backend.services.what_if import Alerts, Answer, Question, Side, read_question

_WEEKS = 4
_FIGURES = {
    "limit": "limit",
    "flagged": "flagged",
    "alerts": "alerts",
    "alerts_a_week": "a week",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "false_alarm_share": "false alarms",
}
"""Of what a threshold gives, and how each is called above its column."""
_COLUMNS = ("series", "", *_FIGURES.values(), "caught", "hours")
_POINTS = 10
"""Of the chart, which is not shown here."""


@click.command("threshold")
@click.argument("detector")
@click.option("--kind", help="Of the threshold, such as quantile; default the detector's own.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="A value of the threshold, such as q=0.999 or follow.span=500; alarm.for=5 is one of "
    "the alarm. May be repeated.",
)
@click.option("--from", "start", type=MOMENT, help="Begin of the range; default four weeks ago.")
@click.option("--to", "stop", type=MOMENT, help="Up to, not including, this time; default now.")
@click.option("--series", multiple=True, help="Key of a series, tag=value,…; default all.")
@click.option("--apply", is_flag=True, help="Make a version with this threshold.")
@click.option(
    "--challenger", is_flag=True, help="With --apply: the version waits, and does not serve yet."
)
@json_option
@pass_session
def command(session: Session, detector: str, **options: Any) -> None:
    """Say what another threshold of DETECTOR would have given, now and then.

    Stored errors are judged again, and no model runs. Nothing changes without --apply, which makes
    a new version of the model that serves; points written before keep their threshold.
    """
    if options["challenger"] and not options["apply"]:
        raise click.UsageError("--challenger needs --apply: without it no version is made")
    question = _question(session, detector, options["kind"], options["settings"])
    span = _span(session, options["start"], options["stop"])
    answer = session.application.what_if.ask(detector, span, question, series=options["series"])
    applied = None
    if options["apply"]:
        applied = _apply(session, detector, question, promote=not options["challenger"])
    if options["as_json"]:
        print_json(_plain(span, answer, applied))
    else:
        _print(detector, answer, applied)


def _question(
    session: Session, detector: str, kind: str | None, settings: tuple[str, ...]
) -> Question:
    """The detector's own threshold, with what is told of another."""
    spec = session.application.detectors.get(detector)
    told = nested(read_pair(text) for text in settings)
    alarm = told.pop("alarm", {})
    own = spec.threshold.model_dump(mode="json", by_alias=True)
    own_alarm = spec.alarm.model_dump(mode="json", by_alias=True)
    if not isinstance(alarm, dict):
        raise InputError("alarm is a group: write --set alarm.for=5.")
    threshold = {**(own if kind in (None, own["kind"]) else {"kind": kind}), **told}
    return read_question({"threshold": threshold, "alarm": {**own_alarm, **alarm}})


def _span(session: Session, start: Moment | None, stop: Moment | None) -> Span:
    now = session.now()
    end = now if stop is None else stop.at(now)
    begin = max(end - _WEEKS * 7 * 86_400 * 10**9, 0) if start is None else start.at(now)
    if begin >= end:
        raise click.UsageError(f"the range is empty: {iso(begin)} is not before {iso(end)}")
    return Span(begin, end, _POINTS)


def _apply(session: Session, detector: str, question: Question, *, promote: bool) -> Applied:
    with progress(f"Another threshold for {detector}") as bar:
        return session.application.rethresholding.run(
            detector, AskedThreshold(question, promote), by=session.user, progress=bar
        )


def _print(detector: str, answer: Answer, applied: Applied | None) -> None:
    rows = []
    together = [answer.together] if len(answer.alerts) > 1 else []
    for one in [*answer.alerts, *together]:
        name = (series_key(one.tags) or "(all)") if one.tags or not together else "together"
        rows += [_row(one, one.now, name, "now"), _row(one, one.then, "", "then")]
    print_table(
        _COLUMNS, rows, f"nothing is scored in this range; score it with: normalcy score {detector}"
    )
    if answer.alerts and not answer.together.anomalous:
        click.echo("no labelled anomaly was judged in this range: precision and recall are unknown")
    for notice in answer.notices:
        click.echo(f"note: {notice}")
    if applied is not None:
        click.echo(applied.sentence)
        if applied.lines:
            click.echo(applied.lines.rstrip())


def _row(one: Alerts, side: Side, series: str, when: str) -> list[Any]:
    figures = one.figures(side)
    return [
        series,
        when,
        *(figures[name] for name in _FIGURES),
        f"{side.caught} of {one.events}",
        None if side.backing is None else side.backing.hours,
    ]


def _plain(span: Span, answer: Answer, applied: Applied | None) -> dict[str, Any]:
    return {
        "start": iso(span.start),
        "stop": iso(span.stop),
        "series": [_plain_of(one) for one in answer.alerts],
        "together": _plain_of(answer.together),
        "notices": list(answer.notices),
        **({} if applied is None else {"applied": applied.plain()}),
    }


def _plain_of(one: Alerts) -> dict[str, Any]:
    return {
        "series": series_key(one.tags),
        "judged": one.judged,
        "normal": one.normal,
        "anomalous": one.anomalous,
        "events": one.events,
        "now": _plain_side(one, one.now),
        "then": _plain_side(one, one.then),
    }


def _plain_side(one: Alerts, side: Side) -> dict[str, Any]:
    backing = side.backing
    return {
        **one.figures(side),
        "basis": None if backing is None else backing.basis,
        "backing_hours": None if backing is None else backing.hours,
        "silent": None if backing is None else backing.silent,
    }
