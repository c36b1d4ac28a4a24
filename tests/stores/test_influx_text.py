"""Line protocol, InfluxQL and addresses as text."""

from pathlib import Path

import numpy as np
import pytest

from backend.exceptions import ConfigurationError
from backend.ports import Credentials, Points, Query
from backend.stores.embedded import EmbeddedSeriesStore
from backend.stores.influx import InfluxSeriesStore, influxql, lineprotocol
from backend.stores.influx.address import Address, parse_address
from backend.stores.opening import open_series_store


def lines(measurement: str, *batches: Points) -> list[str]:
    return b"\n".join(lineprotocol.bodies(measurement, batches)).decode().split("\n")


def test_separators_are_escaped_where_they_part_something() -> None:
    points = Points(
        {"z, =": "b, =", "a": 'q"\\x'},
        np.array([7], dtype=np.int64),
        {"f, =": np.array([1.0]), "s": np.array(['say "\\n"\n'], dtype=object)},
    )

    (body,) = lineprotocol.bodies("m, =", [points])

    assert body.decode() == (
        'm\\,\\ =,a=q"\\x,z\\,\\ \\==b\\,\\ \\= f\\,\\ \\==1.0,s="say \\"\\\\n\\"\n" 7'
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
    count = lineprotocol.LINES_A_BODY
    batches = [
        Points({"n": str(n)}, np.arange(count - 1), {"v": np.ones(count - 1)}) for n in range(3)
    ]

    sizes = [body.count(b"\n") + 1 for body in lineprotocol.bodies("m", batches)]

    assert sizes == [count, count, count - 3]
    assert list(lineprotocol.bodies("m", [])) == []


def test_identifiers_and_literals_cannot_be_left() -> None:
    assert influxql.identifier('a"; DROP \\') == '"a\\"; DROP \\\\"'
    assert influxql.literal("a'; DROP \\\n") == "'a\\'; DROP \\\\\\n'"


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
        ("influxdb+https://h/db?ca=/x.pem", Address("https://h:8086", "db", authority="/x.pem")),
    ],
)
def test_addresses(url: str, address: Address) -> None:
    assert parse_address(url, Credentials()) == address


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
