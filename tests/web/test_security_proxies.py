"""Who calls, as proxies tell it: believed of those that the settings name, and of nobody else."""

from dataclasses import replace
from typing import Any

import pytest

from backend.records import How, Role
from backend.services.access import TokenDraft
from backend.services.audit_log import Wanted
from backend.web.proxies import TrustedProxies
from tests.web.forms import post
from tests.web.worlds import World, make_world

PASSWORD = "correct horse"
PROXY = "10.0.0.7"


def world_behind(*trusted: str, **more: Any) -> World:
    world = make_world()
    web = replace(world.settings.web, trusted_proxies=trusted, **more)
    world.settings = replace(world.settings, web=web)
    world.access.add_user("ada", PASSWORD, Role.ADMIN, by="local")
    return world


def seen(environ: dict[str, str], *trusted: str) -> dict[str, Any]:
    """What the app sees of a request."""
    found: dict[str, Any] = {}

    def app(inner: dict[str, Any], start: Any) -> list[bytes]:
        found.update(inner)
        return []

    TrustedProxies(app, trusted)(dict(environ), lambda *_: None)
    return found


def told(chain: str, nearest: str = PROXY, **more: str) -> dict[str, str]:
    return {"REMOTE_ADDR": nearest, "HTTP_X_FORWARDED_FOR": chain, "HTTP_HOST": "inside", **more}


class TestCaller:
    @pytest.mark.parametrize(
        ("chain", "caller"),
        [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.9, 192.0.2.1", "192.0.2.1"),
            ("127.0.0.1, 192.0.2.1", "192.0.2.1"),
            ("192.0.2.1, 10.1.2.3", "192.0.2.1"),
            ("192.0.2.1:4711", "192.0.2.1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("unknown, 10.1.2.3", "10.1.2.3"),
            ("<script>", PROXY),
            ("", PROXY),
            (",,,", PROXY),
            (", ".join(["10.1.2.3"] * 100_000), "10.1.2.3"),
        ],
        ids=lambda text: text[:30],
    )
    def test_it_is_the_first_that_is_no_proxy_of_ours(self, chain, caller):
        assert seen(told(chain), PROXY, "10.1.0.0/16")["REMOTE_ADDR"] == caller

    def test_what_a_stranger_tells_is_forgotten(self):
        environ = told("192.0.2.1", "203.0.113.5", HTTP_X_FORWARDED_HOST="evil.example")
        environ |= {"HTTP_X_FORWARDED_PROTO": "https", "HTTP_FORWARDED": "for=1.2.3.4"}
        found = seen({**environ, "wsgi.url_scheme": "http"}, PROXY)
        assert (found["REMOTE_ADDR"], found["HTTP_HOST"]) == ("203.0.113.5", "inside")
        assert found["wsgi.url_scheme"] == "http"
        assert not [name for name in found if "FORWARDED" in name]

    def test_without_any_proxy_nobody_is_believed(self):
        assert seen(told("192.0.2.1", "127.0.0.1"))["REMOTE_ADDR"] == "127.0.0.1"

    @pytest.mark.parametrize("odd", ["", "unix:", "x"])
    def test_a_caller_without_an_address_is_no_proxy(self, odd):
        assert seen(told("192.0.2.1", odd), "0.0.0.0/0")["REMOTE_ADDR"] == odd

    @pytest.mark.parametrize(
        ("host", "expected"),
        [
            ("normalcy.example", "normalcy.example"),
            ("a.example, normalcy.example:8443", "normalcy.example:8443"),
            ("evil.example/path", "inside"),
            ("user@evil.example", "inside"),
            ("a b", "inside"),
            ("a\nb", "inside"),
            ("", "inside"),
        ],
    )
    def test_the_host_is_the_nearest_proxys_word(self, host, expected):
        found = seen(told("192.0.2.1", HTTP_X_FORWARDED_HOST=host), PROXY)
        assert found["HTTP_HOST"] == expected

    @pytest.mark.parametrize(("proto", "scheme"), [("https", "https"), ("HTTPS", "https")])
    def test_so_is_the_scheme(self, proto, scheme):
        found = seen(told("192.0.2.1", HTTP_X_FORWARDED_PROTO=proto), PROXY)
        assert found["wsgi.url_scheme"] == scheme

    def test_another_scheme_is_none(self):
        environ = told("192.0.2.1", HTTP_X_FORWARDED_PROTO="javascript")
        found = seen({**environ, "wsgi.url_scheme": "http"}, PROXY)
        assert found["wsgi.url_scheme"] == "http"


class TestBehindAProxy:
    def from_(self, address: str, **more: str) -> dict[str, Any]:
        headers = {"X-Forwarded-For": address, **more}
        return {"headers": headers, "environ_overrides": {"REMOTE_ADDR": PROXY}}

    def test_tries_are_counted_by_the_real_address(self):
        world = world_behind(PROXY)
        client = world.client()
        sent = {"name": "ada", "password": "wrong"}
        page = client.get("/sign-in", **self.from_("192.0.2.1")).text
        sent["csrf_token"] = page.split('csrf_token" value="')[1].split('"')[0]
        for _ in range(10):
            answer = client.post("/sign-in", data=sent, **self.from_("192.0.2.1"))
            assert answer.status_code == 422
        answer = client.post("/sign-in", data=sent, **self.from_("192.0.2.1"))
        assert answer.status_code == 429
        sent["password"] = PASSWORD
        answer = client.post("/sign-in", data=sent, **self.from_("192.0.2.2"))
        assert answer.status_code == 303
        assert world.audit.entries(Wanted(action="session.begin"))[0].address == "192.0.2.2"

    def test_cookies_and_browsers_are_told_of_tls(self):
        client = world_behind(PROXY).client()
        answer = client.get("/sign-in", **self.from_("192.0.2.1", **{"X-Forwarded-Proto": "https"}))
        assert "Secure" in answer.headers["Set-Cookie"]
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"

    def test_nobody_else_can_say_so(self):
        client = world_behind(PROXY).client()
        answer = client.get("/sign-in", headers={"X-Forwarded-Proto": "https"})
        assert "Secure" not in answer.headers["Set-Cookie"]
        assert "Strict-Transport-Security" not in answer.headers

    def test_an_open_service_stays_on_this_machine_behind_one_too(self):
        world = make_world()
        web = replace(world.settings.web, trusted_proxies=(PROXY,))
        world.settings = replace(world.settings, web=web)
        far = self.from_("192.0.2.1", **{"X-Forwarded-Host": "normalcy.example"})
        assert world.client().get("/", **far).status_code == 403

    @pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
    def test_also_where_the_proxy_says_localhost_for_everybody(self, header):
        client = make_world().client()
        assert client.get("/").status_code == 200
        answer = client.get("/", headers={header: "for=192.0.2.1"})
        assert answer.status_code == 403
        assert "NORMALCY_TOKEN" in answer.text


SECRET = "what-grafana-was-given"


class TestUserOfGrafana:
    @pytest.fixture
    def world(self):
        return world_behind(grafana_secret=SECRET)

    def headers(self, world: World, role: Role, *detectors: str, **more: str) -> dict[str, str]:
        _, secret = world.access.add_token(TokenDraft("grafana", role, detectors), by="ada")
        told = {"X-Grafana-User": "mia", "X-Normalcy-Grafana-Secret": SECRET}
        return {"X-Api-Key": secret, **told, **more}

    def label(self, **more: Any) -> dict[str, Any]:
        return {"detector": "pump", "kind": "normal", "from": 1, "to": 60_000, **more}

    def test_beside_the_secret_it_is_who_did_it(self, world):
        headers = self.headers(world, Role.LABELLER)
        answer = world.client().post("/api/v1/labels", json=self.label(), headers=headers)
        assert answer.json[0]["created_by"] == "mia"
        entry = world.audit.entries(Wanted(action="label"))[0]
        assert (entry.who, entry.how) == ("mia", How.GRAFANA)

    def test_a_name_is_read_as_grafana_writes_it(self, world):
        sent = "미아 Müller".encode().decode("latin-1")
        headers = self.headers(world, Role.VIEWER, **{"X-Grafana-User": sent})
        assert world.client().get("/api/v1/me", headers=headers).json["name"] == "미아 Müller"

    @pytest.mark.parametrize("shown", ["", "wrong", SECRET + "x", SECRET[:-1], "é"])
    def test_without_it_the_token_is(self, world, shown):
        headers = self.headers(world, Role.LABELLER, **{"X-Normalcy-Grafana-Secret": shown})
        answer = world.client().post("/api/v1/labels", json=self.label(), headers=headers)
        assert answer.json[0]["created_by"] == "grafana"

    def test_where_none_is_set_the_header_is_nothing(self, world):
        other = world_behind()
        headers = self.headers(other, Role.LABELLER)
        answer = other.client().post("/api/v1/labels", json=self.label(), headers=headers)
        assert answer.json[0]["created_by"] == "grafana"

    def test_it_gives_no_right_that_the_token_has_not(self, world):
        headers = self.headers(world, Role.VIEWER, **{"X-Grafana-User": "ada"})
        client = world.client()
        assert client.get("/api/v1/me", headers=headers).json == {
            "name": "ada", "role": "viewer", "detectors": [], "account": False,
        }  # fmt: skip
        answer = client.post("/api/v1/labels", json=self.label(), headers=headers)
        assert answer.status_code == 403
        body = {"former": PASSWORD, "password": "another one"}
        assert client.put("/api/v1/me/password", json=body, headers=headers).status_code == 403

    def test_nor_any_detector(self, world):
        headers = self.headers(world, Role.LABELLER, "gas-room")
        answer = world.client().post("/api/v1/labels", json=self.label(), headers=headers)
        assert answer.status_code == 403

    def test_without_a_token_it_is_nobody(self, world):
        headers = {"X-Grafana-User": "mia", "X-Normalcy-Grafana-Secret": SECRET}
        assert world.client().get("/api/v1/me", headers=headers).status_code == 401

    def test_beside_a_session_it_is_nothing(self, world):
        client = world.client()
        post(client, "/sign-in", "/sign-in", name="ada", password=PASSWORD)
        headers = {"X-Grafana-User": "mia", "X-Normalcy-Grafana-Secret": SECRET}
        assert client.get("/api/v1/me", headers=headers).json["name"] == "ada"

    @pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\tb", "\x85"], ids=repr)
    def test_a_name_that_will_not_do_is_the_token(self, world, name):
        headers = self.headers(world, Role.VIEWER, **{"X-Grafana-User": name})
        assert world.client().get("/api/v1/me", headers=headers).json["name"] == "grafana"
