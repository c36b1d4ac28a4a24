"""What the store makes of answers of servers that are not at hand.

Each file in `recorded/` says what it stands for; the shapes are those that the servers document.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.exceptions import PartialWrite, StoreError, StoreRefused, StoreUnavailable
from backend.ports import Credentials, Points, Query
from backend.schema import SCORES
from backend.stores.influx import InfluxSeriesStore
from backend.stores.influx.address import parse_address
from backend.stores.influx.client import InfluxClient
from tests.servers.stub import Answer, Asked, StubServer

RECORDED = Path(__file__).parent / "recorded"
HOUR = 3_600 * 10**9
T0 = 1_700_000_000_000_000_000
ROW = Points({}, np.array([1], dtype=np.int64), {"temp": np.array([1.0])})


def recorded(name: str) -> Answer:
    """An answer as it was written down."""
    held = json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))
    return Answer(held["status"], held["body"].encode(), held["headers"])


@contextmanager
def answering(*names: str | Answer, version: int | None) -> Iterator[tuple[Any, StubServer]]:
    answers = [recorded(name) if isinstance(name, str) else name for name in names]
    with StubServer(answers) as stub:
        url = stub.store_url + (f"?version={version}" if version else "")
        address = parse_address(url, Credentials(token="t0k"))
        store = InfluxSeriesStore(address, client=InfluxClient(address, sleep=lambda pause: None))
        yield store, stub
        store.close()


def statements(stub: StubServer) -> list[str]:
    return [asked.parameters["q"] for asked in stub.asked if asked.path == "/query"]


def test_every_recorded_answer_is_used_and_says_what_it_stands_for() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    for file in RECORDED.iterdir():
        assert f'"{file.stem}"' in text, file
        assert json.loads(file.read_text(encoding="utf-8"))["stands_for"]


@pytest.mark.parametrize(
    ("greeting", "told", "header"),
    [
        ("influxdb1-ping", "InfluxDB 1.8.10", "Bearer t0k"),
        ("influxdb2-ping", "InfluxDB 2.7.12", "Token t0k"),
        ("influxdb2-ping-own-build", "InfluxDB dev", "Token t0k"),
        ("influxdb3-ping", "InfluxDB 3.10.1", "Bearer t0k"),
    ],
)
def test_the_generation_is_told_by_the_greeting(greeting: str, told: str, header: str) -> None:
    there = Answer(
        200,
        b'{"results":[{"statement_id":0,"series":[{"columns":["name"],"values":[["autogen"]]}]}]}',
        {"Content-Type": "application/json"},
    )
    with answering(greeting, there, version=None) as (store, stub):
        assert store.ping() == told

    assert [asked.path for asked in stub.asked] == ["/ping", "/query"]
    assert stub.asked[0].headers["Authorization"] == "Bearer t0k"
    assert stub.asked[1].headers["Authorization"] == header


def test_a_server_of_no_known_generation_is_refused_with_a_way_out() -> None:
    strange = Answer(204, b"", {"X-Influxdb-Version": "0.13.0"})
    with (
        answering(strange, version=None) as (store, _),
        pytest.raises(StoreRefused, match="version="),
    ):
        store.ping()


@pytest.mark.parametrize(
    ("version", "name", "error", "told"),
    [
        (1, "influxdb1-policy-missing", StoreRefused, "CREATE DATABASE|CREATE RETENTION POLICY"),
        (1, "influxdb1-write-denied", StoreRefused, "denies the right"),
        (1, "influxdb1-partial-write", PartialWrite, "dropped 2 rows for ever.*type conflict"),
        (1, "influxdb1-retention", PartialWrite, "dropped 2 rows for ever.*beyond retention"),
        (1, "influxdb1-cache-full", StoreUnavailable, "is busy.*cache-max-memory"),
        (1, "influxdb1-too-large", StoreRefused, "max-body-size"),
        (2, "influxdb2-unauthorized", StoreRefused, "does not accept the credentials"),
        (2, "influxdb2-partial-write", PartialWrite, "dropped 2 rows for ever.*type conflict"),
        (2, "influxdb2-syntax", StoreRefused, "missing field value"),
        (2, "influxdb2-denied", StoreRefused, "denies the right"),
        (3, "influxdb3-partial-write", PartialWrite, "2 rows for ever.*expected iox.*line 1"),
        (3, "influxdb3-too-many-columns", PartialWrite, "2 rows for ever.*500 columns"),
        (3, "influxdb3-unauthorized", StoreRefused, "does not accept the credentials"),
        (3, "influxdb3-too-large", StoreRefused, "--max-http-request-size"),
    ],
)
def test_a_write_that_did_not_do_all_says_why(
    version: int, name: str, error: type[StoreError], told: str
) -> None:
    with (
        answering(name, version=version) as (store, _),
        pytest.raises(error, match=told) as caught,
    ):
        store.write("air", [ROW])

    if isinstance(caught.value, PartialWrite):
        assert caught.value.dropped == 2


@pytest.mark.parametrize(
    ("version", "name", "remedy"),
    [
        (1, "influxdb1-database-missing", "influx -execute 'CREATE DATABASE \"plant\"'"),
        (2, "influxdb2-database-missing", "influx bucket create --name plant --retention 0"),
        (2, "influxdb2-dbrp-missing", "influx bucket create --name plant --retention 0"),
        (3, "influxdb3-database-missing", "influxdb3 create database 'plant'"),
    ],
)
def test_a_missing_database_is_told_with_the_command_that_mends_it(
    version: int, name: str, remedy: str
) -> None:
    with (
        answering(name, version=version) as (store, _),
        pytest.raises(StoreRefused) as caught,
    ):
        store.measurements()

    assert remedy in str(caught.value)


def test_what_a_server_does_not_know_is_told() -> None:
    with (
        answering("influxdb2-not-implemented", version=2) as (store, _),
        pytest.raises(StoreRefused, match="not implemented"),
    ):
        store.measurements()


def everything(**options: Any) -> Query:
    return Query("air", ("temp", "note"), T0, T0 + HOUR, group_by=("room",), **options)


def test_rows_of_version_3_arrive_as_any_others() -> None:
    with answering("influxdb3-fields", "influxdb3-rows", version=3) as (store, stub):
        (found,) = store.read(everything())

    assert found.tags == {"room": "a"}
    assert found.times.tolist() == [1, 2, 3]
    np.testing.assert_array_equal(found.fields["temp"], [20.5, 21.0, np.nan])
    assert found.fields["note"].tolist() == ["x", None, "y"]
    assert {asked.headers["Accept"] for asked in stub.asked} == {"application/json"}


def test_no_rows_of_version_3_are_no_body() -> None:
    with answering("influxdb3-fields", "influxdb3-empty", version=3) as (store, _):
        assert store.read(everything()) == []


def test_version_3_cannot_delete_and_says_what_can_be_done() -> None:
    with (
        answering("influxdb3-empty", version=3) as (store, stub),
        pytest.raises(StoreRefused, match=r"cannot delete rows.*influxdb3 delete table"),
    ):
        store.delete(SCORES, {}, 0, 1)

    assert stub.asked == []


class Files:
    """A server that refuses ranges of too many files, and holds a row an hour."""

    def __init__(self, longest: int, first: int) -> None:
        self.longest, self.first = longest, first
        self.ranges: list[tuple[int, int]] = []

    def __call__(self, asked: Asked) -> Answer:
        if asked.path == "/api/v3/query_sql":
            return recorded("influxdb3-files" if self.first else "influxdb3-no-files")
        statement = asked.parameters["q"]
        if statement.startswith("SHOW"):
            return recorded("influxdb3-fields")
        start, stop = (
            int(word)
            for word in statement.replace("time >= ", "time <= ").split("time <= ")[1:]
            for word in [word.split()[0]]
        )
        if stop + 1 - start > self.longest:
            return recorded("influxdb3-too-many-files")
        self.ranges.append((start, stop + 1))
        times = [t for t in range(T0, T0 + 400 * HOUR, HOUR) if start <= t <= stop]
        if "DESC" in statement:
            times = times[::-1]
        if "LIMIT" in statement:
            times = times[: int(statement.rsplit(" ", 1)[1])]
        if not times:
            return recorded("influxdb3-empty")
        rows = [[time, (time - T0) / HOUR, None] for time in times]
        series = {"name": "air", "columns": ["time", "temp", "note"], "values": rows}
        body = json.dumps({"results": [{"statement_id": 0, "series": [series]}]})
        return Answer(200, body.encode(), {"Content-Type": "application/json"})


@contextmanager
def filed(longest: int, first: int = T0) -> Iterator[tuple[Any, Files]]:
    files = Files(longest, first)
    with StubServer(files) as stub:
        address = parse_address(f"{stub.store_url}?version=3", Credentials())
        store = InfluxSeriesStore(address, client=InfluxClient(address, sleep=lambda pause: None))
        yield store, files
        store.close()


Reader = Callable[[Any, Query], list[Points]]
READERS: list[Reader] = [
    lambda store, query: store.read(query),
    lambda store, query: list(store.stream(query, 10_000)),
]


@pytest.mark.parametrize("read", READERS, ids=["read", "stream"])
@pytest.mark.parametrize("longest", [1000 * HOUR, 72 * HOUR, 47 * HOUR, 10 * HOUR])
def test_long_ranges_of_version_3_are_read_in_windows_as_small_as_it_wants(
    read: Reader, longest: int
) -> None:
    with filed(longest) as (store, files):
        pieces = read(store, Query("air", ("temp",), T0, T0 + 200 * HOUR))

    values = np.concatenate([piece.fields["temp"] for piece in pieces])
    assert values.tolist() == list(range(200))
    assert files.ranges[0][0] == T0
    assert files.ranges[-1][1] == T0 + 200 * HOUR
    assert all(one[1] == two[0] for one, two in zip(files.ranges, files.ranges[1:], strict=False))
    assert max(stop - start for start, stop in files.ranges) <= min(longest, 48 * HOUR)


def test_windows_of_means_do_not_cut_a_bucket() -> None:
    step = 7 * HOUR
    start = T0 - T0 % step
    query = Query("air", ("temp",), start, start + 40 * step, every=step)
    with filed(13 * HOUR) as (store, files):
        store.read(query)

    assert all((start - T0 + T0 % step) % step == 0 for start, _ in files.ranges)
    assert all((stop - start) % step == 0 for start, stop in files.ranges)


def test_years_without_files_are_not_asked_for() -> None:
    with filed(72 * HOUR) as (store, files):
        (found,) = store.read(Query("air", ("temp",), 0, T0 + 100 * HOUR))

    assert len(found) == 100
    assert len(files.ranges) < 6


def test_the_edge_of_a_long_range_is_found_window_by_window() -> None:
    query = Query("air", ("temp",), T0 - 300 * HOUR, T0 + 900 * HOUR)
    with filed(72 * HOUR) as (store, _):
        (newest,) = store.read(Query(**{**vars(query), "newest": 3}))
        (oldest,) = store.read(Query(**{**vars(query), "oldest": 2}))

    assert newest.fields["temp"].tolist() == [397.0, 398.0, 399.0]
    assert oldest.fields["temp"].tolist() == [0.0, 1.0]


def test_a_server_that_refuses_even_a_minute_is_told_what_to_raise() -> None:
    with (
        filed(1) as (store, _),
        pytest.raises(StoreRefused, match="--query-file-limit"),
    ):
        store.read(everything())


def test_what_lies_in_memory_only_is_asked_for_as_it_is() -> None:
    with filed(72 * HOUR, first=0) as (store, files):
        (found,) = store.read(Query("air", ("temp",), T0 - 2000 * HOUR, T0 + 10 * HOUR))

    assert len(found) == 10
    assert len(files.ranges) > 30
