"""web, jobs and up: what they refuse before anything is started."""

import os
import socket
import sys
from collections.abc import Iterator

import pytest

from backend.cli.web import address, listen
from backend.exceptions import ConfigurationError, NormalcyError
from backend.settings import WebSettings
from tests.cli.conftest import Command


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("command", ["web", "up"])
def test_a_port_in_use_is_one_sentence(normalcy: Command, taken: int, command: str) -> None:
    normalcy.session.environ = {"NORMALCY_PORT": str(taken)}

    result = normalcy(command, code=1)

    assert result.stderr.startswith(f"normalcy: Port {taken} of 127.0.0.1 is in use")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["web", "up"])
def test_serving_the_network_needs_a_token(normalcy: Command, command: str) -> None:
    normalcy.session.environ = {"NORMALCY_HOST": "0.0.0.0"}

    assert "NORMALCY_TOKEN" in normalcy(command, code=2).stderr


@pytest.mark.parametrize("command", ["web", "up", "jobs"])
def test_a_wrong_configuration_is_told_before_anything_starts(
    normalcy: Command, command: str
) -> None:
    normalcy.session.environ = {"NORMALCY_PORT": "x"}

    assert "NORMALCY_PORT: expected a port" in normalcy(command, code=2).stderr


def test_an_address_of_another_machine_cannot_be_listened_on() -> None:
    with pytest.raises(ConfigurationError, match=r"Cannot listen on 192\.0\.2\.1 port 8087"):
        listen(WebSettings("192.0.2.1", 8087))


def test_a_port_is_taken_and_given_back() -> None:
    with listen(WebSettings("localhost", 0)) as first:
        port = first.getsockname()[1]
        with pytest.raises(NormalcyError, match="in use"):
            listen(WebSettings("localhost", port))

    listen(WebSettings("localhost", port)).close()


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "http://127.0.0.1:8087"),
        ("0.0.0.0", "http://127.0.0.1:8087"),
        ("::", "http://[::1]:8087"),
        ("::1", "http://[::1]:8087"),
        ("[::1]", "http://[::1]:8087"),
        ("plant", "http://plant:8087"),
    ],
)
def test_the_address_for_a_browser(host: str, expected: str) -> None:
    assert address(WebSettings(host)) == expected


def test_jobs_take_over_the_process(normalcy: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    called = []
    monkeypatch.setattr(os, "execv", lambda *arguments: called.append(arguments))

    normalcy("jobs")

    assert called == [(sys.executable, [sys.executable, "-m", "jobs"])]
