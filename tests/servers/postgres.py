"""A PostgreSQL of our own for the length of a test run: real server, free port, nothing kept."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

PASSWORD = "corre%t horse:battery@staple/"
USER = "normalcy"


def find_binaries() -> Path | None:
    """The directory that holds `initdb` and `postgres`, newest version first."""
    packaged = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name)
    )
    on_path = shutil.which("postgres")
    candidates = [*([Path(on_path).resolve().parent] if on_path else []), *packaged]
    found = [path for path in candidates if (path / "initdb").exists()]
    return found[-1] if found else None


def binaries_or_skip() -> Path:
    """As `find_binaries`; without PostgreSQL the test is skipped here and fails in CI."""
    found = find_binaries()
    if found:
        return found
    reason = "PostgreSQL's server (initdb, postgres) is not installed: apt install postgresql"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


class PostgresServer:
    """A running server; every test takes a database of its own."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._databases = 0

    def url(self, database: str) -> str:
        secret = PASSWORD.replace("%", "%25").replace("@", "%40").replace("/", "%2F")
        return f"postgresql://{USER}:{secret.replace(' ', '%20')}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Create an empty database and return its URL."""
        self._databases += 1
        name = f"test_{self._databases}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def execute(self, statement: str, database: str = "postgres") -> None:
        with psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=USER,
            password=PASSWORD,
            dbname=database,
            autocommit=True,
        ) as connection:
            connection.execute(statement)


class MortalPostgres(PostgresServer):
    """One that is ended as by a crash, and started again at the same place."""

    def __init__(self, binaries: Path, data: Path) -> None:
        self._binaries = binaries
        self._data = data
        self._process, port = _start(binaries, data)
        super().__init__(port)

    def end(self) -> None:
        """At once: nothing is told to clients, and nothing is tidied up."""
        self._process.send_signal(signal.SIGQUIT)
        _stop(self._process)

    def begin(self) -> None:
        """Again; it finds out by its log what was acknowledged."""
        self._process, _ = _start(self._binaries, self._data, self.port)


@contextmanager
def mortal_postgres(binaries: Path) -> Iterator[MortalPostgres]:
    """As `running_postgres`."""
    root = Path(tempfile.mkdtemp(prefix="normalcy-postgres-"))
    try:
        server = MortalPostgres(binaries, _initialise(binaries, root))
        try:
            yield server
        finally:
            server.end()
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextmanager
def running_postgres(binaries: Path) -> Iterator[PostgresServer]:
    """Initialise and start a server in a directory of its own; stop it by its own pid."""
    # Not pytest's tmp_path: PostgreSQL refuses to run as root, and its user cannot look in there.
    root = Path(tempfile.mkdtemp(prefix="normalcy-postgres-"))
    try:
        data = _initialise(binaries, root)
        process, port = _start(binaries, data)
        try:
            yield PostgresServer(port)
        finally:
            _stop(process)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _as_unprivileged() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _initialise(binaries: Path, root: Path) -> Path:
    data, secret = root / "data", root / "password"
    secret.write_text(PASSWORD)
    identity = _as_unprivileged()
    if identity:
        os.chown(root, identity["user"], identity["group"])
        os.chown(secret, identity["user"], identity["group"])
    command = [str(binaries / "initdb"), "-D", str(data), "-U", USER, "--pwfile", str(secret)]
    command += ["--no-sync", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"]
    subprocess.run(command, check=True, cwd=root, capture_output=True, timeout=90, **identity)
    return data


def _start(
    binaries: Path, data: Path, wanted: int | None = None
) -> tuple[subprocess.Popen[str], int]:
    """Start on a free port; somebody else may take it in between, so try a few."""
    log: list[str] = []
    for _ in range(5):
        port = wanted or _free_port()
        settings = f"listen_addresses=127.0.0.1 port={port} unix_socket_directories= fsync=off"
        settings += " lc_messages=C max_connections=60"
        command = [str(binaries / "postgres"), "-D", str(data)]
        command += [part for setting in settings.split() for part in ("-c", setting)]
        process = subprocess.Popen(
            command, cwd=data.parent, stderr=subprocess.PIPE, text=True, **_as_unprivileged()
        )
        if _becomes_ready(process, log):
            return process, port
        _stop(process)
    raise RuntimeError("PostgreSQL did not start:\n" + "".join(log))


def _becomes_ready(process: "subprocess.Popen[str]", log: list[str]) -> bool:
    """Read the server's log until it says so, or ends; then go on emptying it."""
    assert process.stderr is not None
    for line in process.stderr:
        log.append(line)
        if "ready to accept connections" in line:
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return True
    return False


def _stop(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown: it does not wait for clients
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stderr is not None:
        process.stderr.close()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
