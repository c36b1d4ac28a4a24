"""Normal time that was marked and is not there: said by an operator, so never skipped silently."""

from collections.abc import Sequence

import numpy as np

from backend.detection.grid import Rows, ceil_to, floor_to
from backend.exceptions import NoData
from backend.records import Label, LabelKind, parse_series_key
from backend.services.labelling import shown
from backend.services.reading import Mask

_NOTICEABLE = 0.1
"""Share of a label's time, at its beginning, from which on its absence is told."""


def missing_time(rows: Rows, labels: Sequence[Label]) -> list[str]:
    """What of the normal labels' time holds no data, a sentence each.

    Args:
        rows: (S, T, F) what was read and archived of all normal ranges.
        labels: all in force.

    Raises:
        NoData: a label for the whole detector holds nothing at all. A server that has lost its
            past answers just so, and training on the rest would hide it.
    """
    spoken = [label for label in labels if label.kind is LabelKind.NORMAL]
    return [told for label in spoken if (told := _of_label(rows, label))]


def _of_label(rows: Rows, label: Label) -> str:
    start, stop = ceil_to(label.start, rows.step), floor_to(label.stop, rows.step)
    if start >= stop:
        return ""  # it holds no whole bucket
    inside = _inside(rows, start, stop)
    there = np.isfinite(rows.values[_series(rows, label)][:, inside]).any(axis=(0, 2))
    if not there.any():
        return _nothing(label)
    first = int(np.argmax(there))
    if first < _NOTICEABLE * there.size:
        return ""
    begins = shown(int(rows.times[inside][first]))
    return f"{_named(label)} holds no data before {begins}: see to the source's retention"


def _inside(rows: Rows, start: int, stop: int) -> Mask:
    # rows that only keep ranges apart repeat the time before them
    real = np.concatenate(([True], np.diff(rows.times) > 0))
    mask: Mask = real & (rows.times >= start) & (rows.times < stop)
    return mask


def _series(rows: Rows, label: Label) -> list[int]:
    return [s for s, key in enumerate(rows.keys) if label.matches(parse_series_key(key))]


def _nothing(label: Label) -> str:
    told = (
        f"{_named(label)} holds no data; check its times, and the source's retention (InfluxDB 3 "
        "Core loses sight of old files after a restart: raise --gen1-lookback-duration)"
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
