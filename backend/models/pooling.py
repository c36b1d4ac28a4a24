"""One lesson made of many: windows of all members of a pool, laid one after the other."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backend.detection.sampling import evenly
from backend.ports import Floats, Lesson

WINDOWS = 12_000
"""Training windows of a pool, at most; each member has an even share of them."""

NUMBERS = 16_000_000
"""In those windows, at most (128 MiB)."""

EXTREME = 100.0
"""Scaled values beyond are no part of a pool: one member must not spoil the start of all."""

ALONE = -1
"""Pool of a member that has no companion."""


def pooled(
    lessons: Sequence[Lesson], window: int, helped: NDArray[np.bool_] | None = None
) -> tuple[list[Lesson], NDArray[np.int64]]:
    """Lessons of the pools that have several members.

    A pool holds only windows that its members' own lessons hold, those to train on and those that
    early stopping looks at each for themselves.

    Args:
        lessons: one a member, S of them.
        window: W.
        helped: (S,) members for whom it is done, all if not given; pools without one are left out.

    Returns:
        P lessons, and (S,) the place of each member's pool among them, or `ALONE`.
    """
    made: list[Lesson] = []
    place = np.full(len(lessons), ALONE)
    numbers = np.array([lesson.pool for lesson in lessons])
    for number in np.unique(numbers if helped is None else numbers[helped]):
        members = np.flatnonzero(numbers == number).tolist()
        if len(members) == 1:
            continue
        together = _together([lessons[m] for m in members], window)
        if len(together.train):
            place[members] = len(made)
            made.append(together)
    return made, place


def _together(lessons: Sequence[Lesson], window: int) -> Lesson:
    """The lesson of one pool; its windows lie one after the other, and share no row."""
    channels = lessons[0].rows.shape[1]
    most = max(len(lessons), min(WINDOWS, NUMBERS // (window * channels))) // len(lessons)
    train, stop = (
        np.concatenate([_cut(own.rows, ends, window, most) for own, ends in parts])
        for parts in (
            [(lesson, lesson.train) for lesson in lessons],
            [(lesson, lesson.stop) for lesson in lessons],
        )
    )
    last = np.arange(1, len(train) + len(stop) + 1) * window - 1
    rows = np.concatenate((train, stop)).reshape(-1, channels)
    return Lesson(rows, last[: len(train)], last[len(train) :], lessons[0].seed)


def _cut(rows: Floats, ends: NDArray[np.int64], window: int, most: int) -> Floats:
    """(N, W, F) windows of one member without extreme values, evenly taken."""
    with np.errstate(invalid="ignore"):
        bad = (np.abs(rows) > EXTREME).any(axis=1)
    before = np.concatenate(([0], np.cumsum(bad)))
    clean = before[ends + 1] == before[ends + 1 - window]
    chosen = evenly(ends[clean], most)
    return rows[chosen[:, None] + np.arange(1 - window, 1)]
