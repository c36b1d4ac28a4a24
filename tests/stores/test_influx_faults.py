"""Every fault between store and server ends in a retry or a clear error, never in wrong numbers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import time_ns

import numpy as np
import pytest

from backend.exceptions import NormalcyError, PartialWrite, StoreRefused, StoreUnavailable
from backend.ports import Credentials, Points, Query, SeriesStore
from backend.stores.influx import InfluxSeriesStore
from backend.stores.influx.address import parse_address
from backend.stores.influx.client import InfluxClient
from backend.stores.influx.patience import Patience
from backend.stores.opening import open_series_store
from tests.servers import faults
from tests.servers.faults import Cut, CutBetween, Delay, Drip, Fault, FaultProxy, Refuse, Relabel
from tests.servers.influxdb import InfluxServer

pytestmark = pytest.mark.influx

T0 = 1_700_000_000_000_000_000
ROWS = 12_500
ROOMS = ("a", "b")
QUERY = Query("air", ("temp", "load", "note"), T0, T0 + 10**18, group_by=("room",))
PATIENCE = Patience(connect_s=2.0, read_s=0.5, stall_s=0.5, stall_bytes=64, ping_s=0.5)


def sensors() -> list[Points]:
    """Two series of several chunks each, with holes and words."""
    random = np.random.default_rng(0)
    found = []
    for room in ROOMS:
        values = random.normal(size=(2, ROWS))
        values[random.random(values.shape) < 0.05] = np.nan
        words = random.choice(np.array(["on", "off", None], dtype=object), ROWS)
        times = T0 + np.arange(ROWS, dtype=np.int64) * 10**9
        fields = {"temp": values[0], "load": values[1], "note": words}
        found.append(Points({"room": room}, times, fields))
    return found


@pytest.fixture(scope="module")
def filled(influxdb_server: InfluxServer) -> str:
    """The URL of a database with the sensors in it."""
    url = influxdb_server.new_database()
    store = open_series_store(url, Credentials(), create=False)
    store.write("air", sensors())
    store.close()
    return url


class Meeting:
    """A store that reaches its server through a proxy."""

    def __init__(self, store: SeriesStore, proxy: FaultProxy, pauses: list[float]) -> None:
        self.store = store
        self.proxy = proxy
        self.pauses = pauses


@contextmanager
def meeting(
    server: InfluxServer, url: str, path: str, *met: Fault, patience: Patience = PATIENCE
) -> Iterator[Meeting]:
    with FaultProxy(server.port, path, met) as proxy:
        through = url.replace(str(server.port), str(proxy.port))
        address = parse_address(through, Credentials())
        pauses: list[float] = []
        client = InfluxClient(address, sleep=pauses.append, patience=patience)
        store = InfluxSeriesStore(address, client=client)
        yield Meeting(store, proxy, pauses)
        store.close()


def same(found: list[Points], expected: list[Points]) -> bool:
    """Whether two readings hold the same numbers and words."""
    if [points.tags for points in found] != [points.tags for points in expected]:
        return False
    return all(
        one.times.tolist() == other.times.tolist()
        and all(
            repr(one.fields[name].tolist()) == repr(other.fields[name].tolist())
            for name in other.fields
        )
        for one, other in zip(found, expected, strict=True)
    )


@pytest.fixture(scope="module")
def truth(filled: str) -> list[Points]:
    """What is read without any fault."""
    store = open_series_store(filled, Credentials(), create=False)
    found = store.read(QUERY)
    store.close()
    assert [len(points) for points in found] == [np.count_nonzero(kept(p)) for p in sensors()]
    return found


def kept(points: Points) -> np.ndarray:
    """Rows that carry anything."""
    words = np.array([word is not None for word in points.fields["note"]])
    return words | ~np.isnan(points.fields["temp"].astype(float)) | ~np.isnan(points.fields["load"])


# What passes once it is tried again, and what does not get better by that.
PASSING: dict[str, Fault] = {
    "cut at once": Cut(0.0),
    "cut in the middle": Cut(0.5),
    "cut in the middle by a reset": Cut(0.5, reset=True),
    "cut before the last byte": Cut(0.99999),
    "cut between two messages": CutBetween(2, hidden=False),
    "cut between two messages behind a proxy": CutBetween(2, hidden=True),
    "too many requests": Refuse(429),
    "busy": Refuse(503),
    "bad gateway": Refuse(502, b""),
    "truncated gzip": faults.truncated_gzip,
    "a login page": Refuse(200, headers={"Content-Type": "text/html"}),
    "JSON that is none": Relabel("application/json"),
    "no kind": Relabel(""),
    "hung up on": faults.unacknowledged,
}
SILENT: dict[str, Fault] = {
    "too late": Delay(1.5),
    "dripping": Drip(0.02),
    "dripping headers": Drip(0.02, headers=True),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=list(PASSING))
def test_a_read_is_made_again_and_brings_the_same(
    influxdb_server: InfluxServer, filled: str, truth: list[Points], fault: Fault
) -> None:
    with meeting(influxdb_server, filled, "/query", faults.passes, fault) as met:
        assert same(met.store.read(QUERY), truth)

    # the first one asks for the fields
    assert len(met.proxy.met) == 3
    assert met.pauses == [0.2]


@pytest.mark.parametrize("fault", [*PASSING.values(), *SILENT.values()])
def test_a_read_that_never_comes_through_is_a_clear_error(
    influxdb_server: InfluxServer, filled: str, fault: Fault
) -> None:
    with (
        meeting(influxdb_server, filled, "/query", faults.passes, *[fault] * 3) as met,
        pytest.raises(StoreUnavailable, match="InfluxDB at http://127") as caught,
    ):
        met.store.read(QUERY)

    assert caught.value.retry
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("fault", [*PASSING.values(), *SILENT.values()])
def test_a_stream_hands_out_what_is_right_and_says_that_it_is_not_all(
    influxdb_server: InfluxServer, filled: str, truth: list[Points], fault: Fault
) -> None:
    pieces: list[Points] = []
    with meeting(influxdb_server, filled, "/query", faults.passes, *[fault] * 3) as met:
        try:
            pieces += met.store.stream(QUERY, 1000)
        except StoreUnavailable as error:
            assert "InfluxDB at http://127" in str(error)  # noqa: PT017
            assert len(pieces) < sum(len(points) for points in truth) / 1000
        else:
            pytest.fail("three faults in a row were not noticed")

    for points in truth:
        got = [piece for piece in pieces if piece.tags == points.tags]
        rows = sum(map(len, got))
        for name, values in points.fields.items():
            taken = [value for piece in got for value in piece.fields[name].tolist()]
            assert repr(taken) == repr(values[:rows].tolist())


def lines(store: SeriesStore) -> list[Points]:
    return store.read(Query("new", ("temp", "load", "note"), T0, T0 + 10**18, {}, ("room",)))


LOSING: dict[str, Fault] = {
    "the answer is lost": faults.unacknowledged,
    "busy": Refuse(503),
    "too many requests": Refuse(429, headers={"Retry-After": "7"}),
    "bad gateway": Refuse(502, b""),
    "too late": Delay(1.5),
    "dripping headers": Drip(0.02, headers=True),
    "headers cut between two lines": faults.cut_headers,
}


@pytest.mark.parametrize("fault", LOSING.values(), ids=list(LOSING))
def test_a_write_is_made_again_and_nothing_is_doubled_or_lost(
    influxdb_server: InfluxServer, truth: list[Points], fault: Fault
) -> None:
    url = influxdb_server.new_database()
    with meeting(influxdb_server, url, "/write", faults.passes, fault, fault) as met:
        met.store.write("new", sensors())
        assert same(lines(met.store), truth)

    assert len(met.pauses) == 2
    assert met.pauses == ([7.0, 7.0] if fault is LOSING["too many requests"] else [0.2, 1.0])


@pytest.mark.parametrize("fault", LOSING.values(), ids=list(LOSING))
def test_a_write_that_never_comes_through_is_an_error_and_can_be_made_again(
    influxdb_server: InfluxServer, truth: list[Points], fault: Fault
) -> None:
    url = influxdb_server.new_database()
    with meeting(influxdb_server, url, "/write", faults.passes, *[fault] * 3) as met:
        with pytest.raises(StoreUnavailable, match="InfluxDB at http://127"):
            met.store.write("new", sensors())
        met.store.write("new", sensors())
        assert same(lines(met.store), truth)


@pytest.mark.parametrize(
    ("fault", "error", "told"),
    [
        (Refuse(400, b'{"error":"unable to parse"}'), StoreRefused, "unable to parse"),
        (Refuse(413, b'{"error":"too large"}'), StoreRefused, "max-body-size"),
        (Refuse(403, b"<html>firewall</html>"), StoreRefused, "denies the right"),
        (
            Refuse(400, b'{"error":"partial write: beyond retention dropped=3"}'),
            PartialWrite,
            "beyond retention",
        ),
    ],
)
def test_a_refusal_is_not_asked_for_again(
    influxdb_server: InfluxServer,
    filled: str,
    fault: Fault,
    error: type[NormalcyError],
    told: str,
) -> None:
    row = Points({}, np.array([T0]), {"temp": np.array([1.0])})
    with (
        meeting(influxdb_server, filled, "/write", fault) as met,
        pytest.raises(error, match=told),
    ):
        met.store.write("other", [row])

    assert len(met.proxy.met) == 1
    assert met.pauses == []


Look = Callable[[SeriesStore], object]


@pytest.mark.parametrize("fault", [*PASSING.values(), *SILENT.values()])
@pytest.mark.parametrize(
    "look",
    [
        lambda store: store.measurements(),
        lambda store: store.fields("air"),
        lambda store: store.tag_values("air", "room"),
        lambda store: store.ping(),
    ],
    ids=["measurements", "fields", "tag values", "ping"],
)
def test_a_look_at_the_catalog_is_right_or_an_error(
    influxdb_server: InfluxServer, filled: str, look: Look, fault: Fault
) -> None:
    if isinstance(fault, CutBetween):
        fault = Cut(0.9)  # these answers are one message
    plain = open_series_store(filled, Credentials(), create=False)
    expected = look(plain)
    plain.close()
    with meeting(influxdb_server, filled, "/query", fault) as met:
        try:
            found = look(met.store)
        except StoreUnavailable as error:
            assert "InfluxDB at http://127" in str(error)  # noqa: PT017
        else:
            assert found == expected
        assert look(met.store) == expected


@pytest.mark.parametrize("seconds", [-3600.0, 60.0])
def test_a_server_whose_clock_leapt_is_told_and_its_rows_are_read_all_the_same(
    influxdb_server: InfluxServer, filled: str, truth: list[Points], seconds: float
) -> None:
    with meeting(influxdb_server, filled, "/ping", *[faults.ClockShift(seconds)] * 2) as met:
        findings = met.store.examine(time_ns(), writing=False, scratch=False)
        assert same(met.store.read(QUERY), truth)

    (clock,) = [finding for finding in findings if finding.what == "clock"]
    assert not clock.ok
    assert ("behind" if seconds < 0 else "ahead of") in clock.detail
