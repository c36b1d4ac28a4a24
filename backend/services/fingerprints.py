"""Names for what a version is made from: equal names, equal labels, definitions or data."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.detection.grid import Rows
from backend.records import Label
from backend.services.reading import mode_of
from backend.specs import DetectorSpec

# What a version is made from: a change to anything else needs no new one.
_NOT_LEARNED = {
    "schedule",
    "promote",
    "write_expected",
    "write_contributions",
    "delay",
    "detection_limits",
}


def label_hash(labels: Sequence[Label]) -> str:
    """Names a set of labels by what they say, not by when or by whom it was said."""
    said = sorted(json.dumps(plain_label(label), sort_keys=True) for label in labels)
    return hashlib.sha256("\n".join(said).encode()).hexdigest()


def basis_hash(spec: DetectorSpec, labels: Sequence[Label]) -> str:
    """Names what a training is asked to learn: the definition and the labels."""
    learned = json.dumps(learned_part(spec.plain()), sort_keys=True)
    return hashlib.sha256((learned + label_hash(labels)).encode()).hexdigest()


def data_hash(rows: Rows, normal: NDArray[np.bool_]) -> str:
    """Names the rows of a training, (S, T, F), and which of them, (S, T), are normal."""
    digest = hashlib.sha256("\n".join(rows.keys).encode())
    for array in (rows.times, normal, rows.values):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


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
    return {key: value for key, value in spec.items() if key not in _NOT_LEARNED}
