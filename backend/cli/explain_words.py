"""How an explanation reads."""

from typing import Any

import click

from backend.cli.output import iso, number, print_facts, print_table
from backend.services.explaining import Explanation
from backend.services.labelling import counted

_HEADERS = ["channel", "value", "expected", "error", "usual", "deviations", "share", ""]


def plain(found: Explanation) -> dict[str, Any]:
    """As JSON, times in ISO 8601."""
    rest = found.plain()
    for part in (rest["window"], rest["nearest"]):
        if part is not None:
            part.update(start=iso(part["start"]), stop=iso(part["stop"]))
    labels = [{**one, "start": iso(one["start"]), "stop": iso(one["stop"])} for one in found.labels]
    return {
        **rest,
        "time": iso(found.time),
        "trained_at": iso(found.trained_at),
        "labels": labels,
    }


def print_explanation(found: Explanation) -> None:
    """Print an explanation for people."""
    print_facts(
        {
            "point": f"{found.series} {iso(found.time)}".strip(),
            "verdict": _verdict(found),
            "threshold": f"{number(found.threshold)}: {found.basis}",
            "model": _model(found),
            **({"mode": found.mode} if found.mode else {}),
            "input": "outside of what training saw" if found.outside else "as training saw it",
        }
    )
    click.echo()
    rows = [
        [
            one.channel,
            one.value,
            one.expected,
            one.error,
            None if one.times_usual is None else f"{one.times_usual:.1f} times",
            one.deviations,
            f"{one.contribution:.0%}",
            "beyond what training saw" if one.beyond else "",
        ]
        for one in found.channels
    ]
    print_table(_HEADERS, rows, "")
    if found.nearest is not None:
        start, stop = iso(found.nearest.start), iso(found.nearest.stop)
        click.echo(f"\nmost like it in normal time: {start} to {stop}; --json has the values")


def _verdict(found: Explanation) -> str:
    if not found.judged:
        return f"not judged: {found.reason}"
    score = f"score {number(found.score)}, smoothed error {number(found.smoothed)}"
    return f"flagged by {found.reason}, {score}" if found.flag else f"normal, {score}"


def _model(found: Explanation) -> str:
    source = "recent data, without labels" if found.provisional else counted(len(found.labels))
    return f"{found.model}, trained {iso(found.trained_at)} on {source}"
