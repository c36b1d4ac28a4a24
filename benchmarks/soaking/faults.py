"""What goes wrong in a server room: each fault is begun, lasts for a while, and is over."""

import resource
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from random import Random

import psutil

from benchmarks.soaking.plant import Plant
from benchmarks.soaking.server import MortalServer, Weather
from tests.servers.faults import Cut, Delay, Fault, Refuse, cut_headers, unacknowledged

_FULL = b'{"error":"engine: write /var/lib/influxdb/wal/_00001.wal: no space left on device"}'
_GRACE_S = 10.0


@dataclass(frozen=True)
class Scene:
    """What faults befall."""

    plant: Plant
    server: MortalServer
    weather: Weather
    lots: Random


Trouble = Callable[[Scene], Iterator[None]]
"""Begins before its `yield`, and is over behind it."""


# -- processes -----------------------------------------------------------------------------------


def _killed(role: str) -> Trouble:
    def trouble(scene: Scene) -> Iterator[None]:
        _signal(scene, role, signal.SIGKILL)
        yield

    return trouble


def _paused(role: str) -> Trouble:
    def trouble(scene: Scene) -> Iterator[None]:
        struck = _signal(scene, role, signal.SIGSTOP)
        yield
        for process in struck:
            with suppress(psutil.Error):
                process.send_signal(signal.SIGCONT)

    return trouble


def _signal(scene: Scene, role: str, number: int) -> list[psutil.Process]:
    """Send a signal to one process of a role, whichever; none where there is none."""
    found = scene.plant.role(role)
    struck = [scene.lots.choice(found)] if found else []
    for process in struck:
        with suppress(psutil.Error):
            process.send_signal(number)
    return struck


def _power_cut(scene: Scene) -> Iterator[None]:
    """Everything of ours, and the server, at once."""
    for process in scene.plant.tree():
        with suppress(psutil.Error):
            process.kill()
    yield from _server_killed(scene)


# -- the server ----------------------------------------------------------------------------------


def _server_killed(scene: Scene) -> Iterator[None]:
    scene.server.kill()
    yield
    scene.server.start_again()


def _server_held_up(scene: Scene) -> Iterator[None]:
    scene.server.hold_up()
    yield
    scene.server.let_go()


def _weather(fault: Fault) -> Trouble:
    def trouble(scene: Scene) -> Iterator[None]:
        scene.weather.turn(fault)
        yield
        scene.weather.clear()

    return trouble


# -- records, disk, configuration ----------------------------------------------------------------


def _records_locked(scene: Scene) -> Iterator[None]:
    """As by a backup program or a forgotten shell."""
    with closing(sqlite3.connect(scene.plant.records, timeout=_GRACE_S)) as connection:
        with suppress(sqlite3.OperationalError):
            connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.rollback()


def _disk_full(scene: Scene) -> Iterator[None]:
    """No file of ours may grow: writing fails as it does where there is no room."""
    _limit(scene, 0)
    yield
    _limit(scene, resource.RLIM_INFINITY)


def _limit(scene: Scene, size: int) -> None:
    # twice: a process may have been started between the look and its turn
    for process in [*scene.plant.tree(), *scene.plant.tree()]:
        with suppress(psutil.Error, ProcessLookupError):
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def _configuration_broken(scene: Scene) -> Iterator[None]:
    """By an edit that is not finished."""
    text = scene.plant.text
    broken = scene.lots.choice([text[: len(text) // 2] + "\n  - [", text.replace("every: 1s", "")])
    scene.plant.config.write_text(broken, encoding="utf-8")
    yield
    scene.plant.config.write_text(text, encoding="utf-8")


FAULTS: Mapping[str, Trouble] = {
    "jobs killed": _killed("jobs"),
    "web killed": _killed("web"),
    "worker killed": _killed("worker"),
    "jobs paused": _paused("jobs"),
    "web paused": _paused("web"),
    "worker paused": _paused("worker"),
    "power cut": _power_cut,
    "InfluxDB killed": _server_killed,
    "InfluxDB paused": _server_held_up,
    "InfluxDB refuses": _weather(Refuse(503)),
    "InfluxDB busy": _weather(Refuse(429, headers={"Retry-After": "1"})),
    "InfluxDB full": _weather(Refuse(500, _FULL, {"Content-Type": "application/json"})),
    "InfluxDB slow": _weather(Delay(2.0)),
    "answers cut": _weather(Cut(0.5)),
    "answers lost": _weather(unacknowledged),
    "connection resets": _weather(cut_headers),
    "records locked": _records_locked,
    "disk full": _disk_full,
    "configuration broken": _configuration_broken,
}
FATAL = ("jobs killed", "web killed", "worker killed", "power cut")
"""Those that end a process of ours."""
_OF_SERVER = ("InfluxDB", "answers", "connection", "power")
"""Beginnings of names of faults that never happen at once: the second would undo the first."""


@dataclass
class Troubles:
    """Lets faults happen at random moments; `with Troubles(…):` until it is told to `calm`.

    Attributes:
        scene: what they befall.
        shortest, longest: seconds that one lasts, and that pass until the next.
    """

    scene: Scene
    shortest: float = 2.0
    longest: float = 12.0
    counts: Counter[str] = field(default_factory=Counter)
    log: list[tuple[float, str]] = field(default_factory=list)
    """When each began, in seconds since 1970: to be read beside what the service tells."""
    fatal: bool = True
    """Whether processes of ours are killed; set to False to look at their memory."""
    _stop: threading.Event = field(default_factory=threading.Event)
    _failed: BaseException | None = None

    def __enter__(self) -> "Troubles":
        self._thread = threading.Thread(target=self._go_on, name="troubles")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.calm()

    def calm(self) -> None:
        """End what is going on, and begin nothing new."""
        self._stop.set()
        self._thread.join()
        if self._failed is not None:
            raise self._failed

    def _go_on(self) -> None:
        lots = self.scene.lots
        try:
            while not self._stop.wait(lots.uniform(self.shortest, self.longest)):
                with ExitStack() as at_once:
                    for name in self._drawn():
                        self.counts[name] += 1
                        self.log.append((time.time(), name))
                        at_once.enter_context(contextmanager(FAULTS[name])(self.scene))
                    self._stop.wait(lots.uniform(self.shortest, self.longest))
        except BaseException as error:
            self._failed = error

    def _drawn(self) -> list[str]:
        """One fault, and with it another now and then; each kind once before any comes again."""
        names = [name for name in FAULTS if self.fatal or name not in FATAL]
        least = min(self.counts[name] for name in names)
        first = self.scene.lots.choice([name for name in names if self.counts[name] == least])
        if self.scene.lots.random() < 0.7:
            return [first]
        others = [n for n in names if _kind(n) != _kind(first)]
        return [first, self.scene.lots.choice(others)]


def _kind(name: str) -> str:
    return "server" if name.startswith(_OF_SERVER) else name
