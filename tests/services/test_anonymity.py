"""Whose names are taken out of what leaves the house, and what is known of how many there are."""

from typing import Any

import pytest

from backend.exceptions import StoreUnavailable
from backend.records import Label, LabelKind, Role, User
from backend.services.anonymity import People, people
from tests.fakes.records import MemoryRecordStore

NOW = 1_800_000_000_000_000_000


@pytest.fixture
def records() -> MemoryRecordStore:
    store = MemoryRecordStore()
    store.add_user(User("anna", "digest", Role.ADMIN, "command", NOW, NOW))
    store.add_labels([Label(0, "pump", LabelKind.NORMAL, 0, 1, created_by="Çelik")])
    request = store.add_request("backfill", "pump", {}, by="berta", at=NOW)
    store.cancel_request(request.id, by="carla", at=NOW)
    return store


def failing(error: Exception) -> Any:
    def fail(*_given: Any, **_named: Any) -> None:
        raise error

    return fail


def test_whoever_has_an_account_or_said_something_is_known(records: MemoryRecordStore) -> None:
    assert people(records) == People(frozenset({"anna", "Çelik", "berta", "carla"}))


def test_rows_that_are_damaged_hide_no_others(records: MemoryRecordStore) -> None:
    setattr(records, "audit", failing(ValueError("no JSON")))  # noqa: B010
    found = people(records)
    assert found.names == {"anna", "Çelik", "berta", "carla"}
    assert not found.all_of_them


def test_a_store_that_is_away_is_asked_once(records: MemoryRecordStore) -> None:
    asked: list[bool] = []

    def away() -> None:
        asked.append(True)
        raise StoreUnavailable("The record store is away.")

    for name in ("users", "tokens"):
        setattr(records, name, away)
    assert people(records) == People(frozenset(), all_of_them=False)
    assert asked == [True]


def test_others_are_added_but_for_those_that_are_nobodys() -> None:
    found = People(frozenset({"anna"}), all_of_them=False).and_also(["berta", None, "", "admin"])
    assert found == People(frozenset({"anna", "berta"}), all_of_them=False)
