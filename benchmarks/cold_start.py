"""Where the seconds of the first tick of a new process go, as `normalcy score` runs it.

    python -m benchmarks.cold_start [--json FILE]

A detector of ten series is scored in a process of its own that has loaded nothing before, over an
InfluxDB 1.x on loopback: once with a network, once with the kind that is taken by default.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

SERIES = 10
STAGES = ("imports", "model code", "files", "version", "proof", "tick")
"""`model code` is mostly TensorFlow, for kinds that need it."""


class Stages:
    """Seconds of stages that follow each other; each ends where the next begins."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._began = time.perf_counter()

    def end(self, name: str) -> None:
        """A stage is over."""
        now = time.perf_counter()
        self.seconds[name] = now - self._began
        self._began = now


class StillClock:
    """Stands where it is set."""

    def __init__(self, at: int) -> None:
        self._at = at

    def now(self) -> int:
        """UTC nanoseconds since 1970."""
        return self._at


def run(folder: str, detector: str, now: int) -> dict[str, float]:
    """Do what a scoring process does until its first tick has ended, stage by stage."""
    stages = Stages()
    bootstrap = import_module("backend.bootstrap")
    registry = import_module("backend.models.registry")
    versions = import_module("backend.services.versions")
    pipeline = import_module("backend.detection.pipeline")
    grid = import_module("backend.detection.grid")
    environ = {
        "NORMALCY_CONFIG": str(Path(folder) / "normalcy.yaml"),
        "NORMALCY_HOME": str(Path(folder) / "home"),
    }
    app = bootstrap.bootstrap(bootstrap.load(environ), clock=StillClock(now))
    stages.end("imports")
    version = app.records.version(detector, 1)
    spec = app.detectors.get(detector)
    registry.build(spec.model, 1, len(spec.inputs))
    stages.end("model code")
    files = {}
    for prefix in ("version", "weights", "probe"):
        files |= app.artifacts.load(version.artifact, prefix)
    stages.end("files")
    fitted = versions.read_fitted(files, registry.build)
    stages.end("version")
    probe = versions.unpack(files["probe.npz"])
    rows = grid.Rows(fitted.keys, probe["times"], fitted.spec.step, probe["values"])
    pipeline.score(fitted, rows)
    stages.end("proof")
    served = import_module("backend.services.serving").Served(app.records, app.artifacts, None)
    served._ready[detector, 1] = version, fitted
    parts = import_module("backend.services.stores").Stores(
        app.source, app.results, app.records, app.artifacts
    )
    scoring = import_module("backend.services.scoring").Scoring
    scoring(parts, app.detectors, app.labelling, served, StillClock(now)).tick(detector)
    stages.end("tick")
    app.close()
    return stages.seconds | {"tensorflow": float("tensorflow" in sys.modules)}


def measure(server: Any, folder: Path) -> dict[str, dict[str, float]]:
    """Seconds by stage, and as a whole, by kind."""
    # imported here: a new process has to begin without any of it
    fleet = import_module("benchmarks.fleet_scoring")
    found = {}
    for kind, model in (("lstm_autoencoder", fleet.LSTM), ("ensemble (default)", fleet.DEFAULT)):
        place = folder / kind.split()[0]
        files = fleet.learned(server, place / "learned", model)
        fleet.prepare(server, place / "scored", files, fleet.Sizes(SERIES, fleet.RECENT, 1))
        found[kind] = apart(place / "scored", fleet.DETECTOR, fleet.NOW)
    return found


def apart(folder: Path, detector: str, now: int) -> dict[str, float]:
    """Seconds by stage in a new process, and as a whole."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.cold_start", "--inside"]
    command += [str(folder), detector, str(now)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return {"all": time.perf_counter() - began, **found}


def table(found: dict[str, dict[str, float]]) -> list[str]:
    """A line a kind."""
    head = f"{'kind':<20}" + "".join(f"{name:>12}" for name in ("all", *STAGES, "TensorFlow"))
    lines = [head]
    for kind, spent in found.items():
        cells = "".join(f"{spent[name]:>12.1f}" for name in ("all", *STAGES))
        lines.append(f"{kind:<20}{cells}{'yes' if spent['tensorflow'] else 'no':>12}")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    asked = list(sys.argv[1:] if arguments is None else arguments)
    if asked[:1] == ["--inside"]:
        folder, detector, now = asked[1:]
        sys.stdout.write(json.dumps(run(folder, detector, int(now))) + "\n")
        return 0
    parser = argparse.ArgumentParser(prog="benchmarks.cold_start", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    given = parser.parse_args(asked)
    made = import_module("tests.servers.influxdb").InfluxServer
    with tempfile.TemporaryDirectory() as name, made(Path(name)) as server:
        found = measure(server, Path(name) / "fleets")
    sys.stdout.write("\n".join(table(found)) + "\n")
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
