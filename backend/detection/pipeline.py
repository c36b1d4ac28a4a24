"""The walk of a point: grid, scale, windows, reconstruction, error, smoothing, threshold, flag."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from backend.detection.alarms import AlarmState, raise_alarms
from backend.detection.checks import REASONS, CheckLimits, check
from backend.detection.contributions import shares
from backend.detection.evidence import Errors, Evidence, hear, judge
from backend.detection.grid import Rows
from backend.detection.judging import Prepared, prepare, settle_points
from backend.detection.missing import Lacking, MissingSets
from backend.detection.modes import OperatingModes
from backend.detection.occlusion import Indices, occlude
from backend.detection.out_of_distribution import Familiar
from backend.detection.preprocessing import Applied, Preprocessing, lookback, weights
from backend.detection.smoothing import ewma_kernel, smooth
from backend.detection.thresholds import Before, Limits, Moved, move
from backend.detection.usual import Usual
from backend.detection.window_scaling import Seen, WindowScaler
from backend.detection.windows import full_windows, windows_ending_at
from backend.detection.yardstick import Yardstick
from backend.ports import Floats, Model, Times
from backend.records import SeriesKey
from backend.schema import REASON_DEGRADED, REASON_MODEL, REASON_NONE, REASON_WARM_UP
from backend.specs import DetectorSpec

_CHUNK = 4_000_000
"""Numbers in one call of the model: bounds memory whatever the range."""


@dataclass(frozen=True)
class Fitted:
    """A model version in memory: all that was fitted together.

    Attributes:
        spec: the detector it was fitted for.
        keys: the S series it knows.
        preprocessing: curves and what is taken off, (S, F).
        scaler: center and scale of what it leaves, (S, P, F).
        middle: (S, F) usual values in sensor units.
        active: (S, F) channels that vary; the others are kept aside and only checked.
        spread: (S, V, F) of held-out normal residuals of each voice, in the channels' units.
        yardstick: what brings the voices of the model on one scale.
        limits: what the threshold of each point follows from.
        checks: limits of the plain checks.
        familiar: what training saw.
        usual: what each channel's error is on held-out normal rows.
        modes: the operating modes, if any are told apart.
        missing: the sets of channels without which it can judge.
        model: S members.
    """

    spec: DetectorSpec
    keys: tuple[SeriesKey, ...]
    preprocessing: Preprocessing
    scaler: WindowScaler
    middle: Floats
    active: NDArray[np.bool_]
    spread: Floats
    yardstick: Yardstick
    limits: Limits
    checks: CheckLimits
    familiar: Familiar
    usual: Usual
    modes: OperatingModes
    missing: MissingSets
    model: Model

    @property
    def threshold(self) -> Floats:
        """(S,) common limit in the unit of the smoothed error."""
        return self.limits.values

    @property
    def counted(self) -> NDArray[np.bool_]:
        """(S, F) channels whose error counts: no context, no constant ones."""
        return counted_channels(self.spec, self.active)

    @property
    def kernel(self) -> int:
        """Rows that are smoothed together."""
        return len(ewma_kernel(self.spec.smoothing.span))

    @property
    def lookback(self) -> int:
        """Rows before a range that its scores depend on."""
        model = self.kernel + self.model.window + self.spec.max_gap + settle_points(self.spec)
        return max(model + lookback(self.spec), self.checks.lookback)


@dataclass(frozen=True)
class Carried:
    """What is known of the rows before the first one that is scored; None where nothing is.

    Attributes:
        alarm: state of the alarm; off if not given.
        before: rows as this version scored them; none if not given.
        errors: of the newest rows. Of one row less than `Fitted.kernel`, the model need not look at
            any again; fewer are not used.
    """

    alarm: AlarmState | None = None
    before: Before | None = None
    errors: Errors | None = None


@dataclass(frozen=True)
class Scored:
    """What is known of each point, S series by T points; nothing is NaN.

    Attributes:
        keys: the S series.
        times: (T,) nanoseconds.
        error, smoothed, threshold, score: (S, T); 0 where not judged (the threshold never is).
        flag, alarm, judged: (S, T).
        outside: (S, T) where the input is beyond what training saw, whatever the score.
        drift: (S, T) where the threshold can follow the level of normal errors no further.
        reason: (S, T) why flagged, or why not judged.
        channels_used: (S, T) how many channels counted; fewer where some are missing.
        bridged: (S, T) how many channels show the last value because a short gap is open.
        contributions: (S, T, F) shares of the smoothed error by `spec.inputs`.
        expected: (S, T, F) the reconstruction in sensor units; the input's own value, or the
            channel's usual one, where there is no reconstruction.
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
    outside: NDArray[np.bool_]
    drift: NDArray[np.bool_]
    reason: NDArray[np.object_]
    channels_used: Floats
    bridged: NDArray[np.int64]
    contributions: Floats
    expected: Floats


def counted_channels(spec: DetectorSpec, active: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(S, F) active channels that are judged: the first of `spec.inputs`, before context."""
    return active & (weights(spec) > 0)


def apply(fitted: Fitted, prepared: Prepared, times: Times) -> Applied:
    """(S, T, F) rows in the channels' units; channels kept aside are absent."""
    values = np.where(fitted.active[:, None, :], prepared.values, np.nan)
    return fitted.preprocessing.apply(values, times)


def lacking_in(fitted: Fitted, prepared: Prepared) -> Lacking:
    """Which channels are missing in the windows that end at each row."""
    return fitted.missing.look(prepared.absent, fitted.model.window)


def looks(
    fitted: Fitted, values: Floats, first: int, lacking: Lacking | None = None
) -> Iterator[tuple[slice, Seen]]:
    """What the model sees of rows (S, T, F), piece by piece: which rows, and their windows.

    Begins at `first`, or where the first window can end. What is missing is hidden, if told.
    """
    window = fitted.model.window
    chunk = max(1, _CHUNK // max(1, values.shape[0] * window * values.shape[2]))
    for start in range(max(first, window - 1), values.shape[1], chunk):
        stop = min(start + chunk, values.shape[1])
        windows = windows_ending_at(values, start, stop, window)
        if lacking is not None:
            windows = lacking.hidden(windows, slice(start, stop))
        yield slice(start, stop), fitted.scaler.see(windows)


def examine(
    fitted: Fitted,
    prepared: Prepared,
    applied: Applied,
    times: Times,
    first: int,
    lacking: Lacking,
) -> Evidence:
    """What the model says of the rows from `first` on; silence where no full window ends.

    Silence, too, where channels are missing without which it cannot judge. What it expects is given
    in sensor units; of a missing channel what stands for it, if the model does not say.
    """
    evidence = Evidence.silence(applied.values.shape, fitted.model.voices)
    every = slice(None)
    for rows, seen in looks(fitted, applied.values, first, lacking):
        when = np.broadcast_to(times[rows], seen.windows.shape[:2])
        heard = hear(fitted.model.assess(seen.windows, when), seen, fitted.spec.error)
        if lacking.absent[:, rows].any():
            stands = np.where(lacking.absent[:, rows], seen.back(seen.windows)[:, :, -1], np.nan)
            told = np.isfinite(heard.expected)
            heard = replace(heard, expected=np.where(told, heard.expected, stands))
        evidence.put(every, rows, heard, every)
    full = full_windows(prepared.otherwise, fitted.model.window)
    known = evidence.only(full & lacking.known)
    return replace(known, expected=applied.back(known.expected))


def errors_of(fitted: Fitted, evidence: Evidence, lacking: Lacking) -> Errors:
    """The error that evidence comes to, in the unit of the full set of channels."""
    counted = lacking.counted(fitted.counted)
    found = judge(evidence, fitted.spread, fitted.yardstick, counted, fitted.spec.error)
    factors = lacking.factors()
    return found if factors is None else found.times(factors)


def hidden_shares(
    fitted: Fitted,
    values: Floats,
    times: Times,
    ends: tuple[Indices, Indices],
    lacking: Lacking,
) -> Floats:
    """(N, F) shares of the error of some rows, found by hiding one channel after the other.

    Args:
        fitted: the model version.
        values: (S, T, F) rows in the channels' units.
        times: (T,) of the rows.
        ends: series and row of each, (N,).
        lacking: what is missing in the rows.
    """
    parts = occlude(fitted.model, values, lacking, fitted.scaler, times, ends)
    counted = lacking.counted(fitted.counted)
    own = counted[ends[0]] if counted.ndim == 2 else counted[ends]
    parts = np.where(own, parts, 0.0)
    total = parts.sum(axis=1, keepdims=True)
    return np.divide(parts, total, out=np.zeros_like(parts), where=total > 0)


def score(
    fitted: Fitted,
    rows: Rows,
    *,
    first: int = 0,
    excluded: NDArray[np.bool_] | None = None,
    alarm: AlarmState | None = None,
    before: Before | None = None,
) -> Scored:
    """Score the rows from index `first` on; rows before it are only looked back at.

    Args:
        fitted: the model version; its series are those of `rows`, in order.
        rows: (S, T, F) with at least `fitted.lookback` rows before `first`, where there are any.
        first: index of the first row wanted.
        excluded: (S, T) rows under an `exclude` label.
        alarm: state of the alarm before `first`; off if not given.
        before: rows before `first` as this version scored them; none if not given.
    """
    return go_on(fitted, rows, first, Carried(alarm, before), excluded)[0]


def go_on(
    fitted: Fitted,
    rows: Rows,
    first: int,
    carried: Carried,
    excluded: NDArray[np.bool_] | None = None,
) -> tuple[Scored, Errors]:
    """Score as `score` does, from where it ended before: the model sees no window twice.

    Args:
        fitted: the model version; its series are those of `rows`, in order.
        rows: (S, T, F) with at least `fitted.lookback` rows before `first`, where there are any.
        first: index of the first row wanted.
        carried: what is known of the rows before it.
        excluded: (S, T) rows under an `exclude` label.

    Returns:
        What is known of the rows from `first` on; and errors to be carried on, of these and of
        those just before that are smoothed together with them.
    """
    spec = fitted.spec
    prepared = prepare(spec, rows, fitted.active, excluded)
    applied = apply(fitted, prepared, rows.times)
    lacking = lacking_in(fitted, prepared)
    evidence, errors = _heard(
        fitted, prepared, applied, rows.times, first, lacking, known=carried.errors
    )
    wanted, newest = (
        slice(first, None),
        slice(errors.error.shape[1] - len(rows.times) + first, None),
    )
    smoothed = _smoothed(fitted, errors.error)[:, newest]
    counted = lacking.since(first).counted(fitted.counted)
    share = shares(_smoothed(fitted, errors.by_channel)[:, newest], counted)
    usable = (prepared.otherwise & lacking.known)[:, wanted]
    judged = usable & np.isfinite(smoothed)
    checked = _check(fitted, rows)[:, wanted]
    explained = judged & (checked > 1.0).any(axis=(2, 3))
    own = np.where(judged & ~explained, smoothed, np.nan)
    moved = _moved(fitted, prepared, rows, own, carried.before)
    threshold = moved.threshold

    ratio = np.where(judged, smoothed / threshold, 0.0)
    unknown = (ratio > 1.0) & (share.sum(axis=2) == 0)
    if unknown.any():  # no voice could tell
        series, at = np.nonzero(unknown)
        ends = series, at + first
        share[unknown] = hidden_shares(fitted, applied.values, rows.times, ends, lacking)
    ratio, share, reason = _with_checks(checked, judged, ratio, share)
    without = judged & lacking.absent[:, wanted].any(axis=2)
    reason[without & (ratio <= 1.0)] = REASON_DEGRADED
    why = np.where(prepared.usable, REASON_WARM_UP, prepared.why)[:, wanted]
    state = carried.alarm or AlarmState.off(len(rows.keys))
    scored = Scored(
        keys=rows.keys,
        times=rows.times[wanted],
        error=np.nan_to_num(errors.error[:, newest]),
        smoothed=np.where(explained, ratio * threshold, np.where(judged, smoothed, 0.0)),
        threshold=threshold,
        score=ratio,
        flag=ratio > 1.0,
        alarm=raise_alarms(ratio, judged, spec.alarm, state) & ~fitted.limits.silent[:, None],
        judged=judged,
        outside=usable & fitted.familiar.outside(prepared.values[:, wanted]),
        drift=moved.drift,
        reason=np.where(judged, reason, why),
        channels_used=_channels_used(fitted, prepared, lacking)[:, wanted],
        bridged=prepared.bridged.sum(axis=2)[:, wanted],
        contributions=np.where(judged[:, :, None], share, 0.0),
        expected=_fill(fitted, evidence.expected, prepared.values)[:, wanted],
    )
    return scored, errors


def _heard(  # noqa: PLR0913 - rows in each of their forms
    fitted: Fitted,
    prepared: Prepared,
    applied: Applied,
    times: Times,
    first: int,
    lacking: Lacking,
    *,
    known: Errors | None,
) -> tuple[Evidence, Errors]:
    """What the model says of the rows from `first` on, and errors of what is smoothed with them.

    Of the rows before `first` the errors are taken where enough are known, else asked for anew.
    """
    begin = max(0, first - fitted.kernel + 1)
    count = first - begin
    if known is None or known.error.shape[1] < count:
        evidence = examine(fitted, prepared, applied, times, begin, lacking)
        return evidence, errors_of(fitted, evidence, lacking).since(begin)
    evidence = examine(fitted, prepared, applied, times, first, lacking)
    before = known.since(known.error.shape[1] - count)
    return evidence, before.then(errors_of(fitted, evidence, lacking).since(first))


def _smoothed(fitted: Fitted, values: Floats) -> Floats:
    return smooth(values, ewma_kernel(fitted.spec.smoothing.span))


def _moved(
    fitted: Fitted, prepared: Prepared, rows: Rows, own: Floats, before: Before | None
) -> Moved:
    """The threshold of the newest rows, by their own smoothed errors (S, N)."""
    first = rows.values.shape[1] - own.shape[1]
    past = before or Before.nothing(len(rows.keys))
    modes = fitted.modes.of(prepared.values)
    if first:
        past = replace(past, mode=modes[:, first - 1])
    place = int(rows.times[0]) // rows.step + first
    return move(fitted.spec.threshold, fitted.limits, own, place, past, modes[:, first:])


def _check(fitted: Fitted, rows: Rows) -> Floats:
    """(S, T, F, C) what the plain checks find of the judged channels, as ratios to their limits."""
    watched = weights(fitted.spec) > 0
    return check(rows.values, fitted.checks) * watched[None, None, :, None]


def _with_checks(
    ratios: Floats, judged: NDArray[np.bool_], ratio: Floats, share: Floats
) -> tuple[Floats, Floats, NDArray[np.object_]]:
    """Let a plain check that fires explain the point, and raise the score at least to its ratio."""
    strongest = ratios.max(axis=(2, 3))
    fires = judged & (strongest > 1.0)
    reason = np.full(ratio.shape, REASON_NONE, dtype=np.object_)
    reason[judged & (ratio > 1.0)] = REASON_MODEL
    reason[fires] = np.array(REASONS, dtype=np.object_)[ratios.max(axis=2).argmax(axis=2)[fires]]
    fired = np.where(ratios > 1.0, ratios, 0.0).max(axis=3)
    total = np.maximum(fired.sum(axis=2, keepdims=True), 1.0)
    share = np.where(fires[:, :, None], fired / total, share)
    return np.where(fires, np.maximum(strongest, ratio), ratio), share, reason


def _channels_used(fitted: Fitted, prepared: Prepared, lacking: Lacking) -> Floats:
    there = np.isfinite(prepared.values) & ~lacking.absent & fitted.counted[:, None, :]
    return there.sum(axis=2).astype(np.float64)


def _fill(fitted: Fitted, expected: Floats, values: Floats) -> Floats:
    fallback = np.where(np.isfinite(values), values, fitted.middle[:, None, :])
    known = np.isfinite(expected) & fitted.active[:, None, :]
    return np.where(known, expected, fallback)
