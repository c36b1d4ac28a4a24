"""Whether stored weights are those of a model."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.exceptions import ArtifactError

Lengths = tuple[int | None, ...]
"""Shape of an array; a length of None may be any."""


def checked(
    weights: Mapping[str, NDArray[Any]], shapes: Mapping[str, Lengths], *, filled: bool = False
) -> dict[str, NDArray[np.float64]]:
    """Copies in float64 of just the arrays that `shapes` names.

    Args:
        weights: as stored.
        shapes: of every array by its name.
        filled: whether absent values may stand in them.

    Raises:
        ArtifactError: names or shapes are others, or an array holds what is no number.
    """
    if wrong := sorted(set(shapes) ^ set(weights)):
        raise ArtifactError(
            f"the weights are of another model: {wrong[0]} is"
            f" {'missing' if wrong[0] in shapes else 'unknown'}; retrain the detector"
        )
    return {name: _checked(name, weights[name], shapes[name], filled) for name in shapes}


def damaged(name: str) -> ArtifactError:
    """What to tell of an array that holds what is no number."""
    return ArtifactError(
        f"the weights are damaged: {name} holds values that are no numbers;"
        " restore the artifact or retrain the detector"
    )


def _checked(
    name: str, stored: NDArray[Any], lengths: Lengths, filled: bool
) -> NDArray[np.float64]:
    array = np.asarray(stored)
    fits = array.ndim == len(lengths) and all(
        wanted in (None, there) for wanted, there in zip(lengths, array.shape, strict=True)
    )
    if not fits:
        expected = str(lengths).replace("None", "any")
        raise ArtifactError(
            f"the weights are of another model: {name} has shape {array.shape},"
            f" expected {expected}; retrain the detector"
        )
    if not np.issubdtype(array.dtype, np.floating) or not (filled or np.isfinite(array).all()):
        raise damaged(name)
    return array.astype(np.float64)
