"""What a tick of a fleet costs: split into its parts, by size, by history, and in memory.

    python -m benchmarks.fleet_scoring [--series 1000] [--sizes 10 100 1000 5000] [--json FILE]

A server of InfluxDB 1.x is started on loopback. A few machines are really trained; what was learned
of them is repeated until the fleet is as large as asked for, and stored as its version. Then the
clock is turned on, one bucket a tick, and each tick is timed by the calls it makes: reading from
the source and from the results, the model, writing, the records, and whatever is left.

The rival is what is written first for such a fleet: one Keras network a machine, asked for one
window after the other by `model.predict`.
"""

import argparse
import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.bootstrap import Application, bootstrap
from backend.models.registry import build
from backend.ports import Model, Points
from backend.records import LabelDraft, LabelKind, Promotion, Verdict, Version, series_key
from backend.services.scoring import Scoring
from backend.services.serving import Served
from backend.services.stores import Stores
from backend.settings import load
from backend.specs import EnsembleSpec, ModelSpec
from benchmarks.hand_clock import NOW, HandClock
from benchmarks.memory import resident
from tests.servers.influxdb import InfluxServer

DETECTOR = "fleet"
CHANNELS = ("a", "b", "c", "d", "e")
STEP = 60 * 10**9
TAUGHT = 7
"""Machines that are really trained: a number that no array of a version has by chance."""
TAUGHT_STEPS = 600
WINDOW = 12
PARTS = ("read", "model", "write", "records", "rest")
RIVAL_CALLS = 30
PIECE_ROWS = 100_000
"""Readings written to the server at once."""
RECENT = 300
"""Minutes of readings where their length is not what is measured."""
SERVED = 60
"""Minutes for which the version has served before the first tick, which scores them all."""

_CONFIGURATION = """
store: {store}
results: {results}
detectors:
  fleet:
    measurement: machine
    channels: [a, b, c, d, e]
    group_by: [machine]
    every: 1m
    model: {model}
    threshold: {{kind: quantile, q: 1.0, margin: 1.5}}
    checks: {{flatline: 0}}
    detection_limits: false
    schedule: {{score: 1m, lateness: {lateness}}}
"""
DEFAULT = json.dumps(EnsembleSpec().model_dump(mode="json"))
LSTM = "{kind: lstm_autoencoder, window: 12, units: [32, 4], epochs: 2}"


@dataclass
class Tick:
    """Seconds of one tick, by its parts, and how often each was asked."""

    seconds: float
    parts: dict[str, float]
    calls: dict[str, int]
    points: int


@dataclass
class Ticks:
    """The ticks of one fleet.

    Attributes:
        series: how many machines.
        history: days of readings in the store.
        loading: seconds until the version is in memory.
        first: the first tick, which reads what went before.
        later: those behind it.
        grown: megabytes of the process over one that has only imported TensorFlow.
    """

    series: int
    history: float
    loading: float
    first: Tick
    later: list[Tick]
    grown: float

    @property
    def usual(self) -> float:
        """Median seconds of a later tick."""
        return statistics.median(tick.seconds for tick in self.later)

    def part(self, name: str) -> float:
        """Median seconds of a part of a later tick."""
        return statistics.median(tick.parts[name] for tick in self.later)


@dataclass
class Found:
    """Everything that was measured."""

    ticks: list[Ticks] = field(default_factory=list)
    rival_seconds: float = 0.0
    """A pass of the rival over the largest fleet that is compared, scaled from a few calls."""
    rival_series: int = 0


# -- a fleet -------------------------------------------------------------------------------------


def readings(series: int, times: NDArray[np.int64], first: int = 0) -> list[Points]:
    """What machines measure: waves with noise, of which every machine has its own phase."""
    minute = times / STEP
    made = []
    for number in range(first, first + series):
        noise = np.random.default_rng(number).normal(scale=0.05, size=(len(CHANNELS), len(times)))
        values = np.sin(minute / 20 + np.arange(len(CHANNELS))[:, None] + number % TAUGHT) + noise
        columns = dict(zip(CHANNELS, values.round(4), strict=True))
        made.append(Points({"machine": name_of(number)}, times, columns))
    return made


def name_of(number: int) -> str:
    """A machine's name; in the order of its number."""
    return f"m{number:05d}"


@contextmanager
def application(folder: Path, clock: HandClock, **wiring: Any) -> Iterator[Application]:
    """The product over a folder with a configuration in it."""
    environ = {
        "NORMALCY_CONFIG": str(folder / "normalcy.yaml"),
        "NORMALCY_HOME": str(folder / "home"),
    }
    made = bootstrap(load(environ), clock=clock, **wiring)
    try:
        yield made
    finally:
        made.close()


def configure(server: InfluxServer, folder: Path, model: str = LSTM, lateness: str = "30m") -> None:
    """Write the configuration of a fleet with databases of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    text = _CONFIGURATION.format(
        store=server.new_database(), results=server.new_database(), model=model, lateness=lateness
    )
    (folder / "normalcy.yaml").write_text(text, encoding="utf-8")


def learned(server: InfluxServer, folder: Path, model: str = LSTM) -> dict[str, bytes]:
    """The files of a version of a few machines, trained by the real service."""
    configure(server, folder, model)
    with application(folder, HandClock()) as app:
        start = NOW - TAUGHT_STEPS * STEP
        times = np.arange(start, NOW, STEP, dtype=np.int64)
        app.source.write("machine", readings(TAUGHT, times))
        draft = LabelDraft(DETECTOR, LabelKind.NORMAL, start, NOW)
        app.labelling.add(draft, source="command", by="benchmark")
        version = app.retraining.run(DETECTOR)
        return app.artifacts.load(version.artifact)


def enlarged(files: Mapping[str, bytes], series: int) -> dict[str, bytes]:
    """A version of as many machines, each with what one of a few has learned."""
    member = np.arange(series) % TAUGHT
    about = json.loads(files["version.json"])
    about["series"] = [series_key({"machine": name_of(number)}) for number in range(series)]
    about["basis"] = [about["basis"][m] for m in member]
    about["blocks"] = [series]
    made = {"version.json": json.dumps(about).encode()}
    for name in ("version.npz", "weights.npz", "probe.npz", "archive.npz"):
        with np.load(io.BytesIO(files[name])) as arrays:
            own = {key: _repeated(arrays[key], member) for key in arrays.files}
        packed = io.BytesIO()
        np.savez_compressed(packed, **own)
        made[name] = packed.getvalue()
    return made


def _repeated(array: NDArray[Any], member: NDArray[np.int64]) -> NDArray[Any]:
    return array[member] if array.ndim and len(array) == TAUGHT else array


def install(app: Application, files: Mapping[str, bytes], serves_from: int) -> None:
    """Store a version and let it serve."""
    number = app.records.next_number(DETECTOR)
    artifact = f"{DETECTOR}/{number}"
    app.artifacts.save(artifact, files)
    spec = json.loads(files["version.json"])["spec"]
    app.records.add_version(
        Version(
            detector=DETECTOR,
            number=number,
            created_at=serves_from,
            artifact=artifact,
            spec=spec,
            label_hash="",
            data_hash="",
            provisional=False,
            verdict=Verdict.CHALLENGER,
            training={},
        )
    )
    app.records.promote(Promotion(DETECTOR, number, serves_from, serves_from, "benchmark"))


@dataclass(frozen=True)
class Sizes:
    """How many machines, minutes of readings before the ticks, and ticks, a minute each."""

    series: int
    steps: int
    ticks: int


def prepare(server: InfluxServer, folder: Path, files: Mapping[str, bytes], sizes: Sizes) -> None:
    """A fleet with its readings up to the last tick, and the version that serves it.

    Args:
        server: where the readings go.
        folder: for the configuration and what the product keeps.
        files: a version of a few machines.
        sizes: of the fleet.
    """
    spec = json.loads(files["version.json"])["spec"]
    configure(server, folder, json.dumps(spec["model"]), spec["schedule"]["lateness"])
    times = np.arange(NOW - sizes.steps * STEP, NOW + sizes.ticks * STEP, STEP, dtype=np.int64)
    piece = max(1, PIECE_ROWS // len(times))
    with application(folder, HandClock()) as app:
        install(app, enlarged(files, sizes.series), NOW - SERVED * STEP)
        for first in range(0, sizes.series, piece):
            count = min(piece, sizes.series - first)
            app.source.write("machine", readings(count, times, first))


# -- ticks, timed --------------------------------------------------------------------------------


class Stopwatch:
    """Adds up what calls of an object take, under one name; a call within another is not counted.

    Args:
        inner: whose methods are called.
        names: of methods to the part they belong to.
        spent, calls: where seconds and calls are added up.
    """

    def __init__(
        self,
        inner: Any,
        names: Callable[[str], str | None],
        spent: dict[str, float],
        calls: dict[str, int],
    ) -> None:
        self._inner, self._names, self._spent, self._calls = inner, names, spent, calls

    def __getattr__(self, name: str) -> Any:
        found, part = getattr(self._inner, name), self._names(name)
        if part is None or not callable(found):
            return found

        def timed(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            try:
                return found(*args, **kwargs)
            finally:
                self._spent[part] += time.perf_counter() - began
                self._calls[part] += 1

        return timed


def run_ticks(folder: Path, series: int, history: float, ticks: int, bare: float) -> Ticks:
    """Tick a prepared fleet in this process."""
    spent, calls = dict.fromkeys(PARTS, 0.0), dict.fromkeys(PARTS, 0)
    clock = HandClock()

    def watched(inner: Any, names: Callable[[str], str | None]) -> Any:
        return Stopwatch(inner, names, spent, calls)

    def make_model(spec: ModelSpec, count: int, channels: int) -> Model:
        made = build(spec, count, channels)
        model: Model = watched(made, lambda name: "model" if name == "assess" else None)
        return model

    with application(folder, clock) as app:
        kinds = {"read": "read", "stream": "read", "fields": "read", "write": "write"}
        kinds |= {"write_all": "write"}
        source, results = (watched(store, kinds.get) for store in (app.source, app.results))
        records = watched(app.records, lambda name: "records")
        stores = Stores(source, results, records, app.artifacts)
        served = Served(records, app.artifacts, make_model)
        scoring = Scoring(stores, app.detectors, app.labelling, served, clock)
        began = time.perf_counter()
        served.load(DETECTOR, 1)
        loading = time.perf_counter() - began

        def tick(number: int) -> Tick:
            clock.at = NOW + number * STEP
            for part in PARTS:
                spent[part], calls[part] = 0.0, 0
            began = time.perf_counter()
            report = scoring.tick(DETECTOR)
            seconds = time.perf_counter() - began
            parts = {**spent, "rest": seconds - sum(spent.values())}
            return Tick(seconds, parts, {k: v for k, v in calls.items() if v}, report.points)

        first = tick(0)
        later = [tick(number) for number in range(1, ticks + 1)]
    return Ticks(series, history, loading, first, later, resident("VmRSS") - bare)


def apart(folder: Path, series: int, history: float, ticks: int, bare: float) -> Ticks:
    """The same in a process of its own, whose memory is the scoring alone."""
    asked = ["--inside", str(folder), str(series), str(history), str(ticks), str(bare)]
    command = [sys.executable, "-m", "benchmarks.fleet_scoring", *asked]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    plain = json.loads(done.stdout.splitlines()[-1])
    plain["first"] = Tick(**plain["first"])
    plain["later"] = [Tick(**one) for one in plain["later"]]
    return Ticks(**plain)


def bare_tensorflow() -> float:
    """Megabytes of a process that has imported TensorFlow and nothing else."""
    program = "import tensorflow; print(open('/proc/self/status').read())"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def rival(series: int, calls: int = RIVAL_CALLS) -> float:
    """Seconds in which plain Keras looks at one window of each machine, scaled from a few calls."""
    keras = import_module("backend.models.runtime").keras
    shape = (WINDOW, len(CHANNELS))
    network = keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.LSTM(32, return_sequences=True),
            keras.layers.LSTM(4),
            keras.layers.RepeatVector(WINDOW),
            keras.layers.LSTM(4, return_sequences=True),
            keras.layers.LSTM(32, return_sequences=True),
            keras.layers.Dense(len(CHANNELS)),
        ]
    )
    windows = np.random.default_rng(0).normal(size=(calls + 1, 1, *shape))
    network.predict(windows[0], verbose=0)
    began = time.perf_counter()
    for window in windows[1:]:
        network.predict(window, verbose=0)
    return (time.perf_counter() - began) / calls * series


# -- the whole -----------------------------------------------------------------------------------


def measure(folder: Path, server: InfluxServer, given: argparse.Namespace) -> Found:
    """Everything, one after the other."""
    bare, found = bare_tensorflow(), Found()
    files = learned(server, folder / "learned")
    place = folder / "fleet"

    def ticked(series: int, steps: int, name: str) -> None:
        prepare(server, place / name, files, Sizes(series, steps, given.ticks))
        days = steps * STEP / 86_400e9
        found.ticks.append(apart(place / name, series, days, given.ticks, bare))
        sys.stderr.write(_line(found.ticks[-1]) + "\n")

    for series in sorted({*given.sizes, given.series}):
        ticked(series, RECENT, f"of-{series}")
    for days in given.days:
        ticked(given.history_series, days * 1440, f"days-{days}")
    found.rival_series, found.rival_seconds = given.series, rival(given.series)
    return found


def table(found: Found) -> list[str]:
    """Ticks, a line each; then the rival."""
    head = ("series", "days", "tick", "us a series", *PARTS, "requests", "grown")
    lines = ["".join(f"{name:>12}" for name in head), *map(_line, found.ticks)]
    whole = [one for one in found.ticks if one.series == found.rival_series]
    if whole and found.rival_seconds:
        model = whole[0].part("model")
        lines += [
            "",
            f"model of {found.rival_series} series: {model:.3f} s; keras predict one by one: "
            f"{found.rival_seconds:.1f} s, {found.rival_seconds / model:.0f} times as long",
        ]
    return lines


def _line(one: Ticks) -> str:
    calls = one.later[-1].calls
    requests = f"{calls.get('read', 0)} + {calls.get('write', 0)}"
    cells = [f"{one.series:>12}", f"{one.history:>12.1f}", f"{one.usual:>12.3f}"]
    cells.append(f"{one.usual / one.series * 1e6:>12.0f}")
    cells += [f"{one.part(name):>12.3f}" for name in PARTS]
    return "".join([*cells, f"{requests:>12}", f"{one.grown:>9.0f} MB"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    asked = list(sys.argv[1:] if arguments is None else arguments)
    if asked[:1] == ["--inside"]:
        folder, series, history, ticks, bare = asked[1:]
        inside = run_ticks(Path(folder), int(series), float(history), int(ticks), float(bare))
        sys.stdout.write(json.dumps(asdict(inside)) + "\n")
        return 0
    parser = argparse.ArgumentParser(prog="benchmarks.fleet_scoring", description=__doc__)
    parser.add_argument("--series", type=int, default=1000, help="machines beside the rival")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 100, 1000, 5000])
    parser.add_argument("--days", type=int, nargs="*", default=[1, 30], help="lengths of history")
    parser.add_argument("--history-series", type=int, default=100, help="machines with a history")
    parser.add_argument("--ticks", type=int, default=6, help="how many, after the first")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    given = parser.parse_args(asked)
    with tempfile.TemporaryDirectory() as name, InfluxServer(Path(name)) as server:
        found = measure(Path(name), server, given)
    sys.stdout.write("\n".join(table(found)) + "\n")
    if given.json:
        given.json.write_text(json.dumps(asdict(found), indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
