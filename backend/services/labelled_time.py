"""Normal time that was marked and is not there: said by an operator, so never skipped silently."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.detection.grid import Rows, ceil_to, floor_to
from backend.exceptions import NoData
from backend.ports import Times
from backend.records import Label, LabelKind, parse_series_key
from backend.services.labelling import shown
from backend.services.reading import Mask, is_time

_NOTICEABLE = 0.1
"""Share of a label's time, at its beginning, from which on its absence is told."""


@dataclass(frozen=True)
class Seen:
    """What was found of the time of one label, or of some of its series.

    Attributes:
        first: start of the first bucket that holds data; None where none does.
        rows: whether there is any bucket to look at.
        normal: whether any of them is normal by all labels together.
    """

    first: int | None = None
    rows: bool = False
    normal: bool = False

    @property
    def overruled(self) -> bool:
        """Whether other labels say of all of it that it is not normal."""
        return self.rows and not self.normal


def whole_buckets(label: Label, closed: int, step: int) -> tuple[int, int]:
    """The closed buckets that a label holds, `[start, stop)`; none where it is not positive."""
    return ceil_to(label.start, step), floor_to(min(label.stop, closed), step)


def observe(rows: Rows, labels: Sequence[Label], normal: Mask, closed: int) -> dict[int, Seen]:
    """What there is of the normal labels that speak for some series, by their place in `labels`.

    Args:
        rows: (S, T, F) what was read and archived of all normal ranges.
        labels: all in force.
        normal: (S, T) rows that are normal by the labels.
        closed: end of the newest closed bucket: what a label says of later time may still come.
    """
    there: Mask = np.asarray(np.isfinite(rows.values).any(axis=2))
    found = {}
    for place, label in enumerate(labels):
        series = _series(rows, label) if label.kind is LabelKind.NORMAL else np.empty(0, np.int64)
        start, stop = whole_buckets(label, closed, rows.step)
        if series.size and start < stop:
            times = _inside(rows, start, stop)
            known = there[np.ix_(series, times)].any(axis=0)
            first = int(rows.times[times[np.argmax(known)]]) if known.any() else None
            own = normal[np.ix_(series, times)]
            found[place] = Seen(first, own.size > 0, bool(own.any()))
    return found


def united(parts: Iterable[Mapping[int, Seen]]) -> dict[int, Seen]:
    """What several parts of a fleet saw of each label, as one."""
    found: dict[int, Seen] = {}
    for part in parts:
        for place, own in part.items():
            before = found.get(place, Seen())
            firsts = [time for time in (before.first, own.first) if time is not None]
            found[place] = Seen(
                min(firsts, default=None), before.rows or own.rows, before.normal or own.normal
            )
    return found


def missing_time(
    labels: Sequence[Label], seen: Mapping[int, Seen], closed: int, step: int
) -> list[str]:
    """What of normal labels' time holds no data, a sentence each.

    Args:
        labels: all in force; nothing is missed where another one says that it is not normal.
        seen: what was found of those to look at, by their place.
        closed: end of the newest closed bucket.
        step: of the grid.

    Raises:
        NoData: a label for the whole detector holds nothing at all. A server that has lost its
            past answers just so, and training on the rest would hide it.
    """
    told = (
        _of_label(labels[place], own, *whole_buckets(labels[place], closed, step))
        for place, own in sorted(seen.items())
    )
    return [sentence for sentence in told if sentence]


def _of_label(label: Label, seen: Seen, start: int, stop: int) -> str:
    if start >= stop:
        return ""  # it holds no whole bucket, or none yet
    if seen.first is None:
        return "" if seen.overruled else _nothing(label)
    if label.start <= 0 or seen.first - start < _NOTICEABLE * (stop - start):
        return ""  # from 1970 on means all there is
    return (
        f"{_named(label)} holds no data before {shown(seen.first)}: see to the source's retention, "
        "or let the label begin there"
    )


def _inside(rows: Rows, start: int, stop: int) -> Times:
    """Indices of the rows of a range, without those that only keep ranges apart."""
    found: Times = np.flatnonzero(is_time(rows.times) & (rows.times >= start) & (rows.times < stop))
    return found


def _series(rows: Rows, label: Label) -> NDArray[np.int64]:
    """Indices of the series that a label speaks for."""
    spoken = [s for s, key in enumerate(rows.keys) if label.matches(parse_series_key(key))]
    return np.array(spoken, dtype=np.int64)


def _nothing(label: Label) -> str:
    told = (
        f"{_named(label)} holds no data; check its times, the detector's names and the source's "
        "retention (InfluxDB 3 Core loses sight of old files after a restart: raise "
        "--gen1-lookback-duration)"
    )
    if not label.tags:
        raise NoData(f"{told}, or remove the label.")
    # one series that is gone does not stop the others
    return told


def _named(label: Label) -> str:
    note = f", {label.note!r}" if label.note else ""
    tags = "".join(f", {tag}={value}" for tag, value in sorted(label.tags.items()))
    span = f"{shown(label.start)} to {shown(label.stop)}"
    return f"normal label {label.id} ({span}{tags}{note})"
