"""Sign-in, sessions, roles and tokens, as a browser and as programs meet them."""

import json
import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from backend.records import Role
from backend.services.access import TokenDraft
from backend.web import create_app, rights
from backend.web.who import NEEDS, needs
from tests.web.forms import mark_in, post
from tests.web.test_security import basic
from tests.web.worlds import NOW, START, World, add_label, make_world

PASSWORD = "correct horse"
SECOND = 10**9
HOUR = 3600 * SECOND


@pytest.fixture
def world() -> World:
    """Ada administers, Lee labels, Vic looks."""
    made = make_world()
    for name, role in (("ada", Role.ADMIN), ("lee", Role.LABELLER), ("vic", Role.VIEWER)):
        made.access.add_user(name, PASSWORD, role, by="local")
    return made


def sign_in(client: FlaskClient, name: str = "ada", password: str = PASSWORD, **more: str) -> Any:
    return post(client, "/sign-in", "/sign-in", name=name, password=password, **more)


def bearer(world: World, role: Role, *detectors: str, name: str = "script") -> dict[str, str]:
    _, secret = world.access.add_token(TokenDraft(name, role, detectors), by="ada")
    return {"Authorization": f"Bearer {secret}"}


def label(detector: str = "pump") -> dict[str, Any]:
    start = START // 10**6
    return {"detector": detector, "kind": "normal", "from": start, "to": start + 60_000}


class TestSignIn:
    def test_it_leads_back_to_the_page_that_was_asked_for(self, client):
        answer = sign_in(client, next="/catalogue?measurement=a%26b")
        assert (answer.status_code, answer.location) == (303, "/catalogue?measurement=a%26b")
        assert client.get("/catalogue").status_code == 200
        assert client.get("/api/v1/me").json == {
            "name": "ada", "role": "admin", "detectors": [], "account": True,
        }  # fmt: skip

    @pytest.mark.parametrize(
        "next",
        [
            "https://evil.example/",
            "//evil.example",
            "/\\evil.example",
            "x",
            "/sign-in",
            "",
            "//[",
            "/\t/x",
        ],
    )
    def test_it_leads_nowhere_else(self, client, next):
        assert sign_in(client, next=next).location == "/"

    @pytest.mark.parametrize(
        ("name", "password"), [("ada", "wrong"), ("nobody", PASSWORD), ("", PASSWORD), ("", "")]
    )
    def test_a_wrong_one_is_told_and_the_name_kept(self, client, name, password):
        answer = sign_in(client, name, password, next="/alerts")
        assert answer.status_code == 422
        assert 'role="alert"' in answer.text
        assert f'value="{name}"' in answer.text
        assert 'value="/alerts"' in answer.text
        assert client.get("/").status_code == 303

    def test_too_many_tries_wait(self, client):
        for _ in range(10):
            assert sign_in(client, password="wrong").status_code == 422
        answer = sign_in(client)
        assert answer.status_code == 429
        assert answer.headers["Retry-After"] == "300"
        assert "300" in answer.text

    def test_a_hostile_name_is_text(self, client):
        answer = sign_in(client, '"><script>alert(1)</script>', "wrong")
        assert "<script>alert" not in answer.text

    def test_a_token_serves_without_a_name_but_not_one_for_some_detectors(self, world, client):
        secret = bearer(world, Role.VIEWER)["Authorization"].removeprefix("Bearer ")
        few = bearer(world, Role.ADMIN, "pump")["Authorization"].removeprefix("Bearer ")
        assert sign_in(client, "", few).status_code == 422
        assert sign_in(client, "", secret).status_code == 303
        assert client.get("/api/v1/me").json["name"] == "script"
        world.access.revoke_token(1)
        assert client.get("/").status_code == 303

    @pytest.mark.parametrize("configured", [True, False])
    def test_who_signs_in_by_a_right_token_does_not_wait(self, configured):
        """Many people may share an address, and a wall of screens begins its day at once."""
        world = make_world("the-configured-token")
        _, made = world.access.add_token(TokenDraft("wall", Role.VIEWER), by="local")
        app = create_app(world)
        for _ in range(60):
            shown = "the-configured-token" if configured else made
            assert sign_in(app.test_client(), "", shown).status_code == 303
        for _ in range(10):
            assert sign_in(app.test_client(), "", "guessed").status_code == 422
        assert sign_in(app.test_client(), "", made).status_code == 429

    def test_the_configured_token_serves_too_and_its_cookie_does_not_tell_it(self):
        client = make_world("the-configured-token").client()
        answer = sign_in(client, "", "the-configured-token")
        assert "the-configured-token" not in answer.headers["Set-Cookie"]
        assert client.get("/access").status_code == 200

    def test_signing_out_ends_it(self, client):
        sign_in(client)
        assert post(client, "/sign-out").location == "/sign-in"
        assert client.get("/").status_code == 303

    def test_a_form_without_its_mark_is_refused_with_a_sentence(self, client):
        answer = client.post("/sign-in", data={"name": "ada", "password": PASSWORD})
        assert answer.status_code == 400
        assert "load the page again" in answer.text

    def test_what_it_takes_to_sign_in_is_open(self, client):
        for path in ("/sign-in", "/static/page.css", "/static/page.js"):
            with client.get(path) as answer:
                assert answer.status_code == 200
        assert "shell" not in client.get("/sign-in").text
        assert 'href="/alerts"' not in client.get("/sign-in").text


class TestSession:
    def test_its_cookie_is_kept_from_scripts_and_other_sites(self, client):
        cookie = sign_in(client).headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Secure" not in cookie
        assert cookie.startswith("normalcy_8087=")

    def test_over_tls_it_goes_over_tls_only(self, client):
        page = client.get("/sign-in", base_url="https://localhost")
        assert "Secure" in page.headers["Set-Cookie"]

    def test_it_ends_after_twelve_idle_hours_and_not_before(self, world, client):
        sign_in(client)
        for _ in range(3):
            world.clock.time += 12 * HOUR - SECOND
            assert client.get("/").status_code == 200
        world.clock.time += 12 * HOUR
        assert client.get("/").location.startswith("/sign-in?next=%2F")

    @pytest.mark.parametrize(
        "change",
        [
            lambda access: access.change_user("vic", role=Role.LABELLER),
            lambda access: access.change_user("vic", password="another one"),
            lambda access: access.remove_user("vic"),
        ],
        ids=["role", "password", "removed"],
    )
    def test_it_ends_when_the_account_changes(self, world, client, change):
        sign_in(client, "vic")
        world.clock.time += 1
        change(world.access)
        assert client.get("/api/v1/me").status_code == 401

    def test_another_key_makes_it_void(self, world, client):
        sign_in(client)
        cookie = client.get_cookie("normalcy_8087")
        world.session_key = lambda: "t" * 64
        other = world.client()
        other.set_cookie("normalcy_8087", cookie.value)
        assert other.get("/").status_code == 303

    def test_a_form_sent_after_its_end_leads_back_to_its_page(self, world, client):
        sign_in(client)
        sent = {"csrf_token": mark_in(client.get("/me").text), "former": "x"}
        world.clock.time += 13 * HOUR
        answer = client.post(
            "/me/password", data=sent, headers={"Referer": "http://localhost/me?x=1"}
        )
        assert answer.location == "/sign-in?next=%2Fme%3Fx%3D1"

    def test_a_script_is_told_to_sign_in_and_may_then_try_again(self, world, client):
        sign_in(client)
        world.clock.time += 13 * HOUR
        answer = client.post("/api/v1/labels", json=label())
        assert (answer.status_code, answer.json["sign_in"]) == (401, "/sign-in")
        sign_in(client)
        assert client.post("/api/v1/labels", json=label()).status_code == 201


class TestOpen:
    def test_without_any_account_whoever_is_here_may_do_everything(self):
        client = make_world().client()
        assert client.get("/api/v1/me").json["role"] == "admin"
        assert client.get("/access").status_code == 200
        assert client.post("/api/v1/labels", json=label()).json[0]["created_by"] == "api"

    def test_the_first_account_closes_it_at_once(self):
        world = make_world()
        client = world.client()
        answer = post(
            client, "/access/users", "/access", name="ada", password=PASSWORD, role="admin"
        )
        assert answer.status_code == 303
        assert client.get("/").status_code == 303
        assert client.get("/api/v1/detectors").status_code == 401
        assert client.post("/grafana/query", json={}).status_code == 403
        assert "ada can sign in now" in client.get("/sign-in").text

    def test_with_accounts_any_host_name_will_do(self, client):
        sign_in(client)
        answer = client.get("/sign-in", headers={"Host": "normalcy.plant.example"})
        assert answer.status_code == 200


class TestRoles:
    @pytest.mark.parametrize(
        ("role", "label_status", "change_status"),
        [(Role.VIEWER, 403, 403), (Role.LABELLER, 201, 403), (Role.ADMIN, 201, 200)],
    )
    def test_each_may_do_what_those_before_may(self, world, role, label_status, change_status):
        client, headers = world.client(), bearer(world, role)
        spec = {"measurement": "boiler", "channels": ["heat"], "every": "1m"}
        assert client.get("/api/v1/detectors", headers=headers).status_code == 200
        answer = client.post("/api/v1/labels", json=label(), headers=headers)
        assert answer.status_code == label_status
        answer = client.put("/api/v1/detectors/boiler", json=spec, headers=headers)
        assert answer.status_code == change_status
        if change_status == 403:
            assert f"needs the role admin; you have {role}" in answer.json["message"]
        assert client.get("/api/v1/users", headers=headers).status_code == change_status

    def test_a_viewer_may_ask_why_but_not_for_a_training(self, world):
        client, headers = world.client(), bearer(world, Role.VIEWER)
        why = {"kind": "explain", "detector": "pump", "time": START // 10**6}
        assert client.post("/api/v1/requests", json=why, headers=headers).status_code == 202
        train = {"kind": "retrain", "detector": "pump"}
        assert client.post("/api/v1/requests", json=train, headers=headers).status_code == 403

    def test_records_name_who_did_it(self, world, client):
        sign_in(client, "lee")
        (made,) = client.post("/api/v1/labels", json=label()).json
        assert made["created_by"] == "lee"
        client.delete(f"/api/v1/labels/{made['id']}")
        assert world.records.labels(removed=True)[0].removed_by == "lee"
        headers = bearer(world, Role.ADMIN, name="nightly job")
        client = world.client()
        train = {"kind": "retrain", "detector": "pump"}
        asked = client.post("/api/v1/requests", json=train, headers=headers).json
        assert asked["created_by"] == "nightly job"

    def test_pages_for_administrators_are_hidden_and_refused(self, client):
        sign_in(client, "lee")
        assert 'href="/access"' not in client.get("/me").text
        assert client.get("/access").status_code == 403
        refused = post(client, "/access/users", name="eve", password=PASSWORD, role="admin")
        assert refused.status_code == 403

    def test_every_way_to_change_something_says_what_it_needs(self):
        app = create_app(make_world())
        silent = []
        for rule in app.url_map.iter_rules():
            own = getattr(app.view_functions[rule.endpoint], NEEDS, None)
            for method in rule.methods - set(rights.READING):
                known = rights.NEEDED.get((method, rule.rule), own)
                if known is None and (method, rule.rule) not in rights.OF_LINKS:
                    silent.append((method, rule.rule))
                assert own in (None, known), rule.rule
        assert silent == []

    def test_the_table_names_nothing_that_is_not_there(self):
        app = create_app(make_world())
        there = {(m, rule.rule) for rule in app.url_map.iter_rules() for m in rule.methods}
        rules = {rule.rule for rule in app.url_map.iter_rules()}
        assert {*rights.NEEDED, *rights.OF_LINKS} <= there
        assert rules >= rights.FILTERED

    def test_strangers_come_to_no_view_that_says_it_needs_more(self, world):
        app = create_app(world)
        marked = needs(Role.ADMIN)(lambda: "secret")
        app.add_url_rule("/sign-in/secret", "secret", marked)
        assert app.test_client().get("/sign-in/secret").status_code == 403

    def test_what_says_nothing_is_an_administrators(self):
        assert rights.needed("POST", "/something/new") is Role.ADMIN
        assert rights.needed("GET", "/something/new") is Role.VIEWER
        assert rights.needed("HEAD", "/access") is Role.ADMIN


class TestTokenForSomeDetectors:
    @pytest.fixture
    def headers(self, world):
        return bearer(world, Role.ADMIN, "pump")

    def test_it_sees_its_own_in_lists(self, world, headers):
        client = world.client()
        ours = add_label(world)
        client.post("/api/v1/labels", json=label(), headers=headers)
        for detector in ("gas-room", "pump"):
            world.requests.ask("retrain", detector, {}, by="x")
            world.records.start_run("score", detector, worker="w", at=NOW)
        names = {
            path: {row[key] for row in client.get(path, headers=headers).json}
            for path, key in (
                ("/api/v1/detectors", "detector"),
                ("/api/v1/labels", "detector"),
                ("/api/v1/requests", "detector"),
                ("/api/v1/runs", "detector"),
            )
        }
        assert set(map(frozenset, names.values())) == {frozenset({"pump"})}, names
        assert client.get("/api/v1/requests/1", headers=headers).status_code == 403
        assert client.get("/api/v1/requests/2", headers=headers).status_code == 200
        assert client.delete(f"/api/v1/labels/{ours.id}", headers=headers).status_code == 403
        assert ours in world.records.labels()

    @pytest.mark.parametrize(
        "path",
        [
            "/api/v1/detectors/gas-room",
            "/api/v1/detectors/gas-room/series",
            "/api/v1/labels?detector=gas-room",
            "/api/v1/coverage?detector=pump&detector=gas-room",
            "/api/v1/coverage?detector=",
            "/api/v1/labels?detector=",
            "/api/v1/runs?detector=pump&detector=",
            "/api/v1/users?detector=pump",
            "/api/v1/catalogue/measurements",
            "/api/v1/fleet/groups",
            "/api/v1/rules",
            "/api/v1/users",
            "/api/v1/tokens",
            "/",
            "/access",
            "/metrics",
            "/readyz",
        ],
    )
    def test_everything_else_is_refused_with_a_sentence(self, world, headers, path):
        answer = world.client().get(path, headers=headers)
        assert answer.status_code == 403
        assert "for pump only" in answer.get_data(as_text=True)

    @pytest.mark.parametrize("path", ["runs", "requests"])
    def test_rows_of_others_take_no_place_of_its_own(self, world, headers, path):
        for number, detector in enumerate(("pump", *["gas-room"] * 3)):
            world.requests.ask("backfill", detector, {"start": number, "stop": 9}, by="x")
            world.records.start_run("score", detector, worker="w", at=NOW)
        rows = world.client().get(f"/api/v1/{path}?limit=2", headers=headers).json
        assert [row["detector"] for row in rows] == ["pump"]

    def test_it_changes_its_own_only(self, world, headers):
        client = world.client()
        for body in (label("gas-room"), [label(), label("gas-room")]):
            answer = client.post("/api/v1/labels", json=body, headers=headers)
            assert answer.status_code == 403
        assert world.records.labels() == []
        path = "/api/v1/detectors/gas-room/rollback"
        assert client.post(path, json={}, headers=headers).status_code == 403
        asked = {"kind": "retrain", "detector": "gas-room"}
        assert client.post("/api/v1/requests", json=asked, headers=headers).status_code == 403
        asked["detector"] = "pump"
        assert client.post("/api/v1/requests", json=asked, headers=headers).status_code == 202
        assert client.post("/hooks/grafana/sync", json={}, headers=headers).status_code == 403

    def test_a_file_of_labels_brings_nothing_to_others(self, world, headers):
        content = "start,stop,kind,detector\n2026-03-01,2026-03-02,normal,gas-room\n"
        path = "/api/v1/detectors/pump/labels/import"
        sent = {"name": "a.csv", "content": content}
        answer = world.client().post(path, json=sent, headers=headers)
        assert answer.status_code == 422
        assert "line 2: it names the detector 'gas-room'" in answer.json["message"]
        assert world.records.labels() == []

    @pytest.mark.parametrize("named", ["gas-room", "no-such-one"])
    def test_nor_do_annotations_or_their_mistakes_tell_of_others(self, world, headers, named):
        drawn = {"time": 1, "timeEnd": 60_000, "tags": ["normal", f"detector:{named}", "x:y"]}
        sent = {"name": "a.json", "content": json.dumps([drawn])}
        path = "/api/v1/detectors/pump/labels/import"
        answer = world.client().post(path, json=sent, headers=headers)
        assert answer.status_code == 422
        assert f"it names the detector {named!r}, and this file is" in answer.json["message"]
        assert "known" not in answer.json["message"]

    def test_naming_its_own_opens_nothing_that_does_not_heed_the_name(self, world, headers):
        client, eve = world.client(), {"name": "eve", "password": PASSWORD, "role": "admin"}
        for path, body in (
            ("/grafana/variable", {"detector": "pump", "payload": "series gas-room"}),
            ("/api/v1/users?detector=pump", eve),
            ("/hooks/grafana/sync?detector=pump", {"detector": "pump"}),
        ):
            assert client.post(path, json=body, headers=headers).status_code == 403
        assert client.get("/api/v1/coverage?detector=pump", headers=headers).status_code == 200
        twice = '{"detector": "pump", "detector": "gas-room", "kind": "retrain"}'
        answer = client.post(
            "/api/v1/requests", data=twice, content_type="application/json", headers=headers
        )
        assert answer.status_code == 403


class TestTokens:
    @pytest.mark.parametrize("way", ["Bearer", "X-Api-Key", "Basic"])
    def test_it_is_shown_in_every_way_that_the_configured_one_is(self, world, way):
        secret = bearer(world, Role.VIEWER)["Authorization"].removeprefix("Bearer ")
        headers = {
            "Bearer": {"Authorization": f"Bearer {secret}"},
            "X-Api-Key": {"X-Api-Key": secret},
            "Basic": {"Authorization": basic(secret)},
        }[way]
        client = world.client()
        for path in ("/", "/api/v1/detectors", "/grafana/"):
            assert client.get(path, headers=headers).status_code == 200

    def test_grafana_needs_a_viewer_to_draw_and_a_labeller_to_tell(self, world):
        client = world.client()
        viewer, labeller = bearer(world, Role.VIEWER), bearer(world, Role.LABELLER)
        assert client.post("/grafana/metrics", json={}, headers=viewer).status_code == 200
        told = {"alerts": []}
        hook = "/hooks/grafana/alerts"
        assert client.post(hook, json=told, headers=viewer).status_code == 403
        assert client.post(hook, json=told, headers=labeller).status_code == 200


class TestApi:
    @pytest.fixture
    def admin(self, world):
        client = world.client()
        client.environ_base["HTTP_AUTHORIZATION"] = bearer(world, Role.ADMIN)["Authorization"]
        return client

    def test_accounts_are_made_changed_and_removed(self, world, admin):
        body = {"name": "Eve Ö", "password": PASSWORD, "role": "viewer"}
        made = admin.post("/api/v1/users", json=body)
        assert made.status_code == 201
        assert "password" not in made.text
        assert (made.json["created_by"], made.json["role"]) == ("script", "viewer")
        assert admin.post("/api/v1/users", json=body).status_code == 409
        changed = admin.put("/api/v1/users/Eve%20%C3%96", json={"role": "labeller"})
        assert changed.json["role"] == "labeller"
        assert admin.put("/api/v1/users/Eve%20%C3%96", json={}).status_code == 422
        assert admin.put("/api/v1/users/nobody", json={"role": "viewer"}).status_code == 404
        assert [one["name"] for one in admin.get("/api/v1/users").json] == [
            "Eve Ö", "ada", "lee", "vic",
        ]  # fmt: skip
        assert admin.delete("/api/v1/users/Eve%20%C3%96").status_code == 204
        assert admin.delete("/api/v1/users/ada").status_code == 409
        assert "hash" not in admin.get("/api/v1/users").text

    @pytest.mark.parametrize("change", [{"role": "king"}, {"password": "short"}, {"extra": 1}])
    def test_what_will_not_do_is_refused_whole(self, world, admin, change):
        body = {"name": "eve", "password": PASSWORD, "role": "viewer", **change}
        assert admin.post("/api/v1/users", json=body).status_code == 422
        assert len(world.access.users()) == 3

    def test_tokens_are_made_listed_and_revoked(self, world, admin):
        ends = (NOW + HOUR) // 10**6
        body = {"name": "wall", "role": "viewer", "detectors": ["pump"], "expires_at": ends}
        made = admin.post("/api/v1/tokens", json=body)
        assert made.status_code == 201
        secret = made.json["secret"]
        headers = {"Authorization": f"Bearer {secret}"}
        client = world.client()
        assert client.get("/api/v1/me", headers=headers).json == {
            "name": "wall", "role": "viewer", "detectors": ["pump"], "account": False,
        }  # fmt: skip
        listed = admin.get("/api/v1/tokens")
        assert secret not in listed.text
        assert world.records.tokens()[1].digest not in listed.text
        row = listed.json[1]
        assert (row["expires_at"], row["counts"], row["detectors"]) == (ends, True, ["pump"])
        assert row["used_at"] is not None
        assert admin.delete(f"/api/v1/tokens/{row['id']}").status_code == 204
        assert admin.delete(f"/api/v1/tokens/{row['id']}").status_code == 404
        assert client.get("/api/v1/me", headers=headers).status_code == 401
        unknown = {"name": "x", "role": "viewer", "detectors": ["nothing"]}
        assert admin.post("/api/v1/tokens", json=unknown).status_code == 404

    def test_the_own_password_is_changed_and_one_stays_signed_in(self, world, client):
        sign_in(client, "vic")
        path, new = "/api/v1/me/password", "another one"
        world.clock.time += 1
        wrong = client.put(path, json={"former": "wrong", "password": new})
        assert wrong.status_code == 422
        assert client.put(path, json={"former": PASSWORD, "password": new}).status_code == 204
        assert client.get("/api/v1/me").json["name"] == "vic"
        assert sign_in(world.client(), "vic", new).status_code == 303

    def test_a_token_has_no_password_to_change(self, world, admin):
        body = {"former": PASSWORD, "password": "another one"}
        answer = admin.put("/api/v1/me/password", json=body)
        assert answer.status_code == 403

    def test_guessing_the_own_password_is_throttled_with_its_time(self, client):
        sign_in(client, "vic")
        body = {"former": "wrong", "password": "another one"}
        for _ in range(10):
            assert client.put("/api/v1/me/password", json=body).status_code == 422
        answer = client.put("/api/v1/me/password", json=body)
        assert answer.status_code == 429
        assert answer.headers["Retry-After"] == "300"
        assert answer.json["error"] == "Too Many Requests"


class TestPages:
    @pytest.fixture
    def admin(self, client):
        sign_in(client)
        return client

    def test_a_token_is_shown_once(self, world, admin):
        page = post(admin, "/access/tokens", "/access", name="<b>wall", role="viewer", days="30")
        secret = re.search(r'id="secret"[^>]* value="(normalcy_[^"]+)"', page.text)[1]
        assert world.access.token_of(secret).expires_at == NOW + 30 * 24 * HOUR
        assert secret not in admin.get("/access").text
        assert "<b>wall" not in page.text

    def test_revoking_and_removing_are_asked_first(self, world, admin):
        bearer(world, Role.VIEWER)
        fields = {"token": 1, "name": "script"}
        page = post(admin, "/access/tokens/revoke", "/access", **fields)
        assert "Revoke the token script?" in page.text
        assert world.access.token(1) is not None
        post(admin, "/access/tokens/revoke", "/access", **fields, sure="yes")
        assert world.access.token(1) is None
        post(admin, "/access/users/remove", "/access", name="vic")
        assert len(world.access.users()) == 3
        post(admin, "/access/users/remove", "/access", name="vic", sure="yes")
        assert [one.name for one in world.access.users()] == ["ada", "lee"]

    def test_what_was_wrong_is_told_beside_what_was_typed(self, world, admin):
        page = post(admin, "/access/users", "/access", name="eve", password="short", role="admin")
        assert page.status_code == 422
        assert "at least 10 characters" in page.text
        assert 'value="eve"' in page.text
        page = post(admin, "/access/users/change", "/access", name="ada", role="viewer")
        assert page.status_code == 409
        assert "only administrator" in page.text
        page = post(admin, "/access/users/change", "/access", name="ada", role="king")
        assert page.status_code == 422

    def test_who_changes_the_own_account_stays_signed_in(self, world, admin):
        world.clock.time += 1
        post(admin, "/access/users/change", "/access", name="ada", password="another one")
        assert admin.get("/access").status_code == 200
        world.clock.time += 1
        answer = post(
            admin, "/me/password", former="another one", password=PASSWORD, again=PASSWORD
        )
        assert answer.status_code == 303
        assert "was changed" in admin.get("/me").text

    def test_a_new_password_must_be_typed_alike_twice(self, world, admin):
        kept = world.records.user("ada")
        answer = post(admin, "/me/password", former=PASSWORD, password="1234567890", again="x")
        assert answer.status_code == 422
        assert world.records.user("ada") == kept

    def test_pages_are_there_in_both_languages(self, admin):
        for code, words in (("en", "Accounts"), ("ko", "계정")):
            admin.set_cookie("language", code)
            assert words in admin.get("/access").text
            assert admin.get("/me").status_code == 200
