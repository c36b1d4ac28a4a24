"""Leases of two processes over one real record store; time is a number that is set."""

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from backend.exceptions import StoreUnavailable
from backend.services.processes import PROCESS
from backend.stores.records import SqlRecordStore
from jobs.leases import Leases, process_name

WAIT_S = 60
LONG = timedelta(hours=1)


@dataclass
class Hands:
    """The hands of a clock that counts seconds."""

    at: float = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def records(tmp_path: Path) -> Iterator[SqlRecordStore]:
    opened = SqlRecordStore(f"sqlite:///{tmp_path}/records.sqlite3")
    yield opened
    opened.close()


def names(records: SqlRecordStore) -> dict[str, str]:
    """The holders of the leases by their names."""
    return {lease.name: lease.holder for lease in records.leases()}


def run_out(records: SqlRecordStore, length: int = 0) -> None:
    """Let all leases end now, as if nobody had renewed them for long."""
    records.renew_leases([lease.token for lease in records.leases()], length=length)


def test_two_processes_never_have_one_name() -> None:
    assert process_name() != process_name()


def test_one_has_it_and_the_other_when_it_is_done(records: SqlRecordStore) -> None:
    here, there = Leases(records, "here"), Leases(records, "there")
    with here.held("score:a") as mine:
        assert mine is not None
        with there.held("score:a") as theirs:
            assert theirs is None
        assert names(records) == {"score:a": "here"}
    with there.held("score:a") as theirs:
        assert theirs is not None
    assert names(records) == {}


def test_it_is_given_back_where_the_work_fails(records: SqlRecordStore) -> None:
    def fail() -> None:
        with Leases(records, "here").held("score:a", 1):
            raise KeyError("a bug")

    with pytest.raises(KeyError):
        fail()
    with Leases(records, "there").held("score:a", 1) as theirs:
        assert theirs is None
    with Leases(records, "there").held("score:a", 2) as theirs:
        assert theirs is not None


def test_what_was_cut_short_is_left_for_another(records: SqlRecordStore) -> None:
    with Leases(records, "here").held("score:a", 1) as mine:
        assert mine is not None
        mine.finished = False
    with Leases(records, "there").held("score:a", 1) as theirs:
        assert theirs is not None
        assert theirs.lease.formerly == ""


def test_a_process_that_lives_renews_what_it_holds(records: SqlRecordStore) -> None:
    here = Leases(records, "here", length=LONG)
    with here.held("score:a"):
        run_out(records)
        here.renew()
        with Leases(records, "there", length=LONG).held("score:a") as theirs:
            assert theirs is None


def test_it_renews_by_itself(records: SqlRecordStore) -> None:
    renewed = threading.Event()

    class Noted(SqlRecordStore):
        def renew_leases(self, tokens, *, length: int) -> frozenset[str]:
            renewed.set()
            return super().renew_leases(tokens, length=length)

    noted = Noted(f"sqlite:///{records._database._url.database}")
    here = Leases(noted, "here", length=timedelta(seconds=0.03))
    here.start()
    try:
        assert renewed.wait(WAIT_S)
        assert names(records) == {PROCESS + "here": "here"}
    finally:
        here.stop()
        noted.close()
    assert names(records) == {}


def test_one_that_was_lost_is_said_and_not_renewed(
    records: SqlRecordStore, caplog: pytest.LogCaptureFixture
) -> None:
    here, there = Leases(records, "here"), Leases(records, "there")
    with here.held("score:a") as mine:
        run_out(records)
        with there.held("score:a") as theirs:
            here.renew()
            assert mine is not None
            assert theirs is not None
            assert theirs.lease.formerly == "here"
            assert not records.holds_lease("score:a", mine.lease.token)
    assert "score:a was taken over by another process" in caplog.text
    assert caplog.text.count("taken over") == 1


def test_one_process_keeps_a_chore_until_it_ends(records: SqlRecordStore) -> None:
    here, there = Leases(records, "here"), Leases(records, "there")
    assert here.keeps("chore:sweep")
    assert not there.keeps("chore:sweep")
    assert here.keeps("chore:sweep")

    here.stop()
    before = there.keeps("chore:sweep")
    there.renew()

    assert not before
    assert there.keeps("chore:sweep")


def test_a_chore_of_a_dead_process_is_taken_over(records: SqlRecordStore) -> None:
    here, there = Leases(records, "here"), Leases(records, "there")
    assert here.keeps("chore:sweep")
    assert not there.keeps("chore:sweep")
    run_out(records)

    there.renew()
    here.renew()

    assert there.keeps("chore:sweep")
    assert not here.keeps("chore:sweep")


def test_who_was_held_up_does_no_chore_before_it_has_renewed(records: SqlRecordStore) -> None:
    hands = Hands()
    here = Leases(records, "here", length=timedelta(seconds=30), monotonic=hands)
    kept = []
    for hands.at in (0.0, 29.0, 31.0):
        kept.append(here.keeps("chore:sweep"))
    here.renew()
    kept.append(here.keeps("chore:sweep"))

    assert kept == [True, True, False, True]


def test_records_that_are_away_are_told_once_and_end_nothing(
    records: SqlRecordStore, caplog: pytest.LogCaptureFixture
) -> None:
    tried = threading.Semaphore(0)

    class Away(SqlRecordStore):
        def renew_leases(self, tokens, *, length: int) -> frozenset[str]:
            tried.release()
            raise StoreUnavailable("The records are down.")

    away = Away(f"sqlite:///{records._database._url.database}")
    here = Leases(away, "here", length=timedelta(seconds=0.03))
    with caplog.at_level(logging.WARNING):
        here.start()
        for _ in range(3):
            assert tried.acquire(timeout=WAIT_S)
        here.stop()
    away.close()

    assert caplog.messages == ["leases are not renewed: The records are down."]


def test_one_that_cannot_be_given_back_is_left_to_run_out(
    records: SqlRecordStore, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(name: str, token: str, *, done: bool) -> None:
        raise StoreUnavailable("The records are down.")

    here = Leases(records, "here")
    with here.held("score:a"):
        monkeypatch.setattr(records, "drop_lease", down)
    run_out(records)
    here.renew()

    assert "the lease score:a is left to run out: The records are down." in caplog.text
    assert [lease.expired for lease in records.leases()] == [True]
