"""A store whose calls are counted does what it did before."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from backend.exceptions import NotFound, StoreRefused, StoreUnavailable
from backend.ports import RecordStore, SeriesStore
from backend.services.meters import Meters
from backend.stores.metered import metered, operation


class Odd:
    """A store of everything that a call may do."""

    reduces = True

    def read(self, number: int, *, more: int = 0) -> int:
        return number + more

    def write(self, error: BaseException | None = None) -> None:
        if error:
            raise error

    def stream(self, parts: int, error: BaseException | None = None) -> Iterator[int]:
        yield from range(parts)
        if error:
            raise error

    @contextmanager
    def together(
        self, first: BaseException | None = None, last: BaseException | None = None
    ) -> Iterator[None]:
        if first:
            raise first
        yield
        if last:
            raise last

    def close(self) -> None:
        pass


@pytest.fixture
def meters() -> Meters:
    return Meters()


@pytest.fixture
def store(meters: Meters) -> Any:
    return metered(Odd(), "source", meters)


def count(registry: CollectorRegistry, operation: str, outcome: str) -> float:
    labels = {"store": "source", "operation": operation, "outcome": outcome}
    return registry.get_sample_value("normalcy_store_requests_total", labels) or 0.0


def test_answers_and_values_come_through(store, meters):
    assert store.read(2, more=3) == 5
    assert store.reduces is True
    assert count(meters.registry, "read", "ok") == 1


def test_what_it_cannot_do_it_cannot_do_now(store):
    assert not hasattr(store, "explode")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (StoreUnavailable("away"), "unavailable"),
        (StoreRefused("no"), "refused"),
        (NotFound("there is no such run"), "ok"),
        (ValueError("odd"), "failed"),
    ],
)
def test_how_a_call_failed(store, meters, error, outcome):
    with pytest.raises(type(error)):
        store.write(error)
    assert count(meters.registry, "write", outcome) == 1


def test_a_stream_counts_when_it_has_ended(store, meters):
    parts = store.stream(3)
    assert next(parts) == 0
    assert count(meters.registry, "read", "ok") == 0
    assert list(parts) == [1, 2]
    assert count(meters.registry, "read", "ok") == 1


def test_a_stream_that_fails_in_the_middle(store, meters):
    with pytest.raises(StoreUnavailable):
        list(store.stream(1, StoreUnavailable("away")))
    assert count(meters.registry, "read", "unavailable") == 1
    assert count(meters.registry, "read", "ok") == 0


def test_a_stream_that_nobody_reads_to_its_end(store, meters):
    parts = store.stream(3)
    next(parts)
    parts.close()
    assert count(meters.registry, "read", "ok") == 1


@pytest.mark.parametrize("end", ["first", "last"])
def test_a_transaction_that_does_not_begin_or_end(store, meters, end):
    """Who waits for the lock, and for the disk, waits at its ends."""
    with pytest.raises(StoreUnavailable), store.together(**{end: StoreUnavailable("locked")}):
        pass
    assert count(meters.registry, "write", "unavailable") == 1


def test_what_fails_within_a_transaction_is_counted_once(store, meters):
    with pytest.raises(StoreUnavailable), store.together():
        store.write(StoreUnavailable("away"))
    assert count(meters.registry, "write", "unavailable") == 1
    assert count(meters.registry, "write", "ok") == 1


def test_closing_is_not_asking(store, meters):
    store.close()
    assert count(meters.registry, "read", "ok") == 0


def test_what_changes_something_is_told_from_what_looks():
    """By name: whatever takes the word of a change gives nothing but what it changed."""
    looks = {"read", "stream", "ping", "examine", "labels", "versions", "leases", "standings"}
    changes = {"write", "write_all", "delete", "add_labels", "promote", "claim_request", "tie"}
    known = {
        name
        for port in (SeriesStore, RecordStore)
        for name, _ in inspect.getmembers(port, inspect.isfunction)
    }
    assert looks | changes <= known
    assert {operation(name) for name in looks} == {"read"}
    assert {operation(name) for name in changes} == {"write"}
