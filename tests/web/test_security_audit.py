"""Every address that changes something leaves an entry in the audit log, or says why not."""

import json
import re
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient

from backend.records import DriftProposal, How, LabelKind, Role
from backend.services.access import TokenDraft
from backend.services.audit_log import Wanted
from backend.services.links import Statement
from backend.services.requests import Requests
from backend.web import create_app, rights
from tests.web.forms import mark_in, post
from tests.web.test_hooks import GRAFANA_9_3_2
from tests.web.test_odd_forms import form
from tests.web.worlds import NOW, START, World, add_label, add_version, make_world, write_values

MS = 10**6
API = "/api/v1"
D = "/detectors/<string:name>"
PASSWORD = "correct horse"
SPEC = {"measurement": "boiler", "channels": ["heat"], "every": "1m"}

WITHOUT: dict[tuple[str, str], str] = {
    ("POST", f"{API}/detectors/propose"): "it asks",
    ("POST", f"{API}/detectors/check"): "it asks",
    ("POST", f"{API}/detectors/preview"): "it asks",
    ("POST", f"{API}{D}/models/<int:number>/comparison"): "it asks for what would change",
    ("POST", f"{D}/models/<int:number>/compare"): "it asks for what would change",
    ("POST", "/preferences"): "a cookie of the browser, for language and theme",
    ("POST", "/hooks/grafana/alerts"): "what Grafana tells is kept whole in the alerts",
    ("PUT", "/hooks/grafana/alerts"): "what Grafana tells is kept whole in the alerts",
    **{
        ("POST", f"/grafana/{name}"): "Grafana asks by POST"
        for name in (
            "annotations",
            "metric-payload-options",
            "metrics",
            "query",
            "search",
            "tag-keys",
            "tag-values",
            "variable",
        )
    },
}


class Case:
    """A world in which there is something to change, and ada, who changes it."""

    def __init__(self) -> None:
        self.world: World = make_world()
        write_values(self.world, "R1")
        self.label = add_label(self.world, created_at=NOW)
        for _ in range(2):
            add_version(self.world)
        add_version(self.world, promoted=False)
        self.world.setting_up.save("own", SPEC, by="local", seen=False)
        self.world.access.add_user("ada", PASSWORD, Role.ADMIN, by="local")
        self.world.access.add_user("lee", PASSWORD, Role.VIEWER, by="local")
        self.token, _ = self.world.access.add_token(TokenDraft("wall", Role.VIEWER), by="local")
        self.request = self.world.requests.ask("retrain", "gas-room", {}, by="local")
        self.run = self.world.records.start_run("score", "gas-room", worker="w", at=NOW)
        self.drift = self.world.records.propose_retraining(
            DriftProposal("gas-room", 2, NOW, "It drifts.", {"series": {}})
        )
        sync: Any = lambda progress: None  # noqa: E731 - never run: the web only asks
        parts = (self.world.records, self.world.detectors, None, None, self.world.clock)
        self.world.requests = Requests(*parts, sync)
        self.client: FlaskClient = self.world.client()
        self.sign_in(self.client)

    def sign_in(self, client: FlaskClient) -> Any:
        return post(client, "/sign-in", "/sign-in", name="ada", password=PASSWORD)

    def form(self, path: str, **fields: Any) -> Any:
        return post(self.client, path, "/me", sure="yes", **fields)

    def json(self, method: str, path: str, body: Any = None) -> Any:
        return self.client.open(f"{API}{path}", method=method, json=body if body else {})

    def other(self) -> int:
        """The number of a session of ada's in another browser."""
        self.sign_in(self.world.client())
        rows = self.client.get(f"{API}/me/sessions").json
        return next(row["id"] for row in rows if not row["here"])

    def link(self) -> str:
        self.client.post("/hooks/grafana/alerts", json=GRAFANA_9_3_2)
        view = self.world.alerting.listed("gas-room")[0]
        address = self.world.links.to_say(Statement(view.alert.id, LabelKind.NORMAL), NOW)
        return address.removeprefix("http://localhost:8087")


def span(**more: Any) -> dict[str, Any]:
    """A range that nothing is said of yet."""
    return {"from": START // MS + 10**7, "to": START // MS + 10**7 + 60_000, **more}


def stated(**more: Any) -> dict[str, Any]:
    return {"detector": "pump", "kind": "normal", **span(), **more}


CSV = "start,stop,kind\n2026-03-01,2026-03-02,normal\n"
ISO = {"start": "2026-03-01T00:00:00Z", "stop": "2026-03-02T00:00:00Z"}


def upload(case: Case) -> Any:
    mark = mark_in(case.client.get("/me").text)
    file = (BytesIO(CSV.encode()), "labels.csv")
    return case.client.post(
        "/detectors/gas-room/labels/import", data={"csrf_token": mark, "file": file}
    )


def restored(case: Case) -> Any:
    gone = case.form("/detectors/own/remove")
    body = re.search(r'name="body" value="([^"]*)"', gone.text)[1].replace("&#34;", '"')
    return case.form("/detectors/own/restore", body=body)


THRESHOLD = {"threshold": {"kind": "fixed", "value": 2}, "promote": True}
EDIT = {
    "base": {"measurement": "air", "channels": ["temp"], "every": "1m"},
    "about": {"first": 1, "last": NOW, "series": []},
    "fields": [["temp", "channel", ""]],
    "tags": [["room", "left out", ""]],
}

WITH: dict[tuple[str, str], tuple[str, Any]] = {
    ("POST", "/access/users"): (
        "user.add",
        lambda c: c.form("/access/users", name="eve", password=PASSWORD, role="viewer"),
    ),
    ("POST", "/access/users/change"): (
        "user.change",
        lambda c: c.form("/access/users/change", name="lee", role="labeller"),
    ),
    ("POST", "/access/users/remove"): (
        "user.remove",
        lambda c: c.form("/access/users/remove", name="lee"),
    ),
    ("POST", "/access/tokens"): (
        "token.add",
        lambda c: c.form("/access/tokens", name="t", role="viewer"),
    ),
    ("POST", "/access/tokens/revoke"): (
        "token.revoke",
        lambda c: c.form("/access/tokens/revoke", token=c.token.id, name="wall"),
    ),
    ("POST", f"{API}/users"): (
        "user.add",
        lambda c: c.json("POST", "/users", {"name": "e", "password": PASSWORD, "role": "viewer"}),
    ),
    ("PUT", f"{API}/users/<string:name>"): (
        "user.change",
        lambda c: c.json("PUT", "/users/lee", {"role": "labeller"}),
    ),
    ("DELETE", f"{API}/users/<string:name>"): (
        "user.remove",
        lambda c: c.json("DELETE", "/users/lee"),
    ),
    ("POST", f"{API}/tokens"): (
        "token.add",
        lambda c: c.json("POST", "/tokens", {"name": "t", "role": "viewer"}),
    ),
    ("DELETE", f"{API}/tokens/<int:id>"): (
        "token.revoke",
        lambda c: c.json("DELETE", f"/tokens/{c.token.id}"),
    ),
    ("POST", "/me/password"): (
        "user.change",
        lambda c: c.form(
            "/me/password", former=PASSWORD, password="another one", again="another one"
        ),
    ),
    ("PUT", f"{API}/me/password"): (
        "user.change",
        lambda c: c.json("PUT", "/me/password", {"former": PASSWORD, "password": "another one"}),
    ),
    ("POST", "/me/sessions/end"): (
        "session.end",
        lambda c: c.form("/me/sessions/end", which=c.other()),
    ),
    ("DELETE", f"{API}/me/sessions/<int:id>"): (
        "session.end",
        lambda c: c.json("DELETE", f"/me/sessions/{c.other()}"),
    ),
    ("POST", "/sign-in"): ("session.begin", lambda c: c.sign_in(c.world.client())),
    ("POST", "/sign-out"): ("session.end", lambda c: c.form("/sign-out")),
    ("PUT", f"{API}{D}"): ("detector.add", lambda c: c.json("PUT", "/detectors/boiler", SPEC)),
    ("DELETE", f"{API}{D}"): ("detector.remove", lambda c: c.json("DELETE", "/detectors/own")),
    ("POST", "/detectors/new"): (
        "detector.add",
        lambda c: post(c.client, "/detectors/new", **form(act="save")),
    ),
    ("POST", f"{D}/edit"): (
        "detector.change",
        lambda c: post(
            c.client, "/detectors/own/edit", **{**form(EDIT, act="save"), "name": "own"}
        ),
    ),
    ("POST", f"{D}/remove"): ("detector.remove", lambda c: c.form("/detectors/own/remove")),
    ("POST", f"{D}/restore"): ("detector.add", restored),
    ("POST", f"{API}{D}/models/<int:number>/promote"): (
        "version.promote",
        lambda c: c.json("POST", "/detectors/gas-room/models/3/promote"),
    ),
    ("POST", f"{D}/models/<int:number>/promote"): (
        "version.promote",
        lambda c: c.form("/detectors/gas-room/models/3/promote"),
    ),
    ("POST", f"{API}{D}/models/<int:number>/keep"): (
        "version.verdict",
        lambda c: c.json("POST", "/detectors/gas-room/models/3/keep"),
    ),
    ("POST", f"{D}/models/<int:number>/keep"): (
        "version.verdict",
        lambda c: c.form("/detectors/gas-room/models/3/keep"),
    ),
    ("POST", f"{API}{D}/rollback"): (
        "version.promote",
        lambda c: c.json("POST", "/detectors/gas-room/rollback"),
    ),
    ("POST", f"{D}/rollback"): (
        "version.promote",
        lambda c: c.form("/detectors/gas-room/rollback"),
    ),
    ("POST", f"{API}{D}/threshold"): (
        "request.add",
        lambda c: c.json("POST", "/detectors/gas-room/threshold", THRESHOLD),
    ),
    ("POST", f"{D}/threshold"): (
        "request.add",
        lambda c: c.form("/detectors/gas-room/threshold", kind="fixed", value="2"),
    ),
    ("POST", f"{API}{D}/drift/<int:id>/accept"): (
        "drift.accepted",
        lambda c: c.json("POST", f"/detectors/gas-room/drift/{c.drift.id}/accept"),
    ),
    ("POST", f"{API}{D}/drift/<int:id>/dismiss"): (
        "drift.dismissed",
        lambda c: c.json("POST", f"/detectors/gas-room/drift/{c.drift.id}/dismiss"),
    ),
    ("POST", f"{D}/drift/<int:proposal>/accept"): (
        "drift.accepted",
        lambda c: c.form(f"/detectors/gas-room/drift/{c.drift.id}/accept"),
    ),
    ("POST", f"{D}/drift/<int:proposal>/dismiss"): (
        "drift.dismissed",
        lambda c: c.form(f"/detectors/gas-room/drift/{c.drift.id}/dismiss"),
    ),
    ("POST", f"{API}/labels"): ("label.add", lambda c: c.json("POST", "/labels", stated())),
    ("DELETE", f"{API}/labels/<int:id>"): (
        "label.remove",
        lambda c: c.json("DELETE", f"/labels/{c.label.id}"),
    ),
    ("POST", f"{API}{D}/labels/change"): (
        "label.remove",
        lambda c: c.json(
            "POST", "/detectors/gas-room/labels/change", {"add": [], "remove": [c.label.id]}
        ),
    ),
    ("POST", f"{API}{D}/labels/import"): (
        "label.add",
        lambda c: c.json(
            "POST", "/detectors/gas-room/labels/import", {"name": "a.csv", "content": CSV}
        ),
    ),
    ("POST", f"{API}{D}/labels/revert"): (
        "label.remove",
        lambda c: c.json("POST", "/detectors/gas-room/labels/revert", {"to": 1}),
    ),
    ("POST", f"{D}/labels/import"): ("label.add", upload),
    ("POST", f"{D}/labels/remove"): (
        "label.remove",
        lambda c: c.form("/detectors/gas-room/labels/remove", id=c.label.id),
    ),
    ("POST", f"{D}/labels/revert"): (
        "label.remove",
        lambda c: c.form("/detectors/gas-room/labels/revert", to="1970-01-02T00:00:00Z"),
    ),
    ("POST", "/label"): (
        "label.add",
        lambda c: c.form(
            "/label", detector="pump", kind="normal", **{"from": ISO["start"], "to": ISO["stop"]}
        ),
    ),
    ("POST", "/label/<int:number>/take-back"): (
        "label.remove",
        lambda c: c.form(f"/label/{c.label.id}/take-back"),
    ),
    ("POST", "/fleet/labels"): (
        "label.add",
        lambda c: c.form("/fleet/labels", of="gas-room", series="room=R1", kind="normal", **ISO),
    ),
    ("POST", "/said/<token>"): ("label.add", lambda c: c.client.post(c.link(), data={"name": "x"})),
    ("POST", f"{API}/requests"): (
        "request.add",
        lambda c: c.json("POST", "/requests", {"kind": "retrain", "detector": "pump"}),
    ),
    ("POST", f"{API}/requests/<int:id>/cancel"): (
        "request.cancel",
        lambda c: c.json("POST", f"/requests/{c.request.id}/cancel"),
    ),
    ("POST", f"{API}/runs/<int:id>/cancel"): (
        "run.cancel",
        lambda c: c.json("POST", f"/runs/{c.run.id}/cancel"),
    ),
    ("POST", "/work"): (
        "request.add",
        lambda c: c.form("/work", kind="retrain", detector="pump"),
    ),
    ("POST", "/work/requests/<int:id>/cancel"): (
        "request.cancel",
        lambda c: c.form(f"/work/requests/{c.request.id}/cancel"),
    ),
    ("POST", "/work/runs/<int:id>/cancel"): (
        "run.cancel",
        lambda c: c.form(f"/work/runs/{c.run.id}/cancel"),
    ),
    ("POST", "/hooks/grafana/sync"): (
        "request.add",
        lambda c: c.client.post("/hooks/grafana/sync", json={}),
    ),
}


def changing() -> set[tuple[str, str]]:
    """Every way to change something that the service has."""
    app = create_app(make_world())
    return {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in rule.methods - set(rights.READING)
    }


def test_every_way_to_change_something_is_looked_at_here():
    assert changing() - set(WITH) - set(WITHOUT) == set()
    assert (set(WITH) | set(WITHOUT)) - changing() == set()
    assert set(WITH) & set(WITHOUT) == set()


@pytest.mark.parametrize("way", sorted(WITH), ids=" ".join)
def test_it_leaves_an_entry(way):
    action, change = WITH[way]
    case = Case()
    before = case.world.audit.entries(_all(), limit=1)[0].id
    answer = change(case)
    assert answer.status_code < 400, answer.text
    entries = [one for one in case.world.audit.entries(_all()) if one.id > before]
    found = [one for one in entries if one.action == action]
    assert found, [one.action for one in entries]
    assert found[0].address == "127.0.0.1"
    assert found[0].who == ("x" if way[1].startswith("/said") else "ada")
    assert found[0].how in _ways(way[1])
    assert PASSWORD not in json.dumps([one.words for one in entries])


def _all() -> Any:
    return Wanted()


def _ways(rule: str) -> tuple[How, ...]:
    if rule.startswith("/said"):
        return (How.LINK,)
    if rule.startswith("/hooks"):
        return (How.GRAFANA,)
    return (How.API,) if rule.startswith(API) else (How.PAGE,)


class TestLookingItUp:
    @pytest.fixture
    def case(self):
        return Case()

    def test_a_page_shows_it_to_administrators_in_both_languages(self, case):
        for code, words in (("en", "account added"), ("ko", "계정 추가")):
            case.client.set_cookie("language", code)
            assert words in case.client.get("/audit").text
        assert 'href="/audit"' in case.client.get("/access").text

    def test_it_is_narrowed(self, case):
        page = case.client.get("/audit?action=token.add&who=local").text
        assert "token 1 wall" in page
        assert "account added</td>" not in page
        assert "There are no such entries" in case.client.get("/audit?detector=nothing").text
        assert case.client.get("/audit?action=none&before=x").status_code == 200

    def test_more_than_a_page_is_led_to(self, case):
        for number in range(205):
            case.world.access.change_user("lee", password=f"another {number:04}")
        page = case.client.get("/audit?action=user.change").text
        older = re.search(r'href="([^"]*before=\d+)"', page)[1].replace("&amp;", "&")
        assert page.count("another password") == 200
        assert case.client.get(older).text.count("another password") == 5

    def test_names_in_it_are_text(self, case):
        case.world.access.add_user("<b>eve", PASSWORD, Role.VIEWER, by="<i>")
        page = case.client.get("/audit").text
        assert "<b>eve" not in page
        assert "<i>" not in page

    def test_the_api_tells_it_page_by_page(self, case):
        first = case.client.get(f"{API}/audit?limit=2").json
        second = case.client.get(f"{API}/audit?limit=2&before={first[-1]['id']}").json
        assert [row["id"] for row in first] > [row["id"] for row in second]
        assert set(first[0]) == {
            "id", "time", "who", "how", "address", "action", "detector", "words",
        }  # fmt: skip
        rows = case.client.get(f"{API}/audit?action=user&who=local").json
        assert {row["action"] for row in rows} == {"user.add"}
        assert case.client.get(f"{API}/audit?limit=0").status_code == 422

    def test_nobody_else_sees_it(self, case):
        _, secret = case.world.access.add_token(TokenDraft("l", Role.LABELLER), by="ada")
        client, headers = case.world.client(), {"X-Api-Key": secret}
        assert client.get("/audit", headers=headers).status_code == 403
        assert client.get(f"{API}/audit", headers=headers).status_code == 403

    def test_a_token_for_some_detectors_sees_theirs(self, case):
        draft = TokenDraft("o", Role.ADMIN, ("gas-room",))
        _, secret = case.world.access.add_token(draft, by="ada")
        headers = {"X-Api-Key": secret}
        rows = case.world.client().get(f"{API}/audit", headers=headers).json
        assert {row["detector"] for row in rows} == {"gas-room"}
        answer = case.world.client().get(f"{API}/audit?detector=own", headers=headers)
        assert answer.status_code == 403

    def test_a_program_is_told_apart_from_a_page(self, case):
        _, secret = case.world.access.add_token(TokenDraft("nightly", Role.ADMIN), by="ada")
        headers = {"X-Api-Key": secret}
        case.world.client().post(f"{API}/labels", json=stated(), headers=headers)
        entry = case.world.audit.entries(_all())[0]
        assert (entry.who, entry.how) == ("nightly", How.API)
        headers = {"Referer": "http://localhost/detectors/pump/labels"}
        case.client.post(f"{API}/labels", json=stated(**{"from": 1, "to": 2}), headers=headers)
        entry = case.world.audit.entries(_all())[0]
        assert (entry.who, entry.how) == ("ada", How.PAGE)
