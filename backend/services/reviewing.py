"""What a person looks at before a version serves: read from what it keeps, without its model."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backend.detection.sampling import evenly
from backend.exceptions import ArtifactError, NotFound
from backend.ports import Floats
from backend.records import Label, Promotion, SeriesKey, Version
from backend.services.comparison_request import opponent
from backend.services.fingerprints import plain_label
from backend.services.labelling import Labelling
from backend.services.stores import Stores
from backend.services.versions import Arrays, read_blocks

_BINS = 40
_SMALLEST = 1e-6
"""Errors below this share of the highest are counted in the first bin."""
_MOST_EPOCHS = 400
"""Most points of a curve of losses."""
_MOST_LISTED = 100
"""Most trimmed ranges and labels that are listed."""
_FIGURES = (
    "rows",
    "hours",
    "bridged_rows",
    "held_out_rows",
    "threshold",
    "silent",
    "backing_hours",
    "wanted_hours",
    "basis",
    "loss",
    "val_loss",
    "epochs",
)
_ARRAYS = ("loss", "val_loss", "held_out_smoothed")


class Reviewing:
    """Reads what a version and the one it is held against keep of their trainings."""

    def __init__(self, stores: Stores, labelling: Labelling) -> None:
        self._records = stores.records
        self._artifacts = stores.artifacts
        self._labelling = labelling

    def versions(self, detector: str, *, limit: int) -> list[Version]:
        """The newest versions of a detector, at most so many."""
        return self._records.versions(detector, limit=limit)

    def promotions(self, detector: str) -> list[Promotion]:
        """Which versions served, in the order they began to."""
        return self._records.promotions(detector)

    def review(self, detector: str, number: int, series: SeriesKey | None = None) -> dict[str, Any]:
        """Figures, curves and labels of a version, JSON-ready; times are nanoseconds.

        Args:
            detector: its name.
            number: of the version.
            series: whose curves and errors are shown; the first one if not given.

        Raises:
            NotFound: there is no such version, or it has no such series.
        """
        version = self._records.version(detector, number)
        promotions = self._records.promotions(detector)
        rival = opponent(promotions, number)
        champion = None if rival is None else self._records.version(detector, rival)
        key = _chosen(version, series)
        training = version.training
        return {
            "detector": detector,
            "number": number,
            "created_at": version.created_at,
            "verdict": str(version.verdict),
            "provisional": version.provisional,
            "served": [
                {"from": one.serves_from, "at": one.at, "by": one.by}
                for one in promotions
                if one.number == number
            ],
            "champion": rival,
            "rows": training.get("rows"),
            "seconds": training.get("seconds"),
            "folds": training.get("folds"),
            "keys": list(_series(version)),
            "series": self._of_series(version, key),
            "champion_series": None if champion is None else self._of_series(champion, key),
            "trimmed": _trimmed(training, key),
            "warnings": list(training.get("warnings", ())),
            "set_aside": dict(training.get("set_aside") or {}),
            "labels": _labels(training, self._labelling.list(detector)),
        }

    def _of_series(self, version: Version, key: SeriesKey | None) -> dict[str, Any] | None:
        """What a version keeps of one series; None where it does not know it."""
        if key is None or key not in (told := _series(version)):
            return None
        own = told[key]
        arrays = self._arrays(version, key)
        held_out = arrays.get("held_out_smoothed", np.empty(0))
        return {
            "series": key,
            **{name: own.get(name) for name in _FIGURES},
            "curve": _curve(arrays),
            "errors": histogram(held_out, own.get("threshold")),
        }

    def _arrays(self, version: Version, key: SeriesKey) -> Arrays:
        """The arrays of one series; none where the files are gone or damaged: figures remain."""
        try:
            for keys, found in read_blocks(self._artifacts, version.artifact, _ARRAYS, {key}):
                return {name: values[keys.index(key)] for name, values in found.items()}
        except (ArtifactError, NotFound, KeyError, ValueError):
            pass
        return {}


def histogram(errors: Floats, threshold: float | None) -> dict[str, Any]:
    """How held-out errors lie against the threshold, in bins of equal width on a log axis.

    Args:
        errors: (T,) smoothed errors; those that are not finite do not count.
        threshold: the limit, in their unit.

    Returns:
        `edges` (one more than `counts`), `counts`, `rows` and the `share_above` the threshold.
    """
    known = errors[np.isfinite(errors)]
    positive = known[known > 0]
    if not positive.size:
        return {"edges": [], "counts": [], "rows": int(known.size), "share_above": None}
    limit = [threshold] if threshold is not None and threshold > 0 else []
    low, high = min(positive.min(), *limit, np.inf), max(positive.max(), *limit, 0.0)
    low = max(low, high * _SMALLEST)
    # A little room at both ends, so that the line is never drawn on the very edge.
    edges = np.geomspace(low / 1.05, high * 1.05, _BINS + 1)
    counts, _ = np.histogram(np.clip(known, edges[0], None), edges)
    above = float((known > threshold).mean()) if threshold is not None else None
    return {
        "edges": [float(f"{edge:.5g}") for edge in edges],
        "counts": counts.tolist(),
        "rows": int(known.size),
        "share_above": above,
    }


def _series(version: Version) -> Mapping[SeriesKey, Mapping[str, Any]]:
    told = version.training.get("series")
    return told if isinstance(told, Mapping) else {}


def _chosen(version: Version, series: SeriesKey | None) -> SeriesKey | None:
    known = list(_series(version))
    if series is None:
        return next(iter(known), None)
    if series not in known:
        few = ", ".join(known[:5]) + (", …" if len(known) > 5 else "")
        raise NotFound(
            f"Version {version.number} of {version.detector!r} has no series {series!r}; it has: "
            f"{few or 'none'}."
        )
    return series


def _curve(arrays: Arrays) -> dict[str, Any]:
    """Losses by epoch; of very long trainings evenly chosen epochs."""
    loss = arrays.get("loss", np.empty(0))
    epochs = evenly(np.flatnonzero(np.isfinite(loss)), _MOST_EPOCHS)
    val = arrays.get("val_loss", np.empty(0))
    both = [float(val[e]) if e < len(val) and np.isfinite(val[e]) else None for e in epochs]
    return {
        "epochs": (epochs + 1).tolist(),
        "loss": [float(f"{value:.6g}") for value in loss[epochs]],
        "val_loss": both if any(value is not None for value in both) else [],
    }


def _trimmed(training: Mapping[str, Any], key: SeriesKey | None) -> list[Mapping[str, Any]]:
    parts = [part for part in training.get("trimmed", ()) if part.get("series") == key]
    return parts[:_MOST_LISTED]


def _labels(training: Mapping[str, Any], now: Sequence[Label]) -> dict[str, Any]:
    """How many labels a version learned from, and which came and went since."""
    then = list(training.get("labels", ()))
    present = [plain_label(label) for label in now]
    since, gone = _without(present, then), _without(then, present)
    return {
        "learned": len(then),
        "now": len(present),
        "added": since[:_MOST_LISTED],
        "removed": gone[:_MOST_LISTED],
        "changed": len(since) + len(gone),
    }


def _without(labels: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Labels that say what none of the others does."""
    there = {json.dumps(one, sort_keys=True) for one in others}
    return [one for one in labels if json.dumps(one, sort_keys=True) not in there]
