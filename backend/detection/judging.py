"""Which rows can be fed to a model at all, and why the others cannot."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.detection.expressions import parse
from backend.detection.grid import Rows, bridge
from backend.detection.preprocessing import base_known, impute
from backend.detection.runs import run_lengths
from backend.ports import Floats
from backend.schema import (
    REASON_EXCLUDED,
    REASON_GAP,
    REASON_MISSING_CHANNEL,
    REASON_NONE,
    REASON_OFF,
    REASON_SETTLING,
    REASON_WARM_UP,
)
from backend.specs import DetectorSpec, nanoseconds


@dataclass(frozen=True)
class Prepared:
    """Rows ready for a model.

    Attributes:
        values: (S, T, F) with short gaps bridged.
        bridged: (S, T, F) the values that were filled in.
        usable: (S, T) rows that may stand in a window.
        why: (S, T) reason of the others, from the schema.
        absent: (S, T, F) channels that are needed and of which nothing is known.
        otherwise: (S, T) rows that would be usable if no channel were absent.
    """

    values: Floats
    bridged: NDArray[np.bool_]
    usable: NDArray[np.bool_]
    why: NDArray[np.object_]
    absent: NDArray[np.bool_]
    otherwise: NDArray[np.bool_]


def settle_points(spec: DetectorSpec) -> int:
    """How many grid points after turning on are not judged."""
    return -(-nanoseconds(spec.settle) // spec.step)


def prepare(
    spec: DetectorSpec,
    rows: Rows,
    needed: NDArray[np.bool_],
    excluded: NDArray[np.bool_] | None = None,
) -> Prepared:
    """Bridge short gaps and say which rows are usable.

    Args:
        spec: the detector.
        rows: a fleet whose channels are `spec.inputs`.
        needed: (S, F) channels that must be there.
        excluded: (S, T) rows under an `exclude` label.
    """
    values, bridged = bridge(rows.values, spec.max_gap)
    values, imputed = impute(spec, values, rows.times)
    present = np.isfinite(values)
    complete = present | ~needed[:, None, :]
    known = base_known(spec, values, rows.times) | ~needed[:, None, :]
    running, told = _running(spec, values)
    settled = ~running | (run_lengths(running) > settle_points(spec))
    why = np.full(settled.shape, REASON_NONE, dtype=np.object_)
    why[~settled] = REASON_SETTLING
    why[~running] = REASON_OFF
    # who does not know whether a machine runs is blind, and must not say that it rests
    why[~told] = REASON_MISSING_CHANNEL
    why[~present.any(axis=2)] = REASON_GAP
    if excluded is not None:
        why[excluded] = REASON_EXCLUDED
    otherwise = why == REASON_NONE
    why[otherwise & ~known.all(axis=2)] = REASON_WARM_UP
    why[otherwise & ~complete.all(axis=2)] = REASON_MISSING_CHANNEL
    absent = ~(complete & known)
    return Prepared(values, bridged | imputed, why == REASON_NONE, why, absent, otherwise)


def _running(spec: DetectorSpec, values: Floats) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(S, T) where the machine runs, and where all channels that tell are there."""
    every = np.ones(values.shape[:2], dtype=bool)
    if spec.judge_when is None:
        return every, every
    condition = parse(spec.judge_when, spec.inputs)
    columns = {name: values[:, :, f] for f, name in enumerate(spec.inputs)}
    told = np.all([np.isfinite(columns[name]) for name in condition.channels], axis=0)
    return condition.holds(columns), np.broadcast_to(told, every.shape)
