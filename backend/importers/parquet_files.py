"""Parquet to rows."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from backend.exceptions import ImportFileError
from backend.importers.rows import Rows
from backend.ports import Progress

MAGIC = b"PAR1"
_BATCH = 100_000


class ParquetSource:
    """A Parquet file: its column names, and its rows in batches."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = pq.ParquetFile(path)
        except (OSError, pa.ArrowException) as error:
            raise _damaged(path, error) from error
        self.names: tuple[str, ...] = tuple(self._file.schema_arrow.names)
        odd = [field.name for field in self._file.schema_arrow if _is_odd(field.type)]
        if odd:
            raise ImportFileError(
                f"{path} holds lists, structures or bytes in {', '.join(map(repr, odd))}; expected "
                "plain columns, write one a value."
            )

    def rows(self, progress: Progress) -> Iterator[Rows]:
        """Read batches.

        Raises:
            ImportFileError: the file is damaged.
        """
        total, done = max(self._file.metadata.num_rows, 1), 0
        batches = self._file.iter_batches(batch_size=_BATCH)
        while (batch := self._next(batches)) is not None:
            count = batch.num_rows
            yield Rows([_plain(c) for c in batch.columns], np.arange(done + 1, done + count + 1))
            done += count
            progress(done / total, "reading")

    def _next(self, batches: Iterator[pa.RecordBatch]) -> pa.RecordBatch | None:
        try:
            return next(batches, None)
        except (OSError, pa.ArrowException) as error:
            raise _damaged(self._path, error) from error

    def __enter__(self) -> "ParquetSource":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _is_odd(kind: pa.DataType) -> bool:
    return bool(pa.types.is_nested(kind) or pa.types.is_binary(kind) or kind == pa.large_binary())


def _plain(column: pa.Array) -> pa.Array:
    """Decode dictionaries and bring every kind of text to one."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
        return pc.cast(column, pa.string())
    return column


def _damaged(path: Path, error: Exception) -> ImportFileError:
    return ImportFileError(
        f"{path} cannot be read as Parquet ({str(error).splitlines()[0]}); write or copy it again."
    )
