"""Scaling of windows, in one of three orders of the literature.

Rows may be scaled before they are cut into windows, which is the usual way; each place of a window
may have a scale of its own, learned from all normal windows; or each window may be brought to its
own mean and deviation, so that only its shape is seen (Rakthanmanon et al., Searching and mining
trillions of time series subsequences, 2012). A window that hardly moves is not blown up: it is
divided at least by the deviation that is usual in a normal window.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.detection.sampling import evenly
from backend.detection.scaling import Scaling, fit_scaler
from backend.detection.windows import gather
from backend.ports import Floats, Lesson, Times
from backend.specs import DetectorSpec

_MOST_NUMBERS = 32_000_000
"""Of windows laid out one after the other; from a longer history some are taken, evenly."""
_CHUNK = 4_000_000


@dataclass(frozen=True)
class Seen:
    """Windows as a model sees them, (S, N, W, F), and what brings them back to their units."""

    windows: Floats
    center: Floats
    scale: Floats

    def back(self, windows: Floats) -> Floats:
        """Scaled windows in the channels' units."""
        return windows * self.scale + self.center


@dataclass(frozen=True)
class WindowScaler:
    """`(x - center) / scale` by place of the window; P is 1 where all places have the same.

    Attributes:
        center: (S, P, F).
        scale: (S, P, F); of windows that are scaled by themselves the least deviation.
        itself: whether each window is brought to its own mean and deviation.
    """

    center: Floats
    scale: Floats
    itself: bool = False

    def see(self, windows: Floats) -> Seen:
        """(S, N, W, F) in the channels' units, as a model sees them; NaN stays."""
        center, scale = self.center[:, None], self.scale[:, None]
        if self.itself:
            center = _mean(windows)
            scale = np.maximum(np.sqrt(_mean(np.square(windows - center))), scale)
        return Seen((windows - center) / scale, center, scale)

    def of(self, member: int) -> "WindowScaler":
        """That of one member alone."""
        one = slice(member, member + 1)
        return WindowScaler(self.center[one], self.scale[one], self.itself)

    def lesson(
        self,
        rows: Floats,
        train: NDArray[np.int64],
        stop: NDArray[np.int64],
        seed: int,
        times: Times,
        window: int,
    ) -> Lesson:
        """What a single member learns from: its rows scaled, or its windows laid out as rows.

        Args:
            rows: (T, F) in the channels' units.
            train: (N,) last rows of the windows to learn from.
            stop: (N,) of those that early stopping looks at.
            seed: of the member.
            times: (T,) of the rows.
            window: W.
        """
        if self.center.shape[1] == 1 and not self.itself:
            return Lesson(self.see(rows[None, None]).windows[0, 0], train, stop, seed, times)
        train = evenly(train, max(1, _MOST_NUMBERS // (window * rows.shape[1])))
        ends = np.concatenate((train, stop))
        laid = self.see(gather(rows[None], ends[None], window)).windows[0]
        when = times[ends[:, None] + np.arange(1 - window, 1)]
        place = np.arange(1, len(ends) + 1) * window - 1
        return Lesson(
            laid.reshape(-1, rows.shape[1]),
            place[: len(train)],
            place[len(train) :],
            seed,
            when.reshape(-1),
        )


def joined(scalers: "list[WindowScaler]") -> WindowScaler:
    """Those of several members as one."""
    return WindowScaler(
        np.concatenate([one.center for one in scalers]),
        np.concatenate([one.scale for one in scalers]),
        scalers[0].itself,
    )


def fit_window_scaler(
    spec: DetectorSpec, values: Floats, rows: NDArray[np.bool_], ends: NDArray[np.bool_]
) -> WindowScaler:
    """Learn from normal rows.

    Args:
        spec: the detector.
        values: (S, T, F) in the channels' units.
        rows: (S, T) normal rows.
        ends: (S, T) those that end a window to learn from.
    """
    order, window = spec.preprocessing.order, spec.model.window
    if order == "window_then_scale":
        return _by_place(values, ends, window, spec.scaling)
    scaler = fit_scaler(values, rows, spec.scaling)
    if order == "scale_then_window":
        return WindowScaler(scaler.center[:, None], scaler.scale[:, None])
    least = np.stack([_usual_deviation(values[s], ends[s], window) for s in range(len(values))])
    least = np.where(least > 1e-9 * scaler.scale, least, scaler.scale)
    return WindowScaler(np.zeros_like(least)[:, None], least[:, None], itself=True)


def _by_place(
    values: Floats, ends: NDArray[np.bool_], window: int, scaling: Scaling
) -> WindowScaler:
    found = []
    for place in range(window):
        rows = np.zeros_like(ends)
        rows[:, : ends.shape[1] - window + 1 + place] = ends[:, window - 1 - place :]
        found.append(fit_scaler(values, rows, scaling))
    return WindowScaler(
        np.stack([one.center for one in found], axis=1),
        np.stack([one.scale for one in found], axis=1),
    )


def _usual_deviation(values: Floats, ends: NDArray[np.bool_], window: int) -> Floats:
    """(F,) median deviation within the normal windows of one series."""
    last = evenly(np.flatnonzero(ends), max(1, _CHUNK // (window * values.shape[1])))
    if not last.size:
        return np.zeros(values.shape[1])
    windows = gather(values[None], last[None], window)
    deviation = np.sqrt(_mean(np.square(windows - _mean(windows))))[0, :, 0]
    return np.median(np.nan_to_num(deviation), axis=0)


def _mean(windows: Floats) -> Floats:
    """(S, N, 1, F) over the rows that are there; 0 where none is."""
    there = np.isfinite(windows)
    total = np.where(there, windows, 0.0).sum(axis=2, keepdims=True)
    return total / np.maximum(there.sum(axis=2, keepdims=True), 1)
