"""The store of series is away, slow or full: scores come later, as they would have come."""

import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.exceptions import StoreError, StoreUnavailable
from backend.ports import Credentials
from backend.records import State
from backend.schema import SCORES
from backend.services import scoring
from backend.stores.embedded.database import Database
from backend.stores.influx.address import parse_address
from backend.stores.influx.client import InfluxClient
from backend.stores.influx.patience import Patience
from tests.faults.site import Site
from tests.faults.tally import Facts, Outcome
from tests.servers.faults import Delay, Exchange, Fault, FaultProxy, Refuse, passes, unacknowledged
from tests.servers.influxdb import InfluxServer
from tests.services.plant import NORMAL, at

TRIES = 3
FULL = Refuse(
    500, b'{"error":"engine: error writing WAL entry: write 1.wal: no space left on device"}'
)


def down(exchange: Exchange) -> None:
    """As a machine that is not there any more."""
    exchange.hang_up(reset=True)


class Behind:
    """A plant whose series are in an InfluxDB behind a proxy."""

    def __init__(self, server: InfluxServer, trained: Path, home: Path) -> None:
        self.server = server
        self.database = server.new_database().rsplit("/", 1)[1]
        server.query(f'CREATE DATABASE "{self.database}_results"')
        shutil.copytree(trained, home)
        self.home = home

    def site(self, port: int) -> Site:
        url = f"influxdb://127.0.0.1:{port}/{self.database}"
        return Site(self.home, store=url, results=f"{url}_results")


@pytest.fixture
def behind(
    influxdb_server: InfluxServer,
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Behind:
    at_once = partial(Patience, pauses=(0.0,) * (TRIES - 1))
    monkeypatch.setattr("backend.stores.influx.client.Patience", at_once)
    made = Behind(influxdb_server, trained, tmp_path / "home")
    with made.site(influxdb_server.port) as direct:
        direct.measure()
        direct.app.scoring.backfill("rooms", at(NORMAL - 432), at(NORMAL))
    return made


def until_done(site: Site, point: int = 1000, tries: int = 6) -> int:
    """Tick as the timetable does until it works; how often it failed."""
    for failed in range(tries):
        try:
            site.tick(point)
        except StoreError:
            continue
        return failed
    raise AssertionError("it does not recover by itself")


@pytest.mark.influx
@pytest.mark.fault("store down at start")
def test_down_at_start(behind: Behind, undisturbed: Facts, outcome: Outcome) -> None:
    with FaultProxy(behind.server.port, "/query", []) as proxy:
        proxy.always = down
        with behind.site(proxy.port) as site:
            with pytest.raises(StoreUnavailable, match="does not answer"):
                site.tick(1000)
            (run, *_) = site.app.records.runs("rooms")
            assert (run.kind, run.state) == ("score", State.FAILED)
            assert {part.name for part in site.app.queries.parts() if not part.ok} == {
                "source",
                "results",
            }
            proxy.always = None
            site.tick()
            outcome.compare(site.facts(), undisturbed)


@pytest.mark.influx
@pytest.mark.fault("store down in the middle")
@pytest.mark.parametrize("fault", [down, unacknowledged])
@pytest.mark.parametrize(
    ("path", "after"), [("/query", 0), ("/query", 2), ("/query", 5), ("/write", 0), ("/write", 1)]
)
def test_down_in_the_middle(
    behind: Behind, undisturbed: Facts, outcome: Outcome, path: str, after: int, fault: Fault
) -> None:
    faults = [*[passes] * after, *[fault] * TRIES]
    with FaultProxy(behind.server.port, path, faults) as proxy, behind.site(proxy.port) as site:
        failed = until_done(site)
        assert len(proxy.met) > after  # it was met
        assert failed <= 1  # none where only drift is not followed for this once
        site.restart()
        until_done(site)
        outcome.compare(site.facts(), undisturbed)


@pytest.mark.influx
@pytest.mark.fault("store down for an hour")
def test_down_for_an_hour(behind: Behind, undisturbed: Facts, outcome: Outcome) -> None:
    with FaultProxy(behind.server.port, "/query", []) as proxy, behind.site(proxy.port) as site:
        site.tick(900)
        proxy.always = down
        for point in range(901, 908):
            with pytest.raises(StoreUnavailable):
                site.tick(point)
        proxy.always = None
        report = site.tick(908)
        assert report.stop == at(908)
        assert report.lag_s == 0.0
        for point in (909, 1000):
            site.tick(point)
        failed = [run for run in site.app.records.runs("rooms") if run.state is State.FAILED]
        assert len(failed) == 1  # one that went on, not seven
        outcome.compare(site.facts(), undisturbed)


@pytest.mark.fault("store down for an hour")
def test_no_more_than_is_asked_for_is_caught_up(
    trained: Path, tmp_path: Path, outcome: Outcome
) -> None:
    shutil.copytree(trained, tmp_path / "site")
    with Site(tmp_path / "site", schedule={"catch_up": "1h"}) as site:
        site.tick(800)
        before = site.facts()
        report = site.tick(1000)
        assert (report.start, report.stop) == (at(994), at(1000))
        times = {key[2] for key in site.facts() if key[0] == SCORES}
        assert not times & {at(point) for point in range(800, 994)}
        assert times >= {at(point) for point in range(994, 1000)}
        outcome.compare({k: v for k, v in site.facts().items() if k in before}, before)


# -- far behind ------------------------------------------------------------------------------------

FOLLOWING = {
    "alarm": {"for": 3, "clear_below": 0.6},
    "threshold": {"kind": "quantile", "q": 1, "margin": 1.1, "follow": {}},
}


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Pieces of 60 points, and which rows of scores are written in which order."""
    monkeypatch.setattr(scoring, "_PART", 60)
    return []


def watch(site: Site, written: list[tuple[int, int]], breaks_after: int | None = None) -> None:
    """Note what is written; the store goes down after so many writes."""
    write = site.app.results.write_all

    def write_all(tables: Any) -> None:
        if breaks_after is not None and len(written) >= breaks_after:
            raise StoreUnavailable("the store is away")
        write(tables)
        if times := [part.times for part in tables.get(SCORES, ())]:
            rows = np.concatenate(times)
            written.append(
                tuple((int(t) - at(0)) // 600_000_000_000 for t in (rows.min(), rows.max()))
            )

    site.app.results.write_all = write_all  # type: ignore[method-assign]


@pytest.mark.fault("far behind")
@pytest.mark.parametrize("detector", [{}, FOLLOWING], ids=["plain", "following"])
def test_far_behind_the_newest_comes_first_and_all_is_as_if_in_order(
    trained: Path,
    tmp_path: Path,
    outcome: Outcome,
    written: list[tuple[int, int]],
    detector: dict[str, Any],
) -> None:
    plants = []
    for name in ("in order", "behind"):
        shutil.copytree(trained, tmp_path / name)
        plants.append(Site(tmp_path / name, **detector))
    for site in plants:
        if detector:
            site.train()
        site.tick(720)
    in_order, behind = plants
    for point in range(760, 1001, 40):
        in_order.tick(point)

    watch(behind, written)
    behind.tick(1000)

    assert written[0] == (940, 999)
    assert [first for first, _ in written[1:]] == sorted(first for first, _ in written[1:])
    assert written[-1][1] == 999
    outcome.compare(behind.facts(), in_order.facts())
    for site in plants:
        site.app.close()


@pytest.mark.fault("far behind")
@pytest.mark.parametrize("writes", [1, 2, 4])
def test_far_behind_and_broken_off(
    site: Site,
    undisturbed: Facts,
    outcome: Outcome,
    written: list[tuple[int, int]],
    writes: int,
) -> None:
    watch(site, written, breaks_after=writes)
    with pytest.raises(StoreUnavailable):
        site.tick(1000)
    site.restart()
    site.tick()
    outcome.compare(site.facts(), undisturbed)


@pytest.mark.fault("far behind")
def test_what_keeps_up_looks_at_nothing_twice(
    site: Site, outcome: Outcome, undisturbed: Facts, written: list[tuple[int, int]]
) -> None:
    site.tick(960)
    watch(site, written)
    for point in (961, 962, 1000):
        site.tick(point)
    assert [last for _, last in written] == [960, 961, 999]
    outcome.compare(site.facts(), undisturbed)


@pytest.mark.fault("store down in the middle")
@pytest.mark.parametrize("restarted", [False, True])
def test_down_while_it_keeps_up(
    site: Site,
    undisturbed: Facts,
    outcome: Outcome,
    restarted: bool,
) -> None:
    """What goes on from memory is written last of all, and is due until it is."""
    site.tick(980)  # memory is trusted for some hours, and `lateness` reaches back for less
    watch(site, [], breaks_after=0)
    with pytest.raises(StoreUnavailable):
        site.tick(1000)
    if restarted:
        site.restart()
    else:
        del site.app.results.write_all  # type: ignore[method-assign]
    site.tick(1000)
    outcome.compare(site.facts(), undisturbed)


# -- slow, full, busy ------------------------------------------------------------------------------


@pytest.mark.influx
@pytest.mark.fault("store slow")
def test_slow(behind: Behind, undisturbed: Facts, outcome: Outcome) -> None:
    with FaultProxy(behind.server.port, "/query", []) as proxy, behind.site(proxy.port) as site:
        proxy.always = Delay(0.05)
        site.tick(1000)
        proxy.always = None
        outcome.compare(site.facts(), undisturbed)


@pytest.mark.influx
@pytest.mark.fault("disk full: InfluxDB")
@pytest.mark.parametrize("after", [0, 1])
def test_its_disk_is_full(behind: Behind, undisturbed: Facts, outcome: Outcome, after: int) -> None:
    faults = [*[passes] * after, *[FULL] * TRIES * 2]
    with FaultProxy(behind.server.port, "/write", faults) as proxy, behind.site(proxy.port) as site:
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="no space left on its disk: make room"):
                site.tick(1000)
        site.tick()
        outcome.compare(site.facts(), undisturbed)


@pytest.mark.fault("disk full: embedded store")
def test_the_embedded_store_may_not_grow(
    site: Site, undisturbed: Facts, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.tick(900)
    before = site.facts()
    full(site, monkeypatch)
    with pytest.raises(StoreUnavailable, match="is full; make room"):
        site.tick(1000)
    outcome.compare(site.facts(), before)

    monkeypatch.undo()
    site.restart()
    site.tick()
    outcome.compare(site.facts(), undisturbed)


def full(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the files of the embedded stores be no larger than they are."""
    prepare = Database._prepare

    def prepared(database: Database, connection: sqlite3.Connection) -> None:
        prepare(database, connection)
        connection.execute("PRAGMA max_page_count = 1")  # means: as many as there are

    monkeypatch.setattr(Database, "_prepare", prepared)
    site.restart()


@pytest.mark.influx
@pytest.mark.fault("store asks to wait")
@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("7", 7.0),
        ("date 7", 7.0),
        ("date 3600", 20.0),
        ("date -60", 0.5),
        ("soon", 0.5),
        ("²", 0.5),
        ("99999999999999999999", 20.0),
    ],
)
def test_it_is_waited_for_as_long_as_is_asked_within_reason(
    influxdb_server: InfluxServer, outcome: Outcome, told: str, seconds: float
) -> None:
    now = datetime(2020, 1, 1, tzinfo=UTC)  # a clock that is wrong, as it may be
    if told.startswith("date"):
        later = now + timedelta(seconds=int(told.split()[1]))
        told = format_datetime(later, usegmt=True)
    headers = {"Retry-After": told, "Date": format_datetime(now, usegmt=True)}
    waited: list[float] = []
    database = influxdb_server.new_database().rsplit("/", 1)[1]
    with FaultProxy(influxdb_server.port, "/query", [Refuse(503, b"{}", headers)]) as proxy:
        address = parse_address(f"influxdb://127.0.0.1:{proxy.port}/{database}", Credentials())
        client = InfluxClient(address, sleep=waited.append, patience=Patience(pauses=(0.5,)))
        answer = client.query("SHOW MEASUREMENTS")
        client.close()
    found = {("waited", number): (pause,) for number, pause in enumerate(waited)}
    outcome.compare(
        {**found, ("rows",): (len(answer),)}, {("waited", 0): (seconds,), ("rows",): (0,)}
    )
