"""The benchmark of the stores compares like with like; how fast anybody is, is not tested."""

from pathlib import Path

import pytest

from backend.ports import Credentials, Query
from benchmarks.contestants import FIELDS, START, bodies, rows_of, series_of, unpacked
from benchmarks.stores import Bench, Goal, Measured, goals, race, table
from tests.servers.influxdb import InfluxServer

ROWS = 12_000


@pytest.mark.influx
def test_all_contestants_write_and_read_the_same_rows(
    influxdb_server: InfluxServer, tmp_path: Path
) -> None:
    bench = Bench(influxdb_server.new_database(), Credentials(), tmp_path, ROWS)

    written, read = bench.write(1), bench.read(1)

    contestants = ["ours", "server", "influxdb DataFrameClient", "embedded"]
    assert [one.contestant for one in written] == contestants
    assert [one.contestant for one in read] == contestants
    assert all(len(one.seconds) == 1 for one in (*written, *read))
    for measurement in ("ours_1", "server_1", "rival_1"):
        (found,) = bench.store.read(
            Query(measurement, FIELDS, START, START + 10**18, {}, ("room",))
        )
        assert found.tags == {"room": "a"}
        for name in FIELDS:
            assert found.fields[name].tolist() == bench.points.fields[name].tolist()
    assert len(list(goals([*written, *read], bench.rival.name, 12.0))) == 5
    bench.close()


def test_the_first_round_only_warms_up_and_making_ready_is_not_timed() -> None:
    made: list[str] = []
    (measured,) = race("x", 1, 2, {"a": lambda n: made.append(f"ready {n}") or made.clear})

    assert len(measured.seconds) == 2
    assert made == []


def test_goals_compare_medians() -> None:
    took = {"ours": [9.0, 1.0, 1.2], "server": [1.0, 1.0, 1.0], "influxdb-client": [24.0] * 3}
    measured = [
        Measured(action, name, 1, seconds)
        for action in ("read", "write")
        for name, seconds in took.items()
    ]

    found = list(goals(measured, "influxdb-client", 400.0))

    assert [(goal.figure, goal.met) for goal in found] == [
        (1.2, True),
        (20.0, True),
        (1.2, False),
        (20.0, True),
        (400.0, False),
    ]
    assert "MISS memory" in table(measured, found)
    assert table([], [Goal("x", 1.0, 1.0, True)]).endswith("ok   x: 1.00 (goal 1)")


def test_bodies_made_before_are_those_of_a_write() -> None:
    points = rows_of(25_000)

    made = bodies("air", [points])

    assert sum(body.count(b"\n") for body, _ in unpacked(made)) == 25_000
    assert {encoding for _, encoding in made} == {"gzip"}


def test_many_rows_come_in_pieces_that_follow_each_other() -> None:
    times = [int(time) for points in series_of(2500, 1000) for time in points.times]

    assert len(times) == 2500
    assert times == sorted(set(times))
