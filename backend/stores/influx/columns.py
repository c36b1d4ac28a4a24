"""Rows to columns, by what is in them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from backend.ports import Floats, Strings, Times

Columns = dict[str, Times | Floats | Strings]
"""Column by name: `time` as int64, numbers as float64 with NaN, text as objects with None."""


def from_rows(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Columns:
    """Turn rows of Python values into columns.

    Raises:
        ValueError: a row has more or fewer values than there are names.
    """
    values = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    return {name: _column(name, column) for name, column in zip(names, values, strict=True)}


def _column(name: str, values: tuple[Any, ...]) -> Times | Floats | Strings:
    if name == "time":
        return np.array(values, dtype=np.int64)
    if any(isinstance(value, str) for value in values):
        return np.array(values, dtype=object)
    # None becomes NaN, and a boolean 0 or 1
    return np.array(values, dtype=np.float64)
