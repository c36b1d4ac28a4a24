"""What can be typed behind `normalcy trial`: times that reach years back, and what broke."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from backend.cli.csv_rows import read_rows
from backend.cli.moments import MOMENT, Moment
from backend.records import parse_series_key
from backend.services.csv_rows import Reading
from backend.services.trial_failures import Failure
from backend.settings import parse_time
from backend.specs import DetectorSpec, nanoseconds, parse_duration

_YEARS = re.compile(r"(\d+(?:\.\d+)?)y")
_OWN = ("time", "stop", "series", "text")


@dataclass(frozen=True)
class Asked:
    """What stands on the command line."""

    detector: str
    since: Moment
    failures: Path | None
    horizon: timedelta
    retrain_every: timedelta | None
    most: float
    report: Path | None
    as_json: bool


class SinceType(click.ParamType[Moment]):
    """`1y`, `90d`, or a time."""

    name = "1y|90d|time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Moment:
        """Read how long ago, or when."""
        if isinstance(value, Moment):
            return value
        text = str(value)
        if years := _YEARS.fullmatch(text):
            return Moment(None, round(float(years[1]) * 365 * 86_400) * 1_000_000_000)
        try:
            return Moment(None, nanoseconds(parse_duration(text)))
        except ValueError:
            return MOMENT.convert(value, param, ctx)


def read_failures(file: Path, spec: DetectorSpec) -> tuple[list[Failure], list[str]]:
    """Read failures, a row each, and what of the file was not used.

    Args:
        file: CSV in UTF-8 with a header: `time`, and where known `stop`, `series` (as
            `tag=value,…`) or a column for each tag of the detector, and `text`.
        spec: the detector.

    Raises:
        ImportFileError: with every row that cannot be read, by its line.
    """
    tags = ", ".join((*spec.group_by, "series"))
    reading = Reading(
        needed={"time"},
        expected=f"time, and where known stop, text, and {tags} for the series",
        row=lambda row, line: _failure(row, spec, f"{file.name} line {line}"),
    )
    failures, columns = read_rows(file, reading)
    unused = [name for name in columns if name not in (*_OWN, *spec.group_by)]
    return failures, [f"Columns of {file.name} not used: {', '.join(unused)}."] if unused else []


def _failure(row: Mapping[str, str | None], spec: DetectorSpec, where: str) -> Failure:
    cells = {name: (row.get(name) or "").strip() for name in (*_OWN, *spec.group_by)}
    start = parse_time(cells["time"])
    stop = parse_time(cells["stop"]) if cells["stop"] else start
    if stop < start:
        raise ValueError(f"it stops before it starts: {cells['stop']} is before {cells['time']}")
    tags = parse_series_key(cells["series"])
    tags |= {tag: cells[tag] for tag in spec.group_by if cells[tag]}
    if foreign := sorted(set(tags) - set(spec.group_by)):
        known = ", ".join(spec.group_by) or "no tag"
        raise ValueError(f"the detector is not grouped by {foreign[0]!r} but by {known}")
    return Failure(start, stop, tags, cells["text"], where)
