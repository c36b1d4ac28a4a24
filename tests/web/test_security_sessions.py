"""Sessions end everywhere at once: the cookie is worth what its record says."""

from datetime import timedelta

import pytest

from backend.records import Role, SessionKind
from backend.services.signed_in import Sessions
from tests.web.forms import mark_in, post
from tests.web.worlds import NOW, World, make_world

PASSWORD = "correct horse"
COOKIE = "normalcy_8087"
SECOND, HOUR = 10**9, 3600 * 10**9


@pytest.fixture
def world() -> World:
    made = make_world()
    for name, role in (("ada", Role.ADMIN), ("lee", Role.VIEWER)):
        made.access.add_user(name, PASSWORD, role, by="local")
    return made


def signed_in(world: World, name: str = "ada", agent: str = "Firefox", address: str = "10.0.0.1"):
    client = world.client()
    client.environ_base |= {"HTTP_USER_AGENT": agent, "REMOTE_ADDR": address}
    answer = post(client, "/sign-in", "/sign-in", name=name, password=PASSWORD)
    assert answer.status_code == 303
    return client


def copied(world: World, client):
    """Another browser with the same cookie."""
    other = world.client()
    other.set_cookie(COOKIE, client.get_cookie(COOKIE).value)
    return other


def is_in(client) -> bool:
    return client.get("/api/v1/me").status_code == 200


def test_signing_out_voids_every_copy_of_the_cookie(world):
    client = signed_in(world)
    copy = copied(world, client)
    assert is_in(copy)
    post(client, "/sign-out")
    assert not is_in(client)
    assert not is_in(copy)


def test_the_secret_in_the_cookie_is_not_what_is_kept(world):
    client = signed_in(world)
    with client.session_transaction() as session:
        secret = session["session"]
    (kept,) = world.records.sessions(SessionKind.ACCOUNT, "ada")
    assert secret not in repr(vars(kept))
    assert len(secret) >= 43  # 256 bits
    forged = world.client()
    with forged.session_transaction() as session:
        session["session"] = kept.digest
    assert not is_in(forged)


@pytest.mark.parametrize("odd", [7, None, ["x"], ""], ids=repr)
def test_a_cookie_of_ours_with_something_odd_in_it_lets_nobody_in(world, odd):
    client = world.client()
    with client.session_transaction() as session:
        session["session"] = odd
    assert client.get("/api/v1/me").status_code == 401
    assert client.get("/sign-in").status_code == 200


def test_one_from_before_this_version_lets_nobody_in(world):
    client = world.client()
    with client.session_transaction() as session:
        session["who"] = {"user": "ada", "since": NOW}
        session["seen"] = NOW // SECOND
    assert not is_in(client)


def test_signing_in_begins_anew(world):
    """Whoever planted a cookie beforehand knows neither the session nor the mark of its forms."""
    client = world.client()
    planted = mark_in(client.get("/sign-in").text)
    client.post("/sign-in", data={"csrf_token": planted, "name": "lee", "password": PASSWORD})
    first = client.get_cookie(COOKIE).value
    assert client.post("/sign-out", data={"csrf_token": planted}).status_code == 400
    mark = mark_in(client.get("/me").text)
    client.post("/sign-in", data={"csrf_token": mark, "name": "ada", "password": PASSWORD})
    assert client.get("/api/v1/me").json["name"] == "ada"
    old = world.client()
    old.set_cookie(COOKIE, first)
    assert not is_in(old)


def test_it_ends_after_its_time_however_busy(world):
    client = signed_in(world)
    for _ in range(7 * 24 // 6 - 1):
        world.clock.time += 6 * HOUR
        assert is_in(client)
    world.clock.time += 6 * HOUR
    assert not is_in(client)


def test_the_settings_say_how_long(world):
    world.sessions = Sessions(
        world.records, world.clock, idle=timedelta(minutes=5), longest=timedelta(minutes=8)
    )
    client = signed_in(world)
    world.clock.time += 299 * SECOND
    assert is_in(client)
    world.clock.time += 180 * SECOND
    assert is_in(client)
    world.clock.time += 2 * SECOND
    assert not is_in(client)


def test_a_clock_that_was_set_back_ends_nothing(world):
    client = signed_in(world)
    world.clock.time -= 24 * HOUR
    assert is_in(client)


def test_one_that_began_by_a_clock_far_ahead_ends_with_the_clock(world):
    """It would last until the clock comes there by itself, years later."""
    world.clock.time += 365 * 24 * HOUR
    client = signed_in(world)
    assert is_in(client)
    world.clock.time -= 365 * 24 * HOUR
    assert not is_in(client)


def test_idleness_counts_from_a_clock_that_was_set_back(world):
    world.clock.time += 24 * HOUR
    client = signed_in(world)
    world.clock.time -= 24 * HOUR
    assert is_in(client)
    world.clock.time += 13 * HOUR
    assert not is_in(client)


def test_those_that_are_over_are_removed(world):
    signed_in(world)
    world.clock.time += 13 * HOUR
    signed_in(world)
    assert len(world.records.sessions(SessionKind.ACCOUNT, "ada")) == 1


class TestMyAccount:
    def test_it_shows_where_one_is_signed_in(self, world):
        client = signed_in(world)
        signed_in(world, agent="<b>Phone", address="10.0.0.2")
        signed_in(world, "lee", agent="Lee's")
        page = client.get("/me").text
        assert "Firefox" in page
        assert "10.0.0.2" in page
        assert "<b>Phone" not in page
        assert "Lee" not in page
        assert page.count("This browser") == 1
        rows = client.get("/api/v1/me/sessions").json
        assert [(row["agent"], row["here"]) for row in rows] == [
            ("<b>Phone", False), ("Firefox", True),
        ]  # fmt: skip

    def test_another_one_is_ended(self, world):
        client, phone = signed_in(world), signed_in(world, agent="Phone")
        number = client.get("/api/v1/me/sessions").json[0]["id"]
        answer = post(client, "/me/sessions/end", which=number)
        assert answer.status_code == 303
        assert "That browser is signed out" in client.get("/me").text
        assert (is_in(client), is_in(phone)) == (True, False)
        answer = post(client, "/me/sessions/end", which=number)
        assert answer.status_code == 404

    def test_all_others_are_ended(self, world):
        client = signed_in(world)
        others = [signed_in(world, agent=f"Phone {number}") for number in range(2)]
        lee = signed_in(world, "lee")
        post(client, "/me/sessions/end", which="others")
        assert "2 other browsers were signed out" in client.get("/me").text
        assert [is_in(one) for one in (client, *others, lee)] == [True, False, False, True]

    @pytest.mark.parametrize("which", ["", "x", "-1", "99999999999999999999999"])
    def test_what_is_none_is_told(self, world, which):
        client = signed_in(world)
        assert post(client, "/me/sessions/end", which=which).status_code == 404

    def test_nobody_ends_those_of_others(self, world):
        ada, lee = signed_in(world), signed_in(world, "lee")
        number = ada.get("/api/v1/me/sessions").json[0]["id"]
        assert post(lee, "/me/sessions/end", which=number).status_code == 404
        assert lee.delete(f"/api/v1/me/sessions/{number}").status_code == 404
        assert is_in(ada)

    def test_a_program_has_none(self, world):
        client = make_world("the-configured-token").client()
        headers = {"X-Api-Key": "the-configured-token"}
        assert client.get("/api/v1/me/sessions", headers=headers).json == []
        answer = client.delete("/api/v1/me/sessions/1", headers=headers)
        assert answer.status_code == 404
        assert "Nobody is signed in" in answer.json["message"]

    def test_changing_the_password_ends_the_others(self, world):
        client, phone = signed_in(world), signed_in(world, agent="Phone")
        world.clock.time += 1
        new = "another one"
        post(client, "/me/password", former=PASSWORD, password=new, again=new)
        assert (is_in(client), is_in(phone)) == (True, False)

    def test_too_many_wrong_tries_say_how_long_to_wait(self, world):
        client = signed_in(world)
        sent = {"former": "wrong", "password": "another one", "again": "another one"}
        for _ in range(10):
            assert post(client, "/me/password", **sent).status_code == 422
        answer = post(client, "/me/password", **sent)
        assert answer.status_code == 429
        assert answer.headers["Retry-After"] == "300"
