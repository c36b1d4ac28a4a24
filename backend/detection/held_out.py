"""Errors of normal rows by folds that had not seen them: what a limit may be learned from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.detection.course import Course, taught
from backend.detection.enough import reach
from backend.detection.evidence import Evidence, hear
from backend.detection.fold_history import FoldHistory
from backend.detection.folds import Fold
from backend.detection.former import Begin, FoldMemory, gathered
from backend.detection.preprocessing import learn_preprocessing
from backend.detection.window_scaling import WindowScaler, fit_window_scaler, joined
from backend.detection.windows import gather
from backend.ports import Floats, LossCurve, Model, Progress

_CHUNK = 4_000_000
"""Numbers in one call of the model: bounds memory whatever the range."""


@dataclass(frozen=True)
class Taught:
    """The members of a cross-fitting as they were taught: M, a fold of a series each.

    Attributes:
        model: M members.
        scaler: what their windows are brought to.
        values: (M, T, F) in the channels' units, by what each learned.
        series: (M,) which series each belongs to.
        folds: M.
    """

    model: Model
    scaler: WindowScaler
    values: Floats
    series: NDArray[np.int64]
    folds: tuple[Fold, ...]


@dataclass(frozen=True)
class HeldOut:
    """What the folds came to; S series, K folds.

    Attributes:
        evidence: what they said of rows (S, T), silence where a row ends no normal window.
        curves: their loss curves, S times K.
        begun: (S, K) folds that began with the weights of former ones.
        memory: what they leave to the next training; None for kinds that always begin anew.
        taught: they themselves.
    """

    evidence: Evidence
    curves: tuple[LossCurve, ...]
    begun: NDArray[np.bool_]
    memory: FoldMemory | None
    taught: Taught


def held_out(course: Course, progress: Progress) -> HeldOut:
    """Teach each fold of each series, all in one training, and look at what it had not seen.

    Raises:
        Diverged: the losses of some series are not finite.
    """
    members = [(s, k, fold) for s, folds in enumerate(course.folds) for k, fold in enumerate(folds)]
    learned = [_learn(course, s, np.concatenate((f.train, f.stop))) for s, _, f in members]
    values = np.concatenate([own for own, _ in learned])
    begins = [_begin(course, *m, own) for m, (_, own) in zip(members, learned, strict=True)]
    scaler = joined([begin.scaler for begin in begins])
    times, window, seed = course.rows.times, course.spec.model.window, course.spec.model.seed
    # A fold's seed does not count the series before it: companions must not change a limit.
    lessons = [
        replace(
            scaler.of(m).lesson(values[m], fold.train, fold.stop, seed + k + 1, times, window),
            pool=k,  # what a fold holds out, its pool must not have seen either
        )
        for m, (_, k, fold) in enumerate(members)
    ]
    model = course.make_model(course.spec.model, len(members), values.shape[2])
    start = gathered(model, begins)
    curves = taught(model, lessons, [s for s, _, _ in members], progress, start)

    evidence = Evidence.silence(course.rows.values.shape, model.voices)
    for ends, windows in _unseen(course, values, [fold for _, _, fold in members]):
        seen = scaler.see(windows)
        heard = hear(model.assess(seen.windows, times[ends]), seen, course.spec.error)
        for m, (s, _, _) in enumerate(members):
            evidence.put(s, ends[m], heard, m)
    begun = _by_fold(course, np.array([begin.weights is not None for begin in begins]))
    whose = np.array([s for s, _, _ in members], dtype=np.int64)
    kept = Taught(model, scaler, values, whose, tuple(fold for _, _, fold in members))
    return HeldOut(evidence, tuple(curves), begun, _memory(course, model, scaler, begun), kept)


def _begin(course: Course, s: int, k: int, fold: Fold, scaler: WindowScaler) -> Begin:
    """How a fold begins: with the former weights only if these never saw what it holds out."""
    history, former = course.histories[s], course.former
    if history is None or former is None:
        return Begin(scaler)
    if not history.may_go_on(k, course.places[fold.held_out], reach(course.spec)):
        return Begin(scaler)
    return former.fold(course.rows.keys[s], course.active[s], k, scaler)


def _memory(
    course: Course, model: Model, scaler: WindowScaler, begun: NDArray[np.bool_]
) -> FoldMemory | None:
    weights = {name: _by_fold(course, weight) for name, weight in model.starts().items()}
    if not weights:
        return None
    histories = tuple(
        FoldHistory.of(folds, course.places, course.histories[s], begun[s])
        for s, folds in enumerate(course.folds)
    )
    center, scale = _by_fold(course, scaler.center), _by_fold(course, scaler.scale)
    return FoldMemory(weights, center, scale, histories)


def _by_fold(course: Course, array: NDArray[Any]) -> NDArray[Any]:
    """(S * K, ...) as (S, K, ...)."""
    return array.reshape(len(course.folds), -1, *array.shape[1:])


def _unseen(
    course: Course, values: Floats, folds: Sequence[Fold]
) -> Iterator[tuple[NDArray[np.int64], Floats]]:
    """Held-out windows of all members piece by piece, (M, N, W, F), with their last rows (M, N)."""
    window = course.spec.model.window
    longest = max(len(fold.held_out) for fold in folds)
    # A shorter list is repeated: its windows are looked at again, with the same result.
    ends = np.stack([np.resize(fold.held_out, longest) for fold in folds])
    chunk = max(1, _CHUNK // (len(folds) * window * values.shape[2]))
    for start in range(0, longest, chunk):
        part = ends[:, start : start + chunk]
        yield part, gather(values, part, window)


def _learn(course: Course, s: int, ends: NDArray[np.int64]) -> tuple[Floats, WindowScaler]:
    """(1, T, F) rows of a series in the channels' units, and their scale, by a fold's own rows."""
    mask = np.zeros((1, course.normal.shape[1]), dtype=bool)
    mask[0, ends] = True
    values, times = course.prepared.values[s : s + 1], course.rows.times
    preprocessing = learn_preprocessing(course.spec, values, mask, times)
    applied = preprocessing.apply(np.where(course.active[s], values, np.nan), times)
    return applied.values, fit_window_scaler(course.spec, applied.values, mask, mask)
