"""The installation under test: its configuration, and `normalcy up` under a service manager."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.soaking.course import LATEST_S, Fleet

TOKEN = "soak-" + "0" * 32
ROOT = Path(__file__).parents[2]
AGAIN_S = 2.0
"""After so long a service manager starts again what ended."""
STOPPED_WITHIN_S = 60.0

LATENESS_S = 2 * LATEST_S
"""As late as rows come, and as long again for outages in which they wait."""

_TOP = """
store: influxdb://127.0.0.1:{influx}/sensors
results: influxdb://127.0.0.1:{influx}/normalcy
web: {{host: 127.0.0.1, port: {web}}}
detectors:
"""
_DETECTOR = """  {name}:
    measurement: {measurement}
    channels: [{channels}]
    group_by: [{tag}]
    every: 1s
    model: {model}
    threshold: {{kind: quantile, q: 1, margin: 1.2}}
    folds: 2
    detection_limits: false
    schedule: {{score: 1s, lateness: {lateness}s, catch_up: {catch_up}, retrain_after_labels: 1d,
      retrain_timeout: 10m, score_timeout: 5m}}
"""
# Trainings begin when the operator of the soak asks for one: then it is known which version scored
# what, and when.


CATCH_UP = "20m"
"""How far the service goes back after an outage; none of the soak lasts so long."""


def configuration(fleets: Sequence[Fleet], influx: int, web: int) -> str:
    """A hundredth of everything: what a plant does each 100 s is done here each second."""
    parts = [
        _DETECTOR.format(
            name=one.name,
            measurement=one.measurement,
            channels=", ".join(one.channels),
            tag=one.tag,
            model=one.model,
            lateness=LATENESS_S,
            catch_up=CATCH_UP,
        )
        for one in fleets
    ]
    return _TOP.format(influx=influx, web=web) + "".join(parts)


@dataclass
class Plant:
    """One installation.

    Attributes:
        folder: for all that it keeps.
        text: its configuration, as it is meant to be.
        web: the port of its pages.
    """

    folder: Path
    text: str
    web: int
    restarts: int = 0
    """How often `normalcy up` itself was started again."""
    exit_code: int | None = None
    """Of its orderly end."""
    _stop: threading.Event = field(default_factory=threading.Event)
    _process: "subprocess.Popen[bytes] | None" = None

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        self.config.write_text(self.text, encoding="utf-8")

    @property
    def home(self) -> Path:
        """What normalcy keeps."""
        return self.folder / "home"

    @property
    def config(self) -> Path:
        """Its normalcy.yaml."""
        return self.folder / "normalcy.yaml"

    @property
    def log(self) -> Path:
        """What its processes tell."""
        return self.folder / "up.log"

    @property
    def records(self) -> Path:
        """The file of its record store."""
        return self.home / "records.sqlite3"

    @property
    def url(self) -> str:
        """Where its pages are."""
        return f"http://127.0.0.1:{self.web}"

    @property
    def environ(self) -> Mapping[str, str]:
        """What its processes are told."""
        return {
            "NORMALCY_CONFIG": str(self.config),
            "NORMALCY_HOME": str(self.home),
            "NORMALCY_TOKEN": TOKEN,
        }

    def listens(self) -> bool:
        """Whether somebody takes connections to its pages."""
        with socket.socket() as attempt:
            return attempt.connect_ex(("127.0.0.1", self.web)) == 0

    # -- its processes

    def __enter__(self) -> "Plant":
        self._thread = threading.Thread(target=self._keep, name="service manager")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Tell it to stop, as a service manager does; what does not is killed."""
        self._stop.set()
        self._thread.join()
        for process in self.tree():
            process.kill()

    def tree(self) -> list[psutil.Process]:
        """All of its processes at the moment, `normalcy up` first."""
        main = self._process
        if main is None:
            return []
        try:
            top = psutil.Process(main.pid)
            return [top, *top.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def role(self, role: str) -> list[psutil.Process]:
        """Its processes of one role: `up`, `web`, `jobs` or `worker`."""
        return [one for one in self.tree() if role_of(one) == role]

    def _keep(self) -> None:
        with self.log.open("ab") as told:
            while not self._stop.is_set():
                self._process = self._start(told)
                while self._process.poll() is None and not self._stop.wait(0.2):
                    pass
                if not self._stop.is_set():
                    self.restarts += 1
                    self._stop.wait(AGAIN_S)
            self._end()

    def _start(self, told: object) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", "backend", "up"],
            cwd=ROOT,
            env={**os.environ, **self.environ},
            stdin=subprocess.DEVNULL,
            stdout=told,  # type: ignore[arg-type]
            stderr=told,  # type: ignore[arg-type]
            start_new_session=True,
        )

    def _end(self) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            self.exit_code = process.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.exit_code = None


def role_of(process: psutil.Process) -> str:
    """What a process of the service is, by its command line; empty where it is gone or a helper."""
    try:
        words = process.cmdline()
    except psutil.Error:
        return ""
    if "up" in words:
        return "up"
    if "web" in words:
        return "web"
    if "jobs" in words:
        return "jobs"
    return "worker" if any("spawn_main" in word for word in words) else ""


def end_orderly() -> None:
    """Let SIGTERM end this process as Ctrl-C does: what it has started ends with it."""

    def leave(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, leave)


def free_port() -> int:
    """One on loopback that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def wait_for(
    happened: Callable[[], object], what: str, deadline_s: float, every_s: float = 0.2
) -> float:
    """When something came to be, on the monotonic clock.

    Raises:
        RuntimeError: it did not within so many seconds.
    """
    for _ in until(deadline_s, every_s):
        if happened():
            return time.monotonic()
    raise RuntimeError(f"{what} did not come within {deadline_s:.0f} s")


def until(deadline_s: float, every_s: float = 0.2) -> Iterator[float]:
    """Seconds that have gone by, again and again until the deadline."""
    began = time.monotonic()
    while (gone := time.monotonic() - began) < deadline_s:
        yield gone
        time.sleep(every_s)
