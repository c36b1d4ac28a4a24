"""The training record: what a person wants to know of a version, as JSON-ready values."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from backend.detection.detection_limits import DetectionLimit, not_looked_at, sentences
from backend.detection.pipeline import Fitted
from backend.detection.training import Training
from backend.specs import nanoseconds


def training_record(
    fitted: Fitted,
    training: Training,
    warnings: Sequence[str] = (),
    limits: Sequence[DetectionLimit] = (),
) -> dict[str, Any]:
    """Rows, hours, limits and losses of each series; what was trimmed; what to know.

    Args:
        fitted: the version.
        training: how it was made.
        warnings: what to know of the data, beside what training itself found.
        limits: the smallest faults that it finds, where they were looked for.
    """
    hours = nanoseconds(fitted.spec.every) / 3.6e12
    rows = training.normal.sum(axis=1)
    held_out = np.isfinite(training.held_out_smoothed).sum(axis=1)
    return {
        "rows": int(rows.sum()),
        "folds": training.folds,
        "series": {
            key: {
                "rows": int(rows[s]),
                "hours": round(float(rows[s]) * hours, 2),
                "bridged_rows": int(training.bridged[s]),
                "held_out_rows": int(held_out[s]),
                "threshold": float(fitted.threshold[s]),
                "silent": bool(training.limits.silent[s]),
                "backing_hours": round(float(training.limits.hours[s]), 2),
                "wanted_hours": round(float(training.limits.wanted_hours[s]), 2),
                "basis": training.limits.basis[s],
                "loss": training.curves[s].loss[training.curves[s].best],
                "val_loss": _at(training.curves[s].val_loss, training.curves[s].best),
                "epochs": len(training.curves[s].loss),
                "detection_limits": list(sentences([x for x in limits if x.series == key])),
            }
            for s, key in enumerate(fitted.keys)
        },
        "detection_limits": [limit.plain() for limit in limits],
        "detection_limits_notes": list(not_looked_at(limits, fitted)),
        **({} if training.choice is None else {"choice": training.choice}),
        "trimmed": [vars(part) for part in training.trimmed],
        "warnings": [*warnings, *training.warnings],
    }


def _at(values: tuple[float, ...], index: int) -> float | None:
    """The value at an epoch; None where nothing was set apart for early stopping."""
    return values[index] if index < len(values) and np.isfinite(values[index]) else None
