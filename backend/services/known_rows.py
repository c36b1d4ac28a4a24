"""Rows that a former training has read: taken from its archive, not from the source again."""

from collections.abc import Sequence

import numpy as np

from backend.detection.grid import Rows, grid_times
from backend.detection.runs import spans
from backend.ports import SeriesStore
from backend.records import SeriesKey
from backend.services.reading import Mask, aligned, filled_from, read_rows
from backend.specs import DetectorSpec

_NEAR = 500
"""Unknown rows no further apart than so many known ones are read by one query."""


def read_unknown(
    source: SeriesStore,
    spec: DetectorSpec,
    part: tuple[int, int],
    keys: Sequence[SeriesKey],
    known: Rows | None,
) -> tuple[Rows, int]:
    """Rows of a range, of which only those are read that an archive does not hold of all series.

    Args:
        source: where they are read.
        spec: the detector.
        part: `[start, stop)`, by the grid.
        keys: of the series, all of which are asked for.
        known: the archive; None reads everything.

    Returns:
        The rows (S, T, F), and how many of the T were not read.
    """
    start, stop = part
    keys = tuple(keys)
    if known is None:
        return aligned(read_rows(source, spec, start, stop, series=keys), keys), 0
    times = grid_times(start, stop, spec.step)
    bare = np.full((len(keys), len(times), len(spec.inputs)), np.nan)
    values = filled_from(Rows(keys, times, spec.step, bare), known).values
    missing: Mask = np.asarray(~np.isfinite(values).any(axis=2).all(axis=0))
    for first, end in spans(missing, _NEAR):
        first_time, end_time = int(times[first]), int(times[end - 1]) + spec.step
        read = read_rows(source, spec, first_time, end_time, series=keys)
        values[:, first:end] = aligned(read, keys).values
        missing[first:end] = True
    return Rows(keys, times, spec.step, values), int((~missing).sum())
