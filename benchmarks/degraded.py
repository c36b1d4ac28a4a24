"""What false alarms and misses become while one or two channels do not report.

    python -m benchmarks.degraded DATA [--kinds K ...] [--series N] [--channels N] [--json FILE]

DATA is a folder of public series as `benchmarks.quality` reads it, and detectors are those that it
makes. Each learns once, scores `test` as it is, then without one channel after the other, then
without two at a time: as many of either as asked, evenly chosen among the channels that varied in
training. A pair that no calibration covers by itself is named in `missing.together`, as who runs
such a detector would. Labels are looked at by nothing but the figures: FAR is the share of rows
with label 0 that are flagged, F1 that of flags and labels. `judged` is the share of rows that were
judged at all: a detector that says nothing has no false alarms.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from backend import Detector
from backend.exceptions import NormalcyError
from backend.models.registry import KINDS
from backend.services.evaluation import of_rows
from benchmarks.quality import (
    LEAD,
    SETTINGS,
    STEPS,
    Task,
    goes_on,
    grid_of,
    read,
    settings_of,
    tasks,
    tell,
)
from benchmarks.threads import one_thread

DEFAULT = ("robust_z", "pca", "mahalanobis", "gaussian_mixture", "ensemble", "dense_autoencoder")
CASES = ("full", "one", "two")
CHANNELS = 4
"""Channels that are taken away, one by one; and as many pairs of them."""
FEWEST = 3
"""Channels that a series needs, to be judged by what is left."""


@dataclass(frozen=True)
class Counts:
    """Rows of one case, all series of a set together."""

    tp: int = 0
    fp: int = 0
    fn: int = 0
    tn: int = 0
    judged: int = 0
    rows: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            *(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True))
        )

    def plain(self) -> dict[str, float]:
        """F1, FAR and the share judged."""
        return {
            "f1": 2 * self.tp / max(2 * self.tp + self.fp + self.fn, 1),
            "far": self.fp / max(self.fp + self.tn, 1),
            "judged": self.judged / max(self.rows, 1),
        }


def count(found: pd.DataFrame, label: np.ndarray) -> Counts:
    """How flags compare with labels; rows with label 2 are not looked at."""
    flag, known = found["flag"].to_numpy() > 0, label != 2
    bad = label == 1
    return Counts(
        tp=int((flag & bad).sum()),
        fp=int((flag & ~bad & known).sum()),
        fn=int((~flag & bad).sum()),
        tn=int((~flag & ~bad & known).sum()),
        judged=int((found["judged"].to_numpy() > 0).sum()),
        rows=len(found),
    )


def chosen(train: pd.DataFrame, most: int) -> list[str]:
    """Channels that vary in training, as many as asked, evenly taken."""
    names = [n for n in train.columns if n != "label" and train[n].min() < train[n].max()]
    if len(names) < FEWEST:
        return []
    place = np.unique(np.linspace(0, len(names) - 1, min(most, len(names) - 1)).astype(int))
    return [names[at] for at in place]


def cases(away: Sequence[str]) -> dict[str, list[tuple[str, ...]]]:
    """What is taken away in each case: nothing, each channel, each with its neighbor."""
    pairs = [(a, away[(n + 1) % len(away)]) for n, a in enumerate(away)] if len(away) > 1 else []
    unlike = {tuple(sorted(pair)): pair for pair in pairs}
    return {"full": [()], "one": [(name,) for name in away], "two": list(unlike.values())}


def run(given: tuple[Task, int]) -> tuple[dict[str, Counts], str]:
    """Learn once, score every series in every case; and why not, if so."""
    task, most = given
    first = task.entries[0]
    train = read(task.root / first["train"])
    channels = [name for name in train.columns if name != "label"]
    away = cases(chosen(train[train["label"] == 0], most))
    total = dict.fromkeys(CASES, Counts())
    if not away["two"]:
        return total, ""
    settings = {**task.settings, "missing": {"together": away["two"]}}
    detector = Detector({"channels": channels, "every": grid_of(first), **settings})
    try:
        detector.fit(train[channels], train["label"].to_numpy() == 0)
    except NormalcyError as error:
        return total, f"{first['dataset']} {first['series']}: {error}"
    for entry in task.entries:
        test = read(task.root / entry["test"])
        lead = [train.iloc[-LEAD:]] if goes_on(train, test, float(entry["period_s"])) else []
        asked = pd.concat([*lead, test]).drop(columns="label")
        for case, groups in away.items():
            for group in groups:
                without = asked.copy()
                without.loc[test.index, list(group)] = np.nan
                found = of_rows(detector.score(without), test.index, detector.spec.step)
                total[case] = total[case] + count(found, test["label"].to_numpy())
    return total, ""


def measure(kind: str, given: argparse.Namespace) -> dict[str, Any]:
    """All figures of one kind, by data set."""
    work = tasks(given.data, settings_of(kind, given.steps, given.set), Path(), given.series)
    asked = [(task, given.channels) for task in work]
    with ProcessPoolExecutor(given.workers, get_context("spawn"), one_thread) as pool:
        found = list(pool.map(run, asked))
    sets: dict[str, dict[str, Counts]] = {}
    for task, (counts, _) in zip(work, found, strict=True):
        own = sets.setdefault(task.entries[0]["dataset"], dict.fromkeys(CASES, Counts()))
        own.update({case: own[case] + counts[case] for case in CASES})
    return {
        "datasets": {
            name: {case: counts.plain() for case, counts in own.items()}
            for name, own in sets.items()
            if own["full"].rows
        },
        "not_scored": [why for _, why in found if why],
    }


def show(results: Mapping[str, Any]) -> Iterable[str]:
    """The table: a line a set and kind, and the mean of all sets."""
    heads = [f"{figure} {case}" for figure in ("far", "f1", "judged") for case in CASES]
    yield f"{'set':>12}  {'kind':>18}  " + "  ".join(f"{head:>11}" for head in heads)
    for kind, found in results.items():
        sets = found["datasets"]
        lines = [*sets.items(), *([("MEAN", _mean(list(sets.values())))] if sets else [])]
        for name, cases_of in lines:
            cells = [cases_of[case][f] for f in ("far", "f1", "judged") for case in CASES]
            yield f"{name:>12}  {kind:>18}  " + "  ".join(f"{cell:11.3f}" for cell in cells)
        yield from (f"  {kind} could not be trained on {why}" for why in found["not_scored"])


def _mean(sets: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, float]]:
    return {
        case: {f: float(np.mean([own[case][f] for own in sets])) for f in ("far", "f1", "judged")}
        for case in CASES
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; prints the table and writes JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--kinds", nargs="*", default=list(DEFAULT), choices=[*KINDS, "auto"])
    parser.add_argument("--series", type=int, help="a sample of so many series")
    parser.add_argument("--channels", type=int, default=CHANNELS, help="taken away, of each series")
    parser.add_argument("--steps", type=int, default=STEPS, help="budget of a network's training")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--set", type=json.loads, default=SETTINGS, help="detector settings, JSON")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    results: dict[str, Any] = {}
    for kind in given.kinds:
        results[kind] = measure(kind, given)
        sys.stderr.write(f"{kind}\n")
    tell(show(results), results, given)
    return 0


if __name__ == "__main__":
    sys.exit(main())
