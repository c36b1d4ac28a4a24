"""Which rows a detector learns from in an evaluation, and which it is judged on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backend.exceptions import InputError, MissingChannel, NoData

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Exam:
    """Rows to learn from and rows to be judged on.

    Attributes:
        train: rows with the channels; those of `normal` are learned from.
        normal: mask of the rows of `train`.
        asked: rows with the channels that are scored; those not `tested` are only looked back at.
        tested: mask of the rows of `asked`.
        labels: one a tested row: 0 normal, 1 anomalous, 2 not judged.
    """

    train: pd.DataFrame
    normal: Mask
    asked: pd.DataFrame
    tested: Mask
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Columns:
    """Which columns of a frame are what."""

    label: str
    channels: tuple[str, ...]

    def labels(self, frame: pd.DataFrame) -> NDArray[np.int64]:
        """The label of each row.

        Raises:
            MissingChannel: there is no such column.
            InputError: a label is not a whole number.
        """
        if self.label not in frame.columns:
            raise MissingChannel(
                f"There is no column {self.label!r} to read labels from; there are: "
                f"{', '.join(map(str, frame.columns))}."
            )
        marks = pd.to_numeric(frame[self.label], errors="coerce")
        if not marks.isin((0, 1, 2)).all():
            wrong = frame[self.label][~marks.isin((0, 1, 2))].iloc[0]
            raise InputError(
                f"The label column {self.label!r} holds {wrong!r}; expected 0 (normal), 1 "
                "(anomalous) or 2 (not judged) in every row."
            )
        return marks.to_numpy(dtype=np.int64)

    def values(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The channels alone.

        Raises:
            MissingChannel: a channel is not there.
        """
        if missing := [name for name in self.channels if name not in frame.columns]:
            raise MissingChannel(f"There is no column {missing[0]!r} in one of the files.")
        return frame[list(self.channels)].astype(np.float64)


def numeric_columns(frame: pd.DataFrame, without: Sequence[str]) -> tuple[str, ...]:
    """Columns that hold numbers and are not named in `without`, in order.

    Raises:
        NoData: there is none.
    """
    names = [str(name) for name in frame.select_dtypes("number").columns if name not in without]
    if not names:
        raise NoData("The file holds no column of numbers beside its labels: nothing to watch.")
    return tuple(names)


def first_rows(frame: pd.DataFrame, columns: Columns, count: int) -> Exam:
    """Learn from the first `count` rows, be judged on the rest.

    Raises:
        InputError: the file is not longer than that.
    """
    if not 0 < count < len(frame):
        raise InputError(
            f"{count} rows were given as normal but the file has {len(frame)}: expected at least "
            "1 and fewer than all."
        )
    return by_mask(frame, columns, np.arange(len(frame)) < count)


def by_ranges(frame: pd.DataFrame, columns: Columns, ranges: Sequence[tuple[int, int]]) -> Exam:
    """Learn from the rows in half-open ranges of nanoseconds, be judged on the rest.

    Raises:
        InputError: no row lies in them, or no row outside.
    """
    times = nanoseconds_of(frame.index)
    inside = [(times >= start) & (times < stop) for start, stop in ranges]
    return by_mask(frame, columns, np.any(inside, axis=0))


def by_column(frame: pd.DataFrame, columns: Columns, name: str) -> Exam:
    """Learn from the rows whose column `name` is not 0, be judged on the rest.

    Raises:
        MissingChannel: there is no such column.
        InputError: it says so of no row, or of all.
    """
    if name not in frame.columns:
        raise MissingChannel(f"There is no column {name!r} to tell which rows are normal.")
    marks = frame[name].map(str).str.lower()
    return by_mask(frame, columns, ~marks.isin(("0", "0.0", "false", "no", "", "nan")).to_numpy())


def by_mask(frame: pd.DataFrame, columns: Columns, normal: Mask) -> Exam:
    """Learn from the rows of a mask, be judged on the others.

    Raises:
        InputError: the mask holds no row, or all.
    """
    if normal.all() or not normal.any():
        count = "all" if normal.all() else "none"
        raise InputError(
            f"{count.capitalize()} of the {len(frame)} rows are given as normal: some have to be, "
            "and some have to be left to be judged."
        )
    values = columns.values(frame)
    return Exam(values, normal, values, ~normal, columns.labels(frame)[~normal])


def two_files(train: pd.DataFrame, test: pd.DataFrame, columns: Columns) -> Exam:
    """Learn from the rows of `train` with label 0, be judged on all rows of `test`.

    Raises:
        InputError: no row of `train` has label 0.
    """
    normal = columns.labels(train) == 0
    if not normal.any():
        raise InputError("No row of the training file has label 0: there is nothing to learn from.")
    values = columns.values(test)
    everything = np.ones(len(test), dtype=bool)
    return Exam(columns.values(train), normal, values, everything, columns.labels(test))


def usual_step(frame: pd.DataFrame) -> timedelta:
    """The median distance of neighboring rows.

    Raises:
        InputError: there are fewer than two rows.
    """
    if len(frame) < 2:
        raise InputError("The file has fewer than two rows: their distance cannot be told.")
    return timedelta(microseconds=int(np.median(np.diff(nanoseconds_of(frame.index)))) // 1000)


def nanoseconds_of(times: pd.Index) -> NDArray[np.int64]:
    """A time index as UTC nanoseconds."""
    return np.asarray(pd.DatetimeIndex(times).as_unit("ns").asi8, dtype=np.int64)
