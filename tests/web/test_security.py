import base64

import pytest

from backend.web.security import is_loopback
from tests.web.worlds import make_world

TOKEN = "a-long-token-of-nobody"


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"anyone:{password}".encode()).decode()


@pytest.fixture
def closed():
    return make_world(TOKEN).client()


@pytest.fixture
def open_client():
    return make_world().client()


class TestWithToken:
    @pytest.mark.parametrize(
        "headers",
        [
            {"Authorization": f"Bearer {TOKEN}"},
            {"X-Api-Key": TOKEN},
            {"Authorization": basic(TOKEN)},
        ],
    )
    def test_every_way_to_show_the_token_opens(self, closed, headers):
        for path in ("/", "/readyz", "/api/v1/detectors", "/grafana/", "/static/page.css"):
            with closed.get(path, headers=headers) as answer:
                assert answer.status_code == 200, path

    @pytest.mark.parametrize(
        ("headers", "page_status"),
        [
            ({}, 303),
            ({"Authorization": "Bearer wrong"}, 401),
            ({"Authorization": f"Bearer {TOKEN}x"}, 401),
            ({"Authorization": "Bearer "}, 303),
            ({"Authorization": "Bearer é"}, 401),
            ({"Authorization": basic("")}, 303),
            ({"Authorization": "Basic ???"}, 303),
            ({"X-Api-Key": ""}, 303),
            ({"X-Api-Key": "a-long-token-of-nobod"}, 401),
        ],
    )
    def test_nothing_else_does(self, closed, headers, page_status):
        assert closed.get("/api/v1/detectors", headers=headers).status_code == 401
        assert closed.get("/", headers=headers).status_code == page_status
        assert closed.get("/readyz", headers=headers).status_code == 401
        assert closed.post("/grafana/query", json={}, headers=headers).status_code == 403

    def test_liveness_needs_none(self, closed):
        assert closed.get("/healthz").status_code == 200

    def test_a_wrong_password_of_basic_auth_is_asked_for_again(self, closed):
        answer = closed.get("/", headers={"Authorization": basic("wrong")})
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic")

    def test_a_page_leads_to_the_sign_in_and_back(self, closed):
        answer = closed.get("/catalogue?measurement=a%26b")
        assert answer.status_code == 303
        assert answer.location == "/sign-in?next=%2Fcatalogue%3Fmeasurement%3Da%2526b"

    def test_a_script_of_a_page_is_told_where_to_sign_in(self, closed):
        for path in ("/api/v1/labels", "/label"):
            answer = closed.post(path, json={})
            assert answer.status_code == 401
            assert answer.json["sign_in"] == "/sign-in"
            assert {"message", "error"} < set(answer.json)

    def test_grafana_sees_the_reason(self, closed):
        answer = closed.post("/grafana/query", json={})
        assert "token" in answer.json["message"]
        assert "WWW-Authenticate" not in answer.headers

    def test_any_host_name_will_do(self, closed):
        headers = {"X-Api-Key": TOKEN, "Host": "normalcy.plant.example"}
        assert closed.get("/api/v1/detectors", headers=headers).status_code == 200

    def test_an_unknown_address_is_not_told_apart_without_the_token(self, closed):
        assert closed.get("/api/v1/nothing").status_code == 401


class TestOpenOnLoopback:
    @pytest.mark.parametrize(
        "host", ["localhost", "localhost:8087", "127.0.0.1:8087", "[::1]:8087"]
    )
    def test_loopback_is_served(self, open_client, host):
        assert open_client.get("/", headers={"Host": host}).status_code == 200

    @pytest.mark.parametrize(
        "host",
        ["evil.example", "evil.example:8087", "localhost.evil.example", "10.0.0.1", "0.0.0.0"],
    )
    def test_another_name_is_refused(self, open_client, host):
        for path in ("/", "/api/v1/detectors", "/grafana/"):
            answer = open_client.get(path, headers={"Host": host})
            assert answer.status_code == 403
            assert "NORMALCY_TOKEN" in answer.get_data(as_text=True)


class TestForeignPages:
    """A form of another site can send neither JSON nor a DELETE."""

    @pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
    @pytest.mark.parametrize(
        "path", ["/api/v1/labels", "/api/v1/requests", "/api/v1/detectors/pump/rollback"]
    )
    def test_a_change_must_be_json(self, open_client, path, kind):
        answer = open_client.post(path, data='{"kind": "retrain"}', content_type=kind)
        assert answer.status_code == 415
        assert "application/json" in answer.json["message"]

    def test_what_a_browser_marks_as_foreign_is_refused(self, open_client):
        headers = {"Sec-Fetch-Site": "cross-site"}
        assert open_client.post("/api/v1/labels", json={}, headers=headers).status_code == 403
        assert open_client.delete("/api/v1/labels/1", headers=headers).status_code == 403

    def test_no_other_site_may_read_an_answer(self, open_client):
        answer = open_client.get("/api/v1/detectors", headers={"Origin": "https://evil.example"})
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]


def test_a_body_that_is_too_large_is_explained(open_client):
    huge = b'{"x": "' + b"y" * (5 * 1024 * 1024) + b'"}'
    for path in ("/api/v1/labels", "/grafana/query"):
        answer = open_client.post(path, data=huge, content_type="application/json")
        assert answer.status_code == 413
        assert "4 MiB" in answer.json["message"]


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/v1/detectors", "/nothing", "/grafana/"])
def test_browsers_are_told_to_be_careful(open_client, path):
    headers = open_client.get(path).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert "frame-ancestors" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("[::1]", True),
        ("LOCALHOST", True),
        ("localhost.", True),
        ("a.localhost", True),
        ("0.0.0.0", False),
        ("localhost.example", False),
        ("", False),
        ("::", False),
    ],
)
def test_which_names_mean_this_machine(host, expected):
    assert is_loopback(host) is expected
