"""Errors of normal rows by folds that had not seen them: what a limit may be learned from."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from backend.detection.course import Course, taught
from backend.detection.evidence import Evidence, hear
from backend.detection.folds import Fold
from backend.detection.scaling import Scaler, fit_scaler
from backend.detection.windows import gather
from backend.ports import Floats, Lesson, LossCurve, Progress

_CHUNK = 4_000_000
"""Numbers in one call of the model: bounds memory whatever the range."""


def held_out(course: Course, progress: Progress) -> tuple[Evidence, tuple[LossCurve, ...]]:
    """Teach each fold of each series, all as one program, and look at what it had not seen.

    Returns:
        What the folds said of rows (S, T), silence where a row ends no normal window; and the loss
        curves, S times K.

    Raises:
        Diverged: the losses of some series are not finite.
    """
    members = [(s, k, fold) for s, folds in enumerate(course.folds) for k, fold in enumerate(folds)]
    scalers = [_scaler(course, s, np.concatenate((f.train, f.stop))) for s, _, f in members]
    scaled = np.stack(
        [_scaled(course, s, scaler) for (s, _, _), scaler in zip(members, scalers, strict=True)]
    )
    # A fold's seed does not count the series before it: companions must not change a limit.
    lessons = [
        Lesson(rows, fold.train, fold.stop, course.spec.model.seed + k + 1, course.rows.times)
        for rows, (_, k, fold) in zip(scaled, members, strict=True)
    ]
    model = course.make_model(course.spec.model, len(members), scaled.shape[2])
    curves = taught(model, lessons, [s for s, _, _ in members], progress)

    evidence = Evidence.silence(course.rows.values.shape, model.voices)
    scale = np.stack([scaler.scale[0] for scaler in scalers])
    for ends, windows in _unseen(course, scaled, [fold for _, _, fold in members]):
        voices = model.assess(windows, course.rows.times[ends])
        heard = hear(voices, windows, scale, course.spec.error)
        for m, (s, _, _) in enumerate(members):
            evidence.put(s, ends[m], heard, m)
    return evidence, tuple(curves)


def _unseen(
    course: Course, scaled: Floats, folds: Sequence[Fold]
) -> Iterator[tuple[NDArray[np.int64], Floats]]:
    """Held-out windows of all members piece by piece, (M, N, W, F), with their last rows (M, N)."""
    window = course.spec.model.window
    longest = max(len(fold.held_out) for fold in folds)
    # A shorter list is repeated: its windows are looked at again, with the same result.
    ends = np.stack([np.resize(fold.held_out, longest) for fold in folds])
    chunk = max(1, _CHUNK // (len(folds) * window * scaled.shape[2]))
    for start in range(0, longest, chunk):
        part = ends[:, start : start + chunk]
        yield part, gather(scaled, part, window)


def _scaler(course: Course, s: int, ends: NDArray[np.int64]) -> Scaler:
    mask = np.zeros((1, course.normal.shape[1]), dtype=bool)
    mask[0, ends] = True
    return fit_scaler(course.prepared.values[s : s + 1], mask, course.spec.scaling)


def _scaled(course: Course, s: int, scaler: Scaler) -> Floats:
    values = course.prepared.values[s : s + 1]
    return scaler.transform(np.where(course.active[s], values, np.nan))[0]
