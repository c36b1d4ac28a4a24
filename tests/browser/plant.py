"""A plant with the real service: processes, embedded store, sensors that go on reporting."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from backend.bootstrap import Application, bootstrap
from backend.ports import Points
from backend.records import LabelDraft, LabelKind
from backend.settings import load

SECOND = 1_000_000_000
STEP_S = 5
HISTORY = 1440
"""Points of two hours."""

_START_S, _LOOK_EVERY_S = 90.0, 0.1


def free_port() -> int:
    """A port that nothing listens on at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def rows(start: int, stop: int) -> Points:
    """Two sensors that swing together, a third that lags; the same numbers whenever asked for."""
    times = np.arange(start, stop, STEP_S * SECOND, dtype=np.int64)
    phase = times / (300 * SECOND)
    noise = np.sin(times / SECOND * 12.9898) * 0.05
    values = {
        "temp": 20 + np.sin(phase) + noise,
        "moist": 40 + 2 * np.sin(phase) - noise,
        "flow": 5 + np.cos(phase) + noise,
    }
    return Points({"room": "hall"}, times, values)


class Plant:
    """Its folder, its address, and the sensors; started by `running_plant`."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self.address = f"http://127.0.0.1:{port}/"
        now = time.time_ns()
        self.now = now - now % (STEP_S * SECOND)
        self.start = self.now - HISTORY * STEP_S * SECOND
        config = folder / "normalcy.yaml"
        config.write_text(yaml.safe_dump(_configuration(folder)))
        self.environ = {
            **os.environ,
            "NORMALCY_CONFIG": str(config),
            "NORMALCY_HOME": str(folder / "home"),
            "NORMALCY_PORT": str(port),
        }

    def prepare(self) -> None:
        """Two hours of data, a first label, and a version that serves."""
        with _closing(self.application()) as app:
            app.source.write("air", [rows(self.start, self.now)])
            third = self.start + (self.now - self.start) // 3
            draft = LabelDraft("hall", LabelKind.NORMAL, self.start, third, {}, "first look")
            app.labelling.add(draft, source="command", by="ann")
            app.retraining.run("hall")
            app.scoring.backfill("hall", self.start, self.now)

    def application(self) -> Application:
        """The use cases over the same stores, in this process."""
        return bootstrap(load(self.environ))

    def ask(self, path: str) -> Any:
        """What the API answers."""
        with urllib.request.urlopen(self.address + path, timeout=10) as answer:
            return json.loads(answer.read())

    def report(self, stop: threading.Event) -> None:
        """Let the sensors write what is due, until told to stop."""
        written = self.now
        with _closing(self.application()) as app:
            while not stop.wait(0.5):
                due = time.time_ns()
                due -= due % (STEP_S * SECOND)
                if due > written:
                    app.source.write("air", [rows(written, due)])
                    written = due


def _configuration(folder: Path) -> dict[str, Any]:
    return {
        "store": f"embedded://{folder}/series",
        "detectors": {
            "hall": {
                "measurement": "air",
                "channels": ["temp", "moist", "flow"],
                "group_by": ["room"],
                "every": f"{STEP_S}s",
                "model": {"kind": "pca", "window": 4},
                "threshold": {"kind": "quantile", "q": 0.99},
                "promote": "review",
                "schedule": {"score": "1s", "lateness": "1m", "retrain_after_labels": "12h"},
            }
        },
    }


@contextmanager
def _closing(app: Application) -> Iterator[Application]:
    try:
        yield app
    finally:
        app.close()


@contextmanager
def running_plant(folder: Path) -> Iterator[Plant]:
    """Prepare a plant and run `normalcy up` over it; all that was started ends with the block."""
    plant = Plant(folder, free_port())
    plant.prepare()
    log = folder / "up.log"
    stop = threading.Event()
    sensors = threading.Thread(target=plant.report, args=(stop,))
    with log.open("w") as stream:
        command = [sys.executable, "-m", "backend", "up"]
        process = subprocess.Popen(command, env=plant.environ, stdout=stream, stderr=stream)
        try:
            _wait_until_ready(plant, process, log)
            sensors.start()
            yield plant
        finally:
            stop.set()
            process.terminate()
            process.wait(30)
            if sensors.ident is not None:
                sensors.join()


def _wait_until_ready(plant: Plant, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + _START_S
    while time.monotonic() < until:
        with suppress(OSError):  # it does not listen yet, or is not ready
            if plant.ask("readyz")["ready"]:
                return
        with suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK_EVERY_S)
            raise AssertionError(f"the service ended: {log.read_text()}")
    raise AssertionError(f"the service does not answer: {log.read_text()}")
