"""What `normalcy catalogue` prints."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from backend.cli.output import iso, print_facts, print_json, print_table, printable
from backend.services.catalogue import Catalogue, MeasurementFacts, SeriesFound
from backend.services.series_facts import SeriesFacts, rhythm

Chosen = tuple[Sequence[str] | None, int]
"""Tags to part series by, or None for all, and how many series at most."""


def show_measurements(catalogue: Catalogue, *, as_json: bool) -> None:
    """Print the names of all measurements."""
    names = catalogue.measurements()
    if as_json:
        print_json(names)
    elif names:
        click.echo("\n".join(map(printable, names)))
    else:
        click.echo("the store holds no measurement yet")


def show_measurement(
    catalogue: Catalogue, name: str, chosen: Chosen | None, *, as_json: bool
) -> None:
    """Print one measurement, with its series if some are chosen."""
    facts = catalogue.measurement(name)
    found = catalogue.series(name, chosen[0], limit=chosen[1]) if chosen else None
    if as_json:
        print_json(_plain(facts, found))
        return
    print_facts(_shown(facts))
    if found is not None:
        click.echo()
        _print_series(found)


def _plain(facts: MeasurementFacts, found: SeriesFound | None) -> dict[str, Any]:
    plain = {**asdict(facts), "cut": sorted(facts.cut)}
    if found is None:
        return plain
    series = [_plain_series(one) for one in found.described]
    return {**plain, "series": series, "more_series": found.more}


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
    shown = {"measurement": [facts.name], "fields": fields, "tags": tags}
    return {name: "\n".join(map(printable, lines)) or "none" for name, lines in shown.items()}


def _print_series(found: SeriesFound) -> None:
    headers = ("series", "first", "last", "every", "gaps", "newest gap")
    print_table(headers, [_row(one) for one in found.described], "it has no series")
    if found.more:
        click.echo("not all of its series are shown: raise --limit")


def _row(one: SeriesFacts) -> tuple[str, ...]:
    gap = " to ".join(map(iso, one.gaps[-1])) if one.gaps else "-"
    key = printable(one.key) or "(no tags)"
    return key, iso(one.first), iso(one.last), rhythm(one.step), str(one.gap_count), gap
