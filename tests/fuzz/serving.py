"""`normalcy web` as a process of its own, and clients that behave badly to it."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import requests
from flask import Flask

from backend.web.server import make_server
from tests.fuzz.rooms import CONFIGURATION, TOKEN, environment
from tests.servers.pages import end

STARTING_S = 60
ANSWERING_S = 30
MIB = 1024 * 1024


class Web:
    """A running `normalcy web`, on loopback."""

    def __init__(self, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
        self.port, self.process, self._log = port, process, log
        self._session = requests.Session()
        self._session.trust_env = False

    @property
    def memory(self) -> float:
        """What the process has in memory, MiB."""
        return psutil.Process(self.process.pid).memory_info().rss / MIB

    @property
    def log(self) -> str:
        """What it has said."""
        return self._log.read_text(encoding="utf-8")

    def ask(self, path: str = "/api/v1/detectors", **more: Any) -> requests.Response:
        """What somebody well-behaved is answered, by a connection of their own."""
        headers = {"Authorization": f"Bearer {TOKEN}", "Connection": "close"}
        return requests.get(
            f"http://127.0.0.1:{self.port}{path}", headers=headers, timeout=ANSWERING_S, **more
        )

    def connect(self) -> socket.socket:
        """A connection on which nothing is said yet."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=ANSWERING_S)

    def say(self, *parts: bytes) -> bytes:
        """What is answered to bytes sent one part after the other, to the end of the connection.

        A server that refuses may do so, and close, before everything is sent.
        """
        with self.connect() as peer:
            with suppress(BrokenPipeError, ConnectionResetError):
                for part in parts:
                    peer.sendall(part)
            return everything(peer)


def head(path: str = "/api/v1/labels", method: str = "POST", **headers: object) -> bytes:
    """The head of a request with a right to everything; `_` in a header's name is a hyphen."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {TOKEN}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def everything(peer: socket.socket) -> bytes:
    """What comes until the other side ends."""
    found = b""
    with suppress(ConnectionResetError):
        while part := peer.recv(65536):
            found += part
    return found


def status(answer: bytes) -> int:
    """The status of an answer."""
    assert answer.startswith(b"HTTP/1."), answer[:200]
    return int(answer.split(b" ", 2)[1])


@contextmanager
def answering(app: Flask) -> Iterator[str]:
    """The server of the pages, in a thread of this process; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = make_server(app, listener)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.effective_port}"
        finally:
            end(server, thread)


@contextmanager
def serving(home: Path) -> Iterator[Web]:
    """Start the process over a plant in a directory, and end it."""
    config = home / "normalcy.yaml"
    if not config.exists():
        config.write_text(CONFIGURATION.format(home=home), encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    known = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environ = {**known, **environment(home), "NORMALCY_PORT": str(port)}
    log = home / "web.log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "backend", "web"], env=environ, stderr=stderr, stdout=stderr
        )
    try:
        _await(port, process, log)
        yield Web(port, process, log)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + STARTING_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text(encoding="utf-8")
        with suppress(requests.RequestException):
            if requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError(f"no answer within {STARTING_S} s: {log.read_text(encoding='utf-8')}")
