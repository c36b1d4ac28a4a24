"""Accounts, tokens, passwords, and how often one may try."""

from datetime import timedelta

import pytest
from werkzeug.security import check_password_hash

from backend.exceptions import Conflict, InputError, NotFound, TooManyTries
from backend.records import Identity, Role, SessionKind
from backend.services.access import Access, TokenDraft
from backend.services.detectors import Detectors
from backend.services.passwords import Passwords
from backend.services.signed_in import Sessions
from backend.services.throttling import MOST_KEYS, Throttle
from backend.services.tries import (
    FOR_ADDRESS,
    FOR_NAME,
    FOR_NAME_AND_ADDRESS,
    Tries,
    place_of,
)
from backend.specs import DetectorSpec
from tests.fakes.clock import StillClock
from tests.fakes.records import MemoryRecordStore

NOW = 1_780_000_000_000_000_000
SECOND, MINUTE = 10**9, 60 * 10**9
PASSWORD = "correct horse"


class Counting(Passwords):
    """Counts the digests that are made, which is what a comparison costs."""

    def __init__(self) -> None:
        super().__init__(cost=2)
        self.compared: list[str | None] = []

    def matches(self, kept: str | None, password: str) -> bool:
        self.compared.append(kept)
        return super().matches(kept, password)


class World:
    def __init__(self, *, has_token: bool = False) -> None:
        self.clock, self.records, self.passwords = StillClock(NOW), MemoryRecordStore(), Counting()
        spec = DetectorSpec(
            name="pump", measurement="pump", channels=("flow",), every=timedelta(minutes=1)
        )
        detectors = Detectors({"pump": spec}, self.records, self.clock)
        self.access = Access(
            self.records, detectors, self.clock, self.passwords, has_token=has_token
        )

    def add(self, name: str = "ada", role: Role = Role.ADMIN) -> None:
        self.access.add_user(name, PASSWORD, role, by="local")


@pytest.fixture
def world() -> World:
    return World()


class TestPasswords:
    def test_a_digest_is_salted_and_in_the_form_that_others_read(self) -> None:
        kept = Passwords(cost=256).digest(PASSWORD)
        assert kept != Passwords(cost=256).digest(PASSWORD)
        assert PASSWORD not in kept
        assert check_password_hash(kept, PASSWORD)

    def test_only_the_same_password_matches(self) -> None:
        passwords = Passwords(cost=2)
        kept = passwords.digest(PASSWORD)
        assert passwords.matches(kept, PASSWORD)
        assert not passwords.matches(kept, PASSWORD + " ")
        assert not passwords.matches(None, PASSWORD)

    def test_one_that_was_kept_at_another_cost_still_matches(self) -> None:
        assert Passwords(cost=4).matches(Passwords(cost=2).digest(PASSWORD), PASSWORD)

    def test_by_default_a_guess_costs_memory(self) -> None:
        assert Passwords().digest(PASSWORD).startswith("scrypt:32768:8:1$")


class TestThrottle:
    def test_the_next_try_is_let_through_when_the_oldest_is_forgotten(self) -> None:
        throttle = Throttle(2, 100)
        assert [throttle.wait(("a",), at) for at in (0, 10, 20, 99, 100, 105)] == [
            0, 0, 80, 1, 0, 5,
        ]  # fmt: skip

    def test_any_key_may_refuse_and_then_no_key_counts(self) -> None:
        throttle = Throttle(1, 100)
        assert throttle.wait(("a",), 0) == 0
        assert throttle.wait(("b", "a"), 1) == 99
        assert throttle.wait(("b",), 2) == 0

    def test_a_good_try_is_taken_back(self) -> None:
        throttle = Throttle(1, 100)
        throttle.wait(("a",), 5)
        throttle.forgive(("a", "unknown"), 5)
        assert throttle.wait(("a",), 6) == 0

    def test_a_clock_that_was_set_back_makes_nobody_wait_for_it(self) -> None:
        throttle = Throttle(1, 100)
        throttle.wait(("a",), 10_000)
        assert throttle.wait(("a",), 9_950) == 150
        assert throttle.wait(("a",), 5_000) == 0

    def test_who_is_forgiven_pushes_nobody_out(self) -> None:
        throttle = Throttle(1, 100)
        throttle.wait(("a",), 0)
        for number in range(MOST_KEYS + 1):
            throttle.wait((str(number),), 1)
            throttle.forgive((str(number),), 1)
        assert throttle.wait(("a",), 2) == 98

    def test_memory_is_bounded(self) -> None:
        throttle = Throttle(1, 100)
        for number in range(MOST_KEYS + 1):
            throttle.wait((str(number),), 0)
        assert len(throttle._times) == MOST_KEYS
        assert throttle.wait(("0",), 1) == 0
        assert throttle.wait((str(MOST_KEYS),), 1) == 99


class TestAccounts:
    def test_who_was_added_signs_in(self, world: World) -> None:
        made = world.access.add_user(" Ada ", PASSWORD, Role.ADMIN, by="local")
        assert (made.name, made.created_by, made.created_at) == ("Ada", "local", NOW)
        assert PASSWORD not in made.password_hash
        assert world.access.sign_in("Ada", PASSWORD) == made
        assert world.access.sign_in("Ada", PASSWORD + "x") is None
        assert world.access.sign_in("ada", PASSWORD) is None

    def test_the_same_letters_typed_on_another_keyboard_are_the_same(self, world: World) -> None:
        world.access.add_user("Ko\u0308nig", "pa\u0308sswort-lang", Role.ADMIN, by="local")
        assert world.access.sign_in("K\u00f6nig", "p\u00e4sswort-lang") is not None

    @pytest.mark.parametrize(
        ("name", "password", "words"),
        [
            ("ada", "short pas", "at least 10"),
            ("ada", "x" * 1001, "at most 1000"),
            ("", PASSWORD, "1 to 100"),
            ("   ", PASSWORD, "1 to 100"),
            ("x" * 101, PASSWORD, "1 to 100"),
            ("a\nb", PASSWORD, "control"),
            ("a/b", PASSWORD, "slash"),
            ("..", PASSWORD, "dots"),
        ],
    )
    def test_what_will_not_do_is_told(
        self, world: World, name: str, password: str, words: str
    ) -> None:
        with pytest.raises(InputError, match=words):
            world.access.add_user(name, password, Role.ADMIN, by="local")
        assert world.access.users() == []

    def test_a_name_is_taken_once(self, world: World) -> None:
        world.add()
        with pytest.raises(Conflict):
            world.add()

    def test_the_first_account_must_be_an_administrators(self, world: World) -> None:
        with pytest.raises(InputError, match="administrator's"):
            world.add("bob", Role.LABELLER)
        world.add()
        world.add("bob", Role.LABELLER)
        assert [one.name for one in world.access.users()] == ["ada", "bob"]

    def test_with_a_configured_token_it_need_not(self) -> None:
        world = World(has_token=True)
        world.add("bob", Role.VIEWER)
        assert [one.name for one in world.access.users()] == ["bob"]

    def test_the_only_administrator_stays(self, world: World) -> None:
        world.add()
        with pytest.raises(Conflict, match="only administrator"):
            world.access.remove_user("ada")
        with pytest.raises(Conflict, match="only administrator"):
            world.access.change_user("ada", role=Role.LABELLER)
        world.access.remove_user("ada", last=True)
        assert not world.access.is_guarded()

    def test_an_unknown_name_costs_as_much_as_a_wrong_password(self, world: World) -> None:
        world.add()
        assert world.access.sign_in("ada", "wrong") is None
        assert world.access.sign_in("nobody", "wrong") is None
        assert len(world.passwords.compared) == 2
        assert world.passwords.compared[1] is None

    def test_what_changes_an_account_ends_what_was_signed_in_before(self, world: World) -> None:
        world.add()
        assert world.access.still_signed_in("ada", NOW) is not None
        world.clock.time += 1
        world.access.change_user("ada", password="another one")
        assert world.access.still_signed_in("ada", NOW) is None
        assert world.access.still_signed_in("ada", NOW + 1) is not None
        world.access.remove_user("ada", last=True)
        assert world.access.still_signed_in("ada", NOW + 1) is None
        world.clock.time += 1
        world.add()
        assert world.access.still_signed_in("ada", NOW + 1) is None

    def test_a_clock_set_back_keeps_nobody_signed_in_who_was_before_the_change(
        self, world: World
    ) -> None:
        world.add()
        world.clock.time -= 1
        world.access.change_user("ada", password="another one")
        assert world.access.still_signed_in("ada", NOW) is None
        assert world.access.still_signed_in("ada", NOW - 1) is not None

    def test_the_own_password_needs_the_present_one(self, world: World) -> None:
        world.add()
        with pytest.raises(InputError, match="present password"):
            world.access.change_password("ada", "wrong", "another one")
        assert world.access.sign_in("ada", PASSWORD) is not None
        world.access.change_password("ada", PASSWORD, "another one")
        assert world.access.sign_in("ada", "another one") is not None

    def test_a_change_of_nothing_is_told(self, world: World) -> None:
        world.add()
        with pytest.raises(InputError, match="Nothing"):
            world.access.change_user("ada")

    def test_a_name_of_somebody_who_signs_in_elsewhere_is_taken(self, world: World) -> None:
        world.add()
        world.records.keep_identity(Identity("https://id.example", "7", "lee", NOW, NOW))
        with pytest.raises(Conflict, match=r"https://id\.example"):
            world.add("lee", Role.VIEWER)


class TestTries:
    def test_ten_wrong_tries_wait_there_also_with_the_right_password(self, world: World) -> None:
        world.add()
        for _ in range(10):
            assert world.access.sign_in("ada", "wrong", "10.0.0.1") is None
        world.clock.time += 60 * SECOND
        with pytest.raises(TooManyTries, match="240 seconds") as told:
            world.access.sign_in("ada", PASSWORD, "10.0.0.1")
        assert told.value.wait_s == 240
        world.clock.time += 240 * SECOND
        assert world.access.sign_in("ada", PASSWORD, "10.0.0.1") is not None

    def test_who_guesses_elsewhere_does_not_lock_the_owner_out(self, world: World) -> None:
        world.add()
        for _ in range(10):
            world.access.sign_in("ada", "wrong", "10.0.0.1")
        assert world.access.sign_in("ada", PASSWORD, "10.0.0.2") is not None

    def guess_from_everywhere(self, world: World) -> None:
        for number in range(FOR_NAME):
            world.access.sign_in("ada", "wrong", f"10.9.{number}.1")

    def test_guessing_from_many_addresses_is_slowed_by_name(self, world: World) -> None:
        world.add()
        self.guess_from_everywhere(world)
        with pytest.raises(TooManyTries) as told:
            world.access.sign_in("ada", "wrong", "10.0.0.1")
        assert told.value.wait_s == 3600

    def test_the_owner_still_gets_in_from_where_they_did_before(self, world: World) -> None:
        world.add()
        assert world.access.sign_in("ada", PASSWORD, "10.0.0.1") is not None
        self.guess_from_everywhere(world)
        assert world.access.sign_in("ada", PASSWORD, "10.0.0.1") is not None

    def test_so_do_they_after_a_restart_while_they_are_signed_in(self, world: World) -> None:
        world.add()
        sessions = Sessions(
            world.records, world.clock, idle=timedelta(hours=1), longest=timedelta(days=1)
        )
        sessions.begin(SessionKind.ACCOUNT, "ada", "1", address="10.0.0.1")
        self.guess_from_everywhere(world)
        assert world.access.sign_in("ada", PASSWORD, "10.0.0.1") is not None

    def test_an_address_waits_after_fifty_whatever_the_names(self, world: World) -> None:
        world.add()
        for number in range(FOR_ADDRESS):
            world.access.sign_in(f"name{number}", "wrong", "10.0.0.1")
        with pytest.raises(TooManyTries):
            world.access.sign_in("ada", PASSWORD, "10.0.0.1")
        with pytest.raises(TooManyTries):
            world.access.count_try("10.0.0.1")
        assert world.access.sign_in("ada", PASSWORD, "10.0.0.2") is not None

    def test_a_refused_try_is_not_counted_elsewhere(self) -> None:
        tries = Tries()
        for _ in range(FOR_NAME_AND_ADDRESS):
            tries.count("ada", "10.0.0.1", NOW)
        for _ in range(FOR_ADDRESS + FOR_NAME):
            with pytest.raises(TooManyTries):
                tries.count("ada", "10.0.0.1", NOW)
        tries.count("bob", "10.0.0.1", NOW)

    def test_one_network_of_ipv6_is_one_place(self) -> None:
        assert place_of("2001:db8::1") == place_of("2001:db8::ffff") == "2001:db8::/64"
        assert place_of("2001:db8:0:1::1") != place_of("2001:db8::1")
        assert place_of("::ffff:10.0.0.1") != place_of("::ffff:10.0.0.2")
        assert (place_of("10.0.0.1"), place_of("unix:"), place_of("")) == ("10.0.0.1", "unix:", "")

    def test_right_ones_do_not_count(self, world: World) -> None:
        world.add()
        for _ in range(12):
            assert world.access.sign_in("ada", PASSWORD, "10.0.0.1") is not None

    def test_no_password_is_looked_at_while_one_has_to_wait(self, world: World) -> None:
        for _ in range(10):
            world.access.sign_in("ada", "wrong")
        looked = len(world.passwords.compared)
        with pytest.raises(TooManyTries):
            world.access.sign_in("ada", "wrong")
        assert len(world.passwords.compared) == looked


class TestTokens:
    def test_its_secret_is_told_once_and_kept_nowhere(self, world: World) -> None:
        world.add()
        token, secret = world.access.add_token(TokenDraft("grafana", Role.VIEWER), by="ada")
        assert len(secret) >= len("normalcy_") + 43  # 256 bits
        assert secret not in repr(world.records.tokens())
        assert secret not in str(vars(world.records.tokens()[0]))
        assert world.access.token_of(secret) == token
        assert world.access.token_of(secret + "x") is None
        assert (token.name, token.role, token.created_by) == ("grafana", Role.VIEWER, "ada")

    def test_it_ends_when_it_is_revoked(self, world: World) -> None:
        world.add()
        token, secret = world.access.add_token(TokenDraft("grafana", Role.VIEWER), by="ada")
        assert world.access.token(token.id) is not None
        world.access.revoke_token(token.id)
        assert world.access.token_of(secret) is None
        assert world.access.token(token.id) is None
        with pytest.raises(NotFound):
            world.access.revoke_token(token.id)

    def test_it_ends_when_its_time_is_over(self, world: World) -> None:
        world.add()
        draft = TokenDraft("audit", Role.VIEWER, expires_at=NOW + 10)
        _, secret = world.access.add_token(draft, by="ada")
        world.clock.time = NOW + 9
        assert world.access.token_of(secret) is not None
        world.clock.time = NOW + 10
        assert world.access.token_of(secret) is None

    def test_when_it_was_shown_is_known_to_the_minute(self, world: World) -> None:
        world.add()
        _, secret = world.access.add_token(TokenDraft("grafana", Role.VIEWER), by="ada")
        world.clock.time = NOW + 90 * SECOND
        world.access.token_of(secret)
        assert world.access.tokens()[0].used_at == (NOW + 90 * SECOND) // MINUTE * MINUTE

    def test_detectors_must_be_there_and_its_end_ahead(self, world: World) -> None:
        world.add()
        with pytest.raises(NotFound, match="boiler"):
            world.access.add_token(TokenDraft("x", Role.VIEWER, ("pump", "boiler")), by="ada")
        with pytest.raises(InputError, match="future"):
            world.access.add_token(TokenDraft("x", Role.VIEWER, expires_at=NOW), by="ada")
        with pytest.raises(InputError, match="name of the token"):
            world.access.add_token(TokenDraft("", Role.VIEWER), by="ada")
        assert world.access.tokens() == []

    @pytest.mark.parametrize(
        "draft", [TokenDraft("x", Role.VIEWER), TokenDraft("x", Role.ADMIN, ("pump",))]
    )
    def test_the_first_must_be_an_administrators_for_everything(
        self, world: World, draft: TokenDraft
    ) -> None:
        with pytest.raises(InputError, match="administrator's"):
            world.access.add_token(draft, by="local")
        assert not world.access.is_guarded()

    def test_it_guards_until_it_is_revoked_and_not_only_until_it_ends(self, world: World) -> None:
        draft = TokenDraft("x", Role.ADMIN, expires_at=NOW + 1)
        token, _ = world.access.add_token(draft, by="local")
        world.clock.time = NOW + 2
        assert world.access.is_guarded()
        world.access.revoke_token(token.id)
        assert not world.access.is_guarded()
