"""What it costs to train a fleet: beside plain Keras, by its size, and by processes of a cluster.

    python -m benchmarks.fleet_training [--sizes 64 256] [--epochs 20] [--json FILE]

Every series gets an LSTM autoencoder (5 channels, windows of 12 rows, 32, 4, 4, 32 units), 840
windows, batches of 16, Adam, and the absolute error as its loss. The rival is one
`keras.Sequential` a series, made and fitted one after the other on the same windows, for as many
epochs in batches of the same size, and begins with the same weights; it is timed on a few series,
and its losses are compared with the fleet's of the same series. Seconds count from a new model to a
trained one, with all that is traced and compiled; those of an epoch alone are told beside them.

The limit is what this machine multiplies: large matrices of single precision, on all its threads.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from distributed import LocalCluster
from numpy.typing import NDArray

from backend.executors.dask import DaskCluster
from backend.models.encoder_decoder import encoder_decoder
from backend.models.processors import threads
from backend.models.registry import build
from backend.models.runtime import keras, tf
from backend.ports import Floats, Lesson
from backend.specs import LstmAutoencoderSpec
from benchmarks.memory import resident

WINDOW, CHANNELS, WINDOWS = 12, 5, 840
RIVALS = 4
ALONE_EPOCHS = 100
GROWTH = (10, 100, 1000, 5000)
GROWTH_EPOCHS = 3
CLUSTER_SERIES, CLUSTER_PIECES, CLUSTER_EPOCHS = 256, 8, 10
PIECE_LIMIT_S = 900.0


@dataclass
class Course:
    """How one training went.

    Attributes:
        series: how many.
        epochs: of each.
        seconds: from new models to trained ones.
        epoch: seconds of a later epoch of all series.
        losses: of each series after its last epoch.
    """

    series: int
    epochs: int
    seconds: float
    epoch: float
    losses: list[float]


@dataclass
class Found:
    """Everything that was measured."""

    threads: int = 0
    matrices: float = 0.0
    """Operations a second of large matrices."""
    work: float = 0.0
    """Operations of an epoch of one series."""
    plain: Course | None = None
    fleets: list[Course] = field(default_factory=list)
    plain_alone: Course | None = None
    alone: Course | None = None
    growth: list[dict[str, float]] = field(default_factory=list)
    cluster: dict[str, float] = field(default_factory=dict)


# -- what is learned -----------------------------------------------------------------------------


def rows_of(series: int) -> Floats:
    """(T, F) what one machine measures, scaled: waves of its own with noise."""
    rng = np.random.default_rng(series)
    t = np.arange(WINDOWS + WINDOW - 1)[:, None]
    phase = rng.uniform(0, 2 * np.pi, CHANNELS)
    waves = np.sin(2 * np.pi * t / (20 + 5 * np.arange(CHANNELS)) + phase)
    return np.asarray(waves + 0.1 * rng.normal(size=waves.shape))


def lessons_of(first: int, count: int) -> list[Lesson]:
    """All windows of these series."""
    ends, none = np.arange(WINDOW - 1, WINDOWS + WINDOW - 1), np.empty(0, np.int64)
    return [Lesson(rows_of(s), ends, none, seed=s) for s in range(first, first + count)]


def spec_of(epochs: int) -> LstmAutoencoderSpec:
    """The architecture and how it is taught."""
    return LstmAutoencoderSpec(
        kind="lstm_autoencoder",
        window=WINDOW,
        units=(32, 4),
        epochs=epochs,
        batch=16,
        loss="mae",
        validation=0.0,
        patience=0,
        learning_rate=1e-3,
        windows_per_epoch=WINDOWS,
    )


# -- who takes part ------------------------------------------------------------------------------


def fleet(series: int, epochs: int, first: int = 0) -> Course:
    """The product's own: all series in one training."""
    lessons, spec = lessons_of(first, series), spec_of(epochs)
    marks: list[tuple[float, float]] = []
    began = time.perf_counter()
    model = build(spec, series, CHANNELS)
    curves = model.fit(
        lessons, lambda share, words: marks.append((time.perf_counter() - began, share))
    )
    seconds = time.perf_counter() - began
    return Course(series, epochs, seconds, _later(marks, epochs), [c.loss[-1] for c in curves])


def _later(marks: Sequence[tuple[float, float]], epochs: int) -> float:
    """Seconds of an epoch of all, once everything is compiled: by the second half of the way."""
    at, share = (np.array(part) for part in zip(*marks, strict=True))
    half = int(np.searchsorted(share, 0.5))
    return float((at[-1] - at[half]) / ((share[-1] - share[half]) * epochs))


def plain(series: int, epochs: int) -> Course:
    """One Keras model a series, one after the other."""
    ends: list[list[float]] = []
    losses = []
    began = time.perf_counter()
    for number in range(series):
        rows = rows_of(number).astype(np.float32)
        windows = np.ascontiguousarray(
            np.lib.stride_tricks.sliding_window_view(rows, WINDOW, axis=0).transpose(0, 2, 1)
        )
        marks: list[float] = []
        told = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs, marks=marks: marks.append(time.perf_counter())
        )
        model = _sequential()
        model.set_weights(first_weights(number))
        model.compile("adam", "mae")
        fitted = model.fit(
            windows, windows, batch_size=16, epochs=epochs, verbose=0, callbacks=[told]
        )
        losses.append(fitted.history["loss"][-1])
        ends.append(marks)
    seconds = time.perf_counter() - began
    later = statistics.median(float(np.median(np.diff(marks))) for marks in ends)
    return Course(series, epochs, seconds, later * series, losses)


def first_weights(seed: int) -> list[NDArray[Any]]:
    """What a series of the fleet begins with, in the order of a Keras model."""
    stack = encoder_decoder(spec_of(1), "lstm", CHANNELS)
    rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(3)[0])
    return [weight[0] for weight in stack.initial([rng]).values()]


def _sequential() -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((WINDOW, CHANNELS)),
            layers.LSTM(32, return_sequences=True),
            layers.LSTM(4),
            layers.RepeatVector(WINDOW),
            layers.LSTM(4, return_sequences=True),
            layers.LSTM(32, return_sequences=True),
            layers.TimeDistributed(layers.Dense(CHANNELS)),
        ]
    )


# -- the machine ---------------------------------------------------------------------------------


def operations() -> float:
    """Additions and multiplications of an epoch of one series: of its matrices, three times."""
    shapes = build(spec_of(1), 1, CHANNELS).weights()
    matrices = sum(weight[0].size for name, weight in shapes.items() if name.endswith("kernel"))
    return 3.0 * 2.0 * matrices * WINDOW * WINDOWS


def multiplied(at_once: int, size: int = 1024, times: int = 20) -> float:
    """Operations a second of matrices so large that nothing else counts, a thread each."""
    a = tf.constant(np.random.default_rng(0).normal(size=(size, size)).astype(np.float32))
    tf.matmul(a, a).numpy()

    def work(_: int) -> None:
        for _ in range(times):
            tf.matmul(a, a).numpy()

    with ThreadPoolExecutor(at_once) as pool:
        began = time.perf_counter()
        list(pool.map(work, range(at_once)))
        return 2.0 * size**3 * times * at_once / (time.perf_counter() - began)


# -- growth, and a cluster -----------------------------------------------------------------------


def grown(series: int) -> dict[str, float]:
    """A fleet in a process of its own: seconds, those of a series, and megabytes at the peak."""
    asked = [sys.executable, "-m", "benchmarks.fleet_training", "--inside", str(series)]
    done = subprocess.run(asked, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _inside(series: int) -> dict[str, float]:
    before = resident("VmHWM")
    course = fleet(series, GROWTH_EPOCHS)
    return {
        "series": series,
        "seconds": course.seconds,
        "a_series": course.seconds / series,
        "an_epoch_of_a_series": course.epoch / series,
        "megabytes": resident("VmHWM") - before,
    }


def run_task(task: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What a worker of the cluster does: train some series."""
    course = fleet(arguments["series"], arguments["epochs"], arguments["first"])
    return {"loss": float(np.mean(course.losses))}


def identity() -> dict[str, str]:
    """Both sides run this very file."""
    return {"benchmark": "fleet training"}


def on_workers(workers: int) -> tuple[float, list[float]]:
    """Seconds in which so many workers, of one thread each, train a fleet; and its losses.

    Each has trained a few series before, so that no start of a process is counted.
    """
    series = CLUSTER_SERIES // CLUSTER_PIECES
    pieces = [
        {"first": number * series, "series": series, "epochs": CLUSTER_EPOCHS}
        for number in range(CLUSTER_PIECES)
    ]
    module = "benchmarks.fleet_training"
    with LocalCluster(
        n_workers=workers, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as cluster:
        executor = DaskCluster(
            cluster.scheduler_address, f"{module}:run_task", identity, f"{module}:identity"
        )
        try:
            warm = [{**pieces[0], "first": n} for n in range(workers * 2)]
            executor.run_all("train", warm, PIECE_LIMIT_S, lambda done: None)
            began = time.perf_counter()
            outcomes = executor.run_all("train", pieces, PIECE_LIMIT_S, lambda done: None)
            seconds = time.perf_counter() - began
        finally:
            executor.close()
    losses = []
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
        losses.append(outcome["loss"])
    return seconds, losses


def clustered() -> dict[str, float]:
    """One worker against two."""
    one, losses = on_workers(1)
    two, same = on_workers(2)
    if not np.allclose(losses, same, rtol=1e-3):
        raise SystemExit(f"two workers learned something else: {losses} and {same}")
    return {"series": CLUSTER_SERIES, "one": one, "two": two, "ratio": one / two}


# -- the table -----------------------------------------------------------------------------------


def measure(sizes: Sequence[int], epochs: int, growth: Sequence[int], *, cluster: bool) -> Found:
    """Run everything, the single series first: nothing is compiled yet then."""
    found = Found(threads=threads(), work=operations(), matrices=multiplied(threads()))
    say(f"{found.threads} threads multiply {found.matrices / 1e9:.0f} GFLOP/s")
    found.alone = fleet(1, ALONE_EPOCHS)
    found.plain_alone = plain(1, ALONE_EPOCHS)
    say(_alone(found.alone, found.plain_alone))
    found.plain = plain(RIVALS, epochs)
    for series in sizes:
        course = fleet(series, epochs)
        found.fleets.append(course)
        say(_beside(found, course))
    for series in growth:
        found.growth.append(grown(series))
        say(_growth(found.growth[-1]))
    if cluster:
        found.cluster = clustered()
        say(
            "{series:.0f} series: one worker {one:.1f} s, two {two:.1f} s, {ratio:.2f} x".format(
                **found.cluster
            )
        )
    return found


def ratios(found: Found, course: Course) -> dict[str, float]:
    """How a fleet stands beside plain Keras and beside what the machine could do."""
    rival = found.plain
    assert rival is not None, "the rival is timed first"
    rate = found.work * course.series / course.epoch
    return {
        "seconds": (rival.seconds / rival.series) / (course.seconds / course.series),
        "epoch": (rival.epoch / rival.series) / (course.epoch / course.series),
        "loss": float(np.mean(course.losses[: rival.series]) / np.mean(rival.losses)),
        "of_the_limit": rate / found.matrices,
    }


def _beside(found: Found, course: Course) -> str:
    own, rival = ratios(found, course), found.plain
    assert rival is not None, "the rival is timed first"
    return (
        f"{course.series} series, {course.epochs} epochs: {course.seconds / course.series:.3f} s a "
        f"series, plain Keras {rival.seconds / rival.series:.3f} s: {own['seconds']:.1f} x;"
        f" an epoch {1e3 * course.epoch / course.series:.1f} ms against"
        f" {1e3 * rival.epoch / rival.series:.1f} ms: {own['epoch']:.1f} x;"
        f" loss {own['loss']:.3f} of the rival's; {own['of_the_limit']:.0%} of the limit"
    )


def _alone(own: Course, rival: Course) -> str:
    return (
        f"one series, {own.epochs} epochs: {own.seconds:.1f} s, plain Keras {rival.seconds:.1f} s:"
        f" {rival.seconds / own.seconds:.1f} x; an epoch {1e3 * own.epoch:.0f} ms against"
        f" {1e3 * rival.epoch:.0f} ms: {rival.epoch / own.epoch:.1f} x;"
        f" loss {own.losses[0] / rival.losses[0]:.3f} of the rival's"
    )


def _growth(one: Mapping[str, float]) -> str:
    return (
        f"{one['series']:.0f} series, {GROWTH_EPOCHS} epochs: {one['seconds']:.1f} s,"
        f" {1e3 * one['a_series']:.0f} ms a series"
        f" ({1e3 * one['an_epoch_of_a_series']:.1f} ms an epoch once compiled),"
        f" {one['megabytes']:.0f} MB more at the peak"
    )


def say(text: str) -> None:
    """A line, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def plainly(found: Found) -> dict[str, Any]:
    """As JSON-ready values, with the ratios."""
    return {
        **asdict(found),
        "ratios": {course.series: ratios(found, course) for course in found.fleets},
        "processors": os.cpu_count(),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["--inside"]:
        say(json.dumps(_inside(int(given[1]))))
        return 0
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet_training")
    parser.add_argument("--sizes", nargs="*", type=int, default=[64, 256])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--growth", nargs="*", type=int, default=list(GROWTH))
    parser.add_argument("--no-cluster", dest="cluster", action="store_false")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(given)
    found = measure(options.sizes, options.epochs, options.growth, cluster=options.cluster)
    if options.json:
        options.json.write_text(json.dumps(plainly(found), indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
