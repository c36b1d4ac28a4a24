"""How long each kind of model takes to learn and to score, beside libraries that do the same.

    python -m benchmarks.detectors DATA [--kinds K ...] [--libraries L ...] [--steps N] [--rows N]
                                   [--most S] [--json FILE]

DATA is a folder as `benchmarks.quality` reads it; of its series the one with most numbers to learn
from is taken. All contestants get the same rows: normal ones to learn from and those of `test` to
score, without rows that lack a value, without channels that never vary in training, and scaled for
all alike, which is not timed.

Ours is timed twice. The model alone does what the libraries do: from scaled rows to scores. The
whole detector is what the product does: it also cuts the grid, scales, learns a limit from five
more models that are each blind to a part, and smooths, explains and flags. Networks have a budget
of training steps; of a long history some of our kinds take a part only, which the table tells:
with `--rows` everybody learns from the same first rows.

Each contestant has a process of its own with one thread, which has learned and scored a few rows
before, so that neither loading nor compiling what is needed once is timed. One that does not come
to the end of a step in `--most` seconds is ended. Libraries have their own defaults; what PyOD
calls fit includes scoring the rows learned from. Its AutoEncoder needs PyTorch and is left out.
"""

import argparse
import gc
import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib import import_module
from importlib.metadata import version
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backend import Detector
from backend.detection.folds import split_stopping
from backend.detection.scaling import fit_scaler
from backend.detection.windows import full_windows, windows_ending_at
from backend.models.registry import KINDS, build
from backend.ports import Floats, Lesson, Model
from benchmarks.quality import SETTINGS, STEPS, grid_of, machine, read, settings_of, spec_of
from benchmarks.threads import one_thread

Step = Callable[[], object]
Steps = Mapping[str, Step]
"""What is timed, by name and in this order."""

OURS = "normalcy"
LIBRARIES: Mapping[str, Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "pyod": {
        "ECOD": ("pyod.models.ecod:ECOD", {}),
        "IForest": ("pyod.models.iforest:IForest", {}),
        "KNN": ("pyod.models.knn:KNN", {}),
        "LOF": ("pyod.models.lof:LOF", {}),
        "OCSVM": ("pyod.models.ocsvm:OCSVM", {}),
        "PCA": ("pyod.models.pca:PCA", {}),
        "HBOS": ("pyod.models.hbos:HBOS", {}),
        "GMM": ("pyod.models.gmm:GMM", {}),
        "KDE": ("pyod.models.kde:KDE", {}),
    },
    "scikit-learn": {
        "IsolationForest": ("sklearn.ensemble:IsolationForest", {}),
        "LocalOutlierFactor": ("sklearn.neighbors:LocalOutlierFactor", {"novelty": True}),
        "OneClassSVM": ("sklearn.svm:OneClassSVM", {}),
        "GaussianMixture": ("sklearn.mixture:GaussianMixture", {}),
        "KernelDensity": ("sklearn.neighbors:KernelDensity", {}),
    },
}
"""Library and estimator to class and settings; all else is the library's default."""
SCORE = {"pyod": "decision_function", "scikit-learn": "score_samples"}

FIT, SCORED, WHOLE_FIT, WHOLE_SCORED = "fit", "score", "detector fit", "detector score"
READY, FAILED, DONE = "ready", "failed", "done"
WARM_UP = 1000
"""Rows that everybody has learned and scored before."""
MOST = 120.0
_TO_GET_READY = 600.0
_CHUNK = 4_000_000
"""Numbers in one call of a model, as the detector has it."""
_SPAWN = get_context("spawn")


@dataclass(frozen=True)
class Rows:
    """What everybody learns from and scores; N and M rows of F channels, none absent.

    Attributes:
        train: (N, F) by time.
        normal: (N,) rows that may be learned from.
        test: (M, F) by time.
        every: the grid, as a detector names it.
    """

    train: pd.DataFrame
    normal: NDArray[np.bool_]
    test: pd.DataFrame
    every: str

    def first(self, count: int) -> "Rows":
        """So many rows of each part."""
        return Rows(self.train[:count], self.normal[:count], self.test[:count], self.every)

    def scaled(self) -> tuple[Floats, Floats]:
        """Both parts, (N, F) and (M, F), as a model sees them."""
        train, test = (part.to_numpy(np.float64)[None] for part in (self.train, self.test))
        scaler = fit_scaler(train, self.normal[None], "robust")
        return scaler.transform(train)[0], scaler.transform(test)[0]


@dataclass(frozen=True)
class Entrant:
    """Who is timed: a kind of ours, or an estimator of a library."""

    library: str
    name: str


@dataclass
class Measured:
    """Seconds of each step that came to its end, and why the next one did not, if so."""

    seconds: dict[str, float] = field(default_factory=dict)
    reason: str = ""


def largest(root: Path) -> Mapping[str, Any]:
    """The entry of the index whose training file has most rows times channels."""
    entries = json.loads((root / "index.json").read_text())
    by_file = {entry["train"]: entry for entry in reversed(entries)}
    sizes = {name: read(root / name).drop(columns="label").size for name in by_file}
    found: Mapping[str, Any] = by_file[max(sizes, key=lambda name: sizes[name])]
    return found


def rows_of(root: Path, entry: Mapping[str, Any], most: int | None = None) -> Rows:
    """The rows of one series; with `most` only the first so many of `train`."""
    train, test = (read(root / entry[part]).dropna() for part in ("train", "test"))
    train = train[:most]
    normal = train.pop("label").to_numpy() == 0
    span = np.ptp(train[normal].to_numpy(), axis=0)
    varying = list(train.columns[span > 0])
    return Rows(train[varying], normal, test[varying], grid_of(entry))


def steps_of(entrant: Entrant, rows: Rows, steps: int) -> Steps:
    """What is timed of one entrant.

    Args:
        entrant: who.
        rows: to learn from and to score.
        steps: of the optimiser that a network may take in one training.
    """
    if entrant.library != OURS:
        return _rival(entrant, rows)
    settings = settings_of(entrant.name, steps, SETTINGS)
    alone = _alone(settings["model"], rows) if entrant.name in KINDS else {}
    return {**alone, **_whole(settings, rows)}


def _rival(entrant: Entrant, rows: Rows) -> Steps:
    path, settings = LIBRARIES[entrant.library][entrant.name]
    module, _, name = path.partition(":")
    estimator = getattr(import_module(module), name)(**settings)
    train, test = rows.scaled()
    score = getattr(estimator, SCORE[entrant.library])
    return {FIT: partial(estimator.fit, train[rows.normal]), SCORED: partial(score, test)}


def _alone(settings: Mapping[str, Any], rows: Rows) -> Steps:
    """Our model without the detector around it."""
    spec = spec_of(settings)
    train, test = rows.scaled()
    model = build(spec, 1, train.shape[1])
    ends = np.flatnonzero(full_windows(rows.normal[None], spec.window)[0])
    taught, stop = split_stopping(ends, spec.validation, spec.window)
    lesson = Lesson(train, taught, stop, spec.seed, _times(rows.train))
    return {
        FIT: lambda: model.fit([lesson], lambda share, words: None),
        SCORED: lambda: _assess(model, test, _times(rows.test)),
    }


def _assess(model: Model, rows: Floats, times: NDArray[np.int64]) -> None:
    chunk = max(1, _CHUNK // (model.window * rows.shape[1]))
    for first in range(model.window - 1, len(rows), chunk):
        stop = min(first + chunk, len(rows))
        windows = windows_ending_at(rows[None], first, stop, model.window)
        model.assess(windows, times[None, first:stop])


def _times(frame: pd.DataFrame) -> NDArray[np.int64]:
    return pd.DatetimeIndex(frame.index).as_unit("ns").asi8


def _whole(settings: Mapping[str, Any], rows: Rows) -> Steps:
    """The detector as it is used."""
    detector = Detector({"channels": list(rows.train.columns), "every": rows.every, **settings})
    return {
        WHOLE_FIT: lambda: detector.fit(rows.train, rows.normal),
        WHOLE_SCORED: lambda: detector.score(rows.test),
    }


def work(line: Connection, entrant: Entrant, rows: Rows, steps: int) -> None:
    """Do it all, and tell each step's seconds as soon as it ends."""
    one_thread()
    try:
        for step in steps_of(entrant, rows.first(WARM_UP), 1).values():
            step()
        one_thread()
        line.send((READY, 0.0))
        for name, step in steps_of(entrant, rows, steps).items():
            gc.collect()
            began = time.perf_counter()
            step()
            line.send((name, time.perf_counter() - began))
        line.send((DONE, 0.0))
    except Exception as error:  # whatever a library raises is what the table has to say of it
        line.send((FAILED, f"{type(error).__name__}: {error}"))


def measure(entrant: Entrant, rows: Rows, steps: int, most: float) -> Measured:
    """Time one entrant in a process of its own, which is ended however far it came."""
    here, there = _SPAWN.Pipe(duplex=False)
    process = _SPAWN.Process(target=work, args=(there, entrant, rows, steps), daemon=True)
    process.start()
    there.close()
    try:
        return listen(here, most)
    finally:
        process.kill()
        process.join()


def listen(line: Connection, most: float) -> Measured:
    """What the process tells, until it is done, fails, or is silent for too long.

    Args:
        line: from the process.
        most: seconds that a step may take.
    """
    measured, patience = Measured(), _TO_GET_READY
    try:
        while line.poll(patience):
            what, told = line.recv()
            patience = most
            if what == FAILED:
                measured.reason = told
            elif what not in (READY, DONE):
                measured.seconds[what] = told
            if what in (FAILED, DONE):
                return measured
        measured.reason = f"more than {patience:g} s"
    except EOFError:
        measured.reason = "its process ended without a word"
    return measured


def learned_rows(entrant: Entrant, rows: Rows, steps: int) -> str:
    """How many rows an entrant looks at to learn, as the table says it."""
    there = int(rows.normal.sum())
    if entrant.library != OURS:
        return str(there)
    settings = settings_of(entrant.name, steps, SETTINGS)["model"]
    spec = spec_of(settings)
    most = getattr(spec, "rows", None)
    if most is not None:
        return str(min(most, there))
    return f"{steps} steps" if '"epochs"' in json.dumps(settings) else "several"


def window_of(entrant: Entrant, steps: int) -> int:
    """Rows that are looked at at once."""
    if entrant.library != OURS:
        return 1
    return spec_of(settings_of(entrant.name, steps, SETTINGS)["model"]).window


def table(document: Mapping[str, Any]) -> Iterable[str]:
    """The figures as text."""
    yield (
        f"{document['series']}: {document['rows_learned']} normal rows to learn from, "
        f"{document['rows_scored']} to score, {document['channels']} channels that vary; one "
        "thread each"
    )
    yield ", ".join(f"{name} {number}" for name, number in document["versions"].items())
    heads = (FIT, SCORED, WHOLE_FIT, WHOLE_SCORED)
    yield f"{'seconds':<37} {'window':>6} {'learns':>9} " + " ".join(f"{h:>14}" for h in heads)
    for one in document["entrants"]:
        cells = [
            f"{one['seconds'][head]:14.3f}" if head in one["seconds"] else f"{'-':>14}"
            for head in heads
        ]
        yield (
            f"{one['library']:<12} {one['name']:<24.24} {one['window']:>6} {one['learns']:>9} "
            + " ".join(cells)
            + (f"  {one['reason']}" if one["reason"] else "")
        )


def race(given: argparse.Namespace) -> dict[str, Any]:
    """Time everybody, one after the other; JSON-ready."""
    entry = largest(given.data)
    rows = rows_of(given.data, entry, given.rows)
    entrants = [Entrant(OURS, kind) for kind in given.kinds]
    entrants += [
        Entrant(library, name) for library in given.libraries for name in LIBRARIES[library]
    ]
    found = []
    for entrant in entrants:
        measured = measure(entrant, rows, given.steps, given.most)
        learns, window = learned_rows(entrant, rows, given.steps), window_of(entrant, given.steps)
        found.append({**asdict(entrant), "window": window, "learns": learns, **asdict(measured)})
        sys.stderr.write(f"{entrant.library} {entrant.name}\n")
    return {
        "benchmark": "detectors",
        "machine": machine(),
        "versions": {name: version(name) for name in ("numpy", "keras", *given.libraries)},
        "series": f"{entry['dataset']} {entry['series']}",
        "rows_learned": int(rows.normal.sum()),
        "rows_scored": len(rows.test),
        "channels": rows.train.shape[1],
        "steps": given.steps,
        "most_s": given.most,
        "entrants": found,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Time everybody; prints the table and writes JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with index.json and the files it names")
    parser.add_argument("--kinds", nargs="*", default=[*KINDS], choices=[*KINDS, "auto"])
    parser.add_argument("--libraries", nargs="*", default=[*LIBRARIES], choices=[*LIBRARIES])
    parser.add_argument("--steps", type=int, default=STEPS, help="budget of a network's training")
    parser.add_argument("--rows", type=int, help="learn from the first so many rows only")
    parser.add_argument("--most", type=float, default=MOST, help="seconds that a step may take")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args(arguments)
    if not (given.data / "index.json").is_file():
        parser.error(f"{given.data} holds no index.json: name a folder as benchmarks.quality reads")
    document = race(given)
    sys.stdout.write("\n".join(table(document)) + "\n")
    if given.json:
        given.json.write_text(json.dumps(document, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
