"""A fleet of estimators of one kind, fitted member by member: the base of all that need no network.

Shapes: S members, N windows, W rows a window, F channels; a window is seen flat, D = W * F numbers,
row by row.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from backend.exceptions import InputError, TrainingFailed
from backend.models import batches
from backend.models.checking import Lengths, checked, damaged
from backend.models.looking_back import last_rows
from backend.models.readable import EVEN, readable
from backend.ports import Floats, Lesson, LossCurve, Progress, Start, Times, Voice
from backend.specs.estimators import EstimatorSpec

Arrays = dict[str, Floats]
Shape = Lengths
"""Lengths of an array of one member; None where the lesson decides (a ragged axis)."""

CHUNK = 1 << 22
"""Numbers of flat windows that one call looks at (32 MiB)."""

_TINY = 1e-300
_NOISE = 64
"""Windows of noise that stand for the lesson of an untrained model."""

Settings = TypeVar("Settings", bound=EstimatorSpec)


@dataclass(frozen=True)
class Opinion:
    """What one member says of N windows; see `backend.ports.Voice`.

    Attributes:
        raw: (N,).
        parts: (N, F), never negative.
        expected: (N, D).
    """

    raw: Floats
    parts: Floats | None = None
    expected: Floats | None = None

    @classmethod
    def distance(cls, squares: Floats, channels: int, expected: Floats | None = None) -> "Opinion":
        """The root of a sum of squares (N, D), of which each channel has its part."""
        by_channel = squares.reshape(len(squares), -1, channels).sum(axis=1)
        raw = np.sqrt(by_channel.sum(axis=1))
        return cls(raw, by_channel / np.maximum(raw, _TINY)[:, None], expected)


class Estimator(ABC, Generic[Settings]):
    """S estimators; a kind says what arrays it keeps, how it learns them, and what they say.

    Arrays of members whose ragged axes differ are filled up with NaN at the end to be stacked;
    what a member learned itself is always finite.

    Attributes:
        window: W.
        channels: F.
        voices: 1.
        spec: the settings.
    """

    voices = 1

    def __init__(self, spec: Settings, series: int, channels: int) -> None:
        self.spec = spec
        self.window = spec.window
        self.channels = channels
        self._series = series
        self._members: list[Arrays] = []

    @abstractmethod
    def shapes(self) -> Mapping[str, Shape]:
        """Name and shape of every array of one member."""

    @abstractmethod
    def learn(self, windows: Floats, times: Times, seed: int) -> Arrays:
        """Learn one member's arrays; nothing of the estimator changes.

        Args:
            windows: (N, D) at least one, finite.
            times: (N,) nanoseconds of each window's last row.
            seed: of whatever is drawn.
        """

    @abstractmethod
    def say(self, known: Arrays, windows: Floats, times: Times) -> Opinion:
        """What a member that knows these arrays says of (N, D) finite windows, one by one."""

    def fit(
        self, lessons: Sequence[Lesson], progress: Progress, start: Start | None = None
    ) -> list[LossCurve]:
        """Fit all S members, each to the windows of its training and its stopping together.

        Of more than `rows` windows as many are taken, evenly spread. There is no loss: the curves
        are one 0. What is learned in one step has no start.

        Raises:
            InputError: lessons that do not fit this model.
            NotEnoughNormalData: a member has no window to learn from.
            TrainingFailed: what some members learned is not finite; the model stays as it was.
        """
        if len(lessons) != self._series:
            raise InputError(f"{len(lessons)} lessons for a fleet of {self._series}")
        batches.check(lessons, self.window, self.channels)
        members: list[Arrays | None] = []
        for lesson in lessons:
            members.append(self._learn(lesson))
            progress(len(members) / len(lessons), "fitting")
        if failed := [m for m, member in enumerate(members) if member is None]:
            raise _failure(failed)
        self._members = [member for member in members if member is not None]
        return [LossCurve((0.0,), (), 0) for _ in lessons]

    def assess(self, windows: Floats, times: Times) -> tuple[Voice, ...]:
        """One voice; an absent value (NaN) is read as 0, the middle of the scale.

        Raises:
            InputError: windows of another shape.
        """
        expected = (self._series, self.window, self.channels)
        if windows.ndim != 4 or (windows.shape[0], *windows.shape[2:]) != expected:
            raise InputError(
                f"windows of shape {windows.shape} for a model of"
                f" ({self._series}, N, {self.window}, {self.channels})"
            )
        opinions = [self._say(known, windows[m], times[m]) for m, known in enumerate(self._known())]
        return (_voice(opinions, windows.shape),)

    def weights(self) -> dict[str, NDArray[Any]]:
        """Copies of all arrays, float64 with a leading axis of S, filled up with NaN."""
        known = self._known()
        return {name: _stack([member[name] for member in known]) for name in self.shapes()}

    def starts(self) -> dict[str, NDArray[Any]]:
        """None: it is learned in one step."""
        return {}

    def load(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Take arrays as `weights` gave them.

        Raises:
            ArtifactError: names or shapes are not those of this model, or values are not finite.
        """
        shapes = self.shapes()
        fleet = {name: (self._series, *shape) for name, shape in shapes.items()}
        arrays = checked(weights, fleet, filled=True)
        self._members = [
            {name: _without_filling(name, array[m], shapes[name]) for name, array in arrays.items()}
            for m in range(self._series)
        ]

    def _known(self) -> list[Arrays]:
        """What the members know; untrained ones have only seen noise of the usual size."""
        if not self._members:
            rng = np.random.default_rng(self.spec.seed)
            noise = rng.standard_normal((_NOISE, self.window * self.channels))
            known = self.learn(noise, np.arange(_NOISE, dtype=np.int64), self.spec.seed)
            self._members = [known for _ in range(self._series)]
        return self._members

    def _learn(self, lesson: Lesson) -> Arrays | None:
        """Arrays of one member; None where they are not finite."""
        ends = last_rows(lesson, self.spec.rows)
        windows = lesson.rows[ends[:, None] + np.arange(1 - self.window, 1)]
        try:
            with np.errstate(all="ignore"):
                known = self.learn(_flat(windows), lesson.times[ends], lesson.seed)
        except np.linalg.LinAlgError:
            return None
        # In one layout: from another, products have other last digits, and a loaded model too.
        known = {name: np.array(array, np.float64, order="C") for name, array in known.items()}
        return known if all(np.isfinite(array).all() for array in known.values()) else None

    def _say(self, known: Arrays, windows: Floats, times: Times) -> Opinion:
        """The opinion of one member on (N, W, F), asked for piece by piece."""
        count = len(windows)
        size = max(1, CHUNK // (self.window * self.channels * EVEN)) * EVEN
        pieces = []
        for start in range(0, max(count, 1), size):
            part = _flat(windows[start : start + size])
            short = -len(part) % EVEN or EVEN * (not len(part))
            padded = np.pad(part, ((0, short), (0, 0)))
            when = np.pad(times[start : start + size], (0, short))
            pieces.append(self.say(known, padded, when))
        return Opinion(
            raw=_joined([piece.raw for piece in pieces], count),
            parts=_joined_if([piece.parts for piece in pieces], count),
            expected=_joined_if([piece.expected for piece in pieces], count),
        )


def _flat(windows: Floats) -> Floats:
    """(N, W, F) with gaps as (N, D) without, in float64 and within bounds."""
    return readable(windows.reshape(len(windows), windows.shape[1] * windows.shape[2]))


def _joined(pieces: Sequence[Floats], count: int) -> Floats:
    return np.concatenate(pieces)[:count]


def _joined_if(pieces: Sequence[Floats | None], count: int) -> Floats | None:
    there = [piece for piece in pieces if piece is not None]
    return _joined(there, count) if there else None


def _voice(opinions: Sequence[Opinion], shape: tuple[int, ...]) -> Voice:
    parts = [opinion.parts for opinion in opinions if opinion.parts is not None]
    expected = [opinion.expected for opinion in opinions if opinion.expected is not None]
    return Voice(
        expected=np.stack(expected).reshape(shape) if expected else None,
        raw=np.stack([opinion.raw for opinion in opinions]),
        parts=np.stack(parts) if parts else None,
    )


def _stack(arrays: Sequence[Floats]) -> Floats:
    """Arrays of one number of axes as one, shorter ones filled up with NaN."""
    longest = np.max([array.shape for array in arrays], axis=0).astype(int)
    stacked = np.full((len(arrays), *longest), np.nan)
    for member, array in enumerate(arrays):
        own = (slice(member, member + 1), *(slice(0, length) for length in array.shape))
        stacked[own] = array
    return stacked


def _without_filling(name: str, array: Floats, shape: Shape) -> Floats:
    """A member's own array: the ends of ragged axes that hold nothing but NaN are cut off."""
    there = np.isfinite(array)
    for axis, length in enumerate(shape):
        if length is None:
            others = tuple(other for other in range(array.ndim) if other != axis)
            own = np.flatnonzero(there.any(axis=others))
            stop = int(own[-1]) + 1 if own.size else 0
            array = array.take(range(stop), axis)
            there = np.isfinite(array)
    if not there.all():
        raise damaged(name)
    return array


def _failure(members: Sequence[int]) -> TrainingFailed:
    names = ", ".join(map(str, members))
    return TrainingFailed(
        f"training failed: what member {names} (counted from 0) learned is not finite; look for"
        " extreme values in its normal rows, or choose robust scaling",
        members,
    )
