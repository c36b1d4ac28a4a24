"""Folders of labelled series, in the form that the benchmarks read."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

START = pd.Timestamp("2026-01-01", tz="UTC")


def rows(count: int, channels: int = 3, *, at: int = 0, seed: int = 0) -> pd.DataFrame:
    """Normal rows, a second apart, `at` seconds after the start; all labelled 0."""
    time = START + pd.to_timedelta(np.arange(at, at + count), unit="s")
    values = np.random.default_rng(seed).normal(size=(count, channels))
    frame = pd.DataFrame(values, columns=[f"c{place}" for place in range(channels)])
    frame["label"] = 0
    return frame.set_index(pd.DatetimeIndex(time, name="time"))


def write(root: Path, series: Sequence[tuple[str, pd.DataFrame, pd.DataFrame]]) -> Path:
    """Write an index and the files of each series: name, rows of `train` and of `test`."""
    entries = []
    for name, *parts in series:
        entry = {"dataset": "pumps", "series": name, "period_s": 1}
        for part, frame in zip(("train", "test"), parts, strict=True):
            entry[part] = f"{name}.{part}.csv"
            frame.to_csv(root / str(entry[part]))
        entries.append(entry)
    (root / "index.json").write_text(json.dumps(entries))
    return root
