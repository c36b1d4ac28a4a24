"""Which channels may be missing, and how an error without them compares with one of all channels.

The models of the folds look at some of what they had not seen once more, each time with a set of
channels hidden. A factor is the ratio of high quantiles of the smoothed errors of the same rows,
with all channels and without these, the smallest of several: where they disagree, the line lies
rather too high than too low.

Shapes: S series, M members (a fold of a series each), T grid points, N windows, W rows a window,
F channels, K sets.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from backend.detection.course import Course
from backend.detection.evidence import Evidence, hear, judge
from backend.detection.held_out import Taught
from backend.detection.missing import MissingSets, Substitutes, learn_substitutes
from backend.detection.smoothing import ewma_kernel, smooth
from backend.detection.windows import gather
from backend.detection.yardstick import Yardstick
from backend.ports import Floats

Mask = NDArray[np.bool_]
Places = NDArray[np.int64]

_WINDOWS = 8_000
"""Windows of a series that are looked at once more, all sets together, or as many as it holds out.
Of many channels it takes more, `_LEAST` for each; pairs are left out then."""
_LEAST, _MOST = 150, 1_500
"""Windows that each set wants, and gets at the most."""
_SHORTEST = 20
"""Windows in a row of each fold, at the least: what is smoothed needs some."""
_SEEN = 8
"""Sets that were seen missing in the rows that are learned from, the most frequent."""
_QUANTILES = (0.9, 0.97, 1.0)
_FEWEST = 30
"""Errors that back a factor."""
_FARTHEST = 20.0
"""A factor is at most so far from 1: beyond, little is left of what was learned."""
_CHUNK = 4_000_000
"""Numbers in one call of the model."""


@dataclass(frozen=True)
class Measure:
    """What evidence is measured by, and what it came to with all channels.

    Attributes:
        spread: (S, V, F) of held-out normal residuals.
        yardstick: brings the voices on one scale.
        error: (S, T) of held-out rows; NaN elsewhere.
    """

    spread: Floats
    yardstick: Yardstick
    error: Floats


def learn_missing(
    course: Course, taught: Taught, measure: Measure, substitutes: Substitutes
) -> MissingSets:
    """Learn what is to be known of each set of channels that may be missing.

    What is learned of a series does not depend on its companions.

    Args:
        course: the training.
        taught: its folds.
        measure: of their evidence.
        substitutes: what stands for missing channels in front of the model that will serve.
    """
    series, channels = course.active.shape
    own = [_asked(course, taught, s) for s in range(series)]
    longest = max((len(one.sets) for one in own), default=0)
    absent = np.zeros((series, longest, channels), dtype=bool)
    factor = np.full((series, longest), np.nan)
    for s, one in enumerate(own):
        for k, channels_of in enumerate(one.sets):
            absent[s, k, list(channels_of)] = True
    if not longest:
        return MissingSets(absent, factor, substitutes)
    stretch = _stretch(course, taught, measure, [one.windows for one in own])
    members = [np.flatnonzero(taught.series == s) for s in range(series)]
    for k, error in enumerate(_errors(course, taught, measure, stretch, absent[taught.series])):
        for s, one in enumerate(own):
            if k < len(one.sets):
                factor[s, k] = _factor(stretch.smoothed[members[s]], error[members[s]])
    return MissingSets(absent, factor, substitutes)


@dataclass(frozen=True)
class _Asked:
    """What is to be learned of a series: of which sets, and by how many windows of each fold."""

    sets: list[tuple[int, ...]]
    windows: int


def _asked(course: Course, taught: Taught, series: int) -> _Asked:
    """Each channel, groups that are named or were seen, and pairs if they are few."""
    spec, folds = course.spec, course.folds[series]
    if not spec.missing.judge:
        return _Asked([], 0)
    budget = max(_WINDOWS, sum(len(fold.held_out) for fold in folds))
    place = np.flatnonzero(course.active[series]).tolist()
    named = [{spec.inputs.index(name) for name in names} for names in spec.missing.together]
    groups = [tuple(sorted(one & set(place))) for one in named if one & set(place)]
    sets = [*((f,) for f in place), *groups, *_seen(course, series)]
    pairs = list(combinations(place, 2))
    if (len(sets) + len(pairs)) * _LEAST <= budget:
        sets += pairs
    counted = set(np.flatnonzero(course.counted[series]).tolist())
    able = [one for one in dict.fromkeys(sets) if set(one) <= set(place) and counted - set(one)]
    count = int(np.clip(budget // max(1, len(able)), _LEAST, _MOST))
    return _Asked(able, max(_SHORTEST, count // len(folds)))


def _seen(course: Course, series: int) -> list[tuple[int, ...]]:
    """The sets that were missing most often for at least a window, though the machine ran."""
    prepared = course.prepared
    missing = prepared.absent[series, prepared.otherwise[series]]
    sets, counts = np.unique(missing[missing.any(axis=1)], axis=0, return_counts=True)
    order = [n for n in np.argsort(-counts, kind="stable") if counts[n] >= course.spec.model.window]
    return [tuple(np.flatnonzero(sets[n]).tolist()) for n in order[:_SEEN]]


@dataclass(frozen=True)
class _Stretch:
    """The held-out windows that are looked at once more: (M, N).

    Attributes:
        ends: their last rows.
        there: where they are; shorter lists are filled up.
        smoothed: their smoothed errors with all channels; NaN where not known.
    """

    ends: Places
    there: Mask
    smoothed: Floats


def _stretch(course: Course, taught: Taught, measure: Measure, counts: Sequence[int]) -> _Stretch:
    """So many windows in a row, for each series, from the middle of what each fold held out."""
    longest = max(counts)
    ends = np.zeros((len(taught.folds), longest), dtype=np.int64)
    there = np.zeros(ends.shape, dtype=bool)
    for m, fold in enumerate(taught.folds):
        count = counts[taught.series[m]]
        first = max(0, (len(fold.held_out) - count) // 2)
        own = fold.held_out[first : first + count]
        ends[m], there[m, : len(own)] = np.resize(own if len(own) else fold.train, longest), True
    known = np.where(there, measure.error[taught.series[:, None], ends], np.nan)
    return _Stretch(ends, there, _smoothed(course, known))


def _errors(
    course: Course,
    taught: Taught,
    measure: Measure,
    stretch: _Stretch,
    absent: Mask,
) -> Iterator[Floats]:
    """(M, N) smoothed errors without the channels (M, K, F) of each member's first set, and so on.

    The series of a fleet go on side by side, each with its own sets: what one lacked in its time
    costs the others nothing.
    """
    substitutes = _of_members(course, taught)
    members, sets, channels = absent.shape
    count = stretch.ends.shape[1]
    # of a large fleet a few windows at a time, of a small one several sets at a time
    most = max(1, _CHUNK // (members * course.spec.model.window * channels))
    some = max(1, most // count)
    for start in range(0, sets, some):
        part = absent[:, start : start + some]
        found = [
            _without(course, taught, measure, substitutes, stretch.ends[:, at : at + most], part)
            for at in range(0, count, most)
        ]
        errors = np.where(stretch.there, np.concatenate(found, axis=2), np.nan)
        for error in errors:
            yield _smoothed(course, error)


def _without(
    course: Course,
    taught: Taught,
    measure: Measure,
    substitutes: Substitutes,
    ends: Places,
    absent: Mask,
) -> Floats:
    """(K, M, N) errors of windows that end at rows (M, N), without channels (M, K, F)."""
    windows, sets = gather(taught.values, ends, course.spec.model.window), absent.shape[1]
    hidden = [_hidden(substitutes, windows, absent[:, n]) for n in range(sets)]
    seen = taught.scaler.see(np.concatenate(hidden, axis=1))
    voices = taught.model.assess(seen.windows, np.tile(course.rows.times[ends], sets))
    heard = hear(voices, seen, course.spec.error)
    count, errors = ends.shape[1], []
    for n in range(sets):
        rows = slice(n * count, (n + 1) * count)
        own = Evidence(**{name: kept[:, rows] for name, kept in vars(heard).items()})
        errors.append(_error(course, taught, measure, own, absent[:, n]))
    return np.stack(errors)


def _hidden(substitutes: Substitutes, windows: Floats, absent: Mask) -> Floats:
    """Windows (M, N, W, F) with what stands for the channels (M, F) that each member lacks."""
    sets, which = np.unique(absent, axis=0, return_inverse=True)
    hidden = np.empty_like(windows)
    # each member brings a matrix of its channels
    most = max(1, _CHUNK // absent.shape[1] ** 2)
    for n, one in enumerate(sets):
        alike = np.flatnonzero(which.reshape(-1) == n)
        for start in range(0, len(alike), most):
            own = alike[start : start + most]
            hidden[own] = substitutes.put(windows[own], one, own)
    return hidden


def _error(
    course: Course,
    taught: Taught,
    measure: Measure,
    evidence: Evidence,
    absent: Mask,
) -> Floats:
    """(M, N) errors that evidence without some channels (M, F) comes to."""
    whose = taught.series
    unit = Yardstick(measure.yardstick.unit[whose])
    counted = course.counted[whose] & ~absent
    spread = measure.spread[whose]
    with np.errstate(invalid="ignore", divide="ignore"):  # of series that have nothing left
        return judge(evidence, spread, unit, counted, course.spec.error).error


def _smoothed(course: Course, error: Floats) -> Floats:
    return smooth(error, ewma_kernel(course.spec.smoothing.span))


def _of_members(course: Course, taught: Taught) -> Substitutes:
    """What stands for missing channels, by what each fold learned from alone."""
    rows = np.zeros((len(taught.folds), taught.values.shape[1]), dtype=bool)
    for m, fold in enumerate(taught.folds):
        rows[m, fold.train] = rows[m, fold.stop] = True
    return learn_substitutes(taught.values, rows)


def _factor(whole: Floats, without: Floats) -> float:
    """What an error without some channels is multiplied by, from errors of the same rows."""
    both = np.isfinite(whole) & np.isfinite(without)
    if both.sum() < _FEWEST:
        return np.nan
    line, own = np.quantile(whole[both], _QUANTILES), np.quantile(without[both], _QUANTILES)
    ratios = np.divide(line, own, out=np.ones_like(line), where=own > 0)
    return float(np.clip(ratios.min(), 1 / _FARTHEST, _FARTHEST))
