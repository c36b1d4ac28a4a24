"""What the InfluxDB store makes of answers that a healthy server never gives."""

import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from backend.exceptions import PartialWrite, StoreRefused, StoreUnavailable
from backend.ports import Credentials, Points, Query
from backend.stores.influx import InfluxSeriesStore
from backend.stores.influx.address import parse_address
from backend.stores.influx.client import InfluxClient
from backend.stores.influx.patience import Patience
from tests.servers.stub import Answer, StubServer

QUERY = Query("air", ("temp", "note"), 0, 10**18, group_by=("room",))
ROW = Points({}, np.array([1], dtype=np.int64), {"temp": np.array([1.0])})
WRITTEN = Answer(204)


def result(**content: Any) -> dict[str, Any]:
    return {"results": [{"statement_id": 0, **content}]}


def series(values: Sequence[Sequence[Any]], room: str = "a", **options: Any) -> dict[str, Any]:
    """A part of an answer whose columns do not come in the order asked for."""
    columns = ["note", "time", "temp"]
    return {"name": "air", "tags": {"room": room}, "columns": columns, "values": values, **options}


def answer(*lines: object, **options: Any) -> Answer:
    body = b"\n".join(json.dumps(line).encode() for line in lines)
    return Answer(body=body, headers={"Content-Type": "application/json"}, **options)


FIELD_KEYS = answer(
    result(
        series=[
            {
                "name": "air",
                "columns": ["fieldType", "fieldKey"],
                "values": [["float", "temp"], ["string", "note"]],
            }
        ]
    )
)


@contextmanager
def answering(
    *answers: Answer, credentials: Credentials | None = None, version: int = 1
) -> Iterator[tuple[InfluxSeriesStore, StubServer, list[float]]]:
    """A store on a stub, the stub, and the pauses that the store made."""
    with StubServer(answers) as stub:
        url = f"{stub.store_url}?version={version}"
        address = parse_address(url, credentials or Credentials())
        pauses: list[float] = []
        store = InfluxSeriesStore(address, client=InfluxClient(address, sleep=pauses.append))
        yield store, stub, pauses
        store.close()


def test_chunks_of_a_series_are_joined_and_cast_by_column() -> None:
    chunks = answer(
        result(series=[series([["x", 1, 3]], partial=True)], partial=True),
        result(series=[series([[None, 2, None], ["y", 3, 4.5]])], partial=True),
        result(series=[series([["z", 1, 7]], room="")]),
    )
    with answering(FIELD_KEYS, chunks) as (store, _, _):
        first, second = store.read(QUERY)

    assert (first.tags, second.tags) == ({"room": ""}, {"room": "a"})
    assert second.times.tolist() == [1, 2, 3]
    np.testing.assert_array_equal(second.fields["temp"], [3.0, np.nan, 4.5])
    assert second.fields["note"].tolist() == ["x", None, "y"]


def test_the_request_binds_nothing_but_quoted_names() -> None:
    with answering(FIELD_KEYS, answer(result())) as (store, stub, _):
        store.read(Query("air", ("temp",), 5, 9, where={'ro"om': "a' OR 'b"}, newest=3))

    asked = stub.asked[-1]
    assert asked.parameters == {
        "db": "plant",
        "epoch": "ns",
        "chunked": "true",
        "chunk_size": "10000",
        "q": 'SELECT "temp"::float FROM "air" WHERE "ro\\"om"::tag = \'a\\\' OR \\\'b\' '
        "AND time >= 5 AND time <= 8 ORDER BY time DESC LIMIT 3",
    }


@pytest.mark.parametrize(
    "bad",
    [
        answer(result(error="database not found: plant")),
        answer(result(series=[series([["x", 1, 3]])], partial=True), result(error="shard broken")),
        answer({"error": "engine: mixed up"}),
        Answer(status=400, body=b'{"error":"error parsing query"}'),
        Answer(status=403, body=b'{"error":"not authorized"}'),
        Answer(status=401, body=b'{"code":"unauthorized","message":"unauthorized access"}'),
        Answer(status=302, headers={"Location": "http://127.0.0.1:1/"}),
    ],
    ids=[
        "missing database",
        "error after rows",
        "error of the whole",
        "wrong query",
        "no right",
        "no credentials",
        "redirect",
    ],
)
def test_a_refusal_is_never_taken_for_an_answer(bad: Answer) -> None:
    with (
        answering(FIELD_KEYS, bad) as (store, stub, pauses),
        pytest.raises(StoreRefused),
    ):
        store.read(QUERY)

    assert len(stub.asked) == 2
    assert pauses == []


@pytest.mark.parametrize(
    "bad",
    [
        Answer(body=b'{"results":[{"statement_id":0,"ser', cut=True),
        Answer(body=b'{"results":[{"statement_id":0,"ser'),
        Answer(body=b""),
        Answer(body=b"<html>welcome</html>"),
        Answer(body=b"[1, 2]"),
        Answer(status=500, body=b'{"error":"timeout"}'),
        Answer(status=503, body=b"<html>no upstream</html>"),
        answer(result(error="query-timeout limit exceeded")),
        answer(result(error="max-concurrent-queries limit exceeded(1, 1)")),
        answer(result(series=[series([["x", 1, 3]])], partial=True)),
        Answer(
            body=b'{"results":[{"statement_id":0}]}',
            headers={"Content-Type": "application/x-msgpack"},
        ),
        Answer(
            body=bytes.fromhex("81a7726573756c747390"), headers={"Content-Type": "application/json"}
        ),
    ],
    ids=[
        "connection cut",
        "line cut",
        "nothing",
        "a page",
        "a list",
        "server error",
        "proxy error",
        "query timeout",
        "too many queries",
        "no last piece",
        "JSON that is said to be MessagePack",
        "MessagePack that is said to be JSON",
    ],
)
def test_a_broken_or_busy_answer_is_tried_again_and_then_given_up(bad: Answer) -> None:
    with (
        answering(FIELD_KEYS, bad) as (store, stub, pauses),
        pytest.raises(StoreUnavailable) as caught,
    ):
        store.read(QUERY)

    assert caught.value.retry
    assert len(stub.asked) == 4
    assert pauses == [0.2, 1.0]


def test_a_server_that_hangs_is_told_at_once_and_not_asked_again() -> None:
    pauses: list[float] = []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"influxdb://127.0.0.1:{silent.getsockname()[1]}/plant"
        address = parse_address(url, Credentials())
        client = InfluxClient(address, sleep=pauses.append, patience=Patience(ping_s=0.1))
        store = InfluxSeriesStore(address, client=client)
        with pytest.raises(StoreUnavailable, match="does not answer them") as caught:
            store.ping()
        store.close()

    assert caught.value.retry
    assert pauses == []


def test_a_second_try_gives_the_answer() -> None:
    cut = Answer(body=b'{"results":[{"statement_id":0', cut=True)
    with answering(FIELD_KEYS, cut, answer(result(series=[series([["x", 1, 3]])]))) as (
        store,
        _,
        _,
    ):
        (found,) = store.read(QUERY)

    assert len(found) == 1


def test_a_server_may_ask_for_a_longer_pause() -> None:
    busy = Answer(status=429, headers={"Retry-After": "7"})
    long = Answer(status=503, headers={"Retry-After": "86400"})
    with answering(busy, long, WRITTEN) as (store, stub, pauses):
        store.write("air", [ROW])

    assert pauses == [7.0, 20.0]
    assert len(stub.asked) == 3


@pytest.mark.parametrize(
    ("status", "body", "dropped"),
    [
        (400, {"error": "partial write: field type conflict: ... dropped=3"}, 3),
        (400, {"error": "partial write: unable to parse 'x': bad timestamp dropped=0"}, 1),
        (400, {"error": "partial write of line protocol occurred"}, 1),
        (
            400,
            {
                "error": "partial write of line protocol occurred",
                "data": [
                    {"original_line": "a", "line_number": 1, "error_message": "invalid type"},
                    {"original_line": "b", "line_number": 4, "error_message": "invalid type"},
                ],
            },
            2,
        ),
        (
            422,
            {"code": "unprocessable entity", "message": "failure: partial write: ... dropped=2"},
            2,
        ),
    ],
)
def test_dropped_rows_are_counted_and_never_sent_again(
    status: int, body: dict[str, object], dropped: int
) -> None:
    refusal = Answer(status=status, body=json.dumps(body).encode())
    with (
        answering(refusal, WRITTEN) as (store, stub, _),
        pytest.raises(PartialWrite) as caught,
    ):
        store.write("air", [many_rows(15_000)])

    assert caught.value.dropped == dropped
    assert [request.body.count(b"\n") for request in stub.asked] == [10_000, 5000]


def test_dropped_rows_of_several_bodies_add_up() -> None:
    refusal = Answer(400, b'{"error":"partial write: points beyond retention policy dropped=4"}')
    with (
        answering(refusal) as (store, _, _),
        pytest.raises(PartialWrite, match="retention policy") as caught,
    ):
        store.write("air", [many_rows(21_000)])

    assert caught.value.dropped == 12


@pytest.mark.parametrize(
    ("version", "path", "parameters"),
    [
        (1, "/write", {"db": "plant", "precision": "ns"}),
        (2, "/write", {"db": "plant", "precision": "ns"}),
        (
            3,
            "/api/v3/write_lp",
            {"db": "plant", "precision": "nanosecond", "accept_partial": "true"},
        ),
    ],
)
def test_lines_are_sent_packed_with_nanoseconds_named(
    version: int, path: str, parameters: dict[str, str]
) -> None:
    with answering(WRITTEN, version=version) as (store, stub, _):
        store.write("air", [many_rows(100)])

    (asked,) = stub.asked
    assert (asked.path, asked.parameters) == (path, parameters)
    assert asked.headers["Content-Encoding"] == "gzip"
    assert asked.body.startswith(b"air temp=1.0 0\nair temp=1.0 1\n")


def test_a_single_row_is_sent_as_it_is() -> None:
    with answering(WRITTEN) as (store, stub, _):
        store.write("air", [ROW])

    assert "Content-Encoding" not in stub.asked[0].headers
    assert stub.asked[0].body == b"air temp=1.0 1\n"


def test_a_mapping_that_is_missing_is_refused_at_once() -> None:
    said = b'{"code":"not found","message":"no dbrp mapping found"}'
    with (
        answering(Answer(404, said)) as (store, stub, _),
        pytest.raises(StoreRefused, match="no dbrp mapping"),
    ):
        store.write("air", [ROW])

    assert len(stub.asked) == 1


def test_what_is_no_influxdb_is_refused() -> None:
    with (
        answering(Answer(200, b"hello")) as (store, _, _),
        pytest.raises(StoreRefused, match="not an InfluxDB"),
    ):
        store.ping()


@pytest.mark.parametrize(
    ("version", "credentials", "header"),
    [
        (1, Credentials(), None),
        (1, Credentials("us", "pä"), "Basic dXM6cMOk"),
        (1, Credentials(token="jwt"), "Bearer jwt"),
        (2, Credentials("us", "pä"), "Basic dXM6cMOk"),
        (2, Credentials(token="t0k"), "Token t0k"),
        (2, Credentials("us", "pass", "t0k"), "Token t0k"),
        (3, Credentials(token="t0k"), "Bearer t0k"),
    ],
)
def test_credentials_become_the_header_that_each_version_wants(
    version: int, credentials: Credentials, header: str | None
) -> None:
    with answering(WRITTEN, credentials=credentials, version=version) as (store, stub, _):
        store.write("air", [ROW])

    assert stub.asked[0].headers.get("Authorization") == header


def many_rows(count: int) -> Points:
    return Points({}, np.arange(count, dtype=np.int64), {"temp": np.ones(count)})
