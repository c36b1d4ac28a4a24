"""Reading and writing at the server's own speed: ours, a rival client library, and the server.

    python -m benchmarks.stores [--rows 1000000] [--repeat 5] [--memory-rows 10000000] [--json FILE]

Without INFLUXDB2_URL a server of InfluxDB 1.x is started on loopback, and the rival is the
`influxdb` package's DataFrameClient. With INFLUXDB2_URL (and INFLUXDB2_TOKEN, INFLUXDB2_ORG) that
server is used, and the rival is `influxdb-client`. It gets a bucket of its own, removed at the end;
a token that may not create any is used with INFLUXDB2_BUCKET, where the rows then stay.

The server's own time is that of the same requests with nothing done about them: for reading the
same statement to a client that throws the bytes away, for writing the same bodies made beforehand.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from backend.ports import Credentials
from benchmarks.contest import Contest
from benchmarks.memory import grown
from benchmarks.rivals import ClientLibrary
from benchmarks.rows import FIELDS
from benchmarks.verdicts import Standing, goals, table
from tests.servers.influxdb import InfluxServer
from tests.servers.remote import InfluxServer2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it all; exit code 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description="stores against rivals and the server itself")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=5, help="rounds; their median counts")
    parser.add_argument("--memory-rows", type=int, default=10_000_000, help="0 leaves that out")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args(arguments)
    with ExitStack() as opened, tempfile.TemporaryDirectory() as directory:
        url, credentials = _server(opened, Path(directory))
        contest = Contest(url, credentials, Path(directory), options.rows)
        opened.callback(contest.close)
        found = _run(contest, options.repeat)
        memory = None
        if options.memory_rows:
            _say(f"reading {options.memory_rows} rows in pieces")
            many = contest.measurement("many", 0)
            memory = grown(url, credentials, options.memory_rows, many)
    to_rival = isinstance(contest.rival, ClientLibrary)
    verdicts = list(goals(found, to_rival=to_rival, memory=memory))
    _say(table(found, verdicts))
    if options.json:
        figures = {
            **_circumstances(contest),
            "timings": [one.figures() for one in found],
            "memory": {"rows": options.memory_rows, "grown_mb": memory},
            "goals": [asdict(goal) for goal in verdicts],
        }
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0 if all(goal.met for goal in verdicts) else 1


def _run(contest: Contest, repeat: int) -> list[Standing]:
    """Writing, then reading."""
    _say(f"{contest.answers}, {contest.rows} rows x {len(FIELDS)} fields: writing")
    written = contest.write(repeat)
    _say("reading")
    return written + contest.read(repeat)


def _server(opened: ExitStack, home: Path) -> tuple[str, Credentials]:
    """The URL of an empty database on the server to measure."""
    if url := os.environ.get("INFLUXDB2_URL"):
        token = os.environ.get("INFLUXDB2_TOKEN", "")
        bucket = os.environ.get("INFLUXDB2_BUCKET")
        remote = opened.enter_context(InfluxServer2(url, token, bucket))
        return remote.new_database(), remote.credentials
    (home / "influxdb").mkdir()
    server = opened.enter_context(InfluxServer(home / "influxdb"))
    return server.new_database(), Credentials()


def _circumstances(contest: Contest) -> dict[str, Any]:
    """What the figures were taken with."""
    package = contest.rival.package
    return {
        "benchmark": "stores",
        "server": contest.answers,
        "rival": f"{package} {version(package)}",
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "fields": len(FIELDS),
    }


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
