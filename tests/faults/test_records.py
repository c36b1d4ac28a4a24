"""The record database is away, locked, full or started again: what was acknowledged is there."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from backend.exceptions import StoreError, StoreUnavailable
from backend.stores.records import SqlRecordStore
from backend.stores.records import database as record_database
from tests.faults.site import Site
from tests.faults.tally import Facts, Key, Outcome, Value
from tests.servers.postgres import MortalPostgres, binaries_or_skip, mortal_postgres

SOON_S = 0.2


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A record store that is not waited for long."""
    soon = partial(SqlRecordStore, patience_s=SOON_S)
    monkeypatch.setattr("backend.bootstrap.SqlRecordStore", soon)


@pytest.fixture(scope="module")
def postgres() -> Iterator[MortalPostgres]:
    with mortal_postgres(binaries_or_skip()) as server:
        yield server


# -- SQLite ----------------------------------------------------------------------------------------


@pytest.mark.fault("record database locked")
def test_another_process_keeps_the_lock(
    impatient: None, site: Site, undisturbed: Facts, outcome: Outcome
) -> None:
    before = site.facts()
    site.restart()
    with closing(sqlite3.connect(site.home / "records.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable):
            site.label(600, 650)
        with pytest.raises(StoreUnavailable):
            site.tick(1000)
        other.execute("ROLLBACK")
    outcome.compare(site.labels(), {k: v for k, v in before.items() if k[0] == "label"})

    added = site.label(600, 650)
    site.app.labelling.remove([added.id], by="operator")
    site.tick()
    outcome.compare(site.facts(), undisturbed)


@pytest.mark.fault("disk full: records")
def test_its_file_may_not_grow(
    site: Site, undisturbed: Facts, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = record_database._use_write_ahead_log

    def prepared(connection: Any, patience_s: float) -> None:
        prepare(connection, patience_s)
        connection.execute("PRAGMA max_page_count = 1")  # means: as many as there are

    monkeypatch.setattr(record_database, "_use_write_ahead_log", prepared)
    site.restart()
    acknowledged = dict(site.labels())
    with pytest.raises(StoreError, match="full"):
        until_refused(site, acknowledged)
    outcome.compare(site.labels(), acknowledged)

    monkeypatch.undo()
    site.restart()
    outcome.compare(site.labels(), acknowledged)
    kept = {key for key in undisturbed if key[0] == "label"}
    extra = [one.id for one in site.app.records.labels() if key_of(one) not in kept]
    site.app.labelling.remove(extra, by="operator")
    site.tick(1000)
    outcome.compare(site.facts(), undisturbed)


def until_refused(site: Site, acknowledged: dict[Key, Value]) -> None:
    for point in range(1, 600):
        acknowledged[key_of(site.label(0, point))] = ()


def key_of(label: Any) -> tuple[object, ...]:
    return "label", label.detector, label.start, label.stop, str(label.kind)


# -- PostgreSQL ------------------------------------------------------------------------------------


@pytest.mark.fault("record database down at start")
def test_down_at_start(
    postgres: MortalPostgres, tmp_path: Path, undisturbed: Facts, outcome: Outcome
) -> None:
    url = postgres.new_database()
    postgres.end()
    try:
        with Site(tmp_path / "site", records=url) as site:
            with pytest.raises(StoreUnavailable):
                site.tick(700)
            assert [part.name for part in site.app.queries.parts() if not part.ok] == ["records"]
            postgres.begin()
            site.ready()
            site.tick(700)
            site.tick(1000)
            outcome.compare(site.facts(), undisturbed)
    finally:
        if postgres._process.poll() is not None:
            postgres.begin()


@pytest.mark.fault("record database restarted")
def test_ended_and_started_again(
    postgres: MortalPostgres, trained: Path, tmp_path: Path, undisturbed: Facts, outcome: Outcome
) -> None:
    with Site(tmp_path / "site", records=postgres.new_database()) as site:
        site.ready().tick(700)
        acknowledged = dict(site.facts())
        for point in (610, 620, 630):
            key = key_of(site.label(600, point))
            acknowledged[key] = ()
        postgres.end()
        with pytest.raises(StoreUnavailable):
            site.label(600, 640)
        with pytest.raises(StoreUnavailable):
            site.tick(1000)
        postgres.begin()
        outcome.compare(site.facts(), acknowledged)  # by the same process, over new connections

        extra = [one.id for one in site.app.records.labels() if key_of(one) not in undisturbed]
        site.app.labelling.remove(extra, by="operator")
        site.tick()
        outcome.compare(site.facts(), undisturbed)
    shutil.rmtree(tmp_path / "site")
