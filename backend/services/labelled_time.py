"""Normal time that was marked and is not there: said by an operator, so never skipped silently."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.detection.grid import Rows, ceil_to, floor_to
from backend.exceptions import NoData
from backend.ports import Times
from backend.records import Label, LabelKind, parse_series_key
from backend.services.labelling import shown
from backend.services.reading import Mask

_NOTICEABLE = 0.1
"""Share of a label's time, at its beginning, from which on its absence is told."""


def missing_time(rows: Rows, labels: Sequence[Label], normal: Mask, closed: int) -> list[str]:
    """What of the normal labels' time holds no data, a sentence each.

    Args:
        rows: (S, T, F) what was read and archived of all normal ranges.
        labels: all in force.
        normal: (S, T) rows that are normal by the labels; nothing is missed where another label
            says that they are not.
        closed: end of the newest closed bucket: what a label says of later time may still come.

    Raises:
        NoData: a label for the whole detector holds nothing at all. A server that has lost its
            past answers just so, and training on the rest would hide it.
    """
    spoken = [label for label in labels if label.kind is LabelKind.NORMAL]
    there: Mask = np.asarray(np.isfinite(rows.values).any(axis=2))
    marked = _Marked(rows, there, normal, closed)
    return [told for label in spoken if (told := _of_label(marked, label))]


class _Marked(NamedTuple):
    """The rows of all normal ranges, and of each (S, T) whether it is there and is normal."""

    rows: Rows
    there: Mask
    normal: Mask
    closed: int


def _of_label(marked: _Marked, label: Label) -> str:
    step = marked.rows.step
    start, stop = ceil_to(label.start, step), floor_to(min(label.stop, marked.closed), step)
    if start >= stop:
        return ""  # it holds no whole bucket, or none yet
    times = _inside(marked.rows, start, stop)
    its = np.ix_(_series(marked.rows, label), times)
    there = marked.there[its].any(axis=0)
    if not there.any():
        overruled = marked.normal[its].size > 0 and not marked.normal[its].any()
        return "" if overruled else _nothing(label)
    begins = int(marked.rows.times[times[np.argmax(there)]])
    if label.start <= 0 or begins - start < _NOTICEABLE * (stop - start):
        return ""  # from 1970 on means all there is
    return (
        f"{_named(label)} holds no data before {shown(begins)}: see to the source's retention, or "
        "let the label begin there"
    )


def _inside(rows: Rows, start: int, stop: int) -> Times:
    """Indices of the rows of a range, without those that only keep ranges apart."""
    real = np.concatenate(([True], np.diff(rows.times) > 0))  # those repeat the time before them
    found: Times = np.flatnonzero(real & (rows.times >= start) & (rows.times < stop))
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
