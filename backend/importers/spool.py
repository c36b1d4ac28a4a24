"""A file's numbers on disk between reading and writing, so that memory stays small."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from backend.exceptions import InputError
from backend.ports import Floats, Times

Groups = NDArray[np.int32]
_TIMES, _GROUPS = "times", "groups"


class Spool:
    """Columns that grow at their end, in a directory that goes away when left.

    A group is a run of rows that belong to one series; its number is given by the caller.
    """

    def __init__(self, fields: int) -> None:
        """Make room for times, groups and so many columns of numbers."""
        self._fields = [str(i) for i in range(fields)]
        self._directory = tempfile.TemporaryDirectory(prefix="normalcy-import-")
        names = (_TIMES, _GROUPS, *self._fields)
        self._files: dict[str, BinaryIO] = {name: self._path(name).open("wb") for name in names}
        self.rows = 0

    def append(self, times: Times, groups: Groups, values: Sequence[Floats]) -> None:
        """Add rows.

        Raises:
            InputError: the disk is full.
        """
        columns = (times, groups, *values)
        kinds = (np.int64, np.int32, *(np.float64 for _ in values))
        try:
            for name, column, kind in zip(self._files, columns, kinds, strict=True):
                self._files[name].write(np.ascontiguousarray(column, kind).data)
        except OSError as error:
            raise InputError(
                f"{self._directory.name} cannot hold the file while it is read "
                f"({error.strerror}); make room there or set TMPDIR to another directory."
            ) from error
        self.rows += len(times)

    def finish(self) -> tuple[Times, Groups, list[Floats]]:
        """All rows in the order they came, mapped from disk."""
        for file in self._files.values():
            file.close()
        fields = [self._mapped(name, np.float64) for name in self._fields]
        return self._mapped(_TIMES, np.int64), self._mapped(_GROUPS, np.int32), fields

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, *_: object) -> None:
        """Remove everything; arrays that `finish` gave must not be used any more."""
        for file in self._files.values():
            file.close()
        self._directory.cleanup()

    def _path(self, name: str) -> Path:
        return Path(self._directory.name) / name

    def _mapped(self, name: str, kind: Any) -> Any:
        if not self.rows:
            return np.empty(0, kind)
        return np.memmap(self._path(name), kind, mode="r")


class Grouping:
    """Numbers the combinations of tag values as they appear."""

    def __init__(self) -> None:
        self.keys: list[tuple[str, ...]] = []
        self._numbers: dict[tuple[str, ...], int] = {}

    def number(self, columns: Sequence[NDArray[np.object_]], rows: int) -> Groups:
        """The number of each row's combination; all rows are one group without columns."""
        if not columns:
            return np.full(rows, self._of(()), np.int32)
        combined, labels = np.zeros(rows, np.int64), []
        for column in columns:
            names, codes = np.unique(column.astype(str), return_inverse=True)
            labels.append(names)
            combined = combined * len(names) + codes
        found, first, codes = np.unique(combined, return_index=True, return_inverse=True)
        keys = [tuple(str(column[row]) for column in columns) for row in first]
        numbers = np.array([self._of(key) for key in keys], np.int32)
        return numbers[codes] if len(found) else np.empty(0, np.int32)

    def _of(self, key: tuple[str, ...]) -> int:
        if key not in self._numbers:
            self._numbers[key] = len(self.keys)
            self.keys.append(key)
        return self._numbers[key]
