"""The InfluxDB store against a real InfluxDB 1.x, where it differs from other stores."""

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import numpy as np
import pytest

from backend.exceptions import PartialWrite, StoreRefused, StoreUnavailable
from backend.ports import Credentials, Points, Query, SeriesStore
from backend.schema import SCORES
from backend.stores.influx import InfluxSeriesStore
from backend.stores.influx.address import parse_address
from backend.stores.influx.client import InfluxClient
from backend.stores.opening import open_series_store
from tests.servers.influxdb import InfluxServer, require_influxd

pytestmark = pytest.mark.influx

T0 = 1_700_000_000_000_000_000
WEEK = 7 * 86_400 * 10**9


@pytest.fixture
def url(influxdb_server: InfluxServer) -> str:
    return influxdb_server.new_database()


Opener = Callable[..., SeriesStore]


@pytest.fixture
def open_store() -> Iterator[Opener]:
    """Open stores that are closed when the test ends."""
    with ExitStack() as opened:

        def open_(
            url: str, credentials: Credentials | None = None, create: bool = False
        ) -> SeriesStore:
            store = open_series_store(url, credentials or Credentials(), create=create)
            opened.callback(store.close)
            return store

        yield open_


def one_row(value: float = 1.0, time: int = T0) -> Points:
    return Points({"room": "a"}, np.array([time], dtype=np.int64), {"temp": np.array([value])})


def everything(measurement: str, *fields: str, group_by: tuple[str, ...] = ()) -> Query:
    return Query(measurement, fields, 0, T0 + 100 * WEEK, group_by=group_by)


def test_ping_names_the_version(url: str, open_store: Opener) -> None:
    assert open_store(url).ping().startswith("InfluxDB 1.")


def test_integers_and_booleans_arrive_as_floats(
    influxdb_server: InfluxServer, url: str, open_store: Opener
) -> None:
    influxdb_server.write_lines(
        url, f"air n=9007199254740993i,on=true,x=3 {T0}\nair n=-2i,on=false {T0 + 1}\nair x=1 1"
    )
    store = open_store(url)

    (found,) = store.read(everything("air", "n", "on", "x"))

    assert store.fields("air") == {"n": "integer", "on": "boolean", "x": "float"}
    assert {values.dtype for values in found.fields.values()} == {np.dtype(np.float64)}
    np.testing.assert_array_equal(found.fields["n"], [np.nan, 9007199254740992.0, -2.0])
    np.testing.assert_array_equal(found.fields["on"], [np.nan, 1.0, 0.0])
    np.testing.assert_array_equal(found.fields["x"], [1.0, 3.0, np.nan])


def test_a_field_of_two_kinds_is_read_as_float_and_reported(
    influxdb_server: InfluxServer, url: str, caplog: pytest.LogCaptureFixture, open_store: Opener
) -> None:
    influxdb_server.write_lines(url, f'air temp="hot" {T0}\nair temp=2 {T0 + 4 * WEEK}')
    store = open_store(url)

    with caplog.at_level(logging.WARNING):
        (found,) = store.read(everything("air", "temp"))

    assert store.fields("air") == {"temp": "float"}
    assert found.times.tolist() == [T0 + 4 * WEEK]
    assert "float and string" in caplog.text


def test_integers_of_one_shard_and_floats_of_another_are_one_field(
    influxdb_server: InfluxServer, url: str, caplog: pytest.LogCaptureFixture, open_store: Opener
) -> None:
    influxdb_server.write_lines(url, f"air temp=1i {T0}\nair temp=2.5 {T0 + 4 * WEEK}")

    (found,) = open_store(url).read(everything("air", "temp"))

    assert found.fields["temp"].tolist() == [1.0, 2.5]
    assert caplog.text == ""


def test_a_tag_of_the_same_name_is_no_field(
    influxdb_server: InfluxServer, url: str, open_store: Opener
) -> None:
    influxdb_server.write_lines(url, f"air,room=a temp=1 {T0}\nair,temp=x room=2 {T0 + 1}")
    store = open_store(url)

    (found,) = store.read(everything("air", "temp"))
    where_tag = Query("air", ("room",), 0, T0 + WEEK, where={"temp": "x"})

    assert (found.times.tolist(), found.fields["temp"].tolist()) == ([T0], [1.0])
    assert store.read(where_tag)[0].fields["room"].tolist() == [2.0]


def test_numbers_are_always_stored_as_floats(
    influxdb_server: InfluxServer, url: str, open_store: Opener
) -> None:
    open_store(url).write("air", [one_row(3.0), one_row(1e22, T0 + 1), one_row(-0.0, T0 + 2)])

    assert open_store(url).fields("air") == {"temp": "float"}
    (found,) = open_store(url).read(everything("air", "temp"))
    assert found.fields["temp"].tolist() == [3.0, 1e22, -0.0]


def test_a_missing_database_is_refused_with_the_command_that_creates_it(
    influxdb_server: InfluxServer, open_store: Opener
) -> None:
    store = open_store(influxdb_server.store_url("no such db"))

    for action in (
        store.ping,
        store.measurements,
        lambda: store.fields("air"),
        lambda: store.tag_keys("air"),
        lambda: store.tag_values("air", "room"),
        lambda: store.read(everything("air", "temp")),
        lambda: store.write("air", [one_row()]),
        lambda: store.delete(SCORES, {}, 0, 1),
    ):
        with pytest.raises(StoreRefused, match='CREATE DATABASE "no such db"'):
            action()


def test_a_missing_database_is_created_where_that_is_wanted(
    influxdb_server: InfluxServer, open_store: Opener
) -> None:
    for number, first_use in enumerate(
        [
            lambda store: store.ping(),
            lambda store: store.read(everything("air", "temp")),
            lambda store: store.write("air", [one_row()]),
        ]
    ):
        store = open_store(influxdb_server.store_url(f"new {number}"), create=True)
        first_use(store)
        store.write("air", [one_row(2.0)])
        (found,) = store.read(everything("air", "temp"))
        assert found.fields["temp"].tolist() == [2.0]


def test_a_retention_policy_can_be_named_and_created(
    influxdb_server: InfluxServer, url: str, open_store: Opener
) -> None:
    with pytest.raises(StoreRefused, match='CREATE RETENTION POLICY "one year"'):
        open_store(f"{url}/one%20year").write("air", [one_row()])

    store = open_store(f"{url}/one%20year", create=True)
    store.write("air", [one_row()])

    assert len(store.read(everything("air", "temp"))) == 1
    assert open_store(url).read(everything("air", "temp")) == []


def test_a_partial_write_is_reported_after_the_rest_was_sent(
    influxdb_server: InfluxServer, url: str, open_store: Opener
) -> None:
    influxdb_server.write_lines(url, f'air,room=a temp="hot" {T0}\nair,room=b temp="hot" {T0}')
    count = 12_000
    times = T0 + np.arange(count, dtype=np.int64) * 10**10
    fields = {"temp": np.ones(count), "load": np.ones(count)}
    fields["temp"][3:-2] = np.nan
    store = open_store(url)

    with pytest.raises(PartialWrite, match="field type conflict") as caught:
        store.write("air", [Points({"room": "c"}, times, fields)])

    assert caught.value.dropped == 5
    (found,) = store.read(everything("air", "load"))
    assert len(found) == count - 5


def test_a_server_that_is_down_is_unavailable() -> None:
    with socket.socket() as bound:
        # bound and not listening: nobody else can answer here
        bound.bind(("127.0.0.1", 0))
        address = parse_address(
            f"influxdb://user:secret@127.0.0.1:{bound.getsockname()[1]}/plant", Credentials()
        )
        pauses: list[float] = []
        store = InfluxSeriesStore(address, client=InfluxClient(address, sleep=pauses.append))

        with pytest.raises(StoreUnavailable, match="connection refused") as caught:
            store.ping()

        assert caught.value.retry
        assert "secret" not in str(caught.value)
        assert pauses == [0.2, 1.0]
        for action in (store.measurements, lambda: store.write("air", [one_row()])):
            pauses.clear()
            with pytest.raises(StoreUnavailable, match="connection refused"):
                action()
            assert pauses == [0.2, 1.0]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxServer]:
    """A server that asks for a password."""
    require_influxd()
    with InfluxServer(tmp_path_factory.mktemp("guarded"), auth=True) as server:
        server.query("CREATE USER boss WITH PASSWORD 'pä ss:\"word' WITH ALL PRIVILEGES")
        boss = {"user": "boss", "password": 'pä ss:"word'}
        server.query("CREATE DATABASE plant", **boss)
        server.query("CREATE USER reader WITH PASSWORD 'r'", **boss)
        server.query("GRANT READ ON plant TO reader", **boss)
        yield server


def test_credentials_open_a_guarded_server(guarded: InfluxServer, open_store: Opener) -> None:
    boss = Credentials("boss", 'pä ss:"word')
    store = open_store(guarded.store_url("plant"), boss)
    store.write("air", [one_row()])

    in_url = guarded.store_url("plant").replace("//", "//boss:p%C3%A4%20ss%3A%22word@")
    assert len(open_store(in_url).read(everything("air", "temp"))) == 1


def test_a_wrong_password_is_refused(guarded: InfluxServer, open_store: Opener) -> None:
    for credentials in (Credentials(), Credentials("boss", "wrong")):
        store = open_store(guarded.store_url("plant"), credentials)
        with pytest.raises(StoreRefused, match="does not accept the credentials"):
            store.ping()
        with pytest.raises(StoreRefused, match="does not accept the credentials"):
            store.write("air", [one_row()])


def test_a_missing_right_is_refused(guarded: InfluxServer, open_store: Opener) -> None:
    store = open_store(guarded.store_url("plant"), Credentials("reader", "r"))

    assert store.ping()
    with pytest.raises(StoreRefused, match="denies the right"):
        store.write("air", [one_row()])
    with pytest.raises(StoreRefused, match="denies the right"):
        store.delete(SCORES, {}, 0, 1)
