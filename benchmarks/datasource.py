"""A chart by our datasource against the same range sent raw by InfluxDB itself.

    python -m benchmarks.datasource [--rows 1000000] [--points 1000] [--repeat 5] [--json FILE]

A server of InfluxDB 1.x is started on loopback and filled with the scores of one series, with every
field that normalcy writes. Ours is `POST /grafana/query` for the metric `score`, up to the last
byte of its JSON. The server's own ways are the statement that a panel of Grafana's InfluxDB
datasource sends for the same field and range, as JSON with `epoch=ms`, whole and in chunks; its
answer is thrown away as it comes. Of these ways the faster one counts.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
from flask.testing import FlaskClient

from backend import schema
from backend.bootstrap import bootstrap
from backend.ports import Points, SeriesStore
from backend.services.results import result_tags
from backend.settings import load
from backend.web import create_app
from benchmarks.races import Contestant, Measured, race
from tests.servers.influxdb import InfluxServer

OURS, RAW, CHUNKED = "ours", "raw", "raw in chunks"
RATIO = 1.0
"""Ours over the server's own has to be below."""

DETECTOR, SERIES = "gas-room", "room=R1"
START, STEP = 1_700_000_000_000_000_000, 10_000_000_000
_PIECE = 100_000
_THROWN_AWAY = bytearray(1 << 20)

_CONFIGURATION = """
store: {store}
results: {store}
detectors:
  gas-room:
    measurement: air
    channels: [temp, moist, H2S, NH3, NO2]
    group_by: [room]
    every: 10s
"""


class Chart:
    """One series of scores on a server, and both ways to see it.

    Args:
        server: runs.
        home: directory for configuration and records.
        rows: how many are stored.
        points: how many are wanted.
    """

    def __init__(self, server: InfluxServer, home: Path, rows: int, points: int) -> None:
        self.rows, self.points = rows, points
        self._server, self._store_url = server, server.new_database()
        config = home / "normalcy.yaml"
        config.write_text(_CONFIGURATION.format(store=self._store_url), encoding="utf-8")
        environ = {"NORMALCY_HOME": str(home), "NORMALCY_CONFIG": str(config)}
        self._application = bootstrap(load(environ))
        self._client: FlaskClient = create_app(self._application).test_client()
        self.answers = self._application.results.ping()
        self._score = fill(self._application.results, rows)

    def contestants(self) -> Mapping[str, Contestant]:
        """Every way to see the chart."""
        return {
            OURS: lambda _: self.ours,
            RAW: lambda _: partial(self.raw, chunked=False),
            CHUNKED: lambda _: partial(self.raw, chunked=True),
        }

    def ours(self) -> bytes:
        """The whole answer of our datasource."""
        answer = self._client.post("/grafana/query", json=self._panel())
        if answer.status_code != 200:
            raise RuntimeError(f"the datasource does not answer: {answer.text}")
        return answer.get_data()

    def raw(self, *, chunked: bool) -> int:
        """The bytes of the server's answer, which are thrown away."""
        asked = {"db": self._store_url.rsplit("/", 1)[1], "q": self._statement(), "epoch": "ms"}
        asked |= {"chunked": "true"} if chunked else {}
        connection = HTTPConnection("127.0.0.1", self._server.port)
        connection.request("GET", f"/query?{urlencode(asked)}")
        answer = connection.getresponse()
        size = 0
        while count := answer.readinto(_THROWN_AWAY):
            size += count
        connection.close()
        if answer.status != 200 or size < self.rows:
            raise RuntimeError(f"the server answers {answer.status} in {size} bytes")
        return size

    def check(self) -> int:
        """How many points ours has; a chart that loses what matters says nothing by its speed."""
        (frame,) = json.loads(self.ours())
        times, values = (field["values"] for field in frame["fields"])
        right = (
            times == sorted(set(times))
            and len(times) <= self.points
            and max(values) == self._score.max()
            and min(values) == self._score.min()
        )
        if not right:
            raise RuntimeError(f"the datasource answers another chart, of {len(times)} points")
        return len(times)

    def close(self) -> None:
        """Close connections."""
        self._application.close()

    def _panel(self) -> dict[str, Any]:
        payload = {"detector": DETECTOR, "series": [SERIES]}
        span = {"from": START // 10**6, "to": (START + self.rows * STEP) // 10**6}
        target = {"refId": "A", "target": "score", "payload": payload}
        return {"range": span, "maxDataPoints": self.points, "targets": [target]}

    def _statement(self) -> str:
        start, stop = START // 10**6, (START + self.rows * STEP) // 10**6
        return (
            f'SELECT "score" FROM "{schema.SCORES}" WHERE ("detector" = \'{DETECTOR}\') '
            f'AND time >= {start}ms and time < {stop}ms GROUP BY "room"'
        )


def fill(store: SeriesStore, rows: int) -> np.ndarray:
    """Write scores as the product does; returns the score of every row."""
    random = np.random.default_rng(0)
    smoothed = 0.3 + 0.1 * np.sin(np.arange(rows) / 500) + 0.05 * random.random(rows)
    smoothed[rows // 3] = 2.5  # one flagged row, which no chart may lose
    numbers = {name: random.random(rows) for name in schema.SCORE_NUMBERS}
    numbers |= {"smoothed": smoothed, "error": smoothed * 1.1, "threshold": np.full(rows, 0.71)}
    score = smoothed / numbers["threshold"]
    flag = (score > 1).astype(np.float64)
    numbers |= {"score": score, "flag": flag, "alarm": flag, "judged": np.ones(rows)}
    texts = {"top1": "NH3", "top2": "temp", "top3": "H2S", "reason": "", "model": "gas-room/1"}
    columns = {
        **numbers,
        **{name: np.full(rows, text, dtype=object) for name, text in texts.items()},
    }
    times = START + STEP * np.arange(rows, dtype=np.int64)
    for first in range(0, rows, _PIECE):
        part = slice(first, first + _PIECE)
        fields = {name: values[part] for name, values in columns.items()}
        store.write(schema.SCORES, [Points(result_tags(DETECTOR, SERIES), times[part], fields)])
    return score


def ratio(measured: Sequence[Measured]) -> float:
    """Our median over that of the server's faster way."""
    medians = {one.contestant: one.median for one in measured}
    return medians[OURS] / min(medians[RAW], medians[CHUNKED])


def table(measured: Sequence[Measured], points: int) -> str:
    """The figures as text."""
    found = ratio(measured)
    lines = [f"{'contestant':<14} {'rows':>9} {'median s':>9} {'min':>7} {'max':>7}"]
    lines += [
        f"{one.contestant:<14} {one.rows:>9} {one.median:>9.3f} {min(one.seconds):>7.3f} "
        f"{max(one.seconds):>7.3f}"
        for one in measured
    ]
    verdict = "ok  " if found < RATIO else "MISS"
    lines.append(
        f"{verdict} a chart of {points} points over the range sent raw: {found:.2f} (goal below "
        f"{RATIO:g})"
    )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it all; exit code 1 if the goal is missed."""
    parser = argparse.ArgumentParser(description="a chart against the range sent raw")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--points", type=int, default=1_000)
    parser.add_argument("--repeat", type=int, default=5, help="rounds; their median counts")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args(arguments)
    with ExitStack() as opened:
        home = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        (home / "influxdb").mkdir()
        server = opened.enter_context(InfluxServer(home / "influxdb"))
        chart = Chart(server, home, options.rows, options.points)
        opened.callback(chart.close)
        points = chart.check()
        measured = race("chart", options.rows, options.repeat, chart.contestants())
    sys.stdout.write(table(measured, points) + "\n")
    if options.json:
        figures = _figures(chart, measured, points)
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0 if ratio(measured) < RATIO else 1


def _figures(chart: Chart, measured: Sequence[Measured], points: int) -> dict[str, Any]:
    """Everything for JSON, with what it was taken with."""
    return {
        "benchmark": "datasource",
        "server": chart.answers,
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "rows": chart.rows,
        "points": points,
        "timings": [
            {"contestant": one.contestant, "seconds": one.seconds, "median": one.median}
            for one in measured
        ],
        "ratio": ratio(measured),
        "goal": RATIO,
        "met": ratio(measured) < RATIO,
    }


if __name__ == "__main__":
    raise SystemExit(main())
