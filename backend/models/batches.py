"""Which windows each member sees in which step: plain numpy, one random generator a member.

Every draw comes from the member's own seed and its own count of windows, so that companions cannot
change what a member learns. Places without a window hold `NOTHING`.

Shapes: S members, K steps, B windows a step, T rows, F channels, Q random numbers a window.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.detection.sampling import evenly
from backend.exceptions import InputError, NotEnoughNormalData
from backend.ports import Lesson

NOTHING = -1
"""Index of a place in a batch that holds no window."""

Indices = NDArray[np.int32]


@dataclass(frozen=True)
class Epoch:
    """One pass over the windows.

    Attributes:
        index: (K, S, B) last row of each window, or `NOTHING`.
        hidden: (K, S, B, F) channels the network does not get to see; their loss still counts.
        noise: (K, S, B, Q) standard normal numbers for whatever the loss needs them.
    """

    index: Indices
    hidden: NDArray[np.bool_]
    noise: NDArray[np.float32]


def check(lessons: Sequence[Lesson], window: int, channels: int) -> None:
    """Refuse lessons that a fleet cannot learn from.

    Raises:
        InputError: rows of another width, or a window that reaches outside of its rows.
        NotEnoughNormalData: a member has no window with a value in it.
    """
    for member, lesson in enumerate(lessons):
        if lesson.rows.ndim != 2 or lesson.rows.shape[1] != channels:
            raise InputError(
                f"member {member} brings rows of shape {lesson.rows.shape},"
                f" expected (rows, {channels})"
            )
        ends = np.concatenate([lesson.train, lesson.stop])
        if len(ends) and (ends.min() < window - 1 or ends.max() >= len(lesson.rows)):
            raise InputError(
                f"member {member} has windows that reach outside of its {len(lesson.rows)} rows;"
                f" last rows must lie in {window - 1}..{len(lesson.rows) - 1}"
            )
        if np.isnan(lesson.rows[lesson.train]).all():
            raise NotEnoughNormalData(
                f"member {member} has no normal window of {window} rows to train on:"
                " mark more normal time"
            )


def stack_rows(lessons: Sequence[Lesson]) -> NDArray[np.float32]:
    """All rows as (S, T, F) float32, shorter members filled up with NaN."""
    longest = max(len(lesson.rows) for lesson in lessons)
    rows = np.full((len(lessons), longest, lessons[0].rows.shape[1]), np.nan, np.float32)
    for member, lesson in enumerate(lessons):
        # a value too large for float32 becomes infinite: its member fails and says so
        with np.errstate(over="ignore"):
            rows[member, : len(lesson.rows)] = lesson.rows
    return rows


def in_order(windows: Sequence[NDArray[np.int64]], batch: int, most: int) -> Indices:
    """Windows in the order given as (K, S, B); of longer lists `most`, evenly spread."""
    chosen = [evenly(ends, most) for ends in windows]
    return _in_steps(chosen, batch)


class Sampler:
    """Draws the epochs of a fleet."""

    def __init__(
        self,
        lessons: Sequence[Lesson],
        rngs: Sequence[np.random.Generator],
        *,
        batch: int,
        most: int,
        dropout: float,
        noise: int = 0,
    ) -> None:
        self._windows = [lesson.train for lesson in lessons]
        self._channels = lessons[0].rows.shape[1]
        self._rngs = rngs
        self._batch = batch
        self._most = most
        self._dropout = dropout
        self._noise = noise

    def draw(self, active: NDArray[np.bool_]) -> Epoch:
        """The next epoch; members that are not `active` (S,) get no window."""
        orders, hidden, noise = [], [], []
        for member, ends in enumerate(self._windows):
            drawn = (
                self._rngs[member].permutation(ends)[: self._most] if active[member] else ends[:0]
            )
            orders.append(drawn)
            hidden.append(self._hide(member, len(drawn)))
            noise.append(draw_noise(self._rngs[member], len(drawn), self._noise))
        return Epoch(
            index=_in_steps(orders, self._batch),
            hidden=_values_in_steps(hidden, self._batch),
            noise=_values_in_steps(noise, self._batch),
        )

    def _hide(self, member: int, count: int) -> NDArray[np.bool_]:
        """(count, F) whether a channel is hidden in a window."""
        shape = (count, self._channels)
        if not self._dropout:
            return np.zeros(shape, np.bool_)
        return self._rngs[member].random(shape) < self._dropout


def draw_noise(rng: np.random.Generator, count: int, noise: int) -> NDArray[np.float32]:
    """(count, noise) standard normal numbers; a generator asked for none stays as it was."""
    return rng.standard_normal((count, noise), np.float32)


def noise_in_order(
    rngs: Sequence[np.random.Generator], index: Indices, noise: int
) -> NDArray[np.float32]:
    """(K, S, B, Q) for windows that `in_order` gave, each member's from its own generator."""
    steps, _, batch = index.shape
    return _values_in_steps([draw_noise(rng, steps * batch, noise) for rng in rngs], batch)


def _steps(longest: int, batch: int) -> tuple[int, int]:
    """How many steps of how many windows hold the longest list."""
    size = max(1, min(batch, longest))
    return -(-longest // size), size


def _values_in_steps(values: Sequence[NDArray[Any]], batch: int) -> NDArray[Any]:
    """Lists of (V,) values a window as (K, S, B, V), zero where there is no window."""
    steps, size = _steps(max(map(len, values)), batch)
    width = values[0].shape[1]
    filled = np.zeros((len(values), steps * size, width), values[0].dtype)
    for member, own in enumerate(values):
        filled[member, : len(own)] = own
    return filled.reshape(len(values), steps, size, width).swapaxes(0, 1)


def _in_steps(windows: Sequence[NDArray[np.int64]], batch: int) -> Indices:
    """Lists of windows as (K, S, B)."""
    steps, size = _steps(max(map(len, windows)), batch)
    filled = np.full((len(windows), steps * size), NOTHING, np.int32)
    for member, ends in enumerate(windows):
        filled[member, : len(ends)] = ends
    return filled.reshape(len(windows), steps, size).swapaxes(0, 1)
