"""Where the gaps of an outline begin: buckets that are not there, and pauses within others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from backend.ports import Floats, Points, Query, SeriesStore, Times
from backend.records import series_key
from backend.services.pieces import Deadline


@dataclass(frozen=True)
class Numbers:
    """What the store says of the buckets of one series, all on the same times.

    Attributes:
        tags: the series.
        begins: (B,) first nanosecond of each that lies in the range.
        ends: (B,) first nanosecond no longer in it.
        low: least values.
        high: greatest values.
        rows: name to (B,) how many there are.
    """

    tags: Mapping[str, str]
    begins: Times
    ends: Times
    low: Mapping[str, Floats]
    high: Mapping[str, Floats]
    rows: Mapping[str, Floats]


@dataclass(frozen=True)
class Course:
    """Columns that stand on one time axis.

    Attributes:
        names: the columns.
        counted: those whose rows tell of gaps.
        rows: (B,) rows of each bucket.
        step: nanoseconds between two rows most of the time.
        pause: nanoseconds; what is longer is a gap.
        aligned: whether rows stand at multiples of the step.
    """

    names: tuple[str, ...]
    counted: tuple[str, ...]
    rows: Floats
    step: float
    pause: float
    aligned: bool


def absent(numbers: Numbers, course: Course) -> Times:
    """Where gaps begin whose buckets are not there."""
    full = np.flatnonzero(course.rows > 0)
    begins, ends = numbers.begins[full], numbers.ends[full]
    return ends[:-1][begins[1:] > ends[:-1]]


@dataclass(frozen=True)
class Gaps:
    """Looks for pauses within buckets, in the rows of those that lack the most.

    Attributes:
        store: where to read.
        query: what is outlined.
        most: ranges that are read of one series.
        deadline: of the whole read.
    """

    store: SeriesStore
    query: Query
    most: int
    deadline: Deadline

    def within(self, numbers: Numbers, courses: Sequence[Course], rows: int) -> list[Times]:
        """Where the gaps of each course begin; at most so many rows are read for it."""
        found: list[list[Times]] = [[np.zeros(0, dtype=np.int64)] for _ in courses]
        where = {tag: value for tag, value in numbers.tags.items() if value}
        names = tuple(dict.fromkeys(name for one in courses for name in one.counted))
        query = replace(self.query, fields=names, where={**self.query.where, **where})
        for start, stop in _lacking(numbers, courses, self.most, rows):
            for points in self.store.read(replace(query, start=start, stop=stop)):
                if series_key(points.tags) == series_key(numbers.tags):
                    for course, times in zip(courses, found, strict=True):
                        times.append(_pauses(points, course))
            self.deadline.check()
        return [np.concatenate(times) for times in found]


def _pauses(points: Points, course: Course) -> Times:
    """Where those begin that lie between the rows."""
    columns = [np.asarray(points.fields[name], dtype=np.float64) for name in course.counted]
    times = points.times[np.any([~np.isnan(one) for one in columns], axis=0)]
    return times[:-1][np.diff(times) > course.pause] + max(int(course.step), 1)


def _lacking(
    numbers: Numbers, courses: Sequence[Course], most: int, rows: int
) -> list[tuple[int, int]]:
    """Ranges of the `most` buckets that lack the most rows, each with the one after it."""
    if not courses:
        return []
    touching = np.append(numbers.begins[1:] == numbers.ends[:-1], False)
    lack = np.max([_lack(numbers, course, touching) for course in courses], axis=0)
    held = _with_next(np.max([course.rows for course in courses], axis=0), touching)
    chosen = np.argsort(lack, kind="stable")[::-1][:most]
    chosen = chosen[(lack[chosen] >= 1) & (held[chosen].cumsum() <= rows)]
    chosen = np.sort(chosen)
    last = np.where(touching[chosen], chosen + 1, chosen)
    return _joined(numbers.begins[chosen].tolist(), numbers.ends[last].tolist())


def _lack(numbers: Numbers, course: Course, touching: NDArray[np.bool_]) -> Floats:
    """(B,) Time without rows over that of the shortest gap; 1 or more may be one."""
    if course.aligned:
        step = int(course.step)
        due = np.asarray(-(-numbers.ends // step) + (-numbers.begins // step), dtype=np.float64)
    else:
        # A sensor's first row may stand anywhere; rounding is no lack.
        due = np.ceil((numbers.ends - numbers.begins) / course.step - 1e-6)
    lack = np.where(course.rows > 0, np.maximum(due - course.rows, 0), 0)
    return _with_next(lack, touching) * course.step / course.pause


def _with_next(values: Floats, touching: NDArray[np.bool_]) -> Floats:
    """A gap may lie across the end of a bucket."""
    return values + np.where(touching, np.append(values[1:], 0), 0)


def _joined(starts: Sequence[int], stops: Sequence[int]) -> list[tuple[int, int]]:
    """Ranges in which those that overlap are one."""
    found: list[tuple[int, int]] = []
    for start, stop in zip(starts, stops, strict=True):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(stop, found[-1][1]))
        else:
            found.append((start, stop))
    return found
