"""Every fault between store and server ends in a retry or a clear error, never in wrong numbers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
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
from backend.stores.rows import joined
from tests.servers import faults
from tests.servers.faults import (
    Cut,
    CutAnywhere,
    CutAtChunk,
    CutBetween,
    Delay,
    Drip,
    Fault,
    FaultProxy,
    Refuse,
    Relabel,
    Short,
    Steady,
)
from tests.servers.influxdb import InfluxServer
from tests.servers.stub import Answer, StubServer

pytestmark = pytest.mark.influx

T0 = 1_700_000_000_000_000_000
ROWS = 12_500
ROOMS = ("a", "b")
STOP = T0 + ROWS * 10**9
QUERY = Query("air", ("temp", "load", "note"), T0, STOP, group_by=("room",))
# where only the fault takes long, and where a busy machine may
SHORT = Patience(connect_s=2.0, read_s=1.0, stall_s=1.0, stall_bytes=128, ping_s=1.0)
LONG = Patience()
ONCE = Patience(pauses=())
JSON = "?version=3"


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
    server: InfluxServer, url: str, path: str, *met: Fault, patience: Patience = LONG
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
        np.array_equal(one.times, other.times)
        and all(alike(one.fields[name], other.fields[name]) for name in other.fields)
        for one, other in zip(found, expected, strict=True)
    )


def alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two columns are of one type and hold the same, where NaN is NaN."""
    if one.dtype != other.dtype:
        return False
    if one.dtype == object:
        return one.tolist() == other.tolist()
    return np.array_equal(one, other, equal_nan=True)


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
    numbers = [points.fields[name].astype(float) for name in ("temp", "load")]
    return np.asarray(words | ~np.isnan(numbers[0]) | ~np.isnan(numbers[1]))


PAGE = Refuse(200, b"<html>login</html>", {"Content-Type": "text/html"})
GATEWAY = Refuse(200, b'{"message":"session expired"}', {"Content-Type": "application/json"})

# What passes once it is tried again, and what does not get better by that.
PASSING: dict[str, Fault] = {
    "cut at once": Cut(0.0),
    "cut in the middle of a chunk": Cut(0.5),
    "cut in the middle of a chunk by a reset": Cut(0.5, reset=True),
    "cut at a chunk": CutAtChunk(0.5),
    "cut before the last byte": Cut(0.99999),
    "cut before the mark of the end": CutAtChunk(1.0),
    "cut before the announced length": Short(0.5),
    "cut in the headers": CutAnywhere(60),
    "cut between two messages of a series": CutBetween(1, hidden=False),
    "cut between two series": CutBetween(2, hidden=False),
    "cut before the last message": CutBetween(3, hidden=False),
    "cut between two messages of a series behind a proxy": CutBetween(1, hidden=True),
    "cut between two series behind a proxy": CutBetween(2, hidden=True),
    "cut before the last message behind a proxy": CutBetween(3, hidden=True),
    "too many requests": Refuse(429),
    "busy": Refuse(503),
    "bad gateway": Refuse(502, b""),
    "truncated gzip": faults.truncated_gzip,
    "a login page": PAGE,
    "MessagePack that is said to be JSON": Relabel("application/json"),
    "no kind": Relabel(""),
    "hung up on": faults.unacknowledged,
    "another protocol": faults.another_protocol,
}
SILENT: dict[str, Fault] = {
    "too late": Delay(3600.0),
    "dripping": Drip(0.02),
    "dripping headers": Drip(0.02, headers=True),
}
# The same of an answer in JSON, as version 3 is asked for.
CUTS = (Cut, CutAtChunk, CutBetween, Short)
PASSING_JSON: dict[str, Fault] = {
    **{name: fault for name, fault in PASSING.items() if isinstance(fault, CUTS)},
    "truncated gzip": faults.truncated_gzip,
    "JSON that is said to be MessagePack": Relabel("application/x-msgpack"),
}


def patience_with(fault: Fault) -> Patience:
    return SHORT if fault in SILENT.values() else LONG


def numbered(named: dict[str, Fault]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("fault", named.values(), ids=list(named))


@numbered(PASSING)
def test_a_read_is_made_again_and_brings_the_same(
    influxdb_server: InfluxServer, filled: str, truth: list[Points], fault: Fault
) -> None:
    with meeting(influxdb_server, filled, "/query", faults.passes, fault) as met:
        assert same(met.store.read(QUERY), truth)

    # the first one asks for the fields
    assert len(met.proxy.met) == 3
    assert met.proxy.met[1] == met.proxy.met[2]
    assert met.pauses == [0.2]


@numbered(PASSING_JSON)
def test_a_read_in_json_is_made_again_and_brings_the_same(
    influxdb_server: InfluxServer, filled: str, truth: list[Points], fault: Fault
) -> None:
    with meeting(influxdb_server, filled + JSON, "/query", faults.passes, fault) as met:
        assert same(met.store.read(QUERY), truth)

    assert {asked.headers["Accept"] for asked in met.proxy.met} == {"application/json"}
    assert len(met.proxy.met) == 3


@pytest.mark.parametrize("fault", [Delay(0.05), Steady(1 << 16, 0.005)], ids=repr)
def test_what_is_only_slow_is_waited_for(
    influxdb_server: InfluxServer, filled: str, truth: list[Points], fault: Fault
) -> None:
    with meeting(influxdb_server, filled, "/query", faults.passes, fault) as met:
        assert same(met.store.read(QUERY), truth)

    assert len(met.proxy.met) == 2
    assert met.pauses == []


@pytest.mark.parametrize("status", [429, 503])
def test_a_read_waits_as_long_as_it_is_asked_to(
    influxdb_server: InfluxServer, filled: str, truth: list[Points], status: int
) -> None:
    busy = Refuse(status, headers={"Retry-After": "7"})
    with meeting(influxdb_server, filled, "/query", faults.passes, busy, busy) as met:
        assert same(met.store.read(QUERY), truth)

    assert met.pauses == [7.0, 7.0]


@numbered(PASSING | SILENT)
def test_a_read_that_never_comes_through_is_a_clear_error(
    influxdb_server: InfluxServer, filled: str, fault: Fault
) -> None:
    patience = patience_with(fault)
    with (
        meeting(
            influxdb_server, filled, "/query", faults.passes, *[fault] * 3, patience=patience
        ) as met,
        pytest.raises(StoreUnavailable, match="InfluxDB at http://127") as caught,
    ):
        met.store.read(QUERY)

    assert caught.value.retry
    assert "\n" not in str(caught.value)
    # who has waited for long once is not made to wait again
    assert len(met.proxy.met) == (2 if fault in SILENT.values() else 4)


def test_a_page_before_the_server_is_named(influxdb_server: InfluxServer, filled: str) -> None:
    with (
        meeting(influxdb_server, filled, "/query", *[PAGE] * 3) as met,
        pytest.raises(StoreUnavailable, match=r"answer is text/html .* check that the URL leads"),
    ):
        met.store.read(QUERY)


@numbered(PASSING | SILENT)
def test_a_stream_hands_out_what_is_right_and_says_that_it_is_not_all(
    influxdb_server: InfluxServer, filled: str, truth: list[Points], fault: Fault
) -> None:
    patience = patience_with(fault)
    with meeting(
        influxdb_server, filled, "/query", faults.passes, *[fault] * 3, patience=patience
    ) as met:
        pieces = broken(met.store.stream(QUERY, 1000))

    assert len(pieces) < sum(map(len, truth)) / 1000
    assert_beginning(pieces, truth)


def broken(stream: Iterator[Points]) -> list[Points]:
    """What a stream hands out before it says that this is not all."""
    pieces: list[Points] = []
    told = ""
    try:
        # one by one: a list made at once would not keep what came before an error
        for piece in stream:
            pieces.append(piece)
    except StoreUnavailable as error:
        told = str(error)
    assert told.startswith("InfluxDB at http://127")
    assert "\n" not in told
    return pieces


def assert_beginning(pieces: list[Points], truth: list[Points]) -> None:
    for points in truth:
        got = [piece for piece in pieces if piece.tags == points.tags]
        rows = sum(map(len, got))
        for name, values in points.fields.items():
            taken = [piece.fields[name] for piece in got]
            assert not got or alike(np.concatenate(taken), values[:rows])


@pytest.mark.parametrize("share", [0.5, 0.99])
@pytest.mark.parametrize("kind", [Cut, CutAtChunk, Short])
def test_a_stream_that_breaks_midway_is_not_begun_again(
    influxdb_server: InfluxServer,
    filled: str,
    truth: list[Points],
    kind: Callable[[float], Fault],
    share: float,
) -> None:
    with meeting(influxdb_server, filled, "/query", faults.passes, kind(share)) as met:
        pieces = broken(met.store.stream(QUERY, 1000))

    assert len(met.proxy.met) == 2
    assert met.pauses == []
    assert sum(map(len, pieces)) >= ROWS // 3
    assert_beginning(pieces, truth)


@pytest.mark.parametrize(
    "fault",
    [Refuse(503), faults.unacknowledged, Cut(0.0), PAGE],
    ids=["refused", "unacknowledged", "cut", "page"],
)
def test_a_stream_that_did_not_begin_is_made_again_and_brings_all(
    influxdb_server: InfluxServer, filled: str, truth: list[Points], fault: Fault
) -> None:
    with meeting(influxdb_server, filled, "/query", faults.passes, fault, fault) as met:
        assert same(joined(met.store.stream(QUERY, 1000)), truth)

    assert met.pauses == [0.2, 1.0]


FEW = Query("air", ("temp",), T0, T0 + 20 * 10**9, group_by=("room",))


@pytest.mark.parametrize(
    "options",
    [
        "",
        JSON,
    ],
)
def test_wherever_an_answer_is_cut_it_is_right_or_an_error(
    influxdb_server: InfluxServer, filled: str, options: str
) -> None:
    plain = open_series_store(filled, Credentials(), create=False)
    expected = plain.read(FEW)
    plain.close()
    sizes = range(0, 2400, 6)
    met_by_turns = [fault for size in sizes for fault in (faults.passes, CutAnywhere(size))]
    told, wrong = 0, []
    with meeting(influxdb_server, filled + options, "/query", *met_by_turns, patience=ONCE) as met:
        for size in sizes:
            try:
                found = met.store.read(FEW)
            except StoreUnavailable:
                told += 1
            else:
                wrong += [] if same(found, expected) else [size]

    assert wrong == []
    assert 100 < told < len(sizes)


def lines(store: SeriesStore) -> list[Points]:
    return store.read(Query("new", ("temp", "load", "note"), T0, STOP, {}, ("room",)))


LOSING: dict[str, Fault] = {
    "the answer is lost": faults.unacknowledged,
    "busy": Refuse(503),
    "too many requests": Refuse(429, headers={"Retry-After": "7"}),
    "bad gateway": Refuse(502, b""),
    "too late": Delay(3600.0),
    "dripping headers": Drip(0.02, headers=True),
    "headers cut between two lines": faults.cut_headers,
    "another protocol": faults.another_protocol,
}


def patience_to_write(fault: Fault) -> Patience:
    return SHORT if isinstance(fault, Delay | Drip) else LONG


@numbered(LOSING)
def test_a_write_is_made_again_and_nothing_is_doubled_or_lost(
    influxdb_server: InfluxServer, truth: list[Points], fault: Fault
) -> None:
    url = influxdb_server.new_database()
    patience = patience_to_write(fault)
    with meeting(
        influxdb_server, url, "/write", faults.passes, fault, fault, patience=patience
    ) as met:
        met.store.write("new", sensors())
        assert same(lines(met.store), truth)

    assert met.pauses == ([7.0, 7.0] if fault is LOSING["too many requests"] else [0.2, 1.0])
    bodies = [asked.body for asked in met.proxy.met]
    # the second one three times, the same to the last byte
    assert bodies[1] == bodies[2] == bodies[3]
    rows = sum(body.count(b"\n") for body in bodies[:2] + bodies[4:])
    assert rows == sum(map(len, truth))


@numbered(LOSING)
def test_a_write_that_never_comes_through_is_an_error_and_can_be_made_again(
    influxdb_server: InfluxServer, truth: list[Points], fault: Fault
) -> None:
    url = influxdb_server.new_database()
    patience = patience_to_write(fault)
    with meeting(
        influxdb_server, url, "/write", faults.passes, *[fault] * 3, patience=patience
    ) as met:
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
        (Refuse(302, b"", {"Location": "/login"}), StoreRefused, "302"),
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


@pytest.mark.parametrize("fault", [PAGE, GATEWAY, Refuse(200, b""), Refuse(202, b"")], ids=repr)
def test_a_page_before_the_server_is_no_acknowledgement(
    influxdb_server: InfluxServer, truth: list[Points], fault: Fault
) -> None:
    url = influxdb_server.new_database()
    with meeting(influxdb_server, url, "/write", fault) as met:
        try:
            met.store.write("new", sensors())
        except (StoreUnavailable, StoreRefused):
            return
        assert same(lines(met.store), truth)


@pytest.mark.parametrize("body", [b'{"message":"session expired"}', b"{}", b'{"results":[]}'])
def test_an_answer_without_a_result_is_none(
    influxdb_server: InfluxServer, filled: str, truth: list[Points], body: bytes
) -> None:
    gateway = Refuse(200, body, {"Content-Type": "application/json"})
    with meeting(influxdb_server, filled, "/query", faults.passes, gateway) as met:
        assert same(met.store.read(QUERY), truth)


@pytest.mark.parametrize(
    "body",
    [
        b'{"results":["x"]}',
        b'{"results":7}',
        b'{"results":[{"series":7}]}',
        b'{"results":[{"series":[{"columns":["time","temp"],"values":[[1]]}]}]}',
        b'{"results":[{"series":[{"columns":["time","other"],"values":[[1,2.5]]}]}]}',
        b'{"results":[{"series":[{"columns":["temp"],"values":[[2.5]]}]}]}',
    ],
)
def test_an_answer_of_another_shape_is_made_again(
    influxdb_server: InfluxServer, filled: str, truth: list[Points], body: bytes
) -> None:
    gateway = Refuse(200, body, {"Content-Type": "application/json"})
    with meeting(influxdb_server, filled, "/query", faults.passes, gateway) as met:
        assert same(met.store.read(QUERY), truth)


def test_a_slow_line_that_brings_enough_is_not_hung_up_on(
    influxdb_server: InfluxServer, filled: str, truth: list[Points]
) -> None:
    steady = Steady(3_000, 0.02)  # all the time far more than is asked for
    patience = replace(LONG, stall_s=1.0, stall_bytes=512, pauses=())
    with meeting(
        influxdb_server, filled, "/query", faults.passes, steady, patience=patience
    ) as met:
        assert same(met.store.read(replace(QUERY, where={"room": "a"})), truth[:1])


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_administration_is_worth_another_try(status: int) -> None:
    with StubServer([Answer(status, b'{"message":"busy"}')]) as stub:
        url = f"{stub.store_url}/policy?version=2"
        store = open_series_store(url, Credentials(token="t0k"), create=False)
        with pytest.raises(StoreUnavailable, match="busy"):
            store.tag_keys("air")
        store.close()


Look = Callable[[SeriesStore], object]


# these answers are one message
AT_ONCE = {name: fault for name, fault in PASSING.items() if not isinstance(fault, CutBetween)}


@numbered(AT_ONCE | SILENT)
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
    plain = open_series_store(filled, Credentials(), create=False)
    expected = look(plain)
    plain.close()
    with meeting(influxdb_server, filled, "/query", fault, patience=patience_with(fault)) as met:
        if fault in SILENT.values():
            with pytest.raises(StoreUnavailable, match="InfluxDB at http://127"):
                look(met.store)
        assert look(met.store) == expected


UNGREETED: dict[str, Fault] = {
    "busy": Refuse(503),
    "too many requests": Refuse(429),
    "hung up on": faults.unacknowledged,
    "cut in the headers": CutAnywhere(60),
    "headers cut between two lines": faults.cut_headers,
    "another protocol": faults.another_protocol,
}


@numbered(UNGREETED)
def test_a_server_that_does_not_greet_is_asked_again_by_all_that_needs_it(
    influxdb_server: InfluxServer, filled: str, truth: list[Points], fault: Fault
) -> None:
    with meeting(influxdb_server, filled, "/ping", fault, fault) as met:
        assert met.store.ping().startswith("InfluxDB 1.")
    with meeting(influxdb_server, filled, "/ping", fault, fault) as met:
        assert same(met.store.read(QUERY), truth)
    with (
        meeting(influxdb_server, filled, "/ping", *[fault] * 3) as met,
        pytest.raises(StoreUnavailable, match="InfluxDB at http://127"),
    ):
        met.store.read(QUERY)


@pytest.mark.parametrize("fault", [Delay(3600.0), Drip(0.02, headers=True)], ids=repr)
def test_a_server_that_greets_too_slowly_is_told_at_once(
    influxdb_server: InfluxServer, filled: str, fault: Fault
) -> None:
    with (
        meeting(influxdb_server, filled, "/ping", fault, patience=SHORT) as met,
        pytest.raises(StoreUnavailable, match="InfluxDB at http://127"),
    ):
        met.store.ping()

    assert met.pauses == []


def test_what_greets_as_something_else_is_refused(
    influxdb_server: InfluxServer, filled: str
) -> None:
    with (
        meeting(influxdb_server, filled, "/ping", PAGE) as met,
        pytest.raises(StoreRefused, match="is not an InfluxDB; check the URL"),
    ):
        met.store.read(QUERY)


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
