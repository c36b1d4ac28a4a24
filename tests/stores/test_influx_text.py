"""Line protocol, InfluxQL and addresses as text."""

import math
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.exceptions import ConfigurationError
from backend.ports import Credentials, Points, Query
from backend.stores.embedded import EmbeddedSeriesStore
from backend.stores.influx import InfluxSeriesStore, influxql, lineprotocol
from backend.stores.influx.address import Address, Tls, parse_address
from backend.stores.opening import open_series_store
from backend.stores.rows import admit


def lines(measurement: str, *batches: Points) -> list[str]:
    """The lines of all bodies; a body ends with a line break."""
    return b"".join(lineprotocol.bodies(measurement, batches)).decode().split("\n")[:-1]


def test_separators_are_escaped_where_they_part_something() -> None:
    points = Points(
        {"z, =": "b, =", "a": 'q"\\x'},
        np.array([7], dtype=np.int64),
        {"f, =": np.array([1.0]), "s": np.array(['say "\\n"\n'], dtype=object)},
    )

    (body,) = lineprotocol.bodies("m, =", [points])

    assert body.decode() == (
        'm\\,\\ =,a=q"\\x,z\\,\\ \\==b\\,\\ \\= f\\,\\ \\==1.0,s="say \\"\\\\n\\"\n" 7\n'
    )


def test_numbers_read_back_as_the_same_float_and_never_as_integers() -> None:
    values = np.array([0.0, -0.0, 3.0, 1e15, 1e16, 1e22, 5e-324, 0.1, 1.7976931348623157e308])
    found = lines("m", Points({}, np.arange(len(values)), {"v": values}))
    texts = [line.removeprefix("m v=").rsplit(" ", 1)[0] for line in found]

    assert np.array(texts, dtype=float).tobytes() == values.tobytes()
    assert all("." in text or "e" in text for text in texts)


def test_absent_values_are_left_out() -> None:
    points = Points(
        {},
        np.array([1, 2]),
        {"a": np.array([np.nan, 1.0]), "s": np.array(["x", None], dtype=object)},
    )

    assert lines("m", points) == ['m s="x" 1', "m a=1.0 2"]


def test_bodies_hold_whole_batches_of_several_series() -> None:
    rows = lineprotocol.LINES_A_BODY * 2 // 5
    batches = [Points({"n": str(n)}, np.arange(rows), {"v": np.ones(rows)}) for n in range(5)]
    long = Points({}, np.arange(5 * rows), {"v": np.ones(5 * rows)})

    assert [body.count(b"\n") for body in lineprotocol.bodies("m", batches)] == [
        2 * rows,
        2 * rows,
        rows,
    ]
    assert [body.count(b"\n") for body in lineprotocol.bodies("m", [long])] == [
        lineprotocol.LINES_A_BODY,
        lineprotocol.LINES_A_BODY,
    ]
    assert list(lineprotocol.bodies("m", [])) == []


def test_a_body_is_no_larger_than_a_server_takes_unless_a_line_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lineprotocol, "BYTES_A_BODY", 100)
    texts = np.array(["x" * size for size in (10, 20, 300, 5, 5, 90)], dtype=object)

    bodies = list(lineprotocol.bodies("m", [Points({}, np.arange(6), {"s": texts})]))

    assert [body.count(b"\n") for body in bodies] == [2, 1, 2, 1]
    assert all(len(body) <= 100 or body.count(b"\n") == 1 for body in bodies)


_values = st.one_of(st.just(float("nan")), st.floats(allow_infinity=False))
_texts = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"])))


@given(rows=st.lists(st.tuples(_values, _values, _texts), min_size=1, max_size=30))
def test_any_row_is_written_as_the_specification_says(
    rows: list[tuple[float, float, str | None]],
) -> None:
    first, second, texts = zip(*rows, strict=True)
    fields: dict[str, Any] = {
        "a b": np.array(first),
        "c": np.array(second),
        "t": np.array(texts, dtype=object),
    }
    admitted = admit("m", [Points({}, np.arange(len(rows)), fields)])

    text = b"".join(lineprotocol.bodies("m", admitted)).decode()
    wanted = [
        {
            name: value
            for name, value in zip(fields, row, strict=True)
            if value is not None and not (isinstance(value, float) and math.isnan(value))
        }
        for row in rows
    ]
    assert list(read_lines(text)) == [(t, row) for t, row in enumerate(wanted) if row]


def read_lines(text: str) -> Iterator[tuple[int, dict[str, float | str]]]:
    """Time and fields of each line, read letter by letter as the specification says."""
    letters = deque(text)
    while letters:
        assert until(letters, " ") == "m"
        fields: dict[str, float | str] = {}
        end = ","
        while end == ",":
            name = until(letters, "=")
            if letters[0] == '"':
                letters.popleft()
                fields[name] = until(letters, '"')
                end = letters.popleft()
            else:
                number, end = until_any(letters, ", ")
                fields[name] = float(number)
        yield int(until(letters, "\n")), fields


def until(letters: deque[str], end: str) -> str:
    return until_any(letters, end)[0]


def until_any(letters: deque[str], ends: str) -> tuple[str, str]:
    """What comes before the first of these that no backslash stands before, and which it is."""
    taken = ""
    while (letter := letters.popleft()) not in ends:
        escaped = letter == "\\" and letters[0] in '\\",= '
        taken += letters.popleft() if escaped else letter
    return taken, letter


def test_identifiers_and_literals_cannot_be_left() -> None:
    assert influxql.identifier('a"; DROP \\') == '"a\\"; DROP \\\\"'
    assert influxql.literal("a'; DROP \\\n") == "'a\\'; DROP \\\\\\n'"


def test_means_are_asked_for_by_the_names_of_their_fields() -> None:
    query = Query("m", ('a"', "b"), 0, 600, group_by=("u",), every=60)

    assert influxql.select_aggregates(query, ['a"', "b"], 60) == (
        'SELECT mean("a\\""::float) AS "a\\"", mean("b"::float) AS "b" FROM "m" '
        'WHERE time >= 0 AND time <= 599 GROUP BY time(60ns), "u" fill(none)'
    )


def test_a_select_names_the_kind_of_each_field() -> None:
    query = Query("m", ("a", "b"), 1, 9, where={"t": "x"}, group_by=("u", "u", "v"))

    text = influxql.select(query, {"a": "integer", "b": "string", "c": "boolean"})

    assert text == (
        'SELECT "a"::float, "b"::string, "c"::boolean FROM "m" '
        'WHERE "t"::tag = \'x\' AND time >= 1 AND time <= 8 GROUP BY "u", "v"'
    )


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("influxdb://h/db", Address("http://h:8086", "db")),
        ("influxdb://h:1/db/rp", Address("http://h:1", "db", "rp")),
        ("influxdb+https://h/a%20b", Address("https://h:8086", "a b")),
        ("influxdb://[::1]/db/", Address("http://[::1]:8086", "db")),
        (
            "influxdb://u:p%40@h/db",
            Address("http://h:8086", "db", credentials=Credentials("u", "p@")),
        ),
        (
            "influxdb+https://h/db?ca=/x.pem&cert=/c.pem&key=/k.pem",
            Address("https://h:8086", "db", tls=Tls("/x.pem", "/c.pem", "/k.pem")),
        ),
        (
            "influxdb://h/plant/raw?version=2&org=our%20plant",
            Address("http://h:8086", "plant", "raw", version=2, organization="our plant"),
        ),
    ],
)
def test_addresses(url: str, address: Address) -> None:
    assert parse_address(url, Credentials()) == address


@pytest.mark.parametrize(
    ("path", "bucket"),
    [("plant", "plant"), ("plant/raw", "plant/raw"), ("plant/autogen", "plant")],
)
def test_database_and_policy_name_a_bucket(path: str, bucket: str) -> None:
    assert parse_address(f"influxdb://h/{path}", Credentials()).bucket == bucket


def test_given_credentials_win_over_those_in_the_url() -> None:
    address = parse_address("influxdb://u:p@h/db", Credentials(username="v", token="t"))

    assert address.credentials == Credentials("v", "p", "t")
    assert "p@" not in repr(address) + str(address)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/var/lib/normalcy",
        "sqlite:///x",
        "http://u:hidden@h:8086/db",
        "influxdb://u:hidden@h",
        "influxdb://u:hidden@/db",
        "influxdb://u:hidden@h/db/rp/more",
        "influxdb://u:hidden@h:port/db",
        "influxdb://u:hidden@h/db?timeout=3",
        "influxdb://u:hidden@h/db?version=4",
        "influxdb://u:hidden@h/db?org=",
        "influxdb://u:hidden@h/db?ca=/x.pem",
        "influxdb+https://u:hidden@h/db?key=/x.pem",
        "influxdb+https://u:hidden@h/db?ca=/no/such/file.pem",
        "embedded://",
        "embedded:///",
        "embedded://relative/dir",
    ],
)
def test_a_wrong_url_is_explained_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_series_store(url, Credentials(), create=False)

    assert "hidden" not in str(caught.value)


def test_opening_touches_nothing(tmp_path: Path) -> None:
    embedded = open_series_store(f"embedded://{tmp_path}/a%20b", Credentials(), create=False)
    influx = open_series_store("influxdb://nowhere.invalid/db", Credentials(), create=True)

    assert isinstance(embedded, EmbeddedSeriesStore)
    assert isinstance(influx, InfluxSeriesStore)
    assert list(tmp_path.iterdir()) == []
    embedded.ping()
    embedded.close()
    assert (tmp_path / "a b").is_dir()
