"""The jobs and their workers as real processes: what they log and count finds together."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.bootstrap import Application, bootstrap
from backend.records import ProcessReport, Run
from backend.settings import load

ROOT = Path(__file__).parents[2]
# No reading at all: its training fails within a second, in its worker.
CONFIGURATION = """
detectors:
  pump: {measurement: pump, channels: [a], every: 1m, model: {kind: robust_z}}
"""
SECRET = "planted administrators token"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    config = tmp_path / "normalcy.yaml"
    config.write_text(CONFIGURATION)
    ours = {k: v for k, v in os.environ.items() if not k.startswith("NORMALCY_")}
    told = {"NORMALCY_CONFIG": str(config), "NORMALCY_HOME": str(tmp_path / "home")}
    return {**ours, **told, "NORMALCY_LOG_FORMAT": "json", "NORMALCY_TOKEN": SECRET}


@pytest.fixture
def jobs(environ: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-m", "jobs"], cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.communicate()


def heard(process: "subprocess.Popen[str]", event: str) -> dict[str, Any]:
    """Read its log, every line of which is JSON, up to an event."""
    assert process.stderr is not None
    told = []
    for text in process.stderr:
        told.append(text)
        assert SECRET not in text
        line: dict[str, Any] = json.loads(text)
        if line["event"] == event:
            return line
    raise AssertionError(f"it ended without {event!r}:\n{''.join(told)}")


def reports(application: Application, *roles: str) -> dict[str, ProcessReport]:
    """What processes said last, once all of these have."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = {one.role: one for one in application.records.process_reports()}
        if set(roles) <= set(found):
            return found
        time.sleep(0.1)
    raise AssertionError(f"only {sorted(found)} told anything of {roles}")


@pytest.mark.slow
def test_a_run_is_found_in_the_log_on_record_and_among_the_metrics(
    jobs: "subprocess.Popen[str]", environ: dict[str, str]
) -> None:
    line = heard(jobs, "retrain failed")
    application = bootstrap(load(environ))
    (run,) = [one for one in application.records.runs() if one.kind == "retrain"]
    said = reports(application, "jobs", "train")
    jobs.send_signal(signal.SIGTERM)
    jobs.communicate(timeout=60)
    left = [one.role for one in application.records.process_reports()]
    application.close()

    _is_told_of(run, line)
    assert line["place"] == "jobs.workplace"
    assert line["detector"] == "pump"
    assert said["jobs"].pid == jobs.pid == line["process"]
    assert said["train"].pid != jobs.pid
    (memory,) = said["train"].families["normalcy_process_resident_memory_bytes"]["samples"]
    assert memory[2] > 10e6
    assert left == []


def _is_told_of(run: Run, line: dict[str, Any]) -> None:
    assert run.details["run_id"] == line["run_id"]
    assert run.message == line["why"]
    assert line["why"] in line["message"]
