"""What a container asks: whether the service on this host lives."""

import http.server
import json
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.cli import liveness
from backend.cli.listening import Ear
from backend.executors.pulse import SignOfLife
from backend.settings import WebSettings, load
from backend.settings.rereading import keep
from tests.cli.conftest import Command


class Answer(http.server.BaseHTTPRequestHandler):
    """Answers as told by the server."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Nothing on the screen."""


@pytest.fixture
def pages() -> Iterator[http.server.ThreadingHTTPServer]:
    """Stands for the pages' process."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        server.status, server.asked = 200, []  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def host(normalcy: Command, tmp_path: Path, pages: http.server.ThreadingHTTPServer) -> Command:
    """The command on a host where both parts run."""
    normalcy.session.environ = {
        "NORMALCY_HOME": str(tmp_path),
        "NORMALCY_PORT": str(pages.server_port),
    }
    SignOfLife(tmp_path, "jobs").show()
    return normalcy


def test_where_both_run_all_is_well(host: Command, pages: http.server.ThreadingHTTPServer) -> None:
    web, jobs = host("healthy").stdout.splitlines()

    assert web == f"web ok: port {pages.server_port} of 127.0.0.1 answers"
    assert re.fullmatch(r"jobs ok: the timetable got on \d+ s ago", jobs)
    assert pages.asked == ["/healthz"]  # type: ignore[attr-defined]


def test_what_is_said_can_be_read_by_a_program(host: Command) -> None:
    parts = json.loads(host("healthy", "--json").stdout)

    assert [(part["name"], part["ok"]) for part in parts] == [("web", True), ("jobs", True)]


def test_a_timetable_that_stands_still_is_unwell(
    host: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SignOfLife, "age_s", lambda self: 61.4)

    assert host("healthy", "jobs", code=1).stdout == (
        "jobs FAIL: the timetable got on 61 s ago, at most 60 s: see its log\n"
    )
    assert host("healthy", "web").stdout.startswith("web ok")


def test_jobs_that_do_not_run_are_unwell(host: Command, tmp_path: Path) -> None:
    SignOfLife(tmp_path, "jobs").remove()

    said = host("healthy", "jobs", code=1).stdout

    assert said.startswith("jobs FAIL: none is known to run on this host over")
    assert "start normalcy jobs" in said


def test_a_wrong_edit_is_no_reason_to_be_unwell(
    host: Command, tmp_path: Path, pages: http.server.ThreadingHTTPServer
) -> None:
    """The service goes on with the former one, and would not start with this one."""
    config = tmp_path / "normalcy.yaml"
    config.write_text(f"home: {tmp_path}\nweb: {{port: {pages.server_port}}}\n")
    environ = {"NORMALCY_CONFIG": str(config)}
    keep(load(environ), environ)
    host.session.environ = {"NORMALCY_CONFIG": str(config)}
    config.write_text(f"{config.read_text()}detektors: {{}}\n")

    assert [line.split(":")[0] for line in host("healthy").stdout.splitlines()] == [
        "web ok",
        "jobs ok",
    ]


def test_a_wrong_file_of_a_service_that_never_ran_is_told(host: Command, tmp_path: Path) -> None:
    config = tmp_path / "normalcy.yaml"
    config.write_text("detektors: {}\n")
    host.session.environ = {"NORMALCY_CONFIG": str(config), "NORMALCY_HOME": str(tmp_path)}

    assert "detektors" in host("healthy", code=2).stderr


def test_pages_that_answer_with_an_error_are_unwell(
    host: Command, pages: http.server.ThreadingHTTPServer
) -> None:
    pages.status = 503  # type: ignore[attr-defined]

    assert "answers with 503" in host("healthy", "web", code=1).stdout


def test_pages_that_are_gone_or_never_answer_are_unwell() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        slow = liveness.look_at_web(WebSettings("127.0.0.1", port), 0.05)
    gone = liveness.look_at_web(WebSettings("127.0.0.1", port), 5)

    assert not slow.ok
    assert "does not answer in time" in slow.detail
    assert not gone.ok
    assert "does not answer:" in gone.detail


def test_a_host_that_listens_everywhere_is_asked_on_this_machine(
    pages: http.server.ThreadingHTTPServer,
) -> None:
    assert liveness.look_at_web(WebSettings("0.0.0.0", pages.server_port), 5).ok


def test_pages_tell_whoever_watches_that_they_answer(
    pages: http.server.ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor = Ear()
    monkeypatch.setenv("NOTIFY_SOCKET", supervisor.address)
    supervisor._socket.settimeout(60)

    liveness.beat_while_answering(WebSettings("127.0.0.1", pages.server_port))

    assert supervisor._socket.recv(100) == b"READY=1\nWATCHDOG=1"
    supervisor.close()
