"""What a version would change: alerts gone, new and kept; and how it is turned down."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import click

from backend.cli.output import iso, json_option, print_json, print_table, progress
from backend.cli.session import Session, pass_session
from backend.exceptions import NotFound
from backend.services.comparison_request import MOST_WEEKS, WEEKS
from backend.services.comparison_results import retold
from backend.services.comparison_verdict import sentences, verdict_of
from backend.specs import format_duration

_TIMES = dict.fromkeys(("start", "stop", "at", "mark"), iso)
_FIGURES = (
    ("alerts", "alerts"),
    ("alerts_per_week", "alerts a week"),
    ("silent_alerts", "silent alarms"),
    ("caught", "anomalies caught"),
    ("anomalies", "of"),
    ("forewarned", "forewarned"),
    ("forewarning_seconds", "forewarning (median)"),
    ("delay_seconds", "delay (median)"),
    ("false_alerts", "alerts in labelled normal time"),
    ("false_share", "share of that time under alert"),
    ("judged_hours", "judged hours"),
    ("trained_share", "share of it seen in training"),
)
_SHARES = ("false_share", "trained_share")
_SECONDS = ("forewarning_seconds", "delay_seconds")


@click.command("compare")
@click.argument("detector")
@click.argument("number", type=int, required=False)
@click.argument("against", type=int, required=False)
@click.option(
    "--weeks",
    type=click.IntRange(1, MOST_WEEKS),
    default=WEEKS,
    show_default=True,
    help="How far back both replay.",
)
@json_option
@pass_session
def compare(session: Session, detector: str, **options: Any) -> None:
    """Say what version NUMBER of DETECTOR would change, AGAINST the one that serves.

    NUMBER is the newest version if not given. Where it serves itself, it is held against the one
    that served before. Both replay the same rows of the last weeks; nothing is written.
    """
    comparing = session.application.comparing
    number = options["number"] or _newest(session, detector)
    pair = comparing.pair(detector, number, options["against"], options["weeks"])
    with progress(f"Comparing {detector}/{number}") as report:
        found = comparing.run(pair, report).plain()
    sentence = sentences(verdict_of(found))
    if options["as_json"]:
        print_json({"sentence": sentence, **retold(found, _TIMES)})
    else:
        _print(found, sentence)


def _newest(session: Session, detector: str) -> int:
    versions = session.application.records.versions(detector, limit=1)
    if not versions:
        session.application.detectors.get(detector)
        raise NotFound(
            f"{detector!r} has no version yet; train one with: normalcy retrain {detector}"
        )
    return int(versions[0].number)


def _print(found: Mapping[str, Any], sentence: str) -> None:
    click.echo(sentence)
    click.echo(f"{iso(found['start'])} to {iso(found['stop'])}\n")
    _print_figures(found)
    for sort in ("gone", "new", "kept"):
        _print_alerts(sort, found[sort], found["counts"][sort])
    _print_anomalies(found)
    for note in found["notes"]:
        click.echo(f"note: {note}")


def _print_figures(found: Mapping[str, Any]) -> None:
    sides = [one for one in (found["challenger"], found["champion"]) if one is not None]
    rows = [[words, *(_figure(name, side[name]) for side in sides)] for name, words in _FIGURES]
    print_table(["", *(f"version {side['number']}" for side in sides)], rows, "")


def _figure(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in _SHARES:
        return f"{value:.1%}"
    return _lasted(value) if name in _SECONDS else value


def _print_alerts(sort: str, alerts: Sequence[Mapping[str, Any]], count: int) -> None:
    if not count:
        click.echo(f"\nalerts {sort}: none")
        return
    left = count - len(alerts)
    click.echo(f"\nalerts {sort}: {count}{f', the highest {len(alerts)} are' if left else ''}")
    rows = [
        [
            one["series"] or "(all)",
            iso(one["start"]),
            _lasted((one["stop"] - one["start"]) / 1e9),
            one["peak"],
            ", ".join(one["channels"]),
            one["label"] or "-",
        ]
        for one in alerts
    ]
    print_table(["series", "start", "lasted", "peak score", "channels", "label"], rows, "")


def _print_anomalies(found: Mapping[str, Any]) -> None:
    if not found["anomalies"]:
        return
    click.echo(f"\nlabelled anomalies: {found['counts']['anomalies']}")
    names = [name for name in ("challenger", "champion") if found[name] is not None]
    rows = [
        [
            iso(one["start"]),
            _lasted((one["stop"] - one["start"]) / 1e9),
            *(_met(one[name], watched=one["watched"]) for name in names),
            one["note"],
        ]
        for one in found["anomalies"]
    ]
    heads = [f"version {found[name]['number']}" for name in names]
    print_table(["start", "lasted", *heads, "note"], rows, "")


def _met(caught: Mapping[str, Any], *, watched: bool) -> str:
    if not watched:
        return "not judged"
    parts = []
    if caught["forewarning_seconds"] is not None:
        parts.append(f"forewarned {_lasted(caught['forewarning_seconds'])} before")
    if caught["caught"]:
        late = caught["delay_seconds"]
        parts.append(f"caught after {_lasted(late)}" if late else "caught at its start")
    return ", ".join(parts) or "missed"


def _lasted(seconds: float) -> str:
    return format_duration(timedelta(seconds=round(seconds)))


@click.command("keep")
@click.argument("detector")
@click.argument("number", type=int)
@json_option
@pass_session
def keep(session: Session, detector: str, number: int, as_json: bool) -> None:
    """Turn version NUMBER of DETECTOR down: the one that serves goes on.

    It may still be promoted later.
    """
    version = session.application.promotion.keep(detector, number, by=session.user)
    if as_json:
        print_json({"model": version.name, "verdict": version.verdict, "by": session.user})
    else:
        click.echo(
            f"{version.name} is turned down: the present version goes on; undo with: normalcy "
            f"models promote {detector} {number}"
        )
