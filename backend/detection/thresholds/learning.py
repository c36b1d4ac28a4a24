"""The limits of a fleet: each series by itself, and each of its modes where that is wished."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from backend.detection.thresholds import (
    budget,
    conformal,
    dynamic,
    f1_max,
    fixed,
    pot,
    quantile,
    sigma,
)
from backend.detection.thresholds.calibration import (
    LARGEST,
    SMALLEST,
    Calibration,
    Limit,
    Limits,
    Sample,
)
from backend.ports import Floats
from backend.specs import LimitThreshold, ThresholdSpec

LEARN: dict[str, Callable[[Any, Sample], Limit]] = {
    "fixed": fixed.learn,
    "quantile": quantile.learn,
    "sigma": sigma.learn,
    "conformal": conformal.learn,
    "f1_max": f1_max.learn,
    "budget": budget.learn,
    "dynamic": dynamic.learn,
    "pot": pot.learn,
}

_FEWEST_IN_A_MODE = 100
"""Held-out points of a mode below which the common limit holds in it."""
_UNKNOWN = Limit(1.0, "no held-out normal point backs it: alarms are silent", silent=True)


def learn_limits(spec: ThresholdSpec, calibration: Calibration) -> Limits:
    """Learn a limit for each series by the kind that `spec` names.

    Raises:
        InputError: the kind needs labelled anomalies, and there are none.
    """
    samples = [calibration.sample(s) for s in range(len(calibration.smoothed))]
    found = [_learn(spec, sample) for sample in samples]
    modes = _modes(spec, calibration)
    table = np.empty((len(found), 1 + modes))
    levels = np.empty_like(table)
    for s, limit in enumerate(found):
        table[s], levels[s] = _bounded(limit.value), _level(samples[s], limit.value)
        for mode in range(modes):
            part = calibration.sample(s, mode)
            if _enough(spec, part):
                value = _learn(spec, part).value
                table[s, 1 + mode], levels[s, 1 + mode] = _bounded(value), _level(part, value)
    return Limits(
        table=table,
        levels=levels,
        silent=np.array([limit.silent for limit in found], dtype=bool),
        hours=np.array([sample.hours for sample in samples]),
        wanted_hours=np.array([limit.wanted_hours for limit in found]),
        basis=tuple(limit.basis for limit in found),
        kept=_stacked([limit.kept for limit in found]),
    )


def _learn(spec: ThresholdSpec, sample: Sample) -> Limit:
    if not sample.known.size and spec.kind != "fixed":
        return _UNKNOWN
    with np.errstate(over="ignore"):
        found = LEARN[spec.kind](spec, sample)
    if spec.margin == 1.0:
        return found
    basis = f"{found.basis}, times {spec.margin:g}"
    return replace(found, value=found.value * spec.margin, basis=basis)


def _modes(spec: ThresholdSpec, calibration: Calibration) -> int:
    wished = isinstance(spec, LimitThreshold) and spec.per_mode
    if not wished or calibration.modes is None or not calibration.modes.size:
        return 0
    return max(0, int(calibration.modes.max()) + 1)


def _enough(spec: ThresholdSpec, part: Sample) -> bool:
    lacking = spec.kind == "f1_max" and not part.anomalous.size
    return len(part.known) >= _FEWEST_IN_A_MODE and not lacking


def _bounded(value: float) -> float:
    return float(np.clip(np.nan_to_num(value, nan=LARGEST), SMALLEST, LARGEST))


def _level(sample: Sample, limit: float) -> float:
    """Mean of the held-out errors that the limit does not flag."""
    normal = sample.known[sample.known <= limit]
    normal = normal if normal.size else sample.known
    # Divided before they are added: huge ones must not overflow.
    return _bounded(float((normal / normal.size).sum())) if normal.size else 1.0


def _stacked(kept: Sequence[Mapping[str, Floats]]) -> dict[str, Floats]:
    """(S, L) what each series keeps under a name, the longest of length L, NaN before the others'.

    A series of which nothing was known keeps nothing but NaN.
    """
    stacked = {}
    for name in {name: None for one in kept for name in one}:
        rows = [one.get(name, np.empty(0)) for one in kept]
        table = np.full((len(rows), max(map(len, rows))), np.nan)
        for line, row in zip(table, rows, strict=True):
            line[len(line) - len(row) :] = row
        stacked[name] = table
    return stacked
