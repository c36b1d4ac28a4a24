"""Writing and reading series: the embedded store against a real InfluxDB 1.x, same rows, one run.

    python -m benchmarks.embedded [--rows 200000] [--repeat 3] [--json FILE]

Needs `influxd` on the path; a server of its own is started on loopback.
"""

import argparse
import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from backend.ports import Credentials, Points, Query, SeriesStore
from backend.stores.opening import open_series_store
from benchmarks.rows import FIELDS, START, STEP, frame
from tests.servers.influxdb import InfluxServer

LIVE_WRITES = 1000


@dataclass(frozen=True)
class Workload:
    """Rows to write and read: `series` series of `rows` rows each."""

    name: str
    series: int
    rows: int


@dataclass(frozen=True)
class Timing:
    """Seconds of both stores for one thing done."""

    workload: str
    action: str
    rows: int
    embedded_s: float
    influxdb_s: float

    @property
    def ratio(self) -> float:
        """How much longer the embedded store takes."""
        return self.embedded_s / self.influxdb_s


def make_rows(workload: Workload) -> list[Points]:
    """Sensor-like rows: noisy levels at two decimals, a hundredth of the values absent."""
    random = np.random.default_rng(0)
    times = START + STEP * np.arange(workload.rows, dtype=np.int64)
    batches = []
    for number in range(workload.series):
        values = (20 + random.normal(size=(len(FIELDS), workload.rows))).round(2)
        values[random.random(values.shape) < 0.01] = np.nan
        fields = dict(zip(FIELDS, values, strict=True))
        batches.append(Points({"room": f"room-{number}"}, times, fields))
    return batches


def measure(store: SeriesStore, workload: Workload, repeat: int) -> dict[str, float]:
    """Best seconds of `repeat` tries to write the rows and to read them into frames."""
    batches = make_rows(workload)
    names = [f"{workload.name}-{number}".replace(" ", "-") for number in range(repeat)]
    writes = [seconds(partial(store.write, name, batches)) for name in names]
    query = Query(names[0], FIELDS, START, START + 10**18, group_by=("room",))
    frames = [frame(points) for points in store.read(query)]
    if sum(map(len, frames)) != workload.series * workload.rows:
        raise RuntimeError(f"{store.ping()} lost rows of {workload.name}")
    reads = [seconds(lambda: [frame(p) for p in store.read(query)]) for _ in range(repeat)]
    return {"write": min(writes), "read": min(reads)}


def measure_live(store: SeriesStore, repeat: int) -> dict[str, float]:
    """Best seconds for single rows written one after the other, and for reading them back."""
    (batch,) = make_rows(Workload("live", 1, LIVE_WRITES))

    def write_all(measurement: str) -> None:
        for row in range(LIVE_WRITES):
            rows = slice(row, row + 1)
            fields = {name: values[rows] for name, values in batch.fields.items()}
            store.write(measurement, [Points(batch.tags, batch.times[rows], fields)])

    names = [f"live-{number}" for number in range(repeat)]
    writes = [seconds(partial(write_all, name)) for name in names]
    query = Query(names[0], FIELDS, START, START + 10**18, group_by=("room",))
    reads = [seconds(lambda: store.read(query)) for _ in range(repeat)]
    return {"write": min(writes), "read": min(reads)}


def seconds(action: Callable[[], object]) -> float:
    """Wall time of an action."""
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def compare(stores: Mapping[str, SeriesStore], rows: int, repeat: int) -> list[Timing]:
    """Time every workload on both stores."""
    timings = []
    for workload in (
        Workload("one series", 1, rows),
        Workload("50 series", 50, rows // 50),
    ):
        took = {name: measure(store, workload, repeat) for name, store in stores.items()}
        timings += _timings(workload.name, workload.series * workload.rows, took)
    live = {name: measure_live(store, repeat) for name, store in stores.items()}
    return timings + _timings("single rows", LIVE_WRITES, live)


def _timings(workload: str, rows: int, took: Mapping[str, Mapping[str, float]]) -> list[Timing]:
    return [
        Timing(workload, action, rows, took["embedded"][action], took["influxdb"][action])
        for action in took["embedded"]
    ]


def table(timings: Sequence[Timing]) -> str:
    """The timings as text; a ratio below 1 means that the embedded store is faster."""
    lines = [
        f"{'workload':<12} {'action':<6} {'rows':>8} {'embedded s':>11} {'InfluxDB s':>11} ratio"
    ]
    lines += [
        f"{t.workload:<12} {t.action:<6} {t.rows:>8} {t.embedded_s:>11.3f} {t.influxdb_s:>11.3f} "
        f"{t.ratio:>5.2f}"
        for t in timings
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison; exit code 1 if the embedded store is slower than it may be."""
    parser = argparse.ArgumentParser(description="embedded store against InfluxDB 1.x")
    parser.add_argument("--rows", type=int, default=200_000, help="rows in all (default 200000)")
    parser.add_argument("--repeat", type=int, default=3, help="the best of so many tries counts")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        (home / "influxdb").mkdir()
        with InfluxServer(home / "influxdb") as server:
            stores = {
                "embedded": _open(f"embedded://{home}/embedded"),
                "influxdb": _open(server.new_database()),
            }
            timings = compare(stores, options.rows, options.repeat)
    sys.stdout.write(table(timings) + "\n")
    if options.json:
        figures = [asdict(timing) | {"ratio": timing.ratio} for timing in timings]
        options.json.write_text(json.dumps({"benchmark": "embedded", "timings": figures}, indent=2))
    return 0 if all(map(_fast_enough, timings)) else 1


def _open(url: str) -> SeriesStore:
    return open_series_store(url, Credentials(), create=True)


def _fast_enough(timing: Timing) -> bool:
    limit = 1.0 if timing.action == "read" else 2.0
    if timing.ratio > limit:
        logging.warning("%s of %s: ratio above %g", timing.action, timing.workload, limit)
    return timing.ratio <= limit


if __name__ == "__main__":
    raise SystemExit(main())
