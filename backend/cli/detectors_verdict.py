"""What `normalcy detectors verdict` prints."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import click

from backend.cli.output import iso, print_facts, print_json, print_table, printable
from backend.cli.session import Session
from backend.services.contradictions import Contradiction
from backend.services.sufficiency import Sufficient
from backend.specs import nanoseconds


def show(
    session: Session, name: str, series: str | None, last: timedelta, *, as_json: bool
) -> None:
    """Print what labels say of all series, or everything on one."""
    sufficiency = session.application.sufficiency
    if series is None:
        found = sufficiency.overview(name)
        if as_json:
            print_json([{k: v for k, v in vars(one).items() if k != "parts"} for one in found])
            return
        rows = [[printable(one.series) or "(one)", one.verdict, one.sentence] for one in found]
        print_table(["series", "verdict", "by its labels"], rows, "no series has any data yet")
        return
    one = sufficiency.judge(name, series, last=nanoseconds(last))
    if as_json:
        print_json(plain(one))
    else:
        _print(one)


def plain(one: Sufficient) -> dict[str, Any]:
    """Everything on a series as JSON."""
    return {
        **vars(one),
        "sentence": one.sentence,
        "figures": vars(one.figures),
        "live": None if one.live is None else [iso(time) for time in one.live],
        "levels": {
            name: {**vars(levels), "uncovered": levels.uncovered}
            for name, levels in one.levels.items()
        },
        "outside": [
            {**vars(part), "start": iso(part.start), "stop": iso(part.stop)} for part in one.outside
        ],
        "contradictions": [
            {**vars(part), "start": iso(part.start), "stop": iso(part.stop)}
            for part in one.contradictions
        ],
        "gaps": [[iso(start), iso(stop)] for start, stop in one.gaps],
        "absent_hours": one.absent_hours,
        "absent_days": one.absent_days,
        "step": one.step / 1e9,
    }


def _print(one: Sufficient) -> None:
    click.echo(one.sentence)
    click.echo()
    figures = one.figures
    share = figures.outside_share
    gaps = [f"{iso(start)} to {iso(stop)}" for start, stop in one.gaps]
    outside = [
        printable(f"{iso(part.start)} to {iso(part.stop)}, most in {part.channel}")
        for part in one.outside
    ]
    levels = [
        printable(f"{name}: {own.uncovered_share:.0%} of its live values are at uncovered levels")
        for name, own in one.levels.items()
        if own.uncovered.any()
    ]
    print_facts(
        {
            "labelled": f"{figures.hours:.1f} h on {one.days} days",
            "needed": f"{one.needed_hours:.1f} h to train, {figures.wanted_hours:.1f} h behind "
            "the threshold",
            "like no label": "-" if share is None else f"{share:.1%} of the recent data",
            "ranges of it": _listed(outside, one.outside_count),
            "levels": "\n".join(levels) or "all are covered",
            "contradictions": "\n".join(map(_said, one.contradictions)) or "none",
            "gaps in labels": f"{one.gap_hours:.1f} h\n" + "\n".join(gaps),
        }
    )


def _listed(lines: Sequence[str], count: int) -> str:
    more = [f"and {count - len(lines)} more"] if count > len(lines) else []
    return "\n".join([*lines, *more]) or "none"


def _said(one: Contradiction) -> str:
    told = {
        "overlap": f"labels {' and '.join(map(str, one.labels))} say normal and anomaly",
        "flagged": f"label {one.labels[0]} says normal, a model that knew it flagged it",
        "trimmed": f"label {one.labels[0]} says normal, the last training left it out",
    }
    channel = f" ({one.channel})" if one.channel else ""
    return printable(f"{iso(one.start)} to {iso(one.stop)}: {told[one.kind]}{channel}")
