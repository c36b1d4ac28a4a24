"""Names for what a version is made from: equal names, equal labels, definitions or data."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.detection.grid import Rows
from backend.records import Label, SeriesKey
from backend.services.reading import mode_of
from backend.specs import DetectorSpec, MissingSpec

Mask = NDArray[np.bool_]

_DIGITS = 40
"""Of a name's 64: a fleet has thousands of them, and nobody forges them."""

# What a version is made from: a change to anything else needs no new one.
_NOT_LEARNED = {
    "schedule",
    "promote",
    "write_expected",
    "write_contributions",
    "delay",
    "detection_limits",
}


_MISSING = MissingSpec().model_dump(mode="json")


def label_hash(labels: Sequence[Label]) -> str:
    """Names a set of labels by what they say, not by when or by whom it was said."""
    said = sorted(json.dumps(plain_label(label), sort_keys=True) for label in labels)
    return hashlib.sha256("\n".join(said).encode()).hexdigest()


def basis_hash(spec: DetectorSpec, labels: Sequence[Label]) -> str:
    """Names what a training is asked to learn: the definition and the labels."""
    learned = json.dumps(learned_part(spec.plain()), sort_keys=True)
    return hashlib.sha256((learned + label_hash(labels)).encode()).hexdigest()


def series_digests(
    rows: Rows, normal: Mask, anomalous: Mask, modes: Mapping[str, Mask]
) -> dict[SeriesKey, str]:
    """Names what each series is trained on: its rows, and all that is said of them.

    Args:
        rows: (S, T, F).
        normal: (S, T) rows that are normal.
        anomalous: (S, T) rows labelled as anomalies.
        modes: (S, T) rows of each operating mode by its name.
    """
    masks = {"normal": normal, "anomalous": anomalous}
    masks |= {f"mode {name}": mask for name, mask in sorted(modes.items())}
    found = {}
    for s, key in enumerate(rows.keys):
        digest = hashlib.sha256(rows.times.tobytes())
        digest.update(np.ascontiguousarray(rows.values[s]).tobytes())
        for name, mask in masks.items():
            digest.update(name.encode() + np.ascontiguousarray(mask[s]).tobytes())
        found[key] = digest.hexdigest()[:_DIGITS]
    return found


def data_hash(digests: Mapping[SeriesKey, str]) -> str:
    """Names the rows of a training by those of its series."""
    lines = (f"{key} {digest}" for key, digest in sorted(digests.items()))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def piece_hash(
    spec: DetectorSpec,
    fleet: int,
    digests: Mapping[SeriesKey, str],
    former: str | None = None,
    *,
    labelled: bool = True,
) -> str:
    """Names what some series of a fleet of so many are asked to become.

    Args:
        spec: the detector, with the model that it is to have.
        fleet: how many series share what the whole detector may do.
        digests: of the series.
        former: artifact of the version that is begun from, if any.
        labelled: whether anybody said what is normal: less is left out then.
    """
    asked = [learned_part(spec.plain()), fleet, list(digests.items()), former, labelled]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:_DIGITS]


def plain_label(label: Label) -> dict[str, Any]:
    """What a label says, as JSON-ready values."""
    return {
        "kind": str(label.kind),
        "start": label.start,
        "stop": label.stop,
        "tags": dict(label.tags),
        **({"mode": mode} if (mode := mode_of(label)) else {}),
    }


def learned_part(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a plain specification that a version is made from."""
    learned = {key: value for key, value in spec.items() if key not in _NOT_LEARNED}
    if learned.get("missing") == _MISSING:
        # versions from before channels could be missing do not name it
        del learned["missing"]
    threshold = learned.get("threshold")
    if isinstance(threshold, Mapping) and threshold.get("margin") == 1.0:
        # versions from before every kind had a margin do not name it
        learned["threshold"] = {k: value for k, value in threshold.items() if k != "margin"}
    return learned
