"""The whole loop through a real InfluxDB 1.x, as an operator and Grafana drive it."""

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from click.testing import CliRunner
from flask.testing import FlaskClient

from backend.bootstrap import bootstrap
from backend.cli import cli
from backend.cli.session import Session
from backend.web import create_app
from tests.fakes.clock import StillClock
from tests.servers.influxdb import InfluxServer

pytestmark = [pytest.mark.influx, pytest.mark.slow, pytest.mark.timeout(180)]

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
ROOMS = ("R1", "R 2, ost")

CONFIGURATION = """
store: {store}
results: {store}_results
detectors:
  gas-room:
    measurement: air
    channels: [temp, "H2S (ppm)", 온도]
    group_by: [room]
    every: 10m
    model: {{kind: dense_autoencoder, window: 4, units: [8, 2], epochs: 15}}
    threshold: {{kind: quantile, q: 1, margin: 1.2}}
    folds: 2
    detection_limits: false
"""


def sensors(room: int) -> np.ndarray:
    """(1440, 3) ten days of ten-minute values; the first room's gas sensor fails on the eighth."""
    t = np.arange(1440)
    noise = np.random.default_rng(room).normal(size=(1440, 3))
    day = 2 * np.pi * t / 144
    values = np.stack([20 + 3 * np.sin(day), 5 + np.cos(day), 10 + 2 * np.sin(day + 1)], axis=1)
    values += 0.2 * noise
    if room == 0:
        values[1060:1090, 1] += np.where(np.arange(30) % 2, 4.0, -4.0)
    return values.round(4)


class Plant:
    """The command, the pages and the database, at a time of their own."""

    def __init__(self, server: InfluxServer, directory: Path) -> None:
        self.server, self.directory = server, directory
        self.clock = StillClock()
        self.store = server.new_database()
        config = directory / "normalcy.yaml"
        config.write_text(CONFIGURATION.format(store=self.store), encoding="utf-8")
        self._environ = {"NORMALCY_HOME": str(directory), "NORMALCY_CONFIG": str(config)}
        self.results = self.store.rsplit("/", 1)[1] + "_results"

    def day(self, days: float) -> None:
        self.clock.time = int((MONDAY + timedelta(days=days)).timestamp()) * 10**9

    def normalcy(self, *arguments: str, code: int = 0) -> str:
        """Run one command in a process' worth of state of its own."""
        session = Session(self._environ, lambda settings: bootstrap(settings, clock=self.clock))
        result = CliRunner().invoke(cli, list(arguments), obj=session)
        assert result.exit_code == code, (result.output, result.exception)
        return result.stdout if code == 0 else result.stderr

    def complaint(self, *arguments: str) -> str:
        """Run one command that fails, and return its one sentence."""
        text = self.normalcy(*arguments, code=1)
        assert "Traceback" not in text
        return text

    def import_room(self, room: int) -> None:
        path = self.directory / f"room{room}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["Time", "temp", "H2S (ppm)", "온도"])
            for index, values in enumerate(sensors(room)):
                time = MONDAY + timedelta(minutes=10 * index)
                rows.writerow([time.strftime("%Y-%m-%dT%H:%M:%SZ"), *values])
        name, tag = "H2S (ppm)=H2S (ppm)", f"room={ROOMS[room]}"
        self.normalcy("import", str(path), "--measurement", "air", "--tag", tag, "--rename", name)

    def influxql(self, database: str, query: str) -> list[dict[str, Any]]:
        answer = requests.post(
            f"{self.server.url}/query", data={"db": database, "q": query, "epoch": "ms"}, timeout=30
        ).json()
        assert "error" not in answer["results"][0], answer
        return list(answer["results"][0].get("series", []))

    def scores(self, room: int = 0) -> list[dict[str, Any]]:
        (series,) = [
            one
            for one in self.influxql(
                self.results,
                'SELECT score, smoothed, threshold, flag, alarm, model FROM "normalcy_scores" '
                "WHERE detector = 'gas-room' GROUP BY room",
            )
            if one["tags"]["room"] == ROOMS[room]
        ]
        return [dict(zip(series["columns"], row, strict=True)) for row in series["values"]]

    def grafana(self) -> FlaskClient:
        session = Session(self._environ, lambda settings: bootstrap(settings, clock=self.clock))
        return create_app(session.application).test_client()


@pytest.fixture(scope="module")
def plant(influxdb_server: InfluxServer, tmp_path_factory: pytest.TempPathFactory) -> Plant:
    """Imported, labelled, trained and scored to the ninth day."""
    made = Plant(influxdb_server, tmp_path_factory.mktemp("loop"))
    made.day(9)
    for room in range(len(ROOMS)):
        made.import_room(room)
    made.normalcy(
        "label", "add", "gas-room", "normal", "--from", "2026-03-02", "--to", "2026-03-08"
    )
    made.normalcy("retrain", "gas-room")
    made.normalcy("score", "gas-room")
    return made


def test_the_results_are_read_back_by_influxql(plant):
    rows = plant.scores()
    assert len(rows) == 7 * 144  # as far back as a first run goes
    for row in rows:
        assert row["score"] == pytest.approx(row["smoothed"] / row["threshold"])
        assert row["flag"] == float(row["score"] > 1)
        assert row["model"] == "gas-room/1"
    day_eight = (MONDAY + timedelta(minutes=10 * 1060)).timestamp() * 1000
    flagged = [row["time"] for row in rows if row["flag"]]
    assert any(day_eight <= time < day_eight + 30 * 600_000 for time in flagged)


def test_the_event_names_series_and_channel(plant):
    events = plant.influxql(
        plant.results,
        "SELECT top1, duration_s, peak_score FROM normalcy_events WHERE valid = 1 GROUP BY room",
    )
    first = next(one for one in events if one["tags"]["room"] == ROOMS[0])
    start = (MONDAY + timedelta(minutes=10 * 1060)).timestamp() * 1000
    near = [row for row in first["values"] if abs(row[0] - start) <= 5 * 600_000]
    assert len(near) == 1
    assert near[0][1] == "H2S (ppm)"


def test_the_source_is_only_read(plant):
    source = plant.store.rsplit("/", 1)[1]
    (series,) = plant.influxql(source, "SHOW MEASUREMENTS")
    assert series["values"] == [["air"]]
    (series,) = plant.influxql(plant.results, "SHOW MEASUREMENTS")
    names = {row[0] for row in series["values"]}
    assert {"normalcy_scores", "normalcy_events", "normalcy_training", "normalcy_coverage"} <= names
    assert all(name.startswith("normalcy_") for name in names)


def test_every_number_is_a_float_in_the_database(plant):
    for series in plant.influxql(plant.results, "SHOW FIELD KEYS"):
        assert {kind for _, kind in series["values"]} <= {"float", "string"}, series["name"]


def test_the_datasource_gives_the_threshold_line(plant):
    start, stop = MONDAY + timedelta(days=7), MONDAY + timedelta(days=9)
    answer = plant.grafana().post(
        "/grafana/query",
        json={
            "range": {"from": start.isoformat(), "to": stop.isoformat()},
            "maxDataPoints": 50,
            "targets": [
                {
                    "refId": "T",
                    "target": "threshold",
                    "payload": {
                        "detector": "gas-room",
                        "series": [f"room={ROOMS[0]}".replace(",", "\\,")],
                    },
                }
            ],
        },
    )
    assert answer.status_code == 200, answer.json
    (frame,) = answer.json
    assert frame["refId"] == "T"
    time, value = frame["fields"]
    assert time["type"] == "time"
    assert time["values"] == sorted(time["values"])
    assert len(time["values"]) <= 60
    (limit,) = {row["threshold"] for row in plant.scores()}
    assert set(value["values"]) == {limit}


def test_a_range_scored_twice_gives_identical_rows(plant):
    again = ("score", "gas-room", "--from", "2026-03-09", "--to", "2026-03-10T12:00")
    plant.normalcy(*again)
    once = plant.scores()
    plant.normalcy(*again)
    assert plant.scores() == once


def test_a_range_scored_in_pieces_of_prime_length_gives_the_same_rows(plant):
    plant.normalcy("score", "gas-room", "--from", "2026-03-08", "--to", "2026-03-11")
    whole = plant.scores()
    for start in range(0, 3 * 144, 97):
        times = (MONDAY + timedelta(days=6, minutes=10 * m) for m in (start, min(start + 97, 432)))
        begin, end = (time.isoformat() for time in times)
        plant.normalcy("score", "gas-room", "--from", begin, "--to", end)
    for row, then in zip(plant.scores(), whole, strict=True):
        assert row.pop("model") == then.pop("model")
        assert row == pytest.approx(then, rel=1e-6)


def test_a_new_label_makes_a_new_version_and_old_points_keep_their_threshold(
    influxdb_server, tmp_path
):
    plant = Plant(influxdb_server, tmp_path)
    plant.day(9)
    for room in range(len(ROOMS)):
        plant.import_room(room)
    week = ("--from", "2026-03-02", "--to", "2026-03-06")
    plant.normalcy("label", "add", "gas-room", "normal", *week)
    plant.normalcy("retrain", "gas-room")
    plant.normalcy("score", "gas-room")
    before = plant.scores(1)

    more = ("--from", "2026-03-06", "--to", "2026-03-09")
    plant.normalcy("label", "add", "gas-room", "normal", *more, "--tag", f"room={ROOMS[1]}")
    plant.normalcy("retrain", "gas-room")
    plant.day(9.5)
    plant.normalcy("score", "gas-room")

    after = plant.scores(1)
    assert after[: len(before)] == before
    fresh = after[len(before) :]
    assert len(fresh) == 72
    assert {row["model"] for row in fresh} == {"gas-room/2"}
    assert {row["threshold"] for row in fresh} != {row["threshold"] for row in before}
    versions = json.loads(plant.normalcy("models", "list", "gas-room", "--json"))
    assert [(one["number"], one["verdict"]) for one in versions] == [
        (2, "champion"),
        (1, "retired"),
    ]


def test_a_database_that_is_not_there_is_one_sentence(influxdb_server, tmp_path):
    plant = Plant(influxdb_server, tmp_path)
    plant.server.query(f'DROP DATABASE "{plant.store.rsplit("/", 1)[1]}"')
    plant.day(9)
    assert "CREATE DATABASE" in plant.complaint("retrain", "gas-room")
