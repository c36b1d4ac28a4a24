"""A file as a pandas frame, for evaluation and notebooks."""

from pathlib import Path

import numpy as np
import pandas as pd

from backend.importers.options import ReadingOptions
from backend.importers.reading import OpenTable, open_table
from backend.services.importing import count_rows, refuse_bad_rows


def read_frame(path: Path | str, time_column: str | None = None) -> pd.DataFrame:
    """Read a CSV, gzipped CSV or Parquet file whole.

    Columns keep their headers; numbers are float64 with NaN where missing, all else is text. Rows
    are sorted by time, of equal times the last is kept; `frame.attrs["notes"]` tells of it.

    Args:
        path: the file.
        time_column: header of the times; found by name, type or content when None.

    Returns:
        A frame with a UTC `DatetimeIndex` in nanoseconds, unique and ascending.

    Raises:
        ImportFileError: a row or the file as a whole cannot be read.
    """
    options = ReadingOptions(time_column=time_column)
    with open_table(Path(path), options, lambda share, words: None) as table:
        chunks = [chunk.columns for chunk in table.chunks]
        refuse_bad_rows(table.report, "correct them in the file.")
        columns = {name: np.concatenate([c[name] for c in chunks]) for name in chunks[0]}
    times = columns.pop(table.layout.time.header)
    frame = pd.DataFrame(columns, index=pd.DatetimeIndex(times.view("M8[ns]"), tz="UTC"))
    frame.index.name = table.layout.time.header
    return _tidied(_wide(frame, table), table.report.notes)


def _wide(frame: pd.DataFrame, table: OpenTable) -> pd.DataFrame:
    """In the file's order; Grafana's long form gets a column a series."""
    layout = table.layout
    if layout.series is None:
        return frame[[column.header for column in layout.others]]
    rows = frame.reset_index(names="time")
    wide: pd.DataFrame = rows.pivot_table(
        index="time",
        columns=layout.series.header,
        values=layout.others[0].header,
        aggfunc="last",
        sort=False,
    )
    return wide.rename_axis(index=layout.time.header, columns=None)


def _tidied(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    notes = list(notes)
    if not frame.index.is_monotonic_increasing:
        frame = frame.sort_index(kind="stable")
        notes.append("times ran backwards; the rows were sorted")
    double = frame.index.duplicated(keep="last")
    if double.any():
        frame = frame[~double]
        notes.append(f"{count_rows(int(double.sum()))} with the time of a later row left out")
    frame.attrs["notes"] = notes
    return frame
