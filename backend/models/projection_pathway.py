"""The mathematics of RaPP: distances along the layers that a window and its reconstruction pass.

Shapes: S members, N windows, D hidden values of all layers, R directions.

Source: Kim et al., RaPP: Novelty detection with reconstruction along projection pathway, 2020.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.models.readable import LARGEST
from backend.ports import Floats

NOTHING = 1e-6
"""Share of the largest variance below which a direction is left out: what lies in it is rounding,
and divided by its deviation it would count as much as any other."""

MOST = 256
"""Directions kept at most, those of the largest variance."""


@dataclass(frozen=True)
class Usual:
    """How differences usually lie.

    Attributes:
        mean: (S, D).
        projection: (S, D, R) directions divided by their deviations; zeros behind a member's last.
    """

    mean: Floats
    projection: Floats

    @classmethod
    def unknown(cls, series: int, size: int) -> "Usual":
        """Nothing learned: every difference counts as it is, the first `MOST` of them."""
        every = np.eye(size)[:, :MOST]
        return cls(np.zeros((series, size)), np.tile(every, (series, 1, 1)))

    def arrays(self) -> dict[str, Floats]:
        """Copies by name."""
        return {"mean": self.mean.copy(), "projection": self.projection.copy()}


def simple(differences: Floats) -> Floats:
    """SAP: (S, N, D) to their squared lengths (S, N)."""
    return _squared_length(np.clip(differences, -LARGEST, LARGEST))


def normalised(differences: Floats, usual: Usual) -> Floats:
    """NAP: (S, N, D) to squared lengths (S, N) in units of what usually differs."""
    bounded = np.clip(differences, -LARGEST, LARGEST)
    return _squared_length((bounded - usual.mean[:, None]) @ usual.projection)


def learn_usual(pieces: Iterable[tuple[Floats, NDArray[np.bool_]]]) -> Usual:
    """Mean and principal directions of differences.

    Args:
        pieces: (S, N, D) differences, and (S, N) which of them count; of each member at least one.
    """
    count, total, squares = np.zeros(1), np.zeros(1), np.zeros(1)
    for differences, there in pieces:
        counted = np.where(there[:, :, None], differences, 0.0)
        count = count + there.sum(axis=1)
        total = total + counted.sum(axis=1)
        squares = squares + counted.swapaxes(1, 2) @ counted
    mean = total / count[:, None]
    covariance = squares / count[:, None, None] - mean[:, :, None] * mean[:, None, :]
    return Usual(mean, _side_by_side([_whitening(own) for own in covariance]))


def _squared_length(vectors: Floats) -> Floats:
    return np.asarray(np.square(vectors).sum(axis=2))


def _whitening(covariance: Floats) -> Floats:
    """(D, D) to (D, R): directions divided by their deviations."""
    variances, directions = np.linalg.eigh(covariance)
    kept = np.flatnonzero(variances > NOTHING * max(variances[-1], 0.0))[::-1][:MOST]
    return np.asarray(directions[:, kept] / np.sqrt(variances[kept]))


def _side_by_side(projections: list[Floats]) -> Floats:
    """(D, R) of members with different R as (S, D, R)."""
    widest = max(projection.shape[1] for projection in projections)
    filled = np.zeros((len(projections), projections[0].shape[0], widest))
    for member, projection in enumerate(projections):
        filled[member, :, : projection.shape[1]] = projection
    return filled
