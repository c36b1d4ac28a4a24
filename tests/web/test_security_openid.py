"""Signing in by another service, over real HTTP: an honest provider, and one that lies."""

import re
import threading
import time
from base64 import urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

import oidc_provider_mock
import pytest
import requests
from flask.testing import FlaskClient
from joserfc.jwk import RSAKey

from backend.openid import Client, OpenIdProvider
from backend.openid.fetching import LARGEST
from backend.openid.provider import AT_ONCE
from backend.records import Role, SessionKind
from backend.services.elsewhere import Elsewhere, Mapped
from backend.services.signed_in import Sessions
from backend.web import create_app
from tests.servers.identity_provider import Provider, running_provider
from tests.web.forms import post
from tests.web.worlds import World, make_world

BACK = "http://localhost:8087/sign-in/elsewhere/back"
START = "/sign-in/elsewhere"
PASSWORD = "correct horse"
SECRET = "a-secret-of-the-client"
ROLES = {"operators": Role.LABELLER, "owners": Role.ADMIN}


def world_with(issuer: str, *, secret: str | None = SECRET, **more: Any) -> World:
    """A world in which people may sign in by a provider too."""
    world = make_world()
    world.clock.time = time.time_ns()
    mapped = {"label": "Plant ID", "name_claim": "preferred_username", "groups_claim": "groups"}
    client = Client(issuer, "normalcy", secret)
    provider = OpenIdProvider(client, world.clock)
    roles: dict[str, Any] = {"roles": ROLES, **mapped, **more}
    world.elsewhere = Elsewhere(provider, world.records, Mapped(**roles), world.clock)
    world.access.add_user("ada", PASSWORD, Role.ADMIN, by="local")
    return world


@pytest.fixture(scope="module")
def running():
    with running_provider() as provider:
        yield provider


@pytest.fixture
def provider(running: Provider) -> Provider:
    fresh = Provider(running.issuer, key=running.published, published=running.published)
    vars(running).update(vars(fresh))
    return running


@pytest.fixture
def world(provider: Provider) -> World:
    return world_with(provider.issuer)


@pytest.fixture
def client(world: World) -> FlaskClient:
    return world.client()


def depart(client: FlaskClient, next: str = "/alerts") -> str:
    answer = client.get(START, query_string={"next": next})
    assert answer.status_code == 303
    return answer.location


def arrive(client: FlaskClient, provider: Provider, **claims: Any) -> Any:
    brought = provider.approve(depart(client), **{"groups": ["operators"], **claims})
    return client.get(f"{START}/back", query_string=brought)


def refused(answer: Any, status: int, words: str) -> None:
    assert answer.status_code == status, answer.text
    assert words in answer.text
    assert 'name="password"' in answer.text, "one can sign in otherwise on the same page"


@pytest.mark.filterwarnings("ignore")  # it warns of what it is made with
class TestAnHonestProvider:
    """The one that others made, so that we do not only understand ourselves."""

    @pytest.fixture
    def issuer(self):
        user = oidc_provider_mock.User(
            sub="42", claims={"preferred_username": "mia", "groups": ["operators", "else"]}
        )
        with oidc_provider_mock.run_server_in_thread(user_claims=[user]) as server:
            yield f"http://localhost:{server.server_port}"

    def test_a_person_signs_in_and_out(self, issuer):
        world = world_with(issuer)
        client = world.client()
        assert "Sign in by Plant ID" in client.get("/sign-in").text
        leading = depart(client)
        led = requests.post(leading, data={"sub": "42"}, allow_redirects=False, timeout=10)
        back = led.headers["Location"]
        assert back.startswith(BACK)
        answer = client.get(back.removeprefix("http://localhost:8087"))
        assert (answer.status_code, answer.location) == (303, "/alerts")
        assert client.get("/api/v1/me").json == {
            "name": "mia", "role": "labeller", "detectors": [], "account": False,
        }  # fmt: skip
        assert "Another service vouches for you" in client.get("/me").text
        left = post(client, "/sign-out")
        assert left.location == "/sign-in?left=elsewhere"
        farewell = re.search(r'href="([^"]*)">Sign out of', client.get(left.location).text)[1]
        assert farewell.startswith(f"{issuer}/oauth2/end_session?")
        assert client.get("/api/v1/me").status_code == 401

    def test_who_calls_it_off_is_told(self, issuer):
        client = world_with(issuer).client()
        leading = depart(client)
        led = requests.post(leading, data={"action": "deny"}, allow_redirects=False, timeout=10)
        back = urlsplit(led.headers["Location"])
        brought = {name: values[0] for name, values in parse_qs(back.query).items()}
        state = parse_qs(urlsplit(leading).query)["state"][0]
        answer = client.get(f"{START}/back", query_string={"state": state, **brought})
        refused(answer, 400, "called off")


class TestArriving:
    def test_the_code_is_asked_for_with_proof_of_who_asked(self, client, provider):
        leading = {k: v[0] for k, v in parse_qs(urlsplit(depart(client)).query).items()}
        assert leading["response_type"] == "code"
        assert leading["client_id"] == "normalcy"
        assert leading["redirect_uri"] == BACK
        assert leading["code_challenge_method"] == "S256"
        assert "openid" in leading["scope"].split()
        assert len(leading["state"]) >= 32
        assert len(leading["nonce"]) >= 32
        assert arrive(client, provider).status_code == 303
        form = next(form for path, form in provider.asked if path == "/token")
        digest = urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest())
        assert digest.decode().rstrip("=") == provider.challenge
        assert form["redirect_uri"] == BACK
        assert form["authorization"].startswith("Basic ")

    def test_a_public_client_shows_no_secret(self, provider):
        client = world_with(provider.issuer, secret=None).client()
        assert arrive(client, provider).status_code == 303
        form = next(form for path, form in provider.asked if path == "/token")
        assert form["authorization"] == ""
        assert form["client_id"] == "normalcy"

    @pytest.mark.parametrize(
        ("groups", "role"),
        [
            (["operators"], "labeller"),
            (["operators", "owners", "x"], "admin"),
            ("owners", "admin"),
        ],
    )
    def test_groups_are_roles(self, client, provider, groups, role):
        arrive(client, provider, groups=groups)
        assert client.get("/api/v1/me").json["role"] == role

    @pytest.mark.parametrize("groups", [["x"], [], None, 7, {"operators": True}, [["operators"]]])
    def test_who_is_in_none_is_told_so(self, client, provider, groups):
        refused(arrive(client, provider, groups=groups), 403, "knows you as mia")
        assert client.get("/api/v1/me").status_code == 401

    def test_unless_the_settings_let_everybody_look(self, provider):
        client = world_with(provider.issuer, default_role=Role.VIEWER).client()
        arrive(client, provider, groups=[])
        assert client.get("/api/v1/me").json["role"] == "viewer"

    def test_groups_may_stand_deeper_or_beside_the_statement(self, provider):
        client = world_with(provider.issuer, groups_claim="realm_access.roles").client()
        provider.userinfo = {"sub": "7", "realm_access": {"roles": ["owners"]}}
        arrive(client, provider)
        assert client.get("/api/v1/me").json["role"] == "admin"

    def test_what_is_told_of_somebody_else_is_not_heeded(self, client, provider):
        provider.userinfo = {"sub": "8", "groups": ["owners"]}
        refused(arrive(client, provider, groups=None), 403, "none of your groups")

    @pytest.mark.parametrize("name", [None, "", "  ", "a\nb", "x" * 101, 7, ["mia"]])
    def test_a_name_that_will_not_do_is_told(self, client, provider, name):
        refused(arrive(client, provider, preferred_username=name), 403, "did not tell a name")

    def test_a_name_is_text(self, client, provider):
        answer = arrive(client, provider, preferred_username="<script>x", groups=[])
        assert "<script>x" not in answer.text

    def test_an_address_that_no_cookie_holds_does_not_stop_the_sign_in(self, client, provider):
        long = "/label?series=" + "x,가" * 3000
        brought = provider.approve(depart(client, long), groups=["owners"])
        assert len(client.get_cookie("normalcy_8087").value) < 4000
        assert client.get(f"{START}/back", query_string=brought).location == "/"

    def test_it_leads_back_nowhere_else(self, client, provider):
        brought = provider.approve(depart(client, "https://evil.example/"), groups=["owners"])
        assert client.get(f"{START}/back", query_string=brought).location == "/"


class TestNames:
    def test_one_of_a_local_account_is_not_given_away(self, world, client, provider):
        refused(arrive(client, provider, preferred_username="ada"), 403, "somebody else here")
        assert client.get("/api/v1/me").status_code == 401
        assert world.records.identity("ada") is None

    def test_nor_is_that_of_another_person_there(self, world, client, provider):
        assert arrive(client, provider).status_code == 303
        other = world.client()
        refused(arrive(other, provider, sub="8"), 403, "somebody else here")
        assert arrive(other, provider, sub="8", preferred_username="mia 2").status_code == 303

    def test_an_account_cannot_take_one_that_is_in_use(self, world, client, provider):
        arrive(client, provider)
        ada = world.client()
        post(ada, "/sign-in", "/sign-in", name="ada", password=PASSWORD)
        answer = post(ada, "/access/users", "/access", name="mia", password=PASSWORD, role="viewer")
        assert answer.status_code == 409
        assert provider.issuer in answer.text


class TestStrangeReturns:
    def test_a_state_of_another_browser(self, world, client, provider):
        brought = provider.approve(depart(world.client()), groups=["owners"])
        depart(client)
        refused(client.get(f"{START}/back", query_string=brought), 400, "Begin again")

    def test_no_departure_at_all(self, client):
        answer = client.get(f"{START}/back", query_string={"code": "x", "state": "y"})
        refused(answer, 400, "Begin again")

    def test_a_second_return(self, client, provider):
        brought = provider.approve(depart(client), groups=["owners"])
        assert client.get(f"{START}/back", query_string=brought).status_code == 303
        answer = client.get(f"{START}/back", query_string=brought)
        assert "Begin again" in answer.text

    def test_one_that_took_too_long(self, world, client, provider):
        brought = provider.approve(depart(client), groups=["owners"])
        world.clock.time += 600 * 10**9
        refused(client.get(f"{START}/back", query_string=brought), 400, "took too long")

    @pytest.mark.parametrize("more", [{"error": "server_error"}, {}, {"error": "<script>x"}])
    def test_without_a_code(self, client, more):
        state = parse_qs(urlsplit(depart(client)).query)["state"][0]
        answer = client.get(f"{START}/back", query_string={"state": state, **more})
        refused(answer, 502, "not accepted")
        assert "<script>x" not in answer.text

    def test_a_code_that_is_not_the_providers(self, client, provider):
        brought = {**provider.approve(depart(client)), "code": "guessed"}
        refused(client.get(f"{START}/back", query_string=brought), 502, "not accepted")


def without(name: str) -> Any:
    return pytest.param(lambda claims: claims.pop(name), id=f"without {name}")


def with_(**more: Any) -> Any:
    told = ", ".join(f"{name} {str(value)[:20]}" for name, value in more.items())
    return pytest.param(changed_to(**more), id=told)


def changed_to(**more: Any) -> Any:
    return lambda claims: claims.update(more)


class TestLies:
    @pytest.mark.parametrize(
        "change",
        [
            with_(iss="https://evil.example"),
            with_(aud="another-program"),
            with_(aud=["another-program"]),
            with_(aud=["normalcy", "another-program"]),
            with_(azp="another-program"),
            with_(nonce="another"),
            with_(exp=1),
            with_(exp="soon"),
            with_(iat=10**11),
            with_(nbf=10**11),
            with_(sub=""),
            with_(sub=7),
            with_(sub="x" * 256),
            *map(without, ("iss", "aud", "nonce", "exp", "iat", "sub")),
        ],
    )
    def test_a_statement_that_does_not_hold(self, client, provider, change):
        provider.change = change
        refused(arrive(client, provider), 502, "not accepted")
        assert client.get("/api/v1/me").status_code == 401

    def test_one_that_was_true_a_while_ago(self, world, client, provider):
        brought = provider.approve(depart(client), groups=["owners"])
        provider.change = changed_to(exp=int(time.time()) - 61)
        refused(client.get(f"{START}/back", query_string=brought), 502, "not accepted")

    def test_a_clock_that_is_half_a_minute_off_is_no_lie(self, client, provider):
        provider.change = changed_to(exp=int(time.time()) - 30)
        assert arrive(client, provider).status_code == 303

    def test_keys_of_kinds_that_are_not_known_are_passed_over(self, client, provider):
        shape = {"x": "AA", "y": "AA", "kid": "2"}
        kinds = [("EC", "secp999"), ("OKP", "Ed9"), ("LATTICE", "1")]
        unknown = ({"kty": kty, "crv": crv, **shape} for kty, crv in kinds)
        provider.beside = (*unknown, {"kty": "RSA"}, {}, "key")
        assert arrive(client, provider).status_code == 303

    def test_a_key_that_is_not_the_providers(self, client, provider):
        provider.key = RSAKey.generate_key(2048, {"kid": "1"})
        refused(arrive(client, provider), 502, "not accepted")

    def test_the_public_key_as_a_shared_secret(self, client, provider):
        provider.header = {"alg": "HS256", "kid": "1"}
        refused(arrive(client, provider), 502, "not accepted")

    def test_no_signature(self, client, provider):
        provider.header = {"alg": "none"}
        refused(arrive(client, provider), 502, "not accepted")

    @pytest.mark.parametrize(
        "lie",
        [
            with_(issuer="https://evil.example"),
            with_(token_endpoint="file:///etc/passwd"),
            with_(jwks_uri=7),
            without("authorization_endpoint"),
        ],
    )
    def test_a_document_that_does_not_hold(self, client, provider, lie):
        provider.discovery = lie
        refused(client.get(START), 502, "not accepted")

    def test_an_address_without_tls_of_a_provider_that_has_it(self):
        provider = OpenIdProvider(Client("https://id.example", "normalcy"), make_world().clock)
        assert not provider._is_safe("http://id.example/token")
        assert provider._is_safe("https://id.example/token")

    @pytest.mark.parametrize("path", ["/jwks", "/token", "/.well-known/openid-configuration"])
    @pytest.mark.parametrize("body", [b"[]", b"<html>"], ids=["a list", "a page"])
    def test_an_answer_that_is_something_else(self, client, provider, path, body, monkeypatch):
        brought = provider.approve(depart(client), groups=["owners"])
        other = provider.answer
        monkeypatch.setattr(
            provider,
            "answer",
            lambda asked, form: (200, body) if asked == path else other(asked, form),
        )
        if path.startswith("/."):
            world = world_with(provider.issuer)
            refused(world.client().get(START), 502, "not accepted")
        else:
            refused(client.get(f"{START}/back", query_string=brought), 502, "not accepted")

    def test_an_answer_without_end(self, client, provider, monkeypatch, caplog):
        endless = b'{"x": "' + b"y" * (LARGEST + 1) + b'"}'
        brought = provider.approve(depart(client), groups=["owners"])
        monkeypatch.setattr(provider, "answer", lambda asked, form: (200, endless))
        refused(world_with(provider.issuer).client().get(START), 502, "not accepted")
        refused(client.get(f"{START}/back", query_string=brought), 502, "not accepted")
        assert caplog.text.count(f"more than {LARGEST} bytes") == 2


class TestAProviderThatIsAway:
    @pytest.mark.parametrize("status", [500, 503])
    def test_it_is_told_and_local_accounts_go_on(self, client, provider, status):
        provider.broken = status
        refused(client.get(START), 503, "Plant ID cannot be reached")
        answer = post(client, "/sign-in", "/sign-in", name="ada", password=PASSWORD)
        assert answer.status_code == 303

    def test_nobody_there(self):
        client = world_with("http://127.0.0.1:9").client()
        refused(client.get(START), 503, "cannot be reached")
        client.set_cookie("language", "ko")
        refused(client.get(START), 503, "연결할 수 없습니다")

    def test_it_is_asked_again_when_it_is_back(self, client, provider):
        provider.broken = 500
        assert client.get(START).status_code == 503
        provider.broken = None
        assert arrive(client, provider).status_code == 303

    def test_it_is_not_asked_for_any_page(self, client, provider):
        client.get("/sign-in")
        arrive(client, provider)
        provider.asked.clear()
        assert client.get("/alerts").status_code == 200
        assert provider.asked == []

    @pytest.mark.parametrize("path", ["/jwks", "/token", "/.well-known/openid-configuration"])
    @pytest.mark.parametrize("odd", ["broken off", "not packed"])
    def test_an_answer_that_is_no_whole_one(self, client, provider, path, odd):
        provider.odd = {path: odd}
        answer = client.get(START)
        if not path.startswith("/."):
            brought = provider.approve(answer.location, groups=["owners"])
            answer = client.get(f"{START}/back", query_string=brought)
        refused(answer, 503, "Plant ID cannot be reached")

    def test_one_that_hangs_holds_few_threads(self, world, provider, monkeypatch):
        """Other pages go on, however many strangers ask to be led there."""
        came, answers = threading.Semaphore(0), threading.Event()

        def hang(path: str, form: dict[str, str]) -> tuple[int, Any]:
            came.release()
            answers.wait(30)
            return 500, {}

        app = create_app(world)
        with monkeypatch.context() as hanging, ThreadPoolExecutor(AT_ONCE) as pool:
            hanging.setattr(provider, "answer", hang)
            waiting = [pool.submit(app.test_client().get, START) for _ in range(AT_ONCE)]
            assert all(came.acquire(timeout=30) for _ in range(AT_ONCE))
            refused(app.test_client().get(START), 503, "Plant ID cannot be reached")
            assert not any(one.done() for one in waiting)
            answers.set()
            assert {one.result(30).status_code for one in waiting} == {503}
        assert arrive(app.test_client(), provider).status_code == 303


class TestSession:
    def test_groups_are_heard_again_after_half_a_day(self, world, client, provider):
        world.sessions = Sessions(
            world.records,
            world.clock,
            idle=timedelta(hours=12),
            longest=timedelta(days=7),
            elsewhere=timedelta(hours=12),
        )
        arrive(client, provider)
        for hours, status in ((11, 200), (1, 401)):
            world.clock.time += hours * 3600 * 10**9
            assert client.get("/api/v1/me").status_code == status
        ada = world.client()
        post(ada, "/sign-in", "/sign-in", name="ada", password=PASSWORD)
        for _ in range(3):
            world.clock.time += 11 * 3600 * 10**9
            assert ada.get("/api/v1/me").status_code == 200

    def test_it_ends_when_the_group_means_nothing_any_more(self, world, client, provider):
        arrive(client, provider)
        assert client.get("/api/v1/me").status_code == 200
        kept = world.elsewhere
        world.elsewhere = world_with(provider.issuer, roles={"owners": Role.ADMIN}).elsewhere
        assert client.get("/api/v1/me").status_code == 401
        world.elsewhere = kept

    def test_so_it_does_when_another_service_vouches(self, world, client, provider):
        arrive(client, provider)
        world.elsewhere = world_with("https://other.example").elsewhere
        assert client.get("/api/v1/me").status_code == 401

    def test_or_none(self, world, client, provider):
        arrive(client, provider)
        world.elsewhere = None
        assert client.get("/api/v1/me").status_code == 401
        assert client.get(START).status_code == 404
        assert "Plant ID" not in client.get("/sign-in").text

    def test_no_secret_of_the_flow_is_kept(self, world, client, provider, caplog):
        arrive(client, provider)
        (kept,) = world.records.sessions(SessionKind.ELSEWHERE, "mia")
        assert "the-code" not in repr(vars(kept))
        told = repr(world.records.audit()) + caplog.text
        form = next(form for path, form in provider.asked if path == "/token")
        for secret in (SECRET, form["code_verifier"], "the-code", provider.nonce):
            assert secret not in told

    def test_a_refusal_tells_the_log_why(self, client, provider, caplog):
        provider.change = changed_to(nonce="another")
        arrive(client, provider)
        assert "A sign-in elsewhere was refused" in caplog.text
        assert provider.nonce not in caplog.text
