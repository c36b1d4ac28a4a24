"""Fitting a model version on normal rows: cross-fit, trim, calibrate, fit what will serve."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from backend.detection.checks import CheckLimits, learn_checks
from backend.detection.errors import normalise, reduce_channels, resolution, spread_of, window_error
from backend.detection.folds import Fold, cross_fit, split_stopping
from backend.detection.grid import Rows
from backend.detection.judging import Prepared, prepare
from backend.detection.pipeline import Fitted, counted_channels
from backend.detection.runs import spans
from backend.detection.scaling import Scaler, fit_scaler
from backend.detection.smoothing import ewma_kernel, smooth
from backend.detection.thresholds import Calibration, Limits, learn_limits
from backend.detection.trimming import FAR, impure_rows
from backend.detection.windows import full_windows, gather
from backend.exceptions import TrainingFailed
from backend.ports import Floats, Lesson, LossCurve, Model, ModelFactory, Progress
from backend.records import SeriesKey
from backend.specs import DetectorSpec

Mask = NDArray[np.bool_]

_CHUNK = 4_000_000
_HOUR = 3_600_000_000_000
_FEWEST_TO_FIT = 30
_CROSS_FIT_SHARE = 0.75
_DIVERGED = (
    "its losses grew beyond all bounds in training: lower model.learning_rate, or see whether its "
    "normal ranges hold values that are not"
)
_UNLABELLED_TRIM, _UNLABELLED_FAR = 0.05, 5.0


@dataclass(frozen=True)
class Trimmed:
    """A range of normal rows left out as impure, and the channel that stood out most."""

    series: SeriesKey
    start: int
    stop: int
    channel: str


@dataclass(frozen=True)
class Training:
    """The training record in arrays.

    Attributes:
        times: (T,) of the rows.
        normal: (S, T) rows trained on, after trimming.
        held_out_error: (S, T) error of normal rows by the fold that had not seen them.
        held_out_smoothed: (S, T) the same, smoothed: what the limit was learned from.
        limits: the limit of each series and what backs it.
        curves: loss curves of the served model, one a series.
        fold_curves: loss curves of the folds, S times K.
        folds: K.
        trimmed: ranges left out.
        warnings: sentences for the operator.
    """

    times: NDArray[np.int64]
    normal: Mask
    held_out_error: Floats
    held_out_smoothed: Floats
    limits: Limits
    curves: tuple[LossCurve, ...]
    fold_curves: tuple[LossCurve, ...]
    folds: int
    trimmed: tuple[Trimmed, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """A fitted fleet, its record, and the series that could not be trained with the reason."""

    fitted: Fitted | None
    training: Training | None
    rejected: Mapping[SeriesKey, str]


@dataclass(frozen=True)
class _Course:
    """What the steps of one training share; S series, K folds."""

    spec: DetectorSpec
    rows: Rows
    prepared: Prepared
    normal: Mask
    active: Mask
    folds: tuple[tuple[Fold, ...], ...]
    make_model: ModelFactory

    @property
    def counted(self) -> Mask:
        return counted_channels(self.spec, self.active)


def fit(
    spec: DetectorSpec,
    rows: Rows,
    normal: Mask,
    make_model: ModelFactory,
    *,
    labelled: bool = True,
    progress: Progress = lambda share, words: None,
) -> Outcome:
    """Fit one model version for a fleet.

    Args:
        spec: the detector.
        rows: (S, T, F) whose channels are `spec.inputs`.
        normal: (S, T) rows that an operator (or, unlabelled, nobody) called normal.
        make_model: builds an untrained model.
        labelled: False where `normal` is only "recent": more is trimmed.
        progress: told the share done.

    Returns:
        The outcome; `fitted` is None where no series could be trained.
    """
    asked = normal
    there: Mask = np.any(np.isfinite(rows.values) & normal[:, :, None], axis=1)
    normal = normal & prepare(spec, rows, there).usable
    rejected = {
        key: reason
        for s, key in enumerate(rows.keys)
        if (reason := _why_not(spec, rows.values[s], asked[s], normal[s])) is not None
    }
    while able := [s for s, key in enumerate(rows.keys) if key not in rejected]:
        course = _plan(spec, rows.select(able), normal[able], make_model)
        try:
            fitted, training = _run(course, labelled, progress)
        except _Diverged as failed:
            rejected |= {rows.keys[able[s]]: _DIVERGED for s in failed.series}
        else:
            return Outcome(fitted, training, rejected)
    return Outcome(None, None, rejected)


def windows_needed(spec: DetectorSpec) -> int:
    """Fewest full windows of normal rows that a series can be trained and calibrated on.

    So many that a fold keeps windows to learn from, when a block in the middle is held out with
    what lies near on both sides.
    """
    kept = _FEWEST_TO_FIT + 2 * _reach(spec)
    return math.ceil(kept * spec.folds / (spec.folds - 1))


def _reach(spec: DetectorSpec) -> int:
    """Windows this near to a held-out one share rows with it or with its embargo."""
    embargo = spec.model.window + len(ewma_kernel(spec.smoothing.span))
    return spec.model.window + embargo


def _why_not(spec: DetectorSpec, values: Floats, asked: Mask, normal: Mask) -> str | None:
    """Why a series cannot be trained: (T, F) values, (T,) rows marked normal and those usable."""
    if not asked.any():
        return "no normal range is marked for it: mark one, or let a label speak for all series"
    there: Mask = np.asarray(np.isfinite(values[asked]).any(axis=0))
    if missing := [repr(name) for name, seen in zip(spec.inputs, there, strict=True) if not seen]:
        return (
            f"no values of channel {', '.join(missing)} in the normal ranges: "
            "check the field's name and that it is written"
        )
    full = int(full_windows(normal[None], spec.model.window).sum())
    if full < (needed := windows_needed(spec)):
        hours = needed * spec.step / _HOUR
        return (
            f"too little normal data: {full} complete windows of {spec.model.window} points, "
            f"at least {needed} are needed (about {hours:.1f} h without gaps): mark more of it"
        )
    judged = values[normal, : len(spec.channels)]
    if (judged == judged[0]).all():
        return "every channel is constant in the normal ranges: there is nothing to learn"
    return None


def _plan(spec: DetectorSpec, rows: Rows, normal: Mask, make_model: ModelFactory) -> _Course:
    checks = learn_checks(rows.values, normal, spec.checks)
    prepared = prepare(spec, rows, ~checks.constant)
    window, validation = spec.model.window, spec.model.validation
    folds = tuple(
        tuple(cross_fit(np.flatnonzero(row), spec.folds, _reach(spec), validation, window))
        for row in full_windows(normal, window)
    )
    return _Course(spec, rows, prepared, normal, ~checks.constant, folds, make_model)


def _run(course: _Course, labelled: bool, progress: Progress) -> tuple[Fitted, Training]:
    spec = course.spec
    raw, residual, fold_curves = _held_out(course, _part(progress, 0.0, _CROSS_FIT_SHARE))
    floor = resolution(course.rows.values, course.normal)
    known = np.isfinite(residual[:, :, 0])
    error = _error(course, raw, spread_of(residual, known, floor))
    share, far = (
        (spec.trim, FAR) if labelled else (max(spec.trim, _UNLABELLED_TRIM), _UNLABELLED_FAR)
    )
    impure = impure_rows(error, share, far)
    # The yardstick is taken again without the rows that were left out.
    spread = spread_of(residual, known & ~impure, floor)
    error = np.where(impure, np.nan, _error(course, raw, spread))
    smoothed = smooth(error, ewma_kernel(spec.smoothing.span))
    limits = learn_limits(
        spec.threshold, Calibration(smoothed, course.rows.step / _HOUR, spec.alarm)
    )
    normal = course.normal & ~impure
    checks = learn_checks(course.rows.values, normal, spec.checks)
    fitted, curves = _serve(
        course, normal, spread, limits, checks, _part(progress, _CROSS_FIT_SHARE, 1.0)
    )
    training = Training(
        times=course.rows.times,
        normal=normal,
        held_out_error=error,
        held_out_smoothed=smoothed,
        limits=limits,
        curves=curves,
        fold_curves=fold_curves,
        folds=len(course.folds[0]),
        trimmed=_list_trimmed(course, impure, normalise(raw, spread, spec.error)),
        warnings=_warnings(course),
    )
    return fitted, training


def _held_out(course: _Course, progress: Progress) -> tuple[Floats, Floats, tuple[LossCurve, ...]]:
    """Errors and last-row residuals of each normal row by the fold that had not seen it."""
    window = course.spec.model.window
    members = [(s, fold) for s, folds in enumerate(course.folds) for fold in folds]
    scalers = [_scaler(course, s, np.concatenate((f.train, f.stop))) for s, f in members]
    scaled = np.stack(
        [_scaled(course, s, scaler) for (s, _), scaler in zip(members, scalers, strict=True)]
    )
    seeds = range(len(members))
    lessons = [
        Lesson(scaled[m], fold.train, fold.stop, course.spec.model.seed + seeds[m] + 1)
        for m, (_, fold) in enumerate(members)
    ]
    model = course.make_model(course.spec.model, len(members), scaled.shape[2])
    curves = _taught(model, lessons, [s for s, _ in members], progress)

    error = np.full(course.rows.values.shape, np.nan)
    residual = error.copy()
    longest = max(len(fold.held_out) for _, fold in members)
    ends = np.stack([np.resize(fold.held_out, longest) for _, fold in members])
    scale = np.stack([scaler.scale[0] for scaler in scalers])[:, None, None, :]
    chunk = max(1, _CHUNK // (len(members) * window * scaled.shape[2]))
    for start in range(0, longest, chunk):
        part = ends[:, start : start + chunk]
        windows = gather(scaled, part, window)
        off = (windows - model.reconstruct(windows)) * scale
        reduced = window_error(off, course.spec.error)
        for m, (s, _) in enumerate(members):
            error[s, part[m]] = reduced[m]
            residual[s, part[m]] = off[m, :, -1]
    return error, residual, tuple(curves)


class _Diverged(Exception):
    """The training of some series came to nothing; the others are to be trained without them."""

    def __init__(self, series: set[int]) -> None:
        self.series = series
        super().__init__(sorted(series))


def _taught(
    model: Model, lessons: Sequence[Lesson], series: Sequence[int], progress: Progress
) -> list[LossCurve]:
    """Fit a model whose members belong to these series."""
    try:
        return model.fit(lessons, progress)
    except TrainingFailed as error:
        raise _Diverged({series[member] for member in error.members}) from error


def _scaler(course: _Course, s: int, ends: NDArray[np.int64]) -> Scaler:
    mask = np.zeros((1, course.normal.shape[1]), dtype=bool)
    mask[0, ends] = True
    return fit_scaler(course.prepared.values[s : s + 1], mask, course.spec.scaling)


def _scaled(course: _Course, s: int, scaler: Scaler) -> Floats:
    values = course.prepared.values[s : s + 1]
    return scaler.transform(np.where(course.active[s], values, np.nan))[0]


def _error(course: _Course, raw: Floats, spread: Floats) -> Floats:
    by_channel = normalise(raw, spread, course.spec.error)
    return reduce_channels(by_channel, course.counted, course.spec.error)


def _serve(
    course: _Course,
    normal: Mask,
    spread: Floats,
    limits: Limits,
    checks: CheckLimits,
    progress: Progress,
) -> tuple[Fitted, tuple[LossCurve, ...]]:
    """Fit the model that will serve on all normal rows."""
    spec, window = course.spec, course.spec.model.window
    scaler = fit_scaler(course.prepared.values, normal, spec.scaling)
    scaled = scaler.transform(np.where(course.active[:, None, :], course.prepared.values, np.nan))
    lessons = []
    for s, row in enumerate(full_windows(normal, window)):
        train, stop = split_stopping(np.flatnonzero(row), spec.model.validation, window)
        lessons.append(Lesson(scaled[s], train, stop, spec.model.seed))
    model = course.make_model(spec.model, len(lessons), scaled.shape[2])
    curves = _taught(model, lessons, range(len(lessons)), progress)
    fitted = Fitted(
        spec=spec,
        keys=course.rows.keys,
        scaler=scaler,
        active=course.active,
        spread=spread,
        threshold=limits.values,
        checks=replace(checks, constant=~course.active),
        model=model,
    )
    return fitted, tuple(curves)


def _list_trimmed(course: _Course, impure: Mask, by_channel: Floats) -> tuple[Trimmed, ...]:
    rows, names = course.rows, course.spec.inputs
    found = []
    for s, key in enumerate(rows.keys):
        for start, stop in spans(impure[s]):
            error = np.where(course.counted[s], by_channel[s, start:stop].mean(axis=0), -np.inf)
            end = int(rows.times[stop - 1]) + rows.step
            found.append(Trimmed(key, int(rows.times[start]), end, names[int(np.argmax(error))]))
    return tuple(found)


def _warnings(course: _Course) -> tuple[str, ...]:
    found = []
    for s, key in enumerate(course.rows.keys):
        constant = [n for n, on in zip(course.spec.inputs, course.active[s], strict=True) if not on]
        if constant:
            names = ", ".join(constant)
            found.append(
                f"{key or 'the series'}: constant in normal time, so kept aside and only watched "
                f"for change: {names}"
            )
    return tuple(found)


def _part(progress: Progress, start: float, stop: float) -> Progress:
    return lambda share, words: progress(start + share * (stop - start), words)


__all__ = ["Outcome", "Training", "Trimmed", "fit", "windows_needed"]
