"""What `normalcy catalogue` prints."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from backend.cli.output import iso, print_facts, print_json, print_table
from backend.services.catalogue import Catalogue, MeasurementFacts, SeriesFacts, rhythm

Chosen = tuple[Sequence[str] | None, int]
"""Tags to part series by, or None for all, and how many series at most."""


def show_measurements(catalogue: Catalogue, *, as_json: bool) -> None:
    """Print the names of all measurements."""
    names = catalogue.measurements()
    if as_json:
        print_json(names)
    elif names:
        click.echo("\n".join(names))
    else:
        click.echo("the store holds no measurement yet")


def show_measurement(
    catalogue: Catalogue, name: str, chosen: Chosen | None, *, as_json: bool
) -> None:
    """Print one measurement, with its series if some are chosen."""
    facts = catalogue.measurement(name)
    series = catalogue.series(name, chosen[0], limit=chosen[1]) if chosen else []
    if as_json:
        print_json(_plain(facts, series if chosen else None))
        return
    print_facts(_shown(facts))
    if chosen:
        click.echo()
        _print_series(series)


def _plain(facts: MeasurementFacts, series: Sequence[SeriesFacts] | None) -> dict[str, Any]:
    plain = {**asdict(facts), "cut": sorted(facts.cut)}
    return plain if series is None else {**plain, "series": [_plain_series(one) for one in series]}


def _plain_series(one: SeriesFacts) -> dict[str, Any]:
    gaps = [[iso(start), iso(stop)] for start, stop in one.gaps]
    step = None if one.step is None else one.step / 1e9
    return {
        "series": one.key,
        "tags": dict(one.tags),
        "first": iso(one.first),
        "last": iso(one.last),
        "cadence_s": step,
        "gaps": gaps,
        "gap_count": one.gap_count,
        "rows_looked_at": one.rows,
    }


def _shown(facts: MeasurementFacts) -> dict[str, str]:
    fields = [
        f"{name} ({' and '.join(facts.mixed.get(name, (kind,)))})"
        for name, kind in facts.fields.items()
    ]
    tags = [
        f"{tag}: {', '.join(values)}{', …' if tag in facts.cut else ''}"
        for tag, values in facts.tags.items()
    ]
    shown = {"measurement": facts.name, "fields": "\n".join(fields), "tags": "\n".join(tags)}
    return {name: text or "none" for name, text in shown.items()}


def _print_series(series: Sequence[SeriesFacts]) -> None:
    headers = ("series", "first", "last", "every", "gaps", "newest gap")
    print_table(headers, [_row(one) for one in series], "it has no series")


def _row(one: SeriesFacts) -> tuple[str, ...]:
    gap = " to ".join(map(iso, one.gaps[-1])) if one.gaps else "-"
    key = one.key or "(no tags)"
    return key, iso(one.first), iso(one.last), rhythm(one.step), str(one.gap_count), gap
