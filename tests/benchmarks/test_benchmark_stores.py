"""The benchmark of the stores compares like with like; how fast anybody is, is not tested."""

import itertools
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from backend.ports import Credentials, Query
from backend.stores.opening import open_series_store
from benchmarks import stores
from benchmarks.contest import Contest
from benchmarks.embedded import compare
from benchmarks.memory import grown
from benchmarks.races import Contestant, Measured, race
from benchmarks.rivals import Reader, Rival, Writer
from benchmarks.rows import query_of, rows_of, series_of
from benchmarks.server import Server, bodies, lines
from benchmarks.verdicts import Goal, goals, standings, table
from tests.servers.influxdb import InfluxServer
from tests.servers.stub import Answer, Asked, StubServer

pytestmark = pytest.mark.timeout(400)

ROWS = 3_000
LIBRARY = "influxdb DataFrameClient"


@pytest.mark.influx
def test_all_contestants_write_and_read_the_same_rows(
    influxdb_server: InfluxServer, tmp_path: Path
) -> None:
    contest = Contest(influxdb_server.new_database(), Credentials(), tmp_path, ROWS)

    found = [*contest.write(1), *contest.read(1)]

    contestants = ["ours", LIBRARY, "server", "embedded"]
    assert [one.measured.contestant for one in found] == contestants * 2
    assert {len(one.measured.seconds) for one in found} == {1}
    for name, store in zip(contestants, [contest.store] * 3 + [contest.embedded], strict=True):
        for number in (0, 1):
            (points,) = store.read(query_of(contest.measurement(name, number), ROWS))
            assert points.tags == {"room": "a"}
            for field, values in contest.points.fields.items():
                assert points.fields[field].tolist() == values.tolist()
    contest.close()


class Forgetful:
    """A rival that is fast because it leaves out every second row."""

    package = "influxdb"

    def __init__(self, rival: Rival) -> None:
        (write,), (read,) = rival.writers.values(), rival.readers.values()
        self.writers: Mapping[str, Writer] = {LIBRARY: lambda name, given: write(name, given[::2])}
        self.readers: Mapping[str, Reader] = {LIBRARY: lambda query: read(query)[::2]}
        self.close = rival.close


@pytest.mark.influx
def test_whoever_leaves_out_rows_does_not_take_part(
    influxdb_server: InfluxServer, tmp_path: Path
) -> None:
    contest = Contest(influxdb_server.new_database(), Credentials(), tmp_path, 100)
    contest.write(1)
    contest.rival = Forgetful(contest.rival)

    with pytest.raises(AssertionError, match="shape mismatch"):
        contest.write(2)
    with pytest.raises(AssertionError, match="shape mismatch"):
        contest.read(1)
    contest.close()


@pytest.mark.influx
@pytest.mark.usefixtures("influxdb_server")
def test_the_figures_are_printed_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INFLUXDB2_URL", raising=False)
    options = ["--rows", "500", "--repeat", "2", "--memory-rows", "20000"]

    code = stores.main([*options, "--json", str(tmp_path / "figures.json")])

    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["server"].startswith("InfluxDB 1")
    assert figures["rival"].startswith("influxdb 5")
    assert len(figures["timings"]) == 8
    for timing in figures["timings"]:
        assert timing["min"] <= timing["median"] <= timing["max"]
        assert len(timing["seconds"]) == 2
        assert timing["rows"] == 500
    assert figures["memory"]["grown_mb"] > 0
    assert [goal["what"] for goal in figures["goals"]] == [
        "write: ours over the server's own",
        "read: ours over the server's own",
        "memory: MB grown while reading",
    ]
    assert code == (0 if all(goal["met"] for goal in figures["goals"]) else 1)
    assert LIBRARY in capsys.readouterr().out


@pytest.mark.influx
def test_what_a_process_grows_by_is_not_that_of_the_one_that_started_it(
    influxdb_server: InfluxServer,
) -> None:
    large = bytearray(b"x" * (256 << 20))

    found = grown(influxdb_server.new_database(), Credentials(), 40_000, "many")

    assert 0 < found < len(large) / (1 << 20)


@pytest.mark.parametrize("version", ["1", "2"])
def test_the_server_is_asked_as_our_store_asks_it(version: str) -> None:
    def answer(asked: Asked) -> Answer:
        keys = {"columns": ["fieldKey", "fieldType"], "values": [["temp", "float"]]}
        found = [{"name": "air", **keys}] if "SHOW FIELD KEYS" in asked.parameters["q"] else []
        body = {"results": [{"statement_id": 0, "series": found}]}
        return Answer(body=json.dumps(body).encode(), headers={"Content-Type": "application/json"})

    query = Query("air", ("temp",), 0, 10**18, group_by=("room",))
    with StubServer(answer) as stub:
        url, token = f"{stub.store_url}?version={version}", Credentials(token="secret")
        store, server = open_series_store(url, token, create=False), Server(url, token)
        store.read(query)
        server.read(query)
        store.close()
        server.close()

    ours, theirs = (one for one in stub.asked if "SELECT" in one.parameters.get("q", ""))
    assert (theirs.method, theirs.path) == (ours.method, ours.path)
    assert theirs.parameters == ours.parameters
    for header in ("Accept", "Accept-Encoding", "Authorization", "Content-Type"):
        assert theirs.headers[header] == ours.headers[header]


def test_a_server_that_refuses_is_not_taken_for_a_fast_one() -> None:
    with StubServer([Answer(status=401)]) as stub:
        server = Server(f"{stub.store_url}?version=1", Credentials())
        with pytest.raises(RuntimeError, match="401"):
            server.read(query_of("air", 1))
        server.close()


def test_bodies_made_before_are_those_of_a_write() -> None:
    made = bodies("air", [rows_of(25_000)])

    assert sum(body.count(b"\n") for body in lines(made)) == 25_000
    assert {encoding for _, encoding in made} == {"gzip"}


def test_turns_go_forth_and_back_and_neither_warming_up_nor_making_ready_is_timed() -> None:
    happened: list[str] = []
    seconds = itertools.count()

    def contestant(name: str) -> Contestant:
        def ready(number: int) -> Callable[[], object]:
            next(seconds)  # time passes while it makes ready
            return lambda: happened.append(f"{name}{number}")

        return ready

    measured = race(
        "write", 1, 2, {"a": contestant("a"), "b": contestant("b")}, lambda: float(next(seconds))
    )

    assert happened == ["a0", "b0", "b1", "a1", "a2", "b2"]
    assert [one.seconds for one in measured] == [[1.0, 1.0], [1.0, 1.0]]


def test_goals_compare_the_median_with_the_fastest_way_of_the_rival() -> None:
    took = {
        "ours": [9.0, 1.0, 1.25],
        "slow rival": [50.0, 50.0, 50.0],
        "fast rival": [20.0, 20.0, 99.0],
        "server": [1.0, 1.0, 1.0],
    }
    found = [
        one
        for action in ("read", "write")
        for one in standings(
            [Measured(action, name, 1, seconds) for name, seconds in took.items()],
            ("slow rival", "fast rival"),
        )
    ]

    verdicts = list(goals(found, to_rival=True, memory=400.0))

    assert [(goal.figure, goal.met) for goal in verdicts] == [
        (1.25, True),
        (16.0, True),
        (1.25, False),
        (16.0, True),
        (400.0, False),
    ]
    assert len(list(goals(found, to_rival=False, memory=None))) == 2
    assert "MISS memory" in table(found, verdicts)
    assert table([], [Goal("x", 1.0, 1.0, True)]).endswith("ok   x: 1.00 (goal 1)")


def test_many_rows_come_in_pieces_that_follow_each_other() -> None:
    times = [int(time) for points in series_of(2500, 1000) for time in points.times]

    assert len(times) == 2500
    assert times == sorted(set(times))


@pytest.mark.influx
def test_the_embedded_store_is_compared_on_many_series_and_single_rows_too(
    influxdb_server: InfluxServer, tmp_path: Path
) -> None:
    urls = {"embedded": f"embedded://{tmp_path}", "influxdb": influxdb_server.new_database()}
    opened = {
        name: open_series_store(url, Credentials(), create=True) for name, url in urls.items()
    }

    timings = compare(opened, rows=500, repeat=1)

    assert [(one.workload, one.action) for one in timings] == [
        (workload, action)
        for workload in ("one series", "50 series", "single rows")
        for action in ("write", "read")
    ]
    for store in opened.values():
        store.close()
