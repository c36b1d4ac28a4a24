"""The windows that a fleet has learned from, looked at once more, piece by piece.

Shapes: S members, N windows, W rows, F channels.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from backend.detection.sampling import evenly
from backend.ports import Floats, Lesson

PIECE = 1024
"""Windows of each member in a piece."""


def last_rows(lesson: Lesson, most: int) -> NDArray[np.int64]:
    """Last rows of the windows a member trained on or stopped by; of more, `most` evenly spread."""
    return evenly(np.union1d(lesson.train, lesson.stop), most)


def pieces(
    lessons: Sequence[Lesson], window: int, ends: Sequence[NDArray[np.int64]]
) -> Iterator[tuple[Floats, NDArray[np.bool_]]]:
    """Windows (S, N, W, F) that end at the given rows, and (S, N) whether they are a member's.

    Members with fewer windows are filled up with absent ones.
    """
    channels = lessons[0].rows.shape[1]
    for start in range(0, max(map(len, ends)), PIECE):
        parts = [own[start : start + PIECE] for own in ends]
        size = max(map(len, parts))
        windows = np.full((len(lessons), size, window, channels), np.nan)
        there = np.zeros((len(lessons), size), np.bool_)
        for member, (lesson, part) in enumerate(zip(lessons, parts, strict=True)):
            windows[member, : len(part)] = lesson.rows[part[:, None] + np.arange(1 - window, 1)]
            there[member, : len(part)] = True
        yield windows, there
