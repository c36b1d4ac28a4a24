"""What the readers of all formats give: cells by column, and where each row stands."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from backend.services.importing import RowProblem

Lines = NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """Some rows of a file.

    Attributes:
        columns: an array a header name: text, or the type that the file gives.
        lines: (T,) physical line on which each row starts; in Parquet the number of the row.
        problems: rows that could not be parted into cells; they are not in `columns`.
    """

    columns: Sequence[pa.Array]
    lines: Lines
    problems: tuple[RowProblem, ...] = ()

    def __len__(self) -> int:
        return len(self.lines)
