"""The command as a process of its own, over the embedded store."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CONFIGURATION = """
home: data
detectors:
  gas-room: {measurement: air, channels: [temp], every: 10m}
"""
WAIT_S = 60
TRIES = 3


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    file = tmp_path / "normalcy.yaml"
    file.write_text(CONFIGURATION, encoding="utf-8")
    root = str(Path(__file__).parents[1])
    return {**os.environ, "NORMALCY_CONFIG": str(file), "PYTHONPATH": root}


def run(environ: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "backend", *arguments]
    return subprocess.run(
        command, env=environ, check=False, capture_output=True, text=True, timeout=WAIT_S
    )


def test_a_label_outlives_the_process(environ: dict[str, str], tmp_path: Path) -> None:
    added = run(environ, "label", "add", "gas-room", "normal", "--from=2026-01-01", "--to=now-1h")
    listed = run(environ, "label", "list", "--json")

    assert (added.returncode, added.stderr) == (0, "")
    assert [str(label["id"]) for label in json.loads(listed.stdout)] == [added.stdout.strip()]
    assert (tmp_path / "data" / "records.sqlite3").is_file()


def test_failures_are_sentences_without_a_traceback(environ: dict[str, str]) -> None:
    failed = run(environ, "models", "show", "gas-rom")
    misused = run({**environ, "NORMALCY_PORT": "x"}, "models", "show", "gas-room")

    assert (failed.returncode, misused.returncode) == (1, 2)
    assert failed.stderr == "normalcy: There is no detector 'gas-rom'. Known: gas-room.\n"
    assert "NORMALCY_PORT: expected a port" in misused.stderr
    assert "Traceback" not in failed.stderr + misused.stderr


@contextmanager
def serving(environ: dict[str, str]) -> "Iterator[tuple[subprocess.Popen[str], str]]":
    """The pages on a free port; another one where a program takes it in the meantime."""
    for _ in range(TRIES):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "backend", "web"]
        ours = {**environ, "NORMALCY_PORT": str(port)}
        with subprocess.Popen(command, env=ours, stderr=subprocess.PIPE, text=True) as process:
            try:
                assert process.stderr is not None
                said = process.stderr.readline()
                if f"Port {port} of 127.0.0.1 is in use" in said:
                    continue
                assert said == f"normalcy is at http://127.0.0.1:{port}\n"
                yield process, f"http://127.0.0.1:{port}"
                return
            finally:
                process.kill()
    raise AssertionError(f"each of {TRIES} ports was taken before it was used")


def test_the_pages_are_served_until_the_process_is_told_to_end(environ: dict[str, str]) -> None:
    with serving(environ) as (process, url):
        with urllib.request.urlopen(f"{url}/healthz", timeout=WAIT_S) as it:
            assert it.status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == 0
