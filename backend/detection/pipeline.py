"""The walk of a point: grid, scale, windows, reconstruction, error, smoothing, threshold, flag."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.detection.alarms import AlarmState, raise_alarms
from backend.detection.checks import REASONS, CheckLimits, check
from backend.detection.contributions import shares
from backend.detection.evidence import Evidence, hear, judge
from backend.detection.grid import Rows
from backend.detection.judging import Prepared, prepare, settle_points
from backend.detection.occlusion import occlude
from backend.detection.scaling import Scaler
from backend.detection.smoothing import ewma_kernel, smooth
from backend.detection.windows import full_windows, windows_ending_at
from backend.detection.yardstick import Yardstick
from backend.ports import Floats, Model, Times
from backend.records import SeriesKey
from backend.schema import REASON_MODEL, REASON_NONE, REASON_WARM_UP
from backend.specs import DetectorSpec

_CHUNK = 4_000_000
"""Numbers in one call of the model: bounds memory whatever the range."""


@dataclass(frozen=True)
class Fitted:
    """A model version in memory: model, scaler, spread, smoothing and threshold, fitted together.

    Attributes:
        spec: the detector it was fitted for.
        keys: the S series it knows.
        scaler: (S, F) center and scale.
        active: (S, F) channels that vary; the others are kept aside and only checked.
        spread: (S, V, F) of held-out normal residuals of each voice, in sensor units.
        yardstick: what brings the voices of the model on one scale.
        threshold: (S,) limit in the unit of the smoothed error.
        checks: limits of the plain checks.
        model: S members.
    """

    spec: DetectorSpec
    keys: tuple[SeriesKey, ...]
    scaler: Scaler
    active: NDArray[np.bool_]
    spread: Floats
    yardstick: Yardstick
    threshold: Floats
    checks: CheckLimits
    model: Model

    @property
    def counted(self) -> NDArray[np.bool_]:
        """(S, F) channels whose error counts: no context, no constant ones."""
        return counted_channels(self.spec, self.active)

    @property
    def lookback(self) -> int:
        """Rows before a range that its scores depend on."""
        kernel = len(ewma_kernel(self.spec.smoothing.span))
        model = kernel + self.model.window + self.spec.max_gap + settle_points(self.spec)
        return max(model, self.checks.lookback)


@dataclass(frozen=True)
class Scored:
    """What is known of each point, S series by T points; nothing is NaN.

    Attributes:
        keys: the S series.
        times: (T,) nanoseconds.
        error, smoothed, threshold, score: (S, T); 0 where not judged (the threshold never is).
        flag, alarm, judged: (S, T).
        reason: (S, T) why flagged, or why not judged.
        channels_used: (S, T) how many channels counted.
        bridged: (S, T) how many channels show the last value because a short gap is open.
        contributions: (S, T, F) shares of the smoothed error by `spec.inputs`.
        expected: (S, T, F) the reconstruction in sensor units; the input's own value, or the
            channel's center, where there is no reconstruction.
    """

    keys: tuple[SeriesKey, ...]
    times: NDArray[np.int64]
    error: Floats
    smoothed: Floats
    threshold: Floats
    score: Floats
    flag: NDArray[np.bool_]
    alarm: NDArray[np.bool_]
    judged: NDArray[np.bool_]
    reason: NDArray[np.object_]
    channels_used: Floats
    bridged: NDArray[np.int64]
    contributions: Floats
    expected: Floats


def counted_channels(spec: DetectorSpec, active: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(S, F) active channels that are judged: the first of `spec.inputs`, before context."""
    return active & (np.arange(active.shape[1]) < len(spec.channels))


def examine(fitted: Fitted, prepared: Prepared, times: Times, first: int) -> Evidence:
    """What the model says of the rows from `first` on; silence where no full window ends."""
    window, model = fitted.model.window, fitted.model
    scaled = _scaled(fitted, prepared)
    evidence = Evidence.silence(scaled.shape, model.voices)
    every = slice(None)
    chunk = max(1, _CHUNK // max(1, scaled.shape[0] * window * scaled.shape[2]))
    for start in range(max(first, window - 1), scaled.shape[1], chunk):
        stop = min(start + chunk, scaled.shape[1])
        windows = windows_ending_at(scaled, start, stop, window)
        when = np.broadcast_to(times[start:stop], windows.shape[:2])
        heard = hear(model.assess(windows, when), windows, fitted.scaler.scale, fitted.spec.error)
        evidence.put(every, slice(start, stop), heard, every)
    return evidence.only(full_windows(prepared.usable, window))


def score(
    fitted: Fitted,
    rows: Rows,
    *,
    first: int = 0,
    excluded: NDArray[np.bool_] | None = None,
    alarm: AlarmState | None = None,
) -> Scored:
    """Score the rows from index `first` on; rows before it are only looked back at.

    Args:
        fitted: the model version; its series are those of `rows`, in order.
        rows: (S, T, F) with at least `fitted.lookback` rows before `first`, where there are any.
        first: index of the first row wanted.
        excluded: (S, T) rows under an `exclude` label.
        alarm: state of the alarm before `first`; off if not given.
    """
    spec = fitted.spec
    kernel = ewma_kernel(spec.smoothing.span)
    prepared = prepare(spec, rows, fitted.active, excluded)
    evidence = examine(fitted, prepared, rows.times, max(0, first - len(kernel) + 1))
    errors = judge(evidence, fitted.spread, fitted.yardstick, fitted.counted, spec.error)
    error = errors.error
    smoothed = smooth(error, kernel)
    judged = prepared.usable & np.isfinite(smoothed)
    threshold = np.broadcast_to(fitted.threshold[:, None], error.shape)

    ratio = np.where(judged, smoothed / threshold, 0.0)
    share = shares(smooth(errors.by_channel, kernel), fitted.counted)
    share = _with_hidden(fitted, prepared, rows.times, share, ratio, first)
    ratio, share, reason = _with_checks(fitted, rows, judged, ratio, share)
    reason[~judged] = np.where(prepared.usable, REASON_WARM_UP, prepared.why)[~judged]
    wanted = slice(first, None)
    state = alarm or AlarmState.off(len(rows.keys))
    return Scored(
        keys=rows.keys,
        times=rows.times[wanted],
        error=np.nan_to_num(error[:, wanted]),
        smoothed=(ratio * threshold)[:, wanted],
        threshold=np.array(threshold[:, wanted]),
        score=ratio[:, wanted],
        flag=(ratio > 1.0)[:, wanted],
        alarm=raise_alarms(ratio[:, wanted], judged[:, wanted], spec.alarm, state),
        judged=judged[:, wanted],
        reason=reason[:, wanted],
        channels_used=_channels_used(fitted, prepared)[:, wanted],
        bridged=prepared.bridged.sum(axis=2)[:, wanted],
        contributions=np.where(judged[:, :, None], share, 0.0)[:, wanted],
        expected=_fill(fitted, evidence.expected, prepared.values)[:, wanted],
    )


def _with_hidden(
    fitted: Fitted,
    prepared: Prepared,
    times: Times,
    share: Floats,
    ratio: Floats,
    first: int,
) -> Floats:
    """Shares of flagged rows of which no voice could tell them."""
    unknown = (ratio > 1.0) & (share.sum(axis=2) == 0)
    unknown[:, :first] = False
    if not unknown.any():
        return share
    series, at = np.nonzero(unknown)
    ends = series, at
    parts = occlude(fitted.model, _scaled(fitted, prepared), times, ends)
    parts = np.where(fitted.counted[ends[0]], parts, 0.0)
    total = parts.sum(axis=1, keepdims=True)
    share[ends] = np.divide(parts, total, out=np.zeros_like(parts), where=total > 0)
    return share


def _scaled(fitted: Fitted, prepared: Prepared) -> Floats:
    """(S, T, F) rows as the model sees them; channels kept aside are absent."""
    values = np.where(fitted.active[:, None, :], prepared.values, np.nan)
    return fitted.scaler.transform(values)


def _with_checks(
    fitted: Fitted, rows: Rows, judged: NDArray[np.bool_], ratio: Floats, share: Floats
) -> tuple[Floats, Floats, NDArray[np.object_]]:
    """Let a plain check that fires explain the point, and raise the score at least to its ratio."""
    watched = np.arange(rows.values.shape[2]) < len(fitted.spec.channels)
    ratios = check(rows.values, fitted.checks) * watched[None, None, :, None]
    strongest = ratios.max(axis=(2, 3))
    fires = judged & (strongest > 1.0)
    reason = np.full(ratio.shape, REASON_NONE, dtype=np.object_)
    reason[judged & (ratio > 1.0)] = REASON_MODEL
    reason[fires] = np.array(REASONS, dtype=np.object_)[ratios.max(axis=2).argmax(axis=2)[fires]]
    fired = np.where(ratios > 1.0, ratios, 0.0).max(axis=3)
    total = np.maximum(fired.sum(axis=2, keepdims=True), 1.0)
    share = np.where(fires[:, :, None], fired / total, share)
    return np.where(fires, np.maximum(strongest, ratio), ratio), share, reason


def _channels_used(fitted: Fitted, prepared: Prepared) -> Floats:
    present = np.isfinite(prepared.values) & fitted.counted[:, None, :]
    return present.sum(axis=2).astype(np.float64)


def _fill(fitted: Fitted, expected: Floats, values: Floats) -> Floats:
    fallback = np.where(np.isfinite(values), values, fitted.scaler.center[:, None, :])
    known = np.isfinite(expected) & fitted.active[:, None, :]
    return np.where(known, fitted.scaler.inverse(expected), fallback)
