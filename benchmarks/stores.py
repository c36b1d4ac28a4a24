"""Reading and writing at the server's own speed: ours, a rival client library, and the server.

    python -m benchmarks.stores [--rows 1000000] [--repeat 5] [--memory-rows 10000000] [--json FILE]

Without INFLUXDB2_URL a server of InfluxDB 1.x is started on loopback, and the rival is the
`influxdb` package's DataFrameClient. With INFLUXDB2_URL (and INFLUXDB2_TOKEN, INFLUXDB2_ORG) that
server is used, in buckets of its own, and the rival is `influxdb-client`. All contestants take
turns, round by round, so that what else the machine does hits them alike.

The server's own time is that of the same requests with nothing done about them: for reading the
same statement to a client that throws the bytes away, for writing the same bodies made beforehand.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import pandas as pd

from backend.ports import Credentials, Query, SeriesStore
from backend.stores.opening import open_series_store
from benchmarks.contestants import (
    FIELDS,
    LINES,
    START,
    ClientLibrary,
    Rival,
    Server,
    bodies,
    frame,
    rival_of,
    rows_of,
    unpacked,
)
from tests.servers.influxdb import InfluxServer
from tests.servers.remote import InfluxServer2

READ_TO_SERVER, WRITE_TO_SERVER = 1.3, 1.15
READ_TO_RIVAL, WRITE_TO_RIVAL = 15.0, 1.8
MEMORY_MB = 300.0


@dataclass
class Measured:
    """Seconds of one contestant at one thing."""

    action: str
    contestant: str
    rows: int
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The middle one of all rounds."""
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Goal:
    """What has to hold, and whether it does."""

    what: str
    limit: float
    figure: float
    met: bool


Contestant = Callable[[int], Callable[[], object]]
"""Given the round, makes ready what is then timed."""


def race(
    action: str, rows: int, repeat: int, contestants: Mapping[str, Contestant]
) -> list[Measured]:
    """Let contestants take turns; the first round only warms up."""
    measured = {name: Measured(action, name, rows) for name in contestants}
    for number in range(repeat + 1):
        for name, ready in contestants.items():
            run = ready(number)
            begin = time.perf_counter()
            run()
            if number:
                measured[name].seconds.append(time.perf_counter() - begin)
    return list(measured.values())


class Bench:
    """One server with a store of ours and a rival on it, and an embedded store beside them."""

    def __init__(self, url: str, credentials: Credentials, home: Path, rows: int) -> None:
        self.url, self.credentials = url, credentials
        self.rows = rows
        self.points = rows_of(rows)
        self.store: SeriesStore = open_series_store(url, credentials, create=False)
        self.embedded = open_series_store(f"embedded://{home}/embedded", Credentials(), create=True)
        self.server = Server(url, credentials)
        self.rival: Rival = rival_of(self.store.ping(), url, credentials)

    def write(self, repeat: int) -> list[Measured]:
        """Every round writes measurements of its own."""
        points, given = [self.points], frame(self.points)
        contestants: dict[str, Contestant] = {
            "ours": lambda n: lambda: self.store.write(f"ours_{n}", points),
            "server": lambda n: partial(self.server.write, bodies(f"server_{n}", points)),
            self.rival.name: lambda n: lambda: self.rival.write(f"rival_{n}", given),
            "embedded": lambda n: lambda: self.embedded.write(f"ours_{n}", points),
        }
        if isinstance(self.rival, ClientLibrary):
            lines = self.rival.write_lines
            contestants[LINES] = lambda n: partial(lines, unpacked(bodies(f"lines_{n}", points)))
        return race("write", self.rows, repeat, contestants)

    def read(self, repeat: int) -> list[Measured]:
        """Every round reads what was written first."""
        query = Query("ours_0", FIELDS, START, START + 10**18, group_by=("room",))
        self._agree(query)
        contestants: dict[str, Contestant] = {
            "ours": lambda n: lambda: _read(self.store, query),
            "server": lambda n: lambda: self.server.read(query),
            self.rival.name: lambda n: lambda: self.rival.read(query),
            "embedded": lambda n: lambda: _read(self.embedded, query),
        }
        return race("read", self.rows, repeat, contestants)

    def _agree(self, query: Query) -> None:
        """All have to bring the same numbers, or their speed says nothing."""
        ours, theirs = _read(self.store, query), self.rival.read(query)[list(FIELDS)]
        theirs.index = pd.DatetimeIndex(theirs.index).as_unit("ns")  # the rivals keep microseconds
        pd.testing.assert_frame_equal(ours, theirs, check_names=False)
        pd.testing.assert_frame_equal(ours, _read(self.embedded, query))

    def close(self) -> None:
        """Close connections."""
        for one in (self.store, self.embedded, self.server, self.rival):
            one.close()


def _read(store: SeriesStore, query: Query) -> pd.DataFrame:
    (points,) = store.read(query)
    return frame(points)


def grown(url: str, credentials: Credentials, rows: int) -> float:
    """Megabytes by which a fresh process grows at its peak while it reads in pieces."""
    command = [sys.executable, "-m", "benchmarks.memory", url, credentials.token or "", str(rows)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout)


def goals(measured: Sequence[Measured], rival: str, memory: float | None) -> Iterator[Goal]:
    """Every goal with its figure; those that name a rival hold for InfluxDB 2."""
    median = {(one.action, one.contestant): one.median for one in measured}
    for action, to_server, to_rival in (
        ("read", READ_TO_SERVER, READ_TO_RIVAL),
        ("write", WRITE_TO_SERVER, WRITE_TO_RIVAL),
    ):
        ours = median[action, "ours"]
        ratio = ours / median[action, "server"]
        yield Goal(f"{action}: ours over the server's own", to_server, ratio, ratio <= to_server)
        faster = median[action, rival] / ours
        if rival == "influxdb-client":
            yield Goal(f"{action}: times faster than {rival}", to_rival, faster, faster >= to_rival)
        else:
            yield Goal(f"{action}: times faster than {rival}", 1.0, faster, faster >= 1.0)
    if memory is not None:
        yield Goal("memory: MB grown while reading", MEMORY_MB, memory, memory < MEMORY_MB)


def table(measured: Sequence[Measured], found: Sequence[Goal]) -> str:
    """The figures as text."""
    lines = [f"{'action':<6} {'contestant':<34} {'rows':>9} {'median s':>9} {'min':>7} {'max':>7}"]
    lines += [
        f"{one.action:<6} {one.contestant:<34} {one.rows:>9} {one.median:>9.3f} "
        f"{min(one.seconds):>7.3f} {max(one.seconds):>7.3f}"
        for one in measured
    ]
    lines += [""]
    lines += [
        f"{'ok  ' if goal.met else 'MISS'} {goal.what}: {goal.figure:.2f} (goal {goal.limit:g})"
        for goal in found
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it all; exit code 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description="stores against rivals and the server itself")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=5, help="rounds; their median counts")
    parser.add_argument("--memory-rows", type=int, default=10_000_000, help="0 leaves that out")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args(arguments)
    with ExitStack() as opened, tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        url, credentials = _server(opened, home)
        bench = Bench(url, credentials, home, options.rows)
        opened.callback(bench.close)
        answers = bench.store.ping()
        sys.stdout.write(f"{answers}, {options.rows} rows x {len(FIELDS)} fields\n")
        measured = [*bench.write(options.repeat), *bench.read(options.repeat)]
        memory = None
        if options.memory_rows:
            memory = grown(url, credentials, options.memory_rows)
        found = list(goals(measured, bench.rival.name, memory))
    sys.stdout.write(table(measured, found) + "\n")
    if options.json:
        figures = {
            "benchmark": "stores",
            "server": answers,
            "timings": [asdict(one) | {"median": one.median} for one in measured],
            "goals": [asdict(goal) for goal in found],
        }
        options.json.write_text(json.dumps(figures, indent=2))
    return 0 if all(goal.met for goal in found) else 1


def _server(opened: ExitStack, home: Path) -> tuple[str, Credentials]:
    """The URL of an empty database on the server to measure."""
    if url := os.environ.get("INFLUXDB2_URL"):
        token = os.environ.get("INFLUXDB2_TOKEN", "")
        remote = opened.enter_context(InfluxServer2(url, token, None))
        return remote.new_database(), remote.credentials
    (home / "influxdb").mkdir()
    server = opened.enter_context(InfluxServer(home / "influxdb"))
    return server.new_database(), Credentials()


if __name__ == "__main__":
    raise SystemExit(main())
