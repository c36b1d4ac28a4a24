"""HTTP to Grafana where it fails."""

import socket

import pytest

from backend.exceptions import GrafanaRefused, GrafanaUnavailable, NotFound
from backend.grafana.client import GrafanaClient, Patience
from backend.ports import Credentials
from tests.servers.stub import Answer, StubServer


def client(stub: StubServer, credentials: Credentials | None = None) -> GrafanaClient:
    patience = Patience(connect_s=2.0, read_s=2.0, pauses=(0.0,))
    return GrafanaClient(f"http://127.0.0.1:{stub.port}/", credentials or Credentials(), patience)


@pytest.mark.parametrize(
    ("credentials", "shown"),
    [
        (Credentials(token="t"), "Bearer t"),
        (Credentials("ann", "secret"), "Basic YW5uOnNlY3JldA=="),
        (Credentials(), None),
    ],
)
def test_it_says_who_asks(credentials: Credentials, shown: str | None) -> None:
    with StubServer([Answer(body=b"{}")]) as stub:
        client(stub, credentials).get("/api/org", {"a": ["x y", "z"], "b": 1})
    (asked,) = stub.asked
    assert asked.headers.get("Authorization") == shown
    assert asked.path == "/api/org"
    assert asked.parameters == {"a": "x y", "b": "1"}


@pytest.mark.parametrize(
    ("answer", "error", "sentence"),
    [
        (Answer(401, b'{"message":"Invalid"}'), GrafanaRefused, "credentials.*Invalid"),
        (Answer(403, b"{}"), GrafanaRefused, "denies the right.*needs rule:read"),
        (Answer(404, b'{"message":"none"}'), NotFound, "none"),
        (Answer(400, b'{"message":"bad uid"}'), GrafanaRefused, "refused .400: bad uid"),
        (Answer(302, b"", {"Location": "/login"}), GrafanaRefused, "sends callers to /login"),
        (Answer(200, b"<html>"), GrafanaRefused, "not JSON"),
        (Answer(429, b""), GrafanaUnavailable, "busy .429: no reason"),
        (Answer(503, b"<b>down</b>"), GrafanaUnavailable, "busy .503: <b>down</b>"),
        (Answer(200, b"{", cut=True), GrafanaUnavailable, "does not answer"),
    ],
)
def test_every_refusal_is_a_sentence(answer: Answer, error: type[Exception], sentence: str) -> None:
    with StubServer([answer]) as stub, pytest.raises(error, match=sentence):
        client(stub).get("/api/org", needs="rule:read")


def test_what_is_busy_is_asked_again() -> None:
    with StubServer([Answer(503), Answer(200, b'{"id": 1}')]) as stub:
        assert client(stub).get("/api/org") == {"id": 1}
    assert len(stub.asked) == 2


def test_once_is_once() -> None:
    with StubServer([Answer(503), Answer(200, b"{}")]) as stub:
        with pytest.raises(GrafanaUnavailable):
            client(stub).once("POST", "/api/annotations", {"text": "x"})
        assert [(one.method, one.body) for one in stub.asked] == [("POST", b'{"text":"x"}')]


def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        here = GrafanaClient(f"http://127.0.0.1:{port}", Credentials(), Patience(pauses=()))
        with pytest.raises(GrafanaUnavailable, match=r"grafana\.url is right"):
            here.get("/api/org")
