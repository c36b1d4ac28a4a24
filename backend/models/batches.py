"""Which windows each member sees in which step: plain numpy, one random generator a member.

Every draw comes from the member's own seed and its own count of windows, so that companions cannot
change what a member learns. Places without a window hold `NOTHING`.

Shapes: P seats in a program, K steps, B windows a step, T rows, F channels, Q random numbers a
window.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.detection.sampling import evenly
from backend.exceptions import InputError, NotEnoughNormalData
from backend.ports import Floats, Lesson

NOTHING = -1
"""Index of a place in a batch that holds no window."""

Indices = NDArray[np.int32]


@dataclass(frozen=True)
class Epoch:
    """One pass over the windows.

    Attributes:
        count: how many of the K steps hold any window.
        index: (K, P, B) last row of each window, or `NOTHING`.
        hidden: (K, P, B, F) channels the network does not get to see; their loss still counts.
        noise: (K, P, B, Q) standard normal numbers for whatever the loss needs them.
    """

    count: int
    index: Indices
    hidden: NDArray[np.bool_]
    noise: NDArray[np.float32]


@dataclass(frozen=True)
class Shape:
    """How much a program has room for.

    Attributes:
        rows: T.
        steps: K of an epoch.
        batch: B of them.
        stop_steps: K of the stop windows.
        stop_batch: B of them.
    """

    rows: int
    steps: int
    batch: int
    stop_steps: int
    stop_batch: int

    def rounded(self) -> "Shape":
        """Room for the same and a little more: of such shapes there are few."""
        return Shape(*map(rounded, astuple(self)))


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
        self._most = most
        self._dropout = dropout
        self._noise = noise
        longest = max(map(len, self._windows))
        self._longest, self._batch = _steps(min(longest, most), batch)

    def steps(self, member: int) -> int:
        """How many steps an epoch of a member has."""
        return -(-min(len(self._windows[member]), self._most) // self._batch)

    def shape(self, lessons: Sequence[Lesson], together: int) -> Shape:
        """What a program needs to hold any members; `together` stop windows are judged at once."""
        stops = max(min(len(lesson.stop), self._most) for lesson in lessons)
        rows = max(len(lesson.rows) for lesson in lessons)
        return Shape(rows, self._longest, self._batch, *_steps(stops, together))

    def evenly(self, ends: NDArray[np.int64]) -> NDArray[np.int64]:
        """Of stop windows as many as an epoch may have, evenly spread."""
        return evenly(ends, self._most)

    def draw(self, members: Sequence[int | None], shape: Shape | None = None) -> Epoch:
        """The next epoch of the members in P seats; None is an empty seat and gets no window."""
        steps, batch = (shape.steps, shape.batch) if shape else (self._longest, self._batch)
        seats = len(members)
        index = np.full((seats, steps * batch), NOTHING, np.int32)
        hidden = np.zeros((seats, steps * batch, self._channels), np.bool_)
        noise = np.zeros((seats, steps * batch, self._noise), np.float32)
        longest = 0
        for seat, member in enumerate(members):
            if member is None:
                continue
            rng = self._rngs[member]
            drawn = rng.permutation(self._windows[member])[: self._most]
            # a step has as many windows as it would have without rounded shapes
            place = np.arange(len(drawn))
            place = place // self._batch * batch + place % self._batch
            index[seat, place] = drawn
            if self._dropout:
                hidden[seat, place] = rng.random((len(drawn), self._channels)) < self._dropout
            noise[seat, place] = draw_noise(rng, len(drawn), self._noise)
            longest = max(longest, self.steps(member))
        return Epoch(longest, *(_by_step(part, steps) for part in (index, hidden, noise)))


class Given:
    """What members in P seats come back to in every epoch.

    Attributes:
        rows: (P, T, F) float32, NaN = absent, also behind the end of a shorter member's.
        stop: (K, P, B) last rows of the windows that early stopping looks at.
        noise: (K, P, B, Q) random numbers for them, the same in every epoch.
    """

    def __init__(self, shape: Shape, seats: int, channels: int, noise: int) -> None:
        self.rows = np.full((seats, shape.rows, channels), np.nan, np.float32)
        self.stop = np.full((shape.stop_steps, seats, shape.stop_batch), NOTHING, np.int32)
        self.noise = np.zeros((*self.stop.shape, noise), np.float32)

    @property
    def count(self) -> int:
        """How many of the steps hold any stop window."""
        return int((self.stop != NOTHING).any(axis=(1, 2)).sum())

    def put(
        self,
        seat: int,
        rows: Floats,
        stop: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> None:
        """Let a member sit down: rows (T, F) and stop windows (N,), with its own generator."""
        self.clear(seat)
        # a value too large for float32 becomes infinite: its member fails and says so
        with np.errstate(over="ignore"):
            self.rows[seat, : len(rows)] = rows
        step, place = np.divmod(np.arange(len(stop)), self.stop.shape[2])
        self.stop[step, seat, place] = stop
        self.noise[step, seat, place] = draw_noise(rng, len(stop), self.noise.shape[-1])

    def clear(self, seat: int) -> None:
        """Leave a seat empty."""
        self.rows[seat] = np.nan
        self.stop[:, seat] = NOTHING
        self.noise[:, seat] = 0.0

    def keep(self, seats: Sequence[int]) -> None:
        """Give up all seats but these."""
        self.rows = self.rows[list(seats)]
        self.stop, self.noise = self.stop[:, list(seats)], self.noise[:, list(seats)]


def draw_noise(rng: np.random.Generator, count: int, noise: int) -> NDArray[np.float32]:
    """(count, noise) standard normal numbers; a generator asked for none stays as it was."""
    return rng.standard_normal((count, noise), np.float32)


def _steps(longest: int, batch: int) -> tuple[int, int]:
    """How many steps of how many windows hold the longest list."""
    size = max(1, min(batch, longest))
    return -(-longest // size), size


def _by_step(values: NDArray[Any], steps: int) -> NDArray[Any]:
    """(P, K * B, ...) to (K, P, B, ...)."""
    seats, places, *rest = values.shape
    return values.reshape(seats, steps, places // steps if steps else 1, *rest).swapaxes(0, 1)


def rounded(count: int) -> int:
    """The next number of 1, 2, 3, 4, 6, 8, 12, 16, ...; 0 stays."""
    power = 1 << max(0, count - 1).bit_length()
    three_quarters = power * 3 // 4
    return three_quarters if power > 3 and count <= three_quarters else min(power, power * count)
