"""Rows by the model version that scored them."""

import itertools
from collections.abc import Iterator

import numpy as np

from backend.ports import Floats, Strings


def of_models(models: Floats | Strings) -> Iterator[tuple[int, int]]:
    """Half-open index ranges of rows that the same version scored.

    Args:
        models: (T,) names of versions.
    """
    names = np.asarray(models, dtype=object)
    edges = np.flatnonzero(names[1:] != names[:-1]) + 1
    return itertools.pairwise([0, *edges.tolist(), len(names)])
