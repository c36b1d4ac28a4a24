"""What is done to readings before they are scaled: `x' = g(x) - base(t)`, and how it is undone.

g is a curve that has an inverse, base(t) is known when the point is scored, so that whatever a
model expects can be said in sensor units: `x = g^-1(x' + base(t))`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.detection.bases import Profile, base_of, learn_profile
from backend.detection.curves import Curves, Wish, learn_curves
from backend.ports import Floats, Times
from backend.specs import DetectorSpec, ErrorSpec, nanoseconds


@dataclass(frozen=True)
class Preprocessing:
    """As learned from normal rows, S series and F channels."""

    spec: DetectorSpec
    curves: Curves
    profile: Profile

    def apply(self, values: Floats, times: Times) -> "Applied":
        """(S, T, F) in sensor units to what is scaled; NaN stays, and where a base is not known."""
        if _is_idle(self.spec):
            return Applied(values, None, self.curves)
        bent = self.curves.bend(values)
        base = base_of(self.spec.preprocessing, self.profile, bent, times, self.spec.step)
        return Applied(bent - base, base, self.curves)


@dataclass(frozen=True)
class Applied:
    """Values (S, T, F) to be scaled, with what was taken off; None where nothing was."""

    values: Floats
    base: Floats | None
    curves: Curves

    def back(self, values: Floats) -> Floats:
        """Values of the same rows in sensor units."""
        return self.curves.unbend(values if self.base is None else values + self.base)


def learn_preprocessing(
    spec: DetectorSpec, values: Floats, rows: NDArray[np.bool_], times: Times
) -> Preprocessing:
    """Learn from normal rows.

    Args:
        spec: the detector.
        values: (S, T, F) sensor units, by `spec.inputs`.
        rows: (S, T) to learn from.
        times: (T,) nanoseconds.
    """
    curves = learn_curves(values, rows, _wishes(spec))
    period = spec.preprocessing.profile
    bent = values if period == "none" else curves.bend(values)
    return Preprocessing(spec, curves, learn_profile(bent, rows, times, spec.step, period))


def lookback(spec: DetectorSpec) -> int:
    """Rows before a row that what is taken off it, or filled in, depends on."""
    asked = spec.preprocessing
    spans = (asked.detrend, asked.difference, asked.impute)
    return sum(-(-nanoseconds(span) // spec.step) for span in spans)


def base_known(spec: DetectorSpec, values: Floats, times: Times) -> NDArray[np.bool_]:
    """(S, T, F) where enough came before that what is taken off is known.

    Args:
        spec: the detector.
        values: (S, T, F) sensor units.
        times: (T,) nanoseconds.
    """
    asked = spec.preprocessing
    if not (asked.detrend or asked.difference):
        return np.ones(values.shape, dtype=bool)
    there = np.where(np.isfinite(values), 0.0, np.nan)
    flat = Profile("none", np.zeros((values.shape[0], 1, values.shape[2])))
    return np.isfinite(base_of(asked, flat, there, times, spec.step))


def impute(spec: DetectorSpec, values: Floats, times: Times) -> tuple[Floats, NDArray[np.bool_]]:
    """Let a channel keep its last value while others report, for as long as was asked.

    Args:
        spec: the detector.
        values: (S, T, F) sensor units.
        times: (T,) nanoseconds.

    Returns:
        (S, T, F) values and the mask of those filled in; a row without any reading stays a gap.
    """
    there = np.isfinite(values)
    longest = nanoseconds(spec.preprocessing.impute)
    if not longest:
        return values, np.zeros_like(there)
    row = np.arange(values.shape[1])[None, :, None]
    last = np.maximum.accumulate(np.where(there, row, -1), axis=1)
    age = times[None, :, None] - times[np.maximum(last, 0)]
    fill = ~there & there.any(axis=2, keepdims=True) & (last >= 0) & (age <= longest)
    return np.where(fill, np.take_along_axis(values, np.maximum(last, 0), axis=1), values), fill


def channel_units(spec: DetectorSpec, counted: NDArray[np.bool_], error: ErrorSpec) -> Floats:
    """(S, F) what a spread is multiplied by so that channels count by their weights.

    Weights are taken relative to their mean over the channels that count.
    """
    weight = np.where(counted, weights(spec)[None, :], 0.0)
    mean = weight.sum(axis=1, keepdims=True) / np.maximum(counted.sum(axis=1, keepdims=True), 1)
    unit = np.divide(mean, weight, out=np.ones_like(weight), where=weight > 0)
    return unit if error.metric == "absolute" else np.sqrt(unit)


def weights(spec: DetectorSpec) -> Floats:
    """(F,) by `spec.inputs`; 0 for context."""
    asked = spec.preprocessing.weights
    return np.array([asked.get(n, 1.0) if n in spec.channels else 0.0 for n in spec.inputs])


def _is_idle(spec: DetectorSpec) -> bool:
    asked = spec.preprocessing
    return (
        set(_wishes(spec)) == {"none"}
        and asked.profile == "none"
        and not asked.detrend
        and not asked.difference
    )


def _wishes(spec: DetectorSpec) -> list[Wish]:
    asked = spec.preprocessing.transform
    if isinstance(asked, str):
        return [asked] * len(spec.inputs)
    return [asked.get(name, "none") for name in spec.inputs]
