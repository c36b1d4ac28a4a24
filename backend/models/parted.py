"""Weights of a model that is made of several: told apart by a prefix of their names."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


def joined(**parts: Mapping[str, NDArray[Any]]) -> Arrays:
    """Weights of all parts, each name behind that of its part."""
    return {f"{part}.{name}": array for part, own in parts.items() for name, array in own.items()}


def parted(weights: Mapping[str, NDArray[Any]], part: str) -> tuple[Arrays, Arrays]:
    """The weights of one part under their own names, and all others as they are."""
    prefix = f"{part}."
    own = {n.removeprefix(prefix): array for n, array in weights.items() if n.startswith(prefix)}
    return own, {n: array for n, array in weights.items() if not n.startswith(prefix)}
