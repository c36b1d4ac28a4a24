"""The InfluxDB store against a real InfluxDB 2.x, where it differs from 1.x: INFLUXDB2_URL."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from time import time_ns

import numpy as np
import pytest

from backend.exceptions import ConfigurationError, PartialWrite, StoreRefused
from backend.ports import Credentials, Finding, Points, Query, SeriesStore
from backend.schema import SCORES
from backend.stores.opening import open_series_store
from tests.servers.remote import InfluxServer2

pytestmark = pytest.mark.influx

T0 = 1_700_000_000_000_000_000
EVER = (T0 - 10**18, T0 + 10**18)
Opener = Callable[..., SeriesStore]


@pytest.fixture
def open_store(influx2_server: InfluxServer2) -> Iterator[Opener]:
    with ExitStack() as opened:

        def open_(
            name: str, credentials: Credentials | None = None, create: bool = False
        ) -> SeriesStore:
            url = name if "://" in name else influx2_server.store_url(name)
            store = open_series_store(url, credentials or influx2_server.credentials, create=create)
            opened.callback(store.close)
            return store

        yield open_


@pytest.fixture
def name(influx2_server: InfluxServer2) -> Iterator[str]:
    """A name that no bucket has yet; what is made of it goes when the test ends."""
    made = f"new_{uuid.uuid4().hex[:10]}"
    yield made
    for wanted in (made, f"{made}/raw", f"{made}/coarse"):
        found = influx2_server.call("GET", "/api/v2/buckets", params={"name": wanted}).json()
        for bucket in found["buckets"]:
            influx2_server.call("DELETE", f"/api/v2/buckets/{bucket['id']}")


def row(value: float = 1.0, time: int = T0, **tags: str) -> Points:
    return Points(tags, np.array([time], dtype=np.int64), {"temp": np.array([value])})


def values(store: SeriesStore, measurement: str = "air") -> list[float]:
    found = store.read(Query(measurement, ("temp",), *EVER))
    return [value for points in found for value in points.fields["temp"].tolist()]


def token(server: InfluxServer2, bucket_id: str, *actions: str) -> Credentials:
    """A token with these rights on one bucket, and no other."""
    organization = server.organization()["id"]
    resource = {"type": "buckets", "id": bucket_id, "orgID": organization}
    permissions = [{"action": action, "resource": resource} for action in actions]
    wanted = {"orgID": organization, "permissions": permissions}
    made: str = server.call("POST", "/api/v2/authorizations", json=wanted).json()["token"]
    return Credentials(token=made)


def test_a_missing_bucket_is_refused_with_the_command_that_creates_it(
    open_store: Opener, name: str
) -> None:
    store = open_store(name)

    for action in (
        store.ping,
        store.measurements,
        lambda: store.read(Query("air", ("temp",), *EVER)),
        lambda: store.write("air", [row()]),
        lambda: store.delete(SCORES, {}, 0, 1),
    ):
        with pytest.raises(StoreRefused, match=f"influx bucket create --name .?{name}"):
            action()


@pytest.mark.parametrize("path", ["{}", "{}/raw"])
def test_a_missing_bucket_is_created_where_that_is_wanted(
    influx2_server: InfluxServer2, open_store: Opener, name: str, path: str
) -> None:
    store = open_store(path.format(name), create=True)

    store.write("air", [row(2.0)])

    assert values(store) == [2.0]
    listed = influx2_server.call("GET", f"/api/v2/buckets?name={path.format(name)}").json()
    assert [one["name"] for one in listed["buckets"]] == [path.format(name)]
    assert values(open_store(path.format(name))) == [2.0]


def require_24(server: InfluxServer2) -> None:
    """Skip what came with 2.4: mappings that the server makes itself, tokens for passwords."""
    version = server.call("GET", "/ping").headers["X-Influxdb-Version"].removeprefix("v")
    if version.startswith(("2.0.", "2.1.", "2.2.", "2.3.")):
        pytest.skip(f"InfluxDB {version} does not know that yet")


def test_a_bucket_of_two_names_is_told_where_only_the_first_was_given(
    influx2_server: InfluxServer2, open_store: Opener, name: str
) -> None:
    require_24(influx2_server)
    influx2_server.create_bucket(f"{name}/raw")

    with pytest.raises(StoreRefused, match=f"name one of {name}/raw in the URL"):
        open_store(name).write("air", [row()])


def test_each_policy_is_a_bucket_of_its_own(
    influx2_server: InfluxServer2, open_store: Opener, name: str
) -> None:
    for path in (f"{name}/raw", f"{name}/coarse"):
        influx2_server.create_bucket(path)
    raw, coarse = open_store(f"{name}/raw"), open_store(f"{name}/coarse")

    raw.write("air", [row(1.0)])
    coarse.write("air", [row(2.0)])
    coarse.write(SCORES, [row(3.0)])

    assert (values(raw), values(coarse)) == ([1.0], [2.0])
    assert raw.measurements() == ["air"]
    assert raw.fields(SCORES) == {}
    hostile = 'ro"om ${x} \\\\y'
    raw.write("air", [row(5.0, T0 + 1, **{hostile: hostile, "room": "a"})])
    assert raw.tag_keys("air") == sorted([hostile, "room"])
    assert raw.tag_values("air", hostile) == [hostile]
    assert raw.tag_values("air", "room", 1) == ["a"]
    assert coarse.tag_keys("air") == []
    assert raw.tag_keys('air" or "x') == []
    coarse.delete(SCORES, {}, *EVER)
    assert values(coarse, SCORES) == []
    assert values(raw) == [1.0, 5.0]


def found(store: SeriesStore, **options: bool) -> dict[str, Finding]:
    wanted = {"writing": True, "scratch": False, **options}
    return {finding.what: finding for finding in store.examine(time_ns(), **wanted)}


def test_rights_are_found_out_without_writing(
    influx2_server: InfluxServer2, open_store: Opener, name: str
) -> None:
    made = influx2_server.create_bucket(name)
    open_store(name).write("air", [row()])
    reader = open_store(name, token(influx2_server, made, "read"))
    both = open_store(name, token(influx2_server, made, "read", "write"))

    assert values(reader) == [1.0]
    assert not found(reader)["writing"].ok
    assert "denies the right" in found(reader)["writing"].detail
    assert found(reader, writing=False)["writing"].detail.startswith("these credentials may only")
    assert found(both)["writing"].ok
    assert "safer" in found(both, writing=False)["writing"].detail
    assert found(both, scratch=True)["round trip"].ok
    with pytest.raises(StoreRefused, match="denies the right"):
        reader.write("air", [row()])
    assert values(open_store(name)) == [1.0]


def test_a_wrong_token_is_refused(open_store: Opener, name: str) -> None:
    for credentials in (Credentials(token="wrong"), Credentials("boss", "wrong")):
        with pytest.raises(StoreRefused, match="does not accept the credentials"):
            open_store(name, credentials).write("air", [row()])


def test_a_user_with_a_token_for_a_password_may_read_and_write(
    influx2_server: InfluxServer2, open_store: Opener
) -> None:
    require_24(influx2_server)
    url = influx2_server.new_database()
    store = open_store(url, Credentials("any", influx2_server.credentials.token))

    store.write("air", [row(4.0)])

    assert values(store) == [4.0]
    with pytest.raises(ConfigurationError, match="_TOKEN"):
        store.delete(SCORES, {}, 0, 1)


def test_an_organization_that_is_not_there_is_told(
    influx2_server: InfluxServer2, open_store: Opener, name: str
) -> None:
    url = influx2_server.store_url(name) + "?org=nobody"

    with pytest.raises(StoreRefused, match=r"the token sees .*name it by \?org=NAME"):
        open_store(url, create=True).write("air", [row()])


def test_rows_beyond_the_retention_are_counted(
    influx2_server: InfluxServer2, open_store: Opener, name: str
) -> None:
    influx2_server.create_bucket(name, retentionRules=[{"type": "expire", "everySeconds": 3600}])
    store, now = open_store(name), time_ns()
    times = np.array([T0, T0 + 1, now], dtype=np.int64)

    with pytest.raises(PartialWrite) as caught:
        store.write("air", [Points({}, times, {"temp": np.array([1.0, 2.0, 3.0])})])

    assert caught.value.dropped == 2
    recent = store.read(Query("air", ("temp",), now - 10**12, now + 10**12))
    assert [points.fields["temp"].tolist() for points in recent] == [[3.0]]


def test_a_field_of_two_kinds_is_named(influx2_server: InfluxServer2, open_store: Opener) -> None:
    url = influx2_server.new_database()
    store = open_store(url)
    words = Points({}, np.array([T0 - 10**17]), {"temp": np.array(["hot"], dtype=object)})

    store.write("air", [words])
    store.write("air", [row(2.0)])

    assert store.mixed_fields("air") == {"temp": ("float", "string")}
    assert values(store) == [2.0]
