"""A fleet of networks: `backend.ports.Model` over any stack of layers."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from backend.detection.progress import part_of
from backend.exceptions import InputError, TrainingFailed
from backend.models import batches, pooling, program, training
from backend.models.checking import checked
from backend.models.objectives import FleetWeights, Objective, Reconstruction
from backend.models.readable import EVEN, readable
from backend.models.runtime import Tensor, Weights, tf, translated
from backend.models.stack import Stack
from backend.ports import Floats, Lesson, LossCurve, Progress, Start, Times, Voice
from backend.specs import NetworkSpec

CHUNK = 1 << 22
"""Numbers of the widest layer that scoring holds at once (32 MiB in float64)."""

_POOLED_SHARE = 0.3
"""Of the progress told, where members begin with a network of all."""


class Network:
    """S networks of one architecture, which learn to reconstruct unless told otherwise.

    Kinds whose output is no reconstruction say what they make of it in `assess`.

    Attributes:
        window: W.
        voices: 1.
        stack: the architecture of each member.
        begins_anew: whether every training begins with weights drawn at random. So it is for losses
            that do not tell a good start from a bad one.
    """

    voices = 1
    begins_anew: ClassVar[bool] = False

    def __init__(
        self, spec: NetworkSpec, stack: Stack, series: int, *objectives: Objective
    ) -> None:
        """An untrained fleet; several objectives are trained for one after the other."""
        self.window = spec.window
        self.stack = stack
        self._spec = spec
        self._objectives = objectives or (Reconstruction(spec.loss),)
        self._series = series
        seeds = np.random.SeedSequence(spec.seed).spawn(series)
        first = stack.initial([np.random.default_rng(seed) for seed in seeds])
        self._take({name: weight.astype(np.float32) for name, weight in first.items()})

    def fit(
        self, lessons: Sequence[Lesson], progress: Progress, start: Start | None = None
    ) -> list[LossCurve]:
        """Train all S members, a few at a time side by side.

        Loss is the mean of the objective over each batch, plus `l2` times the squares of all
        matrices; the curves show it without the latter. A member's weights follow from its own
        lesson and start alone, up to rounding, unless it begins with a network of its pool. The
        weights kept are those of its best epoch on the stop windows (of `windows_per_epoch` at
        most, evenly spread), or its start where no epoch was better; without any stop windows the
        best on its training loss.

        Args:
            lessons: one a member.
            progress: told the share done.
            start: what to begin with, as `starts` gives it; a member that is NaN in it begins with
                weights drawn from its seed, or with the network of its pool.

        Raises:
            InputError: lessons or a start that do not fit this model.
            NotEnoughNormalData: a member has no window to train on.
            TrainingFailed: the losses of some members are not finite; the model stays as it was.
        """
        if len(lessons) != self._series:
            raise InputError(f"{len(lessons)} lessons for a fleet of {self._series}")
        batches.check(lessons, self.window, self.stack.channels)
        first = self._begun(start)
        with translated("training"):
            if self._spec.start == "pooled":
                pooling_share = part_of(progress, 0.0, _POOLED_SHARE)
                first = self._with_pools(lessons, first, pooling_share)
                progress = part_of(progress, _POOLED_SHARE, 1.0)
            course = self._learn(lessons, progress, first)
        self._take(course.weights)
        return course.curves()

    def _begun(self, start: Start | None) -> FleetWeights | None:
        """A start as this model takes it; None where all members begin anew.

        Raises:
            InputError: names or shapes are not those of `starts`.
        """
        if start is None or self.begins_anew:
            return None
        shapes = {name: (self._series, *shape) for name, shape in self.stack.shapes.items()}
        if {name: weight.shape for name, weight in start.items()} != shapes:
            raise InputError(
                "the start's weights have other names or shapes than this model of"
                f" {self._series} members: give what `starts` gave"
            )
        weights = {name: np.asarray(start[name], np.float32) for name in shapes}
        return None if training.cold(weights).all() else weights

    def _with_pools(
        self, lessons: Sequence[Lesson], first: FleetWeights | None, progress: Progress
    ) -> FleetWeights | None:
        """Let members without a start begin with a network that learned from all of their pool.

        A pool whose own training comes to nothing leaves its members as they were.
        """
        cold = np.ones(self._series, np.bool_) if first is None else training.cold(first)
        own, place = pooling.pooled(lessons, self.window, cold)
        helped = cold & (place != pooling.ALONE)
        if not helped.any():
            return first
        course = training.learn(self.stack, self._objectives[0], self._spec, own, progress)
        found = {}
        for name, weight in course.weights.items():
            begun = np.full_like(weight, np.nan, shape=(self._series, *weight.shape[1:]))
            begun[helped] = weight[place[helped]]
            begun[helped & course.failed[place]] = np.nan
            if first is not None:
                begun[~cold] = first[name][~cold]
            found[name] = begun
        return None if training.cold(found).all() else found

    def _learn(
        self, lessons: Sequence[Lesson], progress: Progress, weights: FleetWeights | None
    ) -> training.Course:
        """Train for one objective after the other; how the last one went."""
        for done, objective in enumerate(self._objectives):
            count = len(self._objectives)
            tell = part_of(progress, done / count, (done + 1) / count)
            course = training.learn(
                self.stack, objective, self._spec, lessons, tell, weights, judged=done == 0
            )
            if course.failed.any():
                raise _failure(np.flatnonzero(course.failed).tolist())
            weights = course.weights
        return course

    def assess(self, windows: Floats, times: Times) -> tuple[Voice, ...]:
        """One voice: (S, N, W, F) scaled windows and their reconstruction."""
        return (Voice(expected=self.reconstruct(windows)),)

    def reconstruct(self, windows: Floats) -> Floats:
        """(S, N, W, F) scaled windows to their reconstruction, always finite.

        Computed in float64; an absent value (NaN) enters as 0, the middle of the scale.

        Raises:
            InputError: windows of another shape.
        """
        return self._view(_reconstruction, windows)[0]

    def embed(self, windows: Floats) -> Floats:
        """(S, N, W, F) scaled windows to (S, N, E): what the bottleneck holds of them.

        Raises:
            InputError: windows of another shape.
        """
        return self._view(_code, windows)[0]

    def hidden(self, windows: Floats) -> list[Floats]:
        """(S, N, W, F) scaled windows to (S, N, H) of each layer up to the bottleneck.

        Raises:
            InputError: windows of another shape.
        """
        return self._view(_hidden, windows)

    def _view(self, view: program.View, windows: Floats) -> list[Floats]:
        """What a view gives of windows (S, N, W, F), in float64, each (S, N, ...).

        Raises:
            InputError: windows of another shape.
        """
        expected = (self._series, windows.shape[1:2], self.window, self.stack.channels)
        if (
            windows.ndim != 4
            or (windows.shape[0], windows.shape[1:2], *windows.shape[2:]) != expected
        ):
            raise InputError(
                f"windows of shape {windows.shape} for a model of"
                f" ({self._series}, N, {self.window}, {self.stack.channels})"
            )
        count = windows.shape[1]
        size = _evenly(CHUNK // (self._series * self.stack.width))
        rounded = _rounded(count, size)
        padded = np.zeros((self._series, rounded, *windows.shape[2:]))
        padded[:, :count] = readable(windows)
        run = program.scoring(self.stack, view)
        with translated("scoring"):
            pieces = [
                [part.numpy() for part in run(self._exact, tf.constant(padded[:, at : at + size]))]
                for at in range(0, rounded, size)
            ]
        return [np.concatenate(parts, axis=1)[:, :count] for parts in zip(*pieces, strict=True)]

    def weights(self) -> dict[str, NDArray[Any]]:
        """Copies of all weights, float32 with a leading axis of S."""
        return {name: weight.copy() for name, weight in self._weights.items()}

    def starts(self) -> dict[str, NDArray[Any]]:
        """All weights, or none where a training always begins anew."""
        return {} if self.begins_anew else self.weights()

    def load(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Take weights as `weights` gave them.

        Raises:
            ArtifactError: names or shapes are not those of this model, or values are not finite.
        """
        shapes = {name: (self._series, *shape) for name, shape in self.stack.shapes.items()}
        known = checked(weights, shapes)
        self._take({name: weight.astype(np.float32) for name, weight in known.items()})

    def _take(self, weights: dict[str, NDArray[np.float32]]) -> None:
        """Use these weights from now on."""
        self._weights = weights
        self._exact = {name: tf.constant(w, tf.float64) for name, w in weights.items()}


def _evenly(most: int) -> int:
    """The largest number of windows, no more than `most`, that is looked at in one call.

    They are powers of two up to `EVEN`, and its multiples beyond: few sizes, so few other
    instructions, and a few windows of a large fleet do not cost as much as many.
    """
    return most // EVEN * EVEN if most > EVEN else 1 << (max(most, 1).bit_length() - 1)


def _rounded(count: int, size: int) -> int:
    """How many windows are looked at in place of so many, in calls of at most `size`."""
    step = min(EVEN, size)
    return -(-count // step) * step if count > step else 1 << (max(count, 1) - 1).bit_length()


def _reconstruction(stack: Stack, weights: Weights, windows: Tensor) -> tuple[Tensor]:
    return (stack(weights, windows),)


def _code(stack: Stack, weights: Weights, windows: Tensor) -> tuple[Tensor]:
    return (stack.code(weights, windows),)


def _hidden(stack: Stack, weights: Weights, windows: Tensor) -> tuple[Tensor, ...]:
    return stack.hidden(weights, windows)


def _failure(members: Sequence[int]) -> TrainingFailed:
    names = ", ".join(map(str, members))
    return TrainingFailed(
        f"training failed: the loss of member {names} (counted from 0) is not finite; look for"
        " extreme values in its normal rows, choose robust scaling or a lower learning_rate",
        members,
    )
