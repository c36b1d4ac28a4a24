"""`normalcy copy` between real servers: what is there afterwards, also after a kill."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from backend.cli import cli
from backend.cli.session import Session
from backend.ports import Credentials, Points, Query, SeriesStore
from backend.schema import EVENTS, SCORES
from backend.stores.opening import open_series_store
from backend.stores.rows import EARLIEST, LATEST
from tests.servers.faults import Exchange, FaultProxy, passes
from tests.servers.influxdb import InfluxServer, require_influxd
from tests.servers.remote import InfluxServer2, InfluxServer3

pytestmark = [pytest.mark.influx, pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[2]
T0 = 1_700_000_000_000_000_000
HOUR = 3_600 * 10**9
NAMES = ['quote"d', "com,ma eq=ual", "back\\slash", "$timeFilter", "select", "日本 🙂", "'; DROP"]
TYPED = """
typed,room=a,site=x whole=7i,yes=true,word="on",real=1.5 1700000000000000000
typed,room=a whole=-3i,yes=false 1700000000000000000
typed word="" 1700000000000000001
typed,real=tag real=2.5 1700000000000000002
"""


@contextmanager
def opened(url: str, credentials: Credentials | None = None) -> Iterator[SeriesStore]:
    store = open_series_store(url, credentials or Credentials(), create=True)
    with closing(store):
        yield store


def fill(store: SeriesStore) -> None:
    """Series with all tags, some and none; holes, words, results, names and times of all sorts."""
    random = np.random.default_rng(0)
    for tags, rows in (({"room": "a", "site": "x, y"}, 25_000), ({"room": "b"}, 3_000), ({}, 7)):
        times = T0 + np.sort(random.choice(400 * 3_600, rows, replace=False)) * 10**9
        temp = random.normal(size=rows)
        temp[::7] = np.nan
        words = random.choice(np.array(["on", "", "ö \"'\\", None], dtype=object), rows)
        fields: dict[str, Any] = {"temp": temp, "state": words}
        store.write("air", [Points(tags, times, fields)])
    for name in NAMES:
        one = Points({f"t{name}": name}, np.array([T0]), {f"f{name}": np.array([1.5])})
        store.write(name, [one])
    for result in (SCORES, EVENTS):
        times = T0 + np.arange(50) * HOUR
        store.write(result, [Points({"detector": "d"}, times, {"score": np.ones(50)})])


def content(store: SeriesStore) -> dict[tuple[Any, ...], list[tuple[str, str]]]:
    """Values of every row, by measurement, series and time."""
    found = {}
    for name in store.measurements():
        fields, tags = tuple(store.fields(name)), tuple(store.tag_keys(name))
        for points in store.read(Query(name, fields, EARLIEST, LATEST + 1, group_by=tags)):
            series = tuple(sorted((tag, value) for tag, value in points.tags.items() if value))
            for row, time in enumerate(points.times.tolist()):
                values = {field: column[row] for field, column in points.fields.items()}
                shown = [(field, repr(v)) for field, v in values.items() if v is not None]
                key = (name, series, time)
                assert key not in found
                found[key] = [pair for pair in shown if pair[1] != "np.float64(nan)"]
    return found


def content_of(url: str, credentials: Credentials | None = None) -> dict[Any, Any]:
    with opened(url, credentials) as store:
        return content(store)


class Copy:
    """Runs the command as its user does."""

    def __init__(self, home: Path) -> None:
        self.environ = {**os.environ, "NORMALCY_HOME": str(home)}

    def start(self, origin: str, target: str, *options: str) -> "subprocess.Popen[str]":
        """The same in a process of its own, which can be killed."""
        command = [sys.executable, "-m", "backend", "copy", "--from", origin, "--to", target]
        return subprocess.Popen(
            [*command, *options, "--json"],
            cwd=ROOT,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(
        self, origin: str, target: str, *options: str, code: int = 0
    ) -> tuple[dict[str, Any], str]:
        """What became of each measurement, and what was said of it."""
        command = ["copy", "--from", origin, "--to", target, *options, "--json"]
        done = CliRunner().invoke(cli, command, obj=Session(self.environ))
        assert done.exit_code == code, done.output
        return {one["measurement"]: one for one in json.loads(done.stdout or "[]")}, done.stderr


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path / "home")


@pytest.fixture
def origin(tmp_path: Path) -> str:
    url = f"embedded://{tmp_path}/origin"
    with opened(url) as store:
        fill(store)
    return url


def test_nothing_changes_on_the_way_to_influxdb_and_back(
    copy: Copy, origin: str, tmp_path: Path, influxdb_server: InfluxServer
) -> None:
    there, again = influxdb_server.store_url("moved"), influxdb_server.new_database()
    back = f"embedded://{tmp_path}/back"

    copied, _ = copy(origin, there, "--all")
    copy(there, again, "--all")
    copy(again, back, "--all")

    wanted = content_of(origin)
    assert copied["air"]["rows"] == sum(key[0] == "air" for key in wanted) > 25_000
    assert content_of(there) == wanted
    assert content_of(back) == wanted


def test_the_first_and_last_time_that_can_be_stored_are_copied(
    copy: Copy, tmp_path: Path, influxdb_server: InfluxServer
) -> None:
    origin, there = f"embedded://{tmp_path}/edges", influxdb_server.new_database()
    times = np.array([EARLIEST, 0, LATEST])
    with opened(origin) as store:
        store.write("edges", [Points({}, times, {"v": np.arange(3.0)})])

    copied, _ = copy(origin, there, "--measurement", "edges")

    assert copied["edges"]["rows"] == 3
    assert content_of(there) == content_of(origin)


def test_what_is_no_float_arrives_as_one_and_the_source_stays(
    copy: Copy, influxdb_server: InfluxServer
) -> None:
    origin, target = influxdb_server.new_database(), influxdb_server.new_database()
    influxdb_server.write_lines(origin, TYPED.strip())
    before = content_of(origin)

    copied, _ = copy(origin, target, "--all")

    assert copied["typed"]["notes"] == [
        "whole, yes: integers and booleans are stored as floats",
    ]
    assert content_of(target) == before == content_of(origin)
    assert before[("typed", (), T0 + 1)] == [("word", "''")]
    assert before[("typed", (("real", "tag"),), T0 + 2)] == [("real", "np.float64(2.5)")]
    with opened(target) as store:
        kinds = {"real": "float", "whole": "float", "word": "string", "yes": "float"}
        assert store.fields("typed") == kinds
    with opened(origin) as store:
        assert store.fields("typed") == kinds | {"whole": "integer", "yes": "boolean"}


def test_killed_in_the_middle_it_goes_on_and_all_is_there(
    copy: Copy, origin: str, influxdb_server: InfluxServer
) -> None:
    database = influxdb_server.new_database()
    running: list[subprocess.Popen[str]] = []

    def kills(exchange: Exchange) -> None:
        exchange.forward()  # the rows are stored, and nobody gets to know
        os.kill(running[0].pid, signal.SIGKILL)

    with FaultProxy(influxdb_server.port, "/write", [passes] * 6 + [kills]) as proxy:
        target = database.replace(str(influxdb_server.port), str(proxy.port))
        running.append(copy.start(origin, target, "--all"))
        running[0].communicate(timeout=120)
        assert running[0].returncode == -signal.SIGKILL
        partly = content_of(database)

        copied, _ = copy(origin, target, "--all")

    wanted = content_of(origin)
    assert 0 < len(partly) < len(wanted)
    assert copied["air"]["resumed_from_ns"] > T0
    assert copied["air"]["rows"] < sum(key[0] == "air" for key in wanted)
    assert content_of(database) == wanted


def test_rows_beyond_the_retention_of_the_target_are_counted(
    copy: Copy, origin: str, influxdb_server: InfluxServer
) -> None:
    target = influxdb_server.new_database()
    name = target.rsplit("/", 1)[1]
    policy = f'"short" ON "{name}" DURATION 1h REPLICATION 1 DEFAULT'
    influxdb_server.query(f"CREATE RETENTION POLICY {policy}")

    copied, told = copy(origin, target, "--results", code=1)

    assert copied[SCORES]["dropped"] == 50
    assert copied[SCORES]["rows"] == 0
    assert "The target dropped 100 rows for ever: " in told
    assert "retention" in told


def test_credentials_come_from_the_environment_or_the_configuration(
    origin: str, tmp_path: Path
) -> None:
    require_influxd()
    directory = tmp_path / "guarded"
    directory.mkdir()
    with InfluxServer(directory, auth=True) as server:
        server.query("CREATE USER ann WITH PASSWORD 'hunter2' WITH ALL PRIVILEGES")
        there, back = server.store_url("plant"), f"embedded://{tmp_path}/back"
        refused, given, known = (Copy(tmp_path / name) for name in ("refused", "given", "known"))
        for end, copy in (("COPY_TO", given), ("STORE", known)):
            copy.environ[f"NORMALCY_{end}_USERNAME"] = "ann"
            copy.environ[f"NORMALCY_{end}_PASSWORD"] = "hunter2"
        known.environ["NORMALCY_STORE"] = there.replace("127.0.0.1", "localhost")

        _, told = refused(origin, there, "--results", code=1)
        given(origin, there, "--results")
        known(there, back, "--results")

    assert "does not accept the credentials" in told
    assert len(content_of(back)) == 100


def test_from_influxdb_1_to_2_and_back_to_the_embedded_store(
    copy: Copy,
    origin: str,
    tmp_path: Path,
    influxdb_server: InfluxServer,
    influx2_server: InfluxServer2,
) -> None:
    _from_1(copy, origin, tmp_path, influxdb_server, influx2_server)


def test_from_influxdb_1_to_3_and_back_to_the_embedded_store(
    copy: Copy,
    origin: str,
    tmp_path: Path,
    influxdb_server: InfluxServer,
    influx3_server: InfluxServer3,
) -> None:
    _from_1(copy, origin, tmp_path, influxdb_server, influx3_server)


def _from_1(
    copy: Copy,
    origin: str,
    tmp_path: Path,
    first: InfluxServer,
    then: InfluxServer2 | InfluxServer3,
) -> None:
    old, new, back = first.new_database(), then.new_database(), f"embedded://{tmp_path}/back"
    token = then.credentials.token or ""
    copy.environ |= {"NORMALCY_COPY_TO_TOKEN": token} if token else {}
    copy(origin, old, "--all")
    copy(old, new, "--all")
    copy.environ |= {"NORMALCY_COPY_FROM_TOKEN": token} if token else {}
    copy(new, back, "--all")

    assert content_of(back) == content_of(origin)
