"""Secrets are planted everywhere, and looked for in all that the service says and writes."""

import io
import logging
import socket
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from backend.bootstrap import Application, bootstrap
from backend.records import Role
from backend.services.access import TokenDraft
from backend.settings import load
from backend.stores.influx.patience import Patience
from backend.web import create_app
from tests.web.forms import mark_in, post
from tests.web.worlds import make_world

CANARY = "canary-7f3a"
CONFIG = """
store: influxdb://127.0.0.1:{port}/sensors
results: embedded://{home}/results
web: {{oidc: {{issuer: "http://127.0.0.1:{port}", client_id: normalcy, default_role: viewer}}}}
grafana: {{url: "http://127.0.0.1:{port}"}}
detectors:
  pump: {{measurement: pump, channels: [flow], every: 1m}}
"""
SECRETS = {
    "NORMALCY_TOKEN": f"{CANARY}-configured-token",
    "NORMALCY_STORE_PASSWORD": f"{CANARY}-store-password",
    "NORMALCY_OIDC_SECRET": f"{CANARY}-oidc-secret",
    "NORMALCY_GRAFANA_USER_SECRET": f"{CANARY}-grafana-user-secret",
    "NORMALCY_GRAFANA_TOKEN": f"{CANARY}-grafana-token",
    "NORMALCY_NOTIFY_URL": f"http://127.0.0.1:9/{CANARY}-chat",
}
PASSWORD = f"{CANARY}-password"
OTHER = f"{CANARY}-another-password"
HEADERS = {"X-Api-Key": SECRETS["NORMALCY_TOKEN"]}


@pytest.fixture
def nowhere():
    """A port that nobody listens on, so that everything outside fails."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def app(tmp_path: Path, nowhere: int, monkeypatch: pytest.MonkeyPatch):
    at_once = partial(Patience, pauses=(0.0, 0.0))
    monkeypatch.setattr("backend.stores.influx.client.Patience", at_once)
    config = tmp_path / "normalcy.yaml"
    config.write_text(CONFIG.format(port=nowhere, home=tmp_path))
    environ = {
        "NORMALCY_CONFIG": str(config),
        "NORMALCY_HOME": str(tmp_path / "home"),
        "NORMALCY_STORE_USERNAME": "reader",
        **SECRETS,
    }
    made = bootstrap(load(environ))
    yield made
    made.close()


@pytest.fixture
def client(app: Application) -> FlaskClient:
    return create_app(app).test_client()


def addresses(client: FlaskClient) -> list[str]:
    """Every address that is read without an argument, and those of the detector."""
    rules = [
        rule.rule.replace("<string:name>", "pump")
        for rule in client.application.url_map.iter_rules()
        if "GET" in rule.methods and not rule.rule.startswith("/static")
    ]
    return sorted({rule for rule in rules if "<" not in rule and "chart.js" not in rule})


def said_by(answer: Any) -> str:
    return f"{answer.get_data(as_text=True)}\n{answer.headers}"


def test_no_secret_is_in_any_page_answer_log_or_file(app, client, caplog, tmp_path):
    caplog.set_level(logging.DEBUG)
    told: list[str] = []

    def note(answer: Any) -> Any:
        told.append(said_by(answer))
        answer.close()
        return answer

    app.access.add_user("ada", PASSWORD, Role.ADMIN, by="local")
    _, secret = app.access.add_token(TokenDraft("wall", Role.ADMIN), by="ada")
    note(client.post("/sign-in", data={"name": "ada", "password": PASSWORD}))
    mark = mark_in(client.get("/sign-in").text)
    wrong = {"csrf_token": mark, "name": "ada", "password": OTHER}
    note(client.post("/sign-in", data=wrong))
    note(client.get("/sign-in/elsewhere"))
    note(post(client, "/sign-in", "/sign-in", name="ada", password=PASSWORD))
    sent = {"former": OTHER, "password": OTHER, "again": OTHER}
    note(post(client, "/me/password", **sent))
    note(post(client, "/access/users", "/access", name="eve", password=f"{CANARY}", role="x"))
    for path in addresses(client):
        note(client.get(path))
    for body in ({"password": OTHER}, {"name": 7, "password": OTHER, "role": "king"}, [OTHER]):
        note(client.post("/api/v1/users", json=body))
    odd = {"Authorization": f"Basic {OTHER}", "Cookie": f"normalcy_8087={OTHER}"}
    note(client.get("/api/v1/detectors", headers=odd))
    note(client.get("/api/v1/nothing", headers=HEADERS))
    note(client.post("/api/v1/labels", data=OTHER, headers=HEADERS))

    everything = "\n".join(told)
    assert len(told) > 40
    for planted in (*SECRETS.values(), PASSWORD, OTHER, secret):
        assert planted not in everything, planted
        assert planted not in caplog.text, planted
    kept = [file for file in tmp_path.rglob("*") if file.is_file() and file.name != "normalcy.yaml"]
    assert any(file.suffix == ".sqlite3" for file in kept)
    for file in kept:
        content = file.read_bytes()
        assert CANARY.encode() not in content, file
        assert secret.encode() not in content, file


def test_none_is_in_what_objects_say_of_themselves(app):
    said = repr(app.settings) + repr(vars(app.settings.web))
    assert CANARY not in repr(app.settings)
    assert said.count("configured-token") == 1  # `vars` shows it: what a debugger would see


class TestUploads:
    def test_a_file_that_is_too_large_is_told(self, client):
        head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        answer = client.post(
            "/detectors/pump/labels/import",
            data=head + b"x" * (5 * 1024 * 1024) + b"\r\n--x--\r\n",
            content_type="multipart/form-data; boundary=x",
            headers=HEADERS,
        )
        assert answer.status_code == 413
        assert "4 MiB" in answer.text

    @pytest.mark.parametrize(
        "name",
        [
            "../../../../etc/passwd",
            "/etc/cron.d/x",
            "..\\..\\x",
            "a\x00.csv",
            ".",
            "~/x",
            "a/b.csv",
        ],
    )
    def test_its_name_leads_nowhere(self, app, client, tmp_path, name):
        client.environ_base |= {"HTTP_X_API_KEY": HEADERS["X-Api-Key"]}
        mark = mark_in(client.get("/detectors/pump/labels").text)
        before = sorted(tmp_path.rglob("*"))
        sent = {"name": name, "content": "start,stop,kind\n2026-03-01,2026-03-02,normal\n"}
        answer = client.post("/api/v1/detectors/pump/labels/import", json=sent)
        assert answer.status_code in (200, 201, 422)
        file = (io.BytesIO(b"start,stop,kind\n2026-04-01,2026-04-02,normal\n"), name)
        answer = client.post(
            "/detectors/pump/labels/import", data={"csrf_token": mark, "file": file}
        )
        assert answer.status_code in (303, 422)
        assert [one for one in sorted(tmp_path.rglob("*")) if one not in before] == []


class TestPaths:
    @pytest.mark.parametrize(
        "path",
        [
            "/static/../factory.py",
            "/static/%2e%2e/factory.py",
            "/static/..%2ffactory.py",
            "/static/%2fetc/passwd",
            "/said/assets/../page.css",
            "/said/assets/factory.py",
            "/api/v1/detectors/..%2f..%2fetc%2fpasswd",
            "/detectors/..%2f..%2f/export",
        ],
    )
    def test_no_address_leads_to_the_files(self, client, path):
        answer = client.get(path, headers=HEADERS)
        assert answer.status_code in (308, 403, 404)  # 308: the same path without doubled slashes
        assert "root:" not in answer.get_data(as_text=True)
        assert "create_app" not in answer.get_data(as_text=True)

    @pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", "..", ".", "~", "a\x00b", "con:x", ""])
    def test_a_detectors_name_is_no_path(self, app, client, name):
        body = {"name": name, "measurement": "m", "channels": ["c"], "every": "1m"}
        answer = client.put("/api/v1/detectors/x", json=body, headers=HEADERS)
        assert answer.status_code == 422
        checked = {"name": name, "spec": {key: body[key] for key in body if key != "name"}}
        answer = client.post("/api/v1/detectors/check", json=checked, headers=HEADERS)
        assert answer.json.get("ok") is not True


class TestHeaders:
    """Over stores in memory: nothing has to be waited for."""

    def test_every_address_tells_browsers_to_be_careful(self):
        client = make_world().client()
        for path in addresses(client):
            with client.get(path) as answer:
                headers, page = answer.headers, answer.get_data(as_text=True)
            policy = headers["Content-Security-Policy"]
            for part in ("default-src 'self'", "frame-ancestors 'self'", "object-src 'none'"):
                assert part in policy, path
            assert "base-uri 'none'" in policy
            assert "form-action 'self'" in policy
            assert "script-src" not in policy, "scripts come from files of ours alone"
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Referrer-Policy"] == "same-origin"
            assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
            assert "camera=()" in headers["Permissions-Policy"]
            assert headers["Cache-Control"] == "no-store", path
            assert "<script>" not in page
            assert " onclick=" not in page
