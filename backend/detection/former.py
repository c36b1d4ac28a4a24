"""What a version leaves to the training after it, so that this need not begin from nothing.

Weights fit the scale they were learned with. Where what is learned anew is near it, a channel keeps
its former scale with the weights, which so mean what they meant, and the scale cannot creep away
from the data either; a series most of whose channels have moved further begins cold.

Shapes: S series, K folds, P places of a scale, F channels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.detection.fold_history import FoldHistory
from backend.detection.pipeline import Fitted
from backend.detection.window_scaling import WindowScaler
from backend.ports import Floats, Model, ModelFactory
from backend.records import SeriesKey
from backend.specs import DetectorSpec

Arrays = Mapping[str, NDArray[Any]]
Mask = NDArray[np.bool_]

_MOVED = 0.5
"""A center further from the former one than this, in its scale, is another."""
_STRETCHED = 1.5
"""A scale so many times the former one, or less than its inverse, is another."""
_NEAR = 0.75
"""Share of the channels whose scale has to be near the former one."""


@dataclass(frozen=True)
class FoldMemory:
    """The folds of a version: what they learned, in which scale, and from which windows.

    Attributes:
        weights: what each can go on from, (S, K, ...).
        center: (S, K, P, F).
        scale: (S, K, P, F).
        histories: one a series.
    """

    weights: Arrays
    center: Floats
    scale: Floats
    histories: tuple[FoldHistory, ...]

    @classmethod
    def joined(cls, parts: "Sequence[FoldMemory]") -> "FoldMemory":
        """Those of several parts of one fleet, in their order."""
        names = parts[0].weights
        return cls(
            {name: np.concatenate([part.weights[name] for part in parts]) for name in names},
            np.concatenate([part.center for part in parts]),
            np.concatenate([part.scale for part in parts]),
            tuple(history for part in parts for history in part.histories),
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """As plain arrays; ranges are rows of series, fold, start and stop."""
        found = {f"weight_{name}": weight for name, weight in self.weights.items()}
        for name in ("held_out", "seen"):
            own = [history.arrays()[name] for history in self.histories]
            series = np.repeat(np.arange(len(own)), [len(part) for part in own])
            found[name] = np.column_stack((series, np.concatenate(own)))
        return {**found, "center": self.center, "scale": self.scale}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "FoldMemory":
        """Read back what `arrays` gave.

        Raises:
            KeyError: something of it is not there.
        """
        series, folds = arrays["center"].shape[:2]
        names = ("held_out", "seen")
        cut = {name: _by_series(arrays[name], series) for name in names}
        histories = [
            FoldHistory.from_arrays({name: cut[name][s] for name in names}, folds)
            for s in range(series)
        ]
        prefix = "weight_"
        weights = {n.removeprefix(prefix): w for n, w in arrays.items() if n.startswith(prefix)}
        return cls(weights, arrays["center"], arrays["scale"], tuple(histories))


@dataclass(frozen=True)
class Begin:
    """How a member of a training begins: in which scale, and with which weights.

    Attributes:
        scaler: of one member.
        weights: by name, without a series axis; None where it begins cold.
    """

    scaler: WindowScaler
    weights: Arrays | None = None


@dataclass(frozen=True)
class Former:
    """The version that serves, for the training after it.

    Attributes:
        fitted: the version.
        folds: its folds; None where they were not kept, then all folds begin cold.
    """

    fitted: Fitted
    folds: FoldMemory | None = None

    def for_training(self, spec: DetectorSpec, make_model: ModelFactory) -> "Former | None":
        """This, as far as its weights mean to a detector what they meant; None if they do not.

        Model, channels, grid and what is done to readings have to be those of then.
        """
        shapes = _shapes(make_model(spec.model, 1, len(spec.inputs)), axes=1)
        if not shapes or _ground(spec) != _ground(self.fitted.spec):
            return None
        if _shapes(self.fitted.model, axes=1) != shapes:
            return None
        kept = self.folds
        known = kept is not None and kept.center.shape[1] == spec.folds
        whole = kept is not None and {n: w.shape[2:] for n, w in kept.weights.items()} == shapes
        return Former(self.fitted, kept if known and whole else None)

    def history(self, key: SeriesKey, active: Mask) -> FoldHistory | None:
        """What the folds of a series have seen; None where they cannot go on.

        Args:
            key: of the series.
            active: (F,) channels that vary in its normal time now.
        """
        s = self._place(key, active)
        return None if s is None or self.folds is None else self.folds.histories[s]

    def serving(self, key: SeriesKey, active: Mask, scaler: WindowScaler) -> Begin:
        """How the model of a series that is to serve begins; see `fold`."""
        s = self._place(key, active)
        if s is None:
            return Begin(scaler)
        weights = {name: weight[s] for name, weight in self._served.items()}
        return _begin(scaler, self.fitted.scaler.of(s), weights)

    def fold(self, key: SeriesKey, active: Mask, number: int, scaler: WindowScaler) -> Begin:
        """How a fold of a series begins.

        Args:
            key: of the series.
            active: (F,) channels that vary in its normal time now.
            number: of the fold.
            scaler: what was learned anew from its rows.
        """
        s = self._place(key, active)
        if s is None or self.folds is None:
            return Begin(scaler)
        one, kept = (slice(s, s + 1), number), self.folds
        was = WindowScaler(kept.center[one], kept.scale[one], scaler.itself)
        return _begin(scaler, was, {n: weight[s, number] for n, weight in kept.weights.items()})

    def _place(self, key: SeriesKey, active: Mask) -> int | None:
        s = self._places.get(key)
        return s if s is not None and np.array_equal(self.fitted.active[s], active) else None

    @cached_property
    def _places(self) -> dict[SeriesKey, int]:
        return {key: s for s, key in enumerate(self.fitted.keys)}

    @cached_property
    def _served(self) -> Arrays:
        return self.fitted.model.starts()


def _by_series(rows: NDArray[np.int64], series: int) -> list[NDArray[np.int64]]:
    """Rows (Q, 1 + C), ascending by the series in front, as (., C) of each series."""
    edges = np.searchsorted(rows[:, 0], np.arange(series + 1))
    return [rows[a:b, 1:] for a, b in pairwise(edges.tolist())]


def gathered(model: Model, begins: Sequence[Begin]) -> dict[str, NDArray[Any]] | None:
    """The start of a fleet, NaN for members that begin cold; None where all do."""
    if all(begin.weights is None for begin in begins):
        return None
    start = {name: np.full_like(weight, np.nan) for name, weight in model.starts().items()}
    for member, begin in enumerate(begins):
        for name, weight in (begin.weights or {}).items():
            start[name][member] = weight
    return start


def _begin(scaler: WindowScaler, was: WindowScaler, weights: Arrays) -> Begin:
    """With the former weights and, channel by channel, the former scale where that is still near.

    A channel that has moved takes its new scale, which the network has to learn anew; where too
    many have, it begins cold.
    """
    moved = np.abs(scaler.center - was.center) / was.scale
    stretched = np.maximum(scaler.scale / was.scale, was.scale / scaler.scale)
    near = (moved <= _MOVED) & (stretched <= _STRETCHED)
    if near.mean() < _NEAR:
        return Begin(scaler)
    center = np.where(near, was.center, scaler.center)
    return Begin(
        WindowScaler(center, np.where(near, was.scale, scaler.scale), scaler.itself), weights
    )


def _ground(spec: DetectorSpec) -> tuple[object, ...]:
    """All that gives weights their meaning."""
    return spec.model, spec.inputs, spec.step, spec.scaling, spec.preprocessing


def _shapes(model: Model, axes: int) -> dict[str, tuple[int, ...]]:
    return {name: weight.shape[axes:] for name, weight in model.starts().items()}
