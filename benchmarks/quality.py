"""How well each kind of model finds what is labelled, on a folder of public series.

    python -m benchmarks.quality DATA [--kinds K ...] [--series N] [--steps N] [--json FILE]

DATA holds `index.json`, one entry a series: `dataset series train test period_s vus_L`; files are
CSV with `time`, channels and `label` (0 normal, 1 anomalous, 2 not judged). For each series a
detector of that kind, with `SETTINGS` and else the product's defaults, learns from the rows of
`train` with label 0 and scores `test`; what differs follows from the rows and their period alone.
One file a series is written with score and flag, and the scorer beside DATA says how good they are.

A row of `test` is scored from rows up to it: where the clock goes on from `train`, its end leads up
to `test`. Networks have a budget of training steps, so that the whole table takes less than an hour
on two cores. Wall time is that of one worker with one thread; series that learn from the same file
share what was learned, and its time.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import TypeAdapter

from backend import Detector
from backend.exceptions import NormalcyError
from backend.models.registry import KINDS
from backend.services.evaluation import of_rows
from backend.specs import ModelSpec
from benchmarks.threads import one_thread

SETTINGS: dict[str, Any] = {"checks": {"flatline": 0}}
"""Of the detector, for every kind and every series: the product's defaults, without the check of
flat lines, which is the same for all kinds: labels of such data do not count a sensor that rests.
"""
STEPS = 200
"""Steps of the optimiser that a network may take in one training."""
FEWEST_EPOCHS = 5
LEAD = 500
"""Rows of `train` that lead up to `test`, where the clock goes on."""
WHOLE, MEAN = "seconds", "MEAN industrial"
COLUMNS = ("vuspr", "auroc", "aupr", "f1", "fc1", "far", "mar", "false_alarms_per_day", "f1o")


@dataclass(frozen=True)
class Task:
    """The series that learn from one file, under one kind.

    Attributes:
        root: folder of the data.
        entries: of the index.
        settings: of the detector.
        out: folder of the predictions.
    """

    root: Path
    entries: tuple[Mapping[str, Any], ...]
    settings: Mapping[str, Any]
    out: Path


@dataclass(frozen=True)
class Spent:
    """Seconds of one series, and why it was not scored, if so."""

    name: str
    fit: float
    score: float
    rows: int
    reason: str = ""


def read(path: Path) -> pd.DataFrame:
    """A file of the folder, by time."""
    frame = pd.read_csv(path)
    frame.index = pd.DatetimeIndex(pd.to_datetime(frame.pop("time"), utc=True))
    return frame


def grid_of(entry: Mapping[str, Any]) -> str:
    """The period of a series as a detector's grid."""
    return f"{round(1000 * float(entry['period_s']))}ms"


def goes_on(train: pd.DataFrame, test: pd.DataFrame, step: float) -> bool:
    """Whether `test` follows `train` within three steps of so many seconds."""
    return 0 < (test.index[0] - train.index[-1]).total_seconds() <= 3 * step


def spec_of(settings: Mapping[str, Any]) -> Any:
    """A model's settings, validated."""
    return TypeAdapter(ModelSpec).validate_python(settings)


def machine() -> str:
    """What the figures were taken on."""
    return f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"


def run(task: Task) -> list[Spent]:
    """Learn once, score every series, write the predictions."""
    first = task.entries[0]
    train = read(task.root / first["train"])
    channels = [name for name in train.columns if name != "label"]
    detector = Detector({"channels": channels, "every": grid_of(first), **task.settings})
    began = time.monotonic()
    reason = ""
    try:
        detector.fit(train[channels], train["label"].to_numpy() == 0)
    except NormalcyError as error:
        reason = str(error)
    fitted = time.monotonic() - began
    return [_score(task, entry, detector, train, (fitted, reason)) for entry in task.entries]


def _score(
    task: Task,
    entry: Mapping[str, Any],
    detector: Detector,
    train: pd.DataFrame,
    fitted: tuple[float, str],
) -> Spent:
    seconds, reason = fitted
    test = read(task.root / entry["test"])
    name = f"{entry['dataset']}__{entry['series']}"
    score, flag = np.zeros(len(test)), np.zeros(len(test), dtype=int)
    began = time.monotonic()
    if not reason:
        asked = _asked(train, test, float(entry["period_s"]))
        found = of_rows(detector.score(asked), test.index, detector.spec.step)
        score, flag = found["score"].to_numpy(), found["flag"].to_numpy().astype(int)
    took = time.monotonic() - began
    pd.DataFrame({"score": score, "flag": flag}).to_csv(task.out / f"{name}.csv", index=False)
    return Spent(name, seconds, took, len(test), reason)


def _asked(train: pd.DataFrame, test: pd.DataFrame, period: float) -> pd.DataFrame:
    """The rows of `test`, with what leads up to them where the clock goes on."""
    parts = [train.iloc[-LEAD:], test] if goes_on(train, test, period) else [test]
    return pd.concat(parts).drop(columns="label")


def settings_of(kind: str, steps: int, more: Mapping[str, Any]) -> dict[str, Any]:
    """The detector's settings for a kind, with its networks held to the budget."""
    spec = spec_of({"kind": kind})
    return {"model": _held_to(spec.model_dump(mode="json"), steps), **more}


def _held_to(model: Any, steps: int) -> Any:
    """A model's settings with epochs and windows such that `steps` are not exceeded."""
    if isinstance(model, list):
        return [_held_to(entry, steps) for entry in model]
    if not isinstance(model, dict):
        return model
    held = {key: _held_to(value, steps) for key, value in model.items()}
    if "epochs" in held:
        held["epochs"] = min(held["epochs"], max(FEWEST_EPOCHS, steps // 10))
        an_epoch = max(1, steps // held["epochs"])
        held["windows_per_epoch"] = min(held["windows_per_epoch"], an_epoch * held["batch"])
    return held


def tasks(root: Path, settings: Mapping[str, Any], out: Path, wanted: int | None) -> list[Task]:
    """One task a training file, in the order of the index; `wanted` takes a sample of series."""
    entries = json.loads((root / "index.json").read_text())
    if wanted is not None:
        entries = [entries[i] for i in np.linspace(0, len(entries) - 1, wanted).astype(int)]
    by_file: dict[str, list[Mapping[str, Any]]] = {}
    for entry in entries:
        by_file.setdefault(entry["train"], []).append(entry)
    return [Task(root, tuple(group), settings, out) for group in by_file.values()]


def table(scorer: Path, root: Path, out: Path, wanted: int | None) -> dict[str, Any]:
    """What the scorer says of the predictions, by data set, with what pooled rows say."""
    figures, rows = out / "figures.json", out / "rows.csv"
    with tempfile.TemporaryDirectory() as folder:
        seen = _sampled(root, Path(folder), out) if wanted is not None else root
        command = [sys.executable, scorer, seen, out, "--json", figures, "--csv", rows]
        subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
    found: dict[str, Any] = json.loads(figures.read_text())
    counts = pd.read_csv(rows).groupby("dataset")[["tp", "fp", "fn", "tn"]].sum()
    for name, (tp, fp, fn, tn) in counts.iterrows():
        found.setdefault(str(name), {})["pooled"] = {
            "f1": round(2 * tp / max(2 * tp + fp + fn, 1), 4),
            "far": round(fp / max(fp + tn, 1), 4),
            "mar": round(fn / max(fn + tp, 1), 4),
        }
    return found


def _sampled(root: Path, folder: Path, out: Path) -> Path:
    """A folder with the index of the series that were predicted, and links to the data."""
    entries = json.loads((root / "index.json").read_text())
    there = [e for e in entries if (out / f"{e['dataset']}__{e['series']}.csv").exists()]
    (folder / "index.json").write_text(json.dumps(there))
    for name in {entry[part].split("/")[0] for entry in there for part in ("train", "test")}:
        (folder / name).symlink_to((root / name).resolve())
    return folder


def measure(
    kind: str, given: argparse.Namespace, more: Mapping[str, Any], folder: Path
) -> dict[str, Any]:
    """All figures of one kind."""
    out = folder / kind
    out.mkdir(parents=True, exist_ok=True)
    work = tasks(given.data, settings_of(kind, given.steps, more), out, given.series)
    # the longest first, so that no worker is left with it at the end
    work.sort(key=lambda task: -(given.data / task.entries[0]["train"]).stat().st_size)
    began = time.monotonic()
    with ProcessPoolExecutor(given.workers, get_context("spawn"), one_thread) as pool:
        spent = [one for found in pool.map(run, work) for one in found]
    wall = time.monotonic() - began
    longest = max(spent, key=lambda one: one.rows)
    return {
        "datasets": table(given.scorer, given.data, out, given.series),
        WHOLE: {
            "wall": round(wall, 1),
            "fit": round(sum({one.fit for one in spent}), 1),
            "score": round(sum(one.score for one in spent), 1),
            "longest": longest.name,
            "longest_fit": round(longest.fit, 2),
            "longest_score": round(longest.score, 2),
        },
        "not_scored": {one.name: one.reason for one in spent if one.reason},
    }


def show(results: Mapping[str, Any]) -> Iterable[str]:
    """The table, best first."""
    heads = ["kind", *COLUMNS, "worst far", "fit s", "score s", "wall s"]
    yield "  ".join(f"{head:>9.9}" for head in heads)
    order = sorted(results, key=lambda kind: -results[kind]["datasets"][MEAN]["vuspr"])
    for kind in order:
        sets, seconds = results[kind]["datasets"], results[kind][WHOLE]
        mean = sets[MEAN]
        worst = max(row["far"] for name, row in sets.items() if name != MEAN and "far" in row)
        cells = [*(mean[name] for name in COLUMNS), worst]
        times = [seconds["fit"], seconds["score"], seconds["wall"]]
        yield "  ".join(
            [f"{kind:>24.24}", *(f"{v:9.3f}" for v in cells), *(f"{t:9.1f}" for t in times)]
        )
        for name, reason in results[kind]["not_scored"].items():
            yield f"  {kind} could not be trained on {name}: {reason}"


def tell(lines: Iterable[str], results: Mapping[str, Any], given: argparse.Namespace) -> None:
    """Print the table, and write the figures where that is wanted."""
    sys.stdout.write("\n".join(lines) + "\n")
    if given.json:
        document = {"machine": machine(), "steps": given.steps, "kinds": results}
        given.json.write_text(json.dumps(document, indent=1) + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; prints the table and writes JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--kinds", nargs="*", default=[*KINDS, "auto"], choices=[*KINDS, "auto"])
    parser.add_argument("--series", type=int, help="a sample of so many series")
    parser.add_argument("--steps", type=int, default=STEPS, help="budget of a network's training")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--set", type=json.loads, default=SETTINGS, help="detector settings, JSON")
    parser.add_argument("--scorer", type=Path, help="by default ../tools/score_quality.py of DATA")
    parser.add_argument("--predictions", type=Path, help="where predictions are kept")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    given.scorer = given.scorer or given.data / "../tools/score_quality.py"
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.predictions or Path(temporary)
        for kind in given.kinds:
            results[kind] = measure(kind, given, given.set, folder)
            sys.stderr.write(f"{kind}: {results[kind][WHOLE]['wall']} s\n")
    tell(show(results), results, given)
    return 0


if __name__ == "__main__":
    sys.exit(main())
