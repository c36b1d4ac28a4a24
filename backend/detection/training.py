"""Fitting a model version on normal rows: cross-fit, trim, calibrate, fit what will serve."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.detection.anomalous import anomalous_errors, what_anomalies_lack
from backend.detection.checks import CheckLimits, learn_checks
from backend.detection.course import Course, Diverged, plan, taught
from backend.detection.enough import what_is_lacking, windows_needed
from backend.detection.errors import resolution, spread_of
from backend.detection.evidence import Evidence, judge, values
from backend.detection.folds import split_stopping
from backend.detection.former import Begin, FoldMemory, Former, gathered
from backend.detection.grid import Rows
from backend.detection.held_out import held_out
from backend.detection.judging import prepare
from backend.detection.missing import MissingSets, learn_substitutes
from backend.detection.missing_sets import Measure, learn_missing
from backend.detection.modes import OperatingModes, learn_modes
from backend.detection.out_of_distribution import learn_familiar
from backend.detection.pipeline import Fitted
from backend.detection.preprocessing import channel_units, learn_preprocessing
from backend.detection.progress import part_of
from backend.detection.runs import spans
from backend.detection.scaling import fit_scaler
from backend.detection.smoothing import ewma_kernel, smooth
from backend.detection.thresholds import Before, Calibration, Limits, learn_limits, move
from backend.detection.trimming import FAR, impure_rows
from backend.detection.usual import Usual, learn_usual
from backend.detection.window_scaling import WindowScaler, fit_window_scaler, joined
from backend.detection.windows import full_windows
from backend.detection.yardstick import Yardstick, as_it_is, learn_yardstick
from backend.ports import Floats, LossCurve, ModelFactory, Progress
from backend.records import SeriesKey
from backend.specs import DetectorSpec, ModelSpec, networks

Mask = NDArray[np.bool_]

_HOUR = 3_600_000_000_000
_CROSS_FIT_SHARE = 0.75
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
        bridged: (S,) how many of them hold a value bridged over a short gap.
        held_out_error: (S, T) error of normal rows by the fold that had not seen them.
        held_out_smoothed: (S, T) the same, smoothed: what the limit was learned from.
        anomalous_smoothed: (S, T) smoothed error of labelled anomalies; None where none were asked.
        limits: the limit of each series and what backs it.
        curves: loss curves of the served model, one a series.
        fold_curves: loss curves of the folds, S times K.
        folds: K.
        begun: (S,) series whose served model began with the weights of the former version.
        folds_begun: (S, K) folds that began with those of the former one.
        memory: what the folds leave to the next training; None for kinds that always begin anew.
        trimmed: ranges left out.
        warnings: sentences for the operator.
        choice: which model was chosen and why, as JSON-ready values; None where one was named.
    """

    times: NDArray[np.int64]
    normal: Mask
    bridged: NDArray[np.int64]
    held_out_error: Floats
    held_out_smoothed: Floats
    anomalous_smoothed: Floats | None
    limits: Limits
    curves: tuple[LossCurve, ...]
    fold_curves: tuple[LossCurve, ...]
    folds: int
    begun: Mask
    folds_begun: Mask
    memory: FoldMemory | None
    trimmed: tuple[Trimmed, ...]
    warnings: tuple[str, ...]
    choice: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Outcome:
    """A fitted fleet, its record, and the series that could not be trained with the reason."""

    fitted: Fitted | None
    training: Training | None
    rejected: Mapping[SeriesKey, str]


def fit(  # noqa: PLR0913 - what labels say comes in three parts
    spec: DetectorSpec,
    rows: Rows,
    normal: Mask,
    make_model: ModelFactory,
    *,
    labelled: bool = True,
    anomalous: Mask | None = None,
    modes: Mapping[str, Mask] | None = None,
    fleet: int | None = None,
    former: Former | None = None,
    progress: Progress = lambda share, words: None,
) -> Outcome:
    """Fit one model version for a fleet.

    Where a series is what it was for the former version, its models begin with their weights, each
    fold with those of the fold that never saw what it holds out; else it begins cold. One series
    may do the one and its neighbour the other.

    Args:
        spec: the detector.
        rows: (S, T, F) whose channels are `spec.inputs`.
        normal: (S, T) rows that an operator (or, unlabelled, nobody) called normal.
        make_model: builds an untrained model.
        labelled: False where `normal` is only "recent": more is trimmed.
        anomalous: (S, T) rows labelled as anomalies; only a threshold may look at them.
        modes: (S, T) rows of each operating mode by its name, as labels say.
        fleet: how many series share what the whole detector may do, where these are a part of them.
        former: the version that serves, to begin from.
        progress: told the share done.

    Returns:
        The outcome; `fitted` is None where no series could be trained.
    """
    asked = normal
    there: Mask = np.any(np.isfinite(rows.values) & normal[:, :, None], axis=1)
    usable = prepare(spec, rows, there).usable
    bad: Mask = np.zeros_like(normal) if anomalous is None else anomalous
    normal = normal & usable & ~bad
    unparted = what_anomalies_lack(spec, bad, usable)
    rejected = {
        key: reason
        for s, key in enumerate(rows.keys)
        if (reason := what_is_lacking(spec, rows.values[s], asked[s], normal[s]) or unparted[s])
    }
    former = None if former is None else former.for_training(spec, make_model)
    while able := [s for s, key in enumerate(rows.keys) if key not in rejected]:
        course = plan(spec, rows.select(able), normal[able], make_model, former)
        own = {name: mask[able] for name, mask in (modes or {}).items()}
        course = replace(course, modes=own, fleet=fleet)
        try:
            fitted, training = _run(course, labelled, bad[able], progress)
        except Diverged as failed:
            rejected |= {rows.keys[able[s]]: _why_diverged(spec.model) for s in failed.series}
        else:
            return Outcome(fitted, training, rejected)
    return Outcome(None, None, rejected)


def _why_diverged(model: ModelSpec) -> str:
    slower = ", ".join(dict.fromkeys(network.kind for network in networks(model)))
    lower = f"lower the learning_rate of {slower}, or " if slower else ""
    return (
        f"what the model learned of it grew beyond all bounds: {lower}see whether its normal "
        "ranges hold extreme values that are not normal"
    )


def _run(
    course: Course, labelled: bool, anomalous: Mask, progress: Progress
) -> tuple[Fitted, Training]:
    spec = course.spec
    course, before = _purified(course, labelled, progress)
    found = held_out(course, part_of(progress, 0.0, _CROSS_FIT_SHARE))
    evidence = found.evidence
    measures = _measures(course, evidence, _everything(course))
    error, by_channel = _judged(course, evidence, measures)
    impure = _impure(spec, error, labelled)
    doubts = _doubts(course, error, by_channel, impure) if labelled else []
    if impure.any():
        # The measures are taken again without the rows that were left out.
        measures = _measures(course, evidence, ~impure)
        error, by_channel = _judged(course, evidence, measures)
        error = np.where(impure, np.nan, error)
    smoothed = smooth(error, ewma_kernel(spec.smoothing.span))
    normal = course.normal & ~impure
    checks = learn_checks(course.rows.values, normal, spec.checks)
    measured = Measure(measures.spread, measures.yardstick, error)
    fitted, curves, begun = _serve(
        course, normal, measures, checks, part_of(progress, _CROSS_FIT_SHARE, 1.0)
    )
    asked = spec.threshold.kind == "f1_max"
    bad = anomalous_errors(fitted, course, anomalous) if asked else None
    hours = course.rows.step / _HOUR
    modes = fitted.modes.of(course.prepared.values)
    limits = learn_limits(
        spec.threshold, Calibration(smoothed, hours, spec.alarm, modes, bad, course.fleet)
    )
    fitted = replace(
        fitted,
        limits=limits,
        usual=learn_usual(by_channel, ~impure),
        missing=learn_missing(course, found.taught, measured, fitted.missing.substitutes),
    )
    training = Training(
        times=course.rows.times,
        normal=normal,
        bridged=(course.prepared.bridged.any(axis=2) & normal).sum(axis=1),
        held_out_error=error,
        held_out_smoothed=smoothed,
        anomalous_smoothed=bad,
        limits=limits,
        curves=curves,
        fold_curves=found.curves,
        folds=len(course.folds[0]),
        begun=begun,
        folds_begun=found.begun,
        memory=found.memory,
        trimmed=(*before, *_list_trimmed(course, impure, by_channel)),
        warnings=(*_warnings(course), *doubts, *_limit_warnings(course, limits, smoothed, modes)),
    )
    return fitted, training


def _purified(
    course: Course, labelled: bool, progress: Progress
) -> tuple[Course, tuple[Trimmed, ...]]:
    """Leave out what stands out and teach anew, so often as is asked for.

    Rows that a fold has learned from hide their like: without the worst the next ones show.
    """
    trimmed: list[Trimmed] = []
    for _ in range(course.spec.trim_rounds - 1):
        evidence = held_out(course, part_of(progress, 0.0, 0.0)).evidence
        measures = _measures(course, evidence, _everything(course))
        error, by_channel = _judged(course, evidence, measures)
        impure = _impure(course.spec, error, labelled)
        rest: Mask = course.normal & ~impure
        left = full_windows(rest, course.spec.model.window).sum(axis=1)
        if not impure.any() or left.min() < windows_needed(course.spec):
            break
        trimmed += _list_trimmed(course, impure, by_channel)
        again = plan(course.spec, course.rows, rest, course.make_model, course.former)
        course = replace(again, modes=course.modes, fleet=course.fleet)
    return course, tuple(trimmed)


def _impure(spec: DetectorSpec, error: Floats, labelled: bool) -> Mask:
    """(S, T) rows to leave out, by the held-out error (S, T) of all."""
    if labelled:
        return impure_rows(error, spec.trim, FAR)
    return impure_rows(error, max(spec.trim, _UNLABELLED_TRIM), _UNLABELLED_FAR)


@dataclass(frozen=True)
class _Measures:
    """What evidence is measured by: (S, V, F) spread of residuals, and the voices' yardstick."""

    spread: Floats
    yardstick: Yardstick


def _measures(course: Course, evidence: Evidence, pure: Mask) -> _Measures:
    """Learn both from held-out rows that are `pure` (S, T)."""
    voices, spec = evidence.raw.shape[2], course.spec
    floor = resolution(course.rows.values, course.normal)
    known: Mask = pure & np.isfinite(evidence.residual).any(axis=(2, 3))
    spread = np.stack(
        [spread_of(evidence.residual[:, :, v], known, floor) for v in range(voices)], axis=1
    )
    spread = spread * channel_units(spec, course.counted, spec.error)[:, None, :]
    said = values(evidence.only(pure), spread, course.counted, spec.error)
    distance = voices == 1 and np.isnan(evidence.raw).all()
    yardstick = as_it_is(len(spread), 1) if distance else learn_yardstick(said)
    return _Measures(spread, yardstick)


def _everything(course: Course) -> Mask:
    """(S, T) all rows."""
    return np.ones(course.normal.shape, dtype=bool)


def _judged(course: Course, evidence: Evidence, measures: _Measures) -> tuple[Floats, Floats]:
    """(S, T) error and (S, T, F) its parts by channel."""
    found = judge(evidence, measures.spread, measures.yardstick, course.counted, course.spec.error)
    return found.error, found.by_channel


def _serve(
    course: Course,
    normal: Mask,
    measures: _Measures,
    checks: CheckLimits,
    progress: Progress,
) -> tuple[Fitted, tuple[LossCurve, ...], Mask]:
    """Fit the model that will serve on all normal rows; its limits are yet to be learned.

    Returns:
        It, its loss curves, and (S,) which series began with the weights of the former version.
    """
    spec, window = course.spec, course.spec.model.window
    times, ends = course.rows.times, full_windows(normal, window)
    preprocessing = learn_preprocessing(spec, course.prepared.values, normal, times)
    applied = preprocessing.apply(course.known, times)
    begins = _begins(course, fit_window_scaler(spec, applied.values, normal, ends))
    scaler = joined([begin.scaler for begin in begins])
    lessons = []
    for s, row in enumerate(ends):
        train, stop = split_stopping(np.flatnonzero(row), spec.model.validation, window)
        own = scaler.of(s)
        lessons.append(own.lesson(applied.values[s], train, stop, spec.model.seed, times, window))
    model = course.make_model(spec.model, len(lessons), len(spec.inputs))
    curves = taught(model, lessons, range(len(lessons)), progress, gathered(model, begins))
    fitted = Fitted(
        spec=spec,
        keys=course.rows.keys,
        preprocessing=preprocessing,
        scaler=scaler,
        middle=fit_scaler(course.prepared.values, normal, "robust").center,
        active=course.active,
        spread=measures.spread,
        yardstick=measures.yardstick,
        limits=Limits.none(len(lessons)),
        checks=replace(checks, constant=~course.active & spec.checks.constant),
        familiar=learn_familiar(course.prepared.values, normal, course.active),
        usual=Usual.unknown(course.counted.shape),
        modes=_modes(course, normal),
        missing=replace(
            MissingSets.none(*course.counted.shape),
            substitutes=learn_substitutes(applied.values, normal),
        ),
        model=model,
    )
    return fitted, tuple(curves), np.array([begin.weights is not None for begin in begins])


def _begins(course: Course, scaler: WindowScaler) -> list[Begin]:
    """How the served model of each series begins, by what was learned anew of its scale."""
    former, keys = course.former, course.rows.keys
    return [
        Begin(scaler.of(s)) if former is None else former.serving(key, own, scaler.of(s))
        for s, (key, own) in enumerate(zip(keys, course.active, strict=True))
    ]


def _modes(course: Course, normal: Mask) -> OperatingModes:
    spec, values = course.spec, course.prepared.values
    if spec.modes == "none":
        return OperatingModes.none(len(values), values.shape[2])
    said = course.modes if spec.modes == "labelled" else None
    return learn_modes(values, normal, course.active, said, spec.model.seed)


def _list_trimmed(course: Course, impure: Mask, by_channel: Floats) -> tuple[Trimmed, ...]:
    rows, names = course.rows, course.spec.inputs
    found = []
    for s, key in enumerate(rows.keys):
        for start, stop in spans(impure[s]):
            error = np.where(course.counted[s], by_channel[s, start:stop].mean(axis=0), -np.inf)
            end = int(rows.times[stop - 1]) + rows.step
            found.append(Trimmed(key, int(rows.times[start]), end, names[int(np.argmax(error))]))
    return tuple(found)


def _warnings(course: Course) -> tuple[str, ...]:
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


def _doubts(course: Course, error: Floats, by_channel: Floats, left_out: Mask) -> list[str]:
    """Labelled normal rows that are out of all proportion and were learned from all the same."""
    rows = course.rows
    doubtful = impure_rows(error, 1.0) & ~left_out
    found = []
    for s in np.flatnonzero(doubtful.any(axis=1)):
        worst = int(np.argmax(np.where(doubtful[s], error[s], -np.inf)))
        parts = np.where(course.counted[s], by_channel[s, worst], -np.inf)
        when = np.datetime_as_string(np.datetime64(int(rows.times[worst]), "ns"), "m")
        channel = course.spec.inputs[int(np.argmax(parts))]
        count, known = int(doubtful[s].sum()), int(np.isfinite(error[s]).sum())
        found.append(
            f"{rows.keys[s] or 'the series'}: {count} of {known} normal rows are far from the rest"
            f", the farthest in {channel} at {when.replace('T', ' ')} UTC: label them anomaly or "
            "exclude, or set trim to have such rows left out"
        )
    return found


def _limit_warnings(
    course: Course, limits: Limits, smoothed: Floats, modes: NDArray[np.int64]
) -> list[str]:
    """Limits that too little backs, and normal errors that drift further than may be followed."""
    keys, threshold = course.rows.keys, course.spec.threshold
    found = [
        f"{key or 'the series'}: alarms are silent: {limits.hours[s]:.1f} h of held-out normal "
        f"time back the limit, {limits.wanted_hours[s]:.1f} h are wanted: mark more of it as normal"
        for s, key in enumerate(keys)
        if limits.silent[s]
    ]
    place = int(course.rows.times[0]) // course.rows.step
    drift = move(threshold, limits, smoothed, place, Before.nothing(len(keys)), modes).drift
    return found + [
        f"{key or 'the series'}: the model's error drifts within its normal time, further than "
        "threshold.follow.most lets the threshold follow"
        for s, key in enumerate(keys)
        if drift[s].any()
    ]


__all__ = ["Outcome", "Training", "Trimmed", "fit"]
