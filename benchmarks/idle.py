"""What the service takes while it has nothing to do: memory of each process, start, processor time.

    python -m benchmarks.idle [--seconds 30] [--json FILE]

`normalcy up` is started over an InfluxDB 1.x on loopback that holds the readings of one small
fleet. Memory is told when all has started, and of each worker when it has done its first work:
trained, scored and backfilled, once with the default kind of model, once with a network. RSS counts
what processes share in full for each, PSS in part, USS not at all. Then nothing is asked for, and
no reading comes, for a while: that is the processor time of the idle service, which goes on with
its timetable.

The exit code is 1 where the web process has 150 MB or more, or holds TensorFlow, or the jobs
process does.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import requests

from backend.ports import Points
from benchmarks.soaking.plant import TOKEN, Plant, end_orderly, free_port, wait_for
from benchmarks.soaking.verdict import application
from benchmarks.soaking.watching import Sample, sample
from tests.servers.influxdb import InfluxServer

WEB_MB = 150.0
"""What the web process has to stay below, by RSS, the largest of the three."""
PATIENCE_S = 300.0
MINUTE = 60 * 10**9
READINGS = 1000
KINDS = {
    "ensemble (default)": "{kind: ensemble}",
    "lstm_autoencoder": "{kind: lstm_autoencoder, epochs: 5}",
}
TRAINED, SCORED, BACKFILLED = "worker that trained", "worker that scored", "worker that backfilled"

_CONFIGURATION = """
store: {store}
results: {results}
web: {{port: {web}}}
detectors:
  idle:
    measurement: air
    channels: [temp, moist, gas]
    group_by: [room]
    every: 1m
    model: {model}
    folds: 2
    detection_limits: false
    schedule: {{score: 1m, retrain_after_labels: "0"}}
    labels:
      - {{kind: normal, from: "{start}", to: "{stop}"}}
"""


@dataclass
class Idle:
    """The service with one kind of model.

    Attributes:
        kind: of the model.
        started: seconds until the pages answer and until the timetable runs.
        samples: memory of each process; a worker's after its first work.
        processor: percent of one core while idle, by process.
        tensorflow: processes that have loaded it.
    """

    kind: str
    started: dict[str, float] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    processor: dict[str, float] = field(default_factory=dict)
    tensorflow: list[str] = field(default_factory=list)

    @property
    def misses(self) -> list[str]:
        """Goals that are missed."""
        web = next(one.resident for one in self.samples if one.role == "web")
        found = [] if web < WEB_MB else [f"web has {web:.0f} MB: it has to be below {WEB_MB:.0f}"]
        slim = [name for name in ("web", "jobs") if name in self.tensorflow]
        return [*found, *(f"{name} has loaded TensorFlow" for name in slim)]


# -- measuring -----------------------------------------------------------------------------------


def measure(server: InfluxServer, folder: Path, kind: str, idle_s: float) -> Idle:
    """Start the service, let each worker work once, and look at it while it rests."""
    found = Idle(kind)
    plant = _plant(server, folder, KINDS[kind])
    with application(plant.environ) as app:
        _write_readings(app.source.write)
        began = time.monotonic()
        with plant:
            found.started["pages answer"] = _until(lambda: _answers(plant), plant) - began
            jobs = _until(lambda: "started worker" in plant.log.read_text(), plant)
            found.started["timetable runs"] = jobs - began
            workers = _let_work(plant, lambda: bool(app.results.measurements()))
            roles = {
                "up": _one(plant, "up"),
                "web": _one(plant, "web"),
                "jobs": _one(plant, "jobs"),
            }
            processes = {**roles, **workers}
            found.processor = _rest(processes, idle_s)
            taken = [sample(process, role, 0.0) for role, process in processes.items()]
            found.samples = [one for one in taken if one is not None]
            found.tensorflow = [name for name, one in processes.items() if _has_tensorflow(one)]
    return found


def _plant(server: InfluxServer, folder: Path, model: str) -> Plant:
    port = free_port()
    now = time.time_ns()
    text = _CONFIGURATION.format(
        store=server.new_database(),
        results=server.new_database(),
        web=port,
        model=model,
        start=_text(now - READINGS * MINUTE),
        stop=_text(now - READINGS // 5 * MINUTE),
    )
    return Plant(folder, text, port)


def _text(at: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(at // 10**9))


def _write_readings(write: Callable[[str, Sequence[Points]], None]) -> None:
    times = (time.time_ns() // MINUTE - READINGS) * MINUTE + MINUTE * np.arange(READINGS)
    for room in range(5):
        noise = np.random.default_rng(room).normal(scale=0.05, size=(3, READINGS))
        waves = np.sin(np.arange(READINGS) / 20 + room + np.arange(3)[:, None]) + noise
        columns = dict(zip(("temp", "moist", "gas"), waves, strict=True))
        write("air", [Points({"room": f"r{room}"}, times, columns)])


def _let_work(plant: Plant, scored: Callable[[], bool]) -> dict[str, psutil.Process]:
    """Each worker by what it did first: the labels ask for a training, and that for scoring."""
    workers: dict[str, psutil.Process] = {}
    for name in (TRAINED, SCORED, BACKFILLED):
        if name == BACKFILLED:
            _until(scored, plant)
            _backfill(plant)
        workers[name] = _newcomer(plant, list(workers.values()))
    return workers


def _newcomer(plant: Plant, known: Sequence[psutil.Process]) -> psutil.Process:
    """The worker that is there next; workers stay, so that it is a fresh one for a new place."""
    found: list[psutil.Process] = []

    def came() -> bool:
        found[:] = [one for one in plant.role("worker") if one not in known]
        return bool(found)

    _until(came, plant)
    return found[0]


def _backfill(plant: Plant) -> None:
    now = time.time_ns()
    body = {
        "kind": "backfill",
        "detector": "idle",
        "from": (now - READINGS * MINUTE) // 10**6,
        "to": now // 10**6,
    }
    headers = {"Authorization": f"Bearer {TOKEN}"}
    address = f"{plant.url}/api/v1/requests"
    answer = requests.post(address, json=body, headers=headers, timeout=30)
    answer.raise_for_status()
    number = answer.json()["id"]

    def done() -> bool:
        seen = requests.get(f"{address}/{number}", headers=headers, timeout=30).json()
        if seen["state"] in ("failed", "cancelled"):
            raise RuntimeError(f"the backfill came to nothing: {seen['message']}")
        return bool(seen["state"] == "done")

    _until(done, plant)


def _rest(processes: Mapping[str, psutil.Process], seconds: float) -> dict[str, float]:
    """Percent of one core that each takes while nobody asks for anything."""
    before = {name: _spent(process) for name, process in processes.items()}
    began = time.monotonic()
    time.sleep(seconds)  # the measurement itself
    gone = time.monotonic() - began
    return {name: 100 * (_spent(one) - before[name]) / gone for name, one in processes.items()}


def _spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _one(plant: Plant, role: str) -> psutil.Process:
    (process,) = plant.role(role)
    return process


def _has_tensorflow(process: psutil.Process) -> bool:
    return any("tensorflow" in one.path for one in process.memory_maps())


def _answers(plant: Plant) -> bool:
    try:
        return requests.get(f"{plant.url}/healthz", timeout=1).ok
    except requests.RequestException:
        return False


def _until(happened: Callable[[], bool], plant: Plant) -> float:
    """When something came to be, on the monotonic clock."""
    return wait_for(happened, f"something (see {plant.log})", PATIENCE_S, 0.05)


# -- the table -----------------------------------------------------------------------------------


def table(found: Sequence[Idle]) -> list[str]:
    """Memory and processor time, a line a process; then the starts."""
    lines = []
    for one in found:
        lines += [f"{one.kind}", f"{'':<26}{'RSS MB':>8}{'PSS MB':>8}{'USS MB':>8}{'idle %':>8}"]
        lines += [
            f"  {row.role:<24}{row.resident:>8.0f}{row.proportional:>8.0f}{row.unique:>8.0f}"
            f"{one.processor[row.role]:>8.1f}{'  TensorFlow' if row.role in one.tensorflow else ''}"
            for row in one.samples
        ]
        lines += [f"  {name} after {seconds:.1f} s" for name, seconds in one.started.items()]
        lines += [f"MISS {miss}" for miss in one.misses]
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; exit code 1 if a goal is missed."""
    parser = argparse.ArgumentParser(prog="benchmarks.idle", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="how long it rests")
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    given = parser.parse_args(arguments)
    end_orderly()
    found = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "influxdb").mkdir()
        with InfluxServer(folder / "influxdb") as server:
            for number, kind in enumerate(given.kinds):
                found.append(measure(server, folder / str(number), kind, given.seconds))
    sys.stdout.write("\n".join(table(found)) + "\n")
    if given.json:
        machine = {"cores": os.cpu_count(), "python": platform.python_version()}
        figures: dict[str, Any] = {"machine": machine, "found": [asdict(one) for one in found]}
        given.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 1 if any(one.misses for one in found) else 0


if __name__ == "__main__":
    sys.exit(main())
