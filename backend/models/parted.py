"""Weights of a model that is made of several: told apart by a prefix of their names."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.exceptions import ArtifactError

Arrays = dict[str, NDArray[Any]]
Lengths = tuple[int | None, ...]


def joined(**parts: Mapping[str, NDArray[Any]]) -> Arrays:
    """Weights of all parts, each name behind that of its part."""
    return {f"{part}.{name}": array for part, own in parts.items() for name, array in own.items()}


def parted(weights: Mapping[str, NDArray[Any]], part: str) -> tuple[Arrays, Arrays]:
    """The weights of one part under their own names, and all others as they are."""
    prefix = f"{part}."
    own = {n.removeprefix(prefix): array for n, array in weights.items() if n.startswith(prefix)}
    return own, {n: array for n, array in weights.items() if not n.startswith(prefix)}


def checked(weights: Mapping[str, NDArray[Any]], shapes: Mapping[str, Lengths]) -> Arrays:
    """Copies in float64 of just the arrays that `shapes` names; a length of None may be any.

    Raises:
        ArtifactError: names or shapes are others, or an array holds infinity or no numbers.
    """
    if wrong := sorted(set(shapes) ^ set(weights)):
        raise ArtifactError(
            f"the weights are of another model: {wrong[0]} is"
            f" {'missing' if wrong[0] in shapes else 'unknown'}; retrain the detector"
        )
    return {name: _checked(name, np.asarray(weights[name]), shapes[name]) for name in shapes}


def _checked(name: str, array: NDArray[Any], lengths: Lengths) -> NDArray[np.float64]:
    fits = array.ndim == len(lengths) and all(
        wanted in (None, there) for wanted, there in zip(lengths, array.shape, strict=True)
    )
    if not fits:
        raise ArtifactError(
            f"the weights are of another model: {name} has shape {array.shape},"
            f" expected {lengths}; retrain the detector"
        )
    if not np.issubdtype(array.dtype, np.floating) or not np.isfinite(array).all():
        raise ArtifactError(
            f"the weights are damaged: {name} holds values that are no numbers;"
            " restore the artifact or retrain the detector"
        )
    return array.astype(np.float64)
