"""A real InfluxDB 1.x on free loopback ports, with a temporary directory of its own."""

import itertools
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest
import requests

_START_SECONDS = 30.0
_TRIES = 3

_CONFIGURATION = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc_port}"

[meta]
  dir = "{directory}/meta"
  logging-enabled = false

[data]
  dir = "{directory}/data"
  wal-dir = "{directory}/wal"
  query-log-enabled = false

[monitor]
  store-enabled = false

[http]
  bind-address = "127.0.0.1:{http_port}"
  auth-enabled = {auth}
  log-enabled = false
{https}
[ifql]
  enabled = false

[logging]
  level = "error"
"""

_HTTPS = """
  https-enabled = true
  https-certificate = "{file}"
  https-private-key = "{file}"
"""


def find_influxd() -> str | None:
    """Path of the server's program, None where it is not installed."""
    return shutil.which("influxd") or next(
        (str(path) for path in [Path("/usr/bin/influxd")] if path.exists()), None
    )


def require_influxd() -> None:
    """Skip loudly where influxd is missing; in CI its tests have to run."""
    if find_influxd() is None:
        message = "influxd is not installed: nothing was tested against a real InfluxDB"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)


class InfluxServer:
    """A running server; `with InfluxServer(directory) as server:`.

    Args:
        directory: for its data, configuration and log.
        auth: ask for user and password.
        certificate: file with certificate and key, to speak HTTPS only.
    """

    def __init__(
        self, directory: Path, *, auth: bool = False, certificate: Path | None = None
    ) -> None:
        self._directory = directory
        self._auth = auth
        self._certificate = certificate
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self.port = 0

    @property
    def url(self) -> str:
        """Where it answers HTTP."""
        return f"{'https' if self._certificate else 'http'}://127.0.0.1:{self.port}"

    def new_database(self) -> str:
        """Create an empty database and return its store URL."""
        name = f"test_{next(self._numbers)}"
        self.query(f'CREATE DATABASE "{name}"')
        return self.store_url(name)

    def store_url(self, database: str) -> str:
        """The store URL of a database, which need not exist."""
        scheme = "influxdb+https" if self._certificate else "influxdb"
        return f"{scheme}://127.0.0.1:{self.port}/{database}"

    def query(self, statement: str, *, user: str = "", password: str = "") -> object:
        """Run InfluxQL directly, past the code under test."""
        answer = requests.post(
            f"{self.url}/query",
            params={"u": user, "p": password} if user else {},
            data={"q": statement, "epoch": "ns"},
            timeout=30,
        )
        answer.raise_for_status()
        return answer.json()

    def write_lines(self, store_url: str, lines: str) -> None:
        """Write line protocol directly, past the code under test."""
        database = store_url.rsplit("/", 1)[1]
        answer = requests.post(
            f"{self.url}/write", params={"db": database}, data=lines.encode(), timeout=30
        )
        answer.raise_for_status()

    def __enter__(self) -> "InfluxServer":
        for _ in range(_TRIES):
            # between choosing a free port and binding it another program may take it
            if self._start():
                return self
        raise RuntimeError(f"influxd did not start; see {self._directory}/influxd.log")

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _start(self) -> bool:
        self.port, rpc_port = _free_ports()
        values: Mapping[str, object] = {
            "directory": self._directory,
            "http_port": self.port,
            "rpc_port": rpc_port,
            "auth": str(self._auth).lower(),
            "https": _HTTPS.format(file=self._certificate) if self._certificate else "",
        }
        path = self._directory / "influxdb.conf"
        path.write_text(_CONFIGURATION.format(**values))
        program = find_influxd()
        assert program is not None
        with (self._directory / "influxd.log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, "-config", str(path)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        if self._answers():
            return True
        self._stop()
        return False

    def _answers(self) -> bool:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            assert self._process is not None
            if self._process.poll() is not None:
                return False
            try:
                # its certificate is for the tests to look at
                answer = requests.get(f"{self.url}/ping", timeout=1, verify=not self._certificate)
                if answer.status_code == 204:
                    return self._listens()
            except requests.RequestException:
                time.sleep(0.05)  # polling a server that starts, bounded by the deadline
        return False

    def _listens(self) -> bool:
        """Whether it is this server that answers, and not one of another run on a port like it."""
        assert self._process is not None
        found = psutil.Process(self._process.pid).net_connections("tcp")
        return any(one.laddr.port == self.port for one in found if one.status == psutil.CONN_LISTEN)

    def _stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=20)
        self._process = None


def _free_ports() -> tuple[int, int]:
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]
