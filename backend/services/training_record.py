"""The training record: what a person wants to know of a version, as JSON-ready values."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from backend.detection.detection_limits import (
    DetectionLimit,
    known_parts,
    not_looked_at,
    sentences,
)
from backend.detection.pipeline import Fitted
from backend.detection.thresholds import Limits
from backend.detection.training import Training
from backend.ports import LossCurve
from backend.records import SeriesKey
from backend.specs import nanoseconds

Record = Mapping[str, Any]


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
                **limit_record(training.limits, s),
                "loss": training.curves[s].loss[training.curves[s].best],
                "val_loss": _at(training.curves[s].val_loss, training.curves[s].best),
                "epochs": epochs_of(training.curves[s], begun=bool(training.begun[s])),
                "begun": bool(training.begun[s]),
                "folds_begun": int(training.folds_begun[s].sum()),
                "fold_epochs": _fold_epochs(training, s),
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


def limit_record(limits: Limits, s: int) -> dict[str, Any]:
    """The limit of one series, and what backs it."""
    return {
        "threshold": float(limits.values[s]),
        "silent": bool(limits.silent[s]),
        "backing_hours": round(float(limits.hours[s]), 2),
        "wanted_hours": round(float(limits.wanted_hours[s]), 2),
        "basis": limits.basis[s],
    }


def epochs_of(curve: LossCurve, *, begun: bool) -> int:
    """Epochs of learning: the first entry of one that went on from weights may be those."""
    judged = begun and bool(curve.val_loss)
    return len(curve.loss) - judged


def _fold_epochs(training: Training, s: int) -> int:
    """Epochs of all folds of a series."""
    folds = training.folds_begun.shape[1]
    curves = training.fold_curves[s * folds : (s + 1) * folds]
    begun = training.folds_begun[s]
    return sum(epochs_of(curve, begun=bool(b)) for curve, b in zip(curves, begun, strict=True))


def joined_record(records: Sequence[Record], warnings: Sequence[str]) -> dict[str, Any]:
    """That of a version by those of its parts, without what it can see.

    Args:
        records: of the parts, in the order of their series.
        warnings: what to know of the data, beside what training found.
    """
    return {
        "rows": sum(record["rows"] for record in records),
        "folds": records[0]["folds"],
        "series": {key: own for record in records for key, own in record["series"].items()},
        "trimmed": [part for record in records for part in record["trimmed"]],
        "warnings": [*warnings, *(told for record in records for told in record["warnings"])],
    }


def with_limits(record: Record, limits: Sequence[DetectionLimit], channels: int) -> dict[str, Any]:
    """A record that says the smallest faults that are found.

    Args:
        record: of the version.
        limits: what was found.
        channels: how many count in any series.
    """
    told = {key: [limit for limit in limits if limit.series == key] for key in _of(limits)}
    return {
        **record,
        "series": {
            key: {**own, "detection_limits": list(sentences(told.get(key, ())))}
            for key, own in record["series"].items()
        },
        "detection_limits": [limit.plain() for limit in limits],
        "detection_limits_notes": list(known_parts(limits, len(record["series"]), channels)),
    }


def of_some(record: Record, keys: Iterable[SeriesKey]) -> dict[str, Any]:
    """The part of a record that is about some of the series."""
    series = {key: record["series"][key] for key in keys}
    begin = tuple(f"{key or 'the series'}: " for key in series)
    return {
        **record,
        "rows": sum(own["rows"] for own in series.values()),
        "series": series,
        "trimmed": [part for part in record["trimmed"] if part["series"] in series],
        "warnings": [told for told in record["warnings"] if told.startswith(begin)],
    }


def _of(limits: Sequence[DetectionLimit]) -> set[SeriesKey]:
    return {limit.series for limit in limits}


def _at(values: tuple[float, ...], index: int) -> float | None:
    """The value at an epoch; None where nothing was set apart for early stopping."""
    return values[index] if index < len(values) and np.isfinite(values[index]) else None
