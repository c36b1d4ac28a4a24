"""What every record store does with accounts and tokens."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from backend.exceptions import Conflict, NotFound
from backend.ports import RecordStore
from backend.records import Role, Token, User
from tests.contracts.test_record_store import NOW, postgres, store

__all__ = ["postgres", "store"]


def user(name: str = "ada", role: Role = Role.ADMIN) -> User:
    return User(name, "hash of " + name, role, "local", NOW, NOW)


def token(digest: str = "d" * 64, **values: Any) -> Token:
    return replace(Token(0, "grafana", digest, Role.VIEWER, created_at=NOW), **values)


class TestAccounts:
    def test_what_was_added_is_read_back_by_name(self, store: RecordStore) -> None:
        hostile = user("Ö'; DROP TABLE users; --", Role.LABELLER)
        assert store.add_user(hostile) == hostile
        store.add_user(user())
        assert store.user(hostile.name) == hostile
        assert store.users() == [user(), hostile]
        assert type(store.user("ada").role) is Role

    def test_a_name_is_taken_once(self, store: RecordStore) -> None:
        store.add_user(user())
        with pytest.raises(Conflict, match="ada"):
            store.add_user(user(role=Role.VIEWER))
        assert store.users() == [user()]

    def test_only_what_is_given_changes(self, store: RecordStore) -> None:
        store.add_user(user())
        store.add_user(user("bob"))
        changed = store.change_user("bob", at=NOW + 5, role=Role.VIEWER)
        assert changed == replace(user("bob", Role.VIEWER), changed_at=NOW + 5)
        changed = store.change_user("bob", at=NOW + 6, password_hash="other")
        assert changed == replace(
            user("bob", Role.VIEWER), changed_at=NOW + 6, password_hash="other"
        )
        assert store.users() == [user(), changed]

    def test_the_only_administrator_stays_one(self, store: RecordStore) -> None:
        store.add_user(user())
        store.add_user(user("bob", Role.LABELLER))
        with pytest.raises(Conflict, match="only administrator"):
            store.change_user("ada", at=NOW, role=Role.VIEWER)
        with pytest.raises(Conflict, match="only administrator"):
            store.remove_user("ada")
        assert store.change_user("ada", at=NOW, role=Role.ADMIN).role is Role.ADMIN
        store.change_user("bob", at=NOW, role=Role.ADMIN)
        store.change_user("ada", at=NOW, role=Role.VIEWER)
        store.remove_user("ada")
        store.remove_user("bob", last=True)
        assert store.users() == []

    def test_two_administrators_cannot_demote_each_other_at_once(self, store: RecordStore) -> None:
        store.add_user(user())
        store.add_user(user("bob"))

        def demote(name: str) -> bool:
            try:
                store.change_user(name, at=NOW, role=Role.VIEWER)
            except Conflict:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(demote, ["ada", "bob"])) == [False, True]

    @pytest.mark.parametrize(
        "ask",
        [
            lambda store: store.user("eve"),
            lambda store: store.change_user("eve", at=NOW, role=Role.VIEWER),
            lambda store: store.remove_user("eve"),
        ],
        ids=["asked for", "changed", "removed"],
    )
    def test_an_unknown_name_is_told(
        self, store: RecordStore, ask: Callable[[RecordStore], object]
    ) -> None:
        with pytest.raises(NotFound, match="eve"):
            ask(store)


class TestTokens:
    def test_what_was_added_is_found_by_its_digest(self, store: RecordStore) -> None:
        given = token(detectors=("pump", 'a"b'), expires_at=NOW + 9, created_by="ada")
        added = store.add_token(given)
        assert added == replace(given, id=added.id)
        assert store.token_by_digest("d" * 64) == added
        assert store.token_by_digest("e" * 64) is None
        other = store.add_token(token("e" * 64))
        assert store.tokens() == [added, other]
        assert type(store.tokens()[0].role) is Role

    def test_it_is_revoked_once_and_stays_on_record(self, store: RecordStore) -> None:
        added = store.add_token(token())
        assert store.revoke_token(added.id, at=NOW + 1) == replace(added, revoked_at=NOW + 1)
        with pytest.raises(NotFound):
            store.revoke_token(added.id, at=NOW + 2)
        with pytest.raises(NotFound):
            store.revoke_token(added.id + 1, at=NOW + 2)
        assert store.token_by_digest("d" * 64) == replace(added, revoked_at=NOW + 1)

    def test_when_it_was_shown_is_noted(self, store: RecordStore) -> None:
        added = store.add_token(token())
        store.touch_token(added.id, at=NOW + 60)
        assert store.tokens() == [replace(added, used_at=NOW + 60)]
        store.touch_token(added.id + 1, at=NOW)
        assert len(store.tokens()) == 1
