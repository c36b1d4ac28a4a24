"""Faults found and false alarms by the rule of the SKAB leaderboard.

    python -m benchmarks.skab DATA --dataset NAME [--kinds K ...] [--steps N] [--set JSON]
                              [--json FILE]

DATA is a folder as `benchmarks.quality` reads it, NAME a data set of its index. For each file a
detector with the settings of that benchmark (or those of `--set`) learns from every row of `train`,
whatever its label, and scores `test`; rows of `test` are scored from rows up to them. All files
together give one confusion matrix of the rows of `test` labelled 0 or 1; a row that is not judged
counts as not flagged. Three limits are tried on the same smoothed errors, each a line of the table:

* `held out`: 1.2 times the largest smoothed error of a training row, by the model that had not
  seen it (the errors that a detector learns its own limit from);
* `seen`: 1.2 times the largest one when the model that serves scores its training rows again;
* `own`: the limit that the detector chose itself, which moves while it serves.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backend import Detector
from backend.exceptions import NormalcyError
from backend.models.registry import KINDS
from backend.services.evaluation import of_rows
from benchmarks.quality import SETTINGS, STEPS, goes_on, grid_of, read, settings_of
from benchmarks.threads import one_thread

FACTOR = 1.2
"""Times the largest smoothed error of the training rows."""
HELD_OUT, SEEN, OWN = "held out", "seen", "own"
LIMITS = (HELD_OUT, SEEN, OWN)
ALWAYS = "always alarming"

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Published:
    """What others found on all 34 files: F1, and shares of false and missed alarms in percent."""

    method: str
    f1: float
    far: float
    mar: float
    source: str


PUBLISHED = (
    Published("Conv-AE", 0.78, 13.6, 28.0, "leaderboard, looks ahead"),
    Published("Conv-AE", 0.76, 38.4, 18.8, "the same without looking ahead"),
    Published("MSET", 0.78, 39.7, 14.1, "leaderboard"),
    Published("T2+Q", 0.76, 26.6, 24.9, "leaderboard"),
    Published("LSTM-AE", 0.74, 30.0, 25.9, "leaderboard, looks ahead"),
    Published("isolation forest", 0.29, 2.6, 82.9, "leaderboard"),
    Published("DPCA, lag 5", 0.811, 23.9, 17.6, "limit: 1.2 x the largest calibration score"),
    Published(ALWAYS, 0.70, 100.0, 0.0, "by arithmetic"),
)
"""The leaderboard is that of https://github.com/waico/SKAB."""


@dataclass(frozen=True)
class Confusion:
    """Rows by what they are and what is said of them."""

    tp: int = 0
    fp: int = 0
    fn: int = 0
    tn: int = 0

    def __add__(self, other: "Confusion") -> "Confusion":
        return Confusion(
            self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.tn + other.tn
        )

    @classmethod
    def of(cls, flags: Flags, labels: NDArray[np.int64]) -> "Confusion":
        """That of the rows labelled 0 or 1; others do not count."""
        bad, good = labels == 1, labels == 0
        return cls(
            int((flags & bad).sum()),
            int((flags & good).sum()),
            int((~flags & bad).sum()),
            int((~flags & good).sum()),
        )

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.tp / max(2 * self.tp + self.fp + self.fn, 1)

    @property
    def far(self) -> float:
        """Percent of the normal rows that are flagged."""
        return 100 * self.fp / max(self.fp + self.tn, 1)

    @property
    def mar(self) -> float:
        """Percent of the anomalous rows that are not flagged."""
        return 100 * self.fn / max(self.fn + self.tp, 1)


@dataclass(frozen=True)
class Task:
    """One file under one kind.

    Attributes:
        root: folder of the data.
        entry: of the index.
        settings: of the detector.
    """

    root: Path
    entry: Mapping[str, Any]
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """The confusion of one file at each limit, and why it could not be trained, if so."""

    series: str
    confusions: Mapping[str, Confusion]
    reason: str = ""


def run(task: Task) -> Outcome:
    """Learn from one file and judge it at every limit."""
    train, test = (read(task.root / task.entry[part]) for part in ("train", "test"))
    labels = test.pop("label").to_numpy(np.int64)
    channels = [name for name in train.columns if name != "label"]
    every = grid_of(task.entry)
    detector = Detector({"channels": channels, "every": every, **task.settings})
    name, reason = str(task.entry["series"]), ""
    flags: Mapping[str, Flags] = dict.fromkeys(LIMITS, np.zeros(len(test), dtype=bool))
    try:
        detector.fit(train[channels], np.ones(len(train), dtype=bool))
        flags = flagged(detector, train[channels], test[channels])
    except NormalcyError as error:
        reason = str(error)
    return Outcome(name, {at: Confusion.of(row, labels) for at, row in flags.items()}, reason)


def flagged(detector: Detector, train: pd.DataFrame, test: pd.DataFrame) -> Mapping[str, Flags]:
    """Which rows of `test` lie above each limit."""
    before, after = scored(detector, train, test)
    smoothed = after["smoothed"].to_numpy()
    held_out = np.concatenate(detector.training["held_out_smoothed"])
    return {
        HELD_OUT: smoothed > FACTOR * held_out.max(),
        SEEN: smoothed > FACTOR * before["smoothed"].max(),
        OWN: after["flag"].to_numpy() > 0,
    }


def scored(
    detector: Detector, train: pd.DataFrame, test: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What the detector says of each row; `train` leads up to `test` where the clock goes on."""
    if not goes_on(train, test, detector.spec.every.total_seconds()):
        return _of_rows(detector, train), _of_rows(detector, test)
    found = _of_rows(detector, pd.concat([train, test]))
    return found[: len(train)], found[len(train) :]


def _of_rows(detector: Detector, rows: pd.DataFrame) -> pd.DataFrame:
    """Smoothed error and flag of each row; 0 where it is not judged."""
    return of_rows(detector.score(rows), rows.index, detector.spec.step, ("smoothed", "flag"))


def entries_of(root: Path, dataset: str) -> list[Mapping[str, Any]]:
    """The files of one data set.

    Raises:
        ValueError: the folder has no index, or the index no such data set.
    """
    index = root / "index.json"
    if not index.is_file():
        raise ValueError(f"{root} holds no index.json: name a folder as benchmarks.quality reads")
    entries = json.loads(index.read_text())
    found = [entry for entry in entries if entry["dataset"] == dataset]
    if not found:
        there = ", ".join(sorted({entry["dataset"] for entry in entries}))
        raise ValueError(f"{index} has no data set {dataset!r}; it has: {there}")
    return found


def measure(
    entries: Sequence[Mapping[str, Any]], kind: str, given: argparse.Namespace
) -> list[Outcome]:
    """All files under one kind."""
    settings = settings_of(kind, given.steps, given.set)
    work = [Task(given.data, entry, settings) for entry in entries]
    with ProcessPoolExecutor(given.workers, get_context("spawn"), one_thread) as pool:
        return list(pool.map(run, work))


def pooled(outcomes: Iterable[Outcome]) -> Mapping[str, Confusion]:
    """One confusion matrix a limit."""
    total = dict.fromkeys(LIMITS, Confusion())
    for outcome in outcomes:
        total = {limit: total[limit] + outcome.confusions[limit] for limit in LIMITS}
    return total


def always(confusion: Confusion) -> Confusion:
    """That of somebody who flags all of the same rows."""
    return Confusion(tp=confusion.tp + confusion.fn, fp=confusion.fp + confusion.tn)


def table(results: Mapping[str, Sequence[Outcome]]) -> Iterable[str]:
    """The figures as text, and those of others."""
    matrices = {kind: pooled(outcomes) for kind, outcomes in results.items()}
    yield f"{'kind':<24} {'limit':<9} {'F1':>6} {'FAR %':>6} {'MAR %':>6}"
    for kind, by_limit in matrices.items():
        yield from (_line(kind, limit, by_limit[limit]) for limit in LIMITS)
    first = next(iter(matrices))
    yield _line(ALWAYS, "-", always(matrices[first][OWN]))
    for kind, outcomes in results.items():
        for one in outcomes:
            if one.reason:
                yield f"{kind} could not be trained on {one.series}: {one.reason}"
    yield f"{len(results[first])} files above; published for all 34 files:"
    for other in PUBLISHED:
        figures = f"{other.f1:6.3f} {other.far:6.1f} {other.mar:6.1f}"
        yield f"{other.method:<34} {figures}  {other.source}"


def _line(kind: str, limit: str, found: Confusion) -> str:
    return f"{kind:<24.24} {limit:<9} {found.f1:6.3f} {found.far:6.1f} {found.mar:6.1f}"


def _figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    return {
        "limits": {
            limit: {**asdict(one), "f1": one.f1, "far": one.far, "mar": one.mar}
            for limit, one in pooled(outcomes).items()
        },
        "not_trained": {one.series: one.reason for one in outcomes if one.reason},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge every kind; prints the table and writes JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with index.json and the files it names")
    parser.add_argument("--dataset", required=True, help="name of a data set of the index")
    parser.add_argument("--kinds", nargs="+", default=[*KINDS], choices=[*KINDS, "auto"])
    parser.add_argument("--steps", type=int, default=STEPS, help="budget of a network's training")
    parser.add_argument("--set", type=json.loads, default=SETTINGS, help="detector settings, JSON")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args(arguments)
    try:
        entries = entries_of(given.data, given.dataset)
    except ValueError as error:
        parser.error(str(error))
    results = {}
    for kind in given.kinds:
        results[kind] = measure(entries, kind, given)
        sys.stderr.write(f"{kind}\n")
    sys.stdout.write("\n".join(table(results)) + "\n")
    if given.json:
        document = {
            "benchmark": "skab",
            "dataset": given.dataset,
            "files": [entry["series"] for entry in entries],
            "steps": given.steps,
            "settings": given.set,
            "factor": FACTOR,
            "kinds": {kind: _figures(outcomes) for kind, outcomes in results.items()},
            "published": [asdict(one) for one in PUBLISHED],
        }
        given.json.write_text(json.dumps(document, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
