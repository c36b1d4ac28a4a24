"""How many series are trained in one piece: what memory holds, and what may be lost at once.

The numbers were measured on whole trainings: series of 840 and 8,400 rows with five channels, by
PCA, nearest neighbours, an ensemble, a dense autoencoder and one of LSTM layers, 16 to 256 series
at once. What was taken lay between two thirds of what is said here and all of it.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from backend.records import SeriesKey
from backend.specs import (
    DenseAutoencoderSpec,
    DetectorSpec,
    KernelDensitySpec,
    KNearestSpec,
    LocalOutlierFactorSpec,
    MatrixProfileSpec,
    ModelSpec,
    NetworkSpec,
    OneClassSvmSpec,
    OnNetworkSpec,
    singles,
)

_ALWAYS = 256 << 20
"""Bytes of windows that are looked at together, whatever the series."""
_COPIES = 32
"""Of a series' rows in float64: as read, prepared, scaled for each fold, and what was said of them.
"""
_COPIES_A_VOICE = 6
"""More for each further voice of an ensemble."""
_STEP = 4
"""How many times a network holds what its layers give, to learn from one batch."""
_GATES = 4
_KEEPING_ROWS = (
    KNearestSpec,
    KernelDensitySpec,
    LocalOutlierFactorSpec,
    MatrixProfileSpec,
    OneClassSvmSpec,
)
"""They keep the windows that they learned from."""


@dataclass(frozen=True)
class Sizing:
    """How large a piece may be.

    Attributes:
        memory: bytes that the training of one may take.
        most: series in one: a piece is the unit of loss and of progress.
        timeout_s: time that one may take.
    """

    memory: int = 2 << 30
    most: int = 256
    timeout_s: float = 3600.0

    def parts(
        self, spec: DetectorSpec, points: int, keys: Sequence[SeriesKey]
    ) -> list[tuple[SeriesKey, ...]]:
        """A fleet in pieces of nearly equal size: each size is a program of its own.

        Args:
            spec: the detector, with the model that it is to have.
            points: rows of each series.
            keys: all series, in order.
        """
        held = (self.memory - _ALWAYS) // bytes_of_series(spec, points)
        count = math.ceil(len(keys) / max(1, min(self.most, held)))
        ends = np.linspace(0, len(keys), count + 1).round().astype(int).tolist()
        return [tuple(keys[start:stop]) for start, stop in pairwise(ends)]


def bytes_of_series(spec: DetectorSpec, points: int) -> int:
    """What one more series takes while a piece is trained.

    Args:
        spec: the detector, with the model that it is to have.
        points: rows of the series.
    """
    models = list(singles(spec.model))
    copies = _COPIES + _COPIES_A_VOICE * (len(models) - 1)
    rows = 8 * points * len(spec.inputs) * copies
    return rows + sum(_bytes_of_model(model, points, spec) for model in models)


def _bytes_of_model(model: ModelSpec, points: int, spec: DetectorSpec) -> int:
    if isinstance(model, OnNetworkSpec):
        return _bytes_of_model(model.network, points, spec)
    flat = model.window * len(spec.inputs)
    if isinstance(model, NetworkSpec):
        each = 1 if is_flat(model) else model.window * _GATES
        layers = 2 * flat + 2 * each * sum(_widths(model))
        return 4 * _STEP * spec.folds * model.batch * layers
    if isinstance(model, _KEEPING_ROWS):
        return 8 * flat * min(points, model.rows) * (spec.folds + 1)
    return 0


def is_flat(model: NetworkSpec) -> bool:
    """Whether its layers see the window as a whole, and not row by row."""
    return isinstance(model, DenseAutoencoderSpec) or getattr(model, "layers", "") == "dense"


def _widths(model: NetworkSpec) -> Iterator[int]:
    for units in getattr(model, "units", ()):
        yield from units.values() if isinstance(units, Mapping) else (units,)
