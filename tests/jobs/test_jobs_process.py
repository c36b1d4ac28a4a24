"""`python -m jobs` as a process of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from backend.bootstrap import bootstrap
from backend.ports import Points
from backend.records import State
from backend.schema import SCORES
from backend.settings import Settings, load

ROOT = Path(__file__).parents[2]
MINUTE = 60_000_000_000

CONFIGURATION = """
detectors:
  pump:
    measurement: pump
    channels: [a, b]
    every: 1m
    model: {kind: pca, window: 2}
    threshold: {kind: quantile}
    folds: 2
    detection_limits: false
    schedule: {score: 1s, catch_up: 1h, score_timeout: 5m, retrain_timeout: 5m}
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    config = tmp_path / "normalcy.yaml"
    config.write_text(CONFIGURATION)
    ours = {k: v for k, v in os.environ.items() if not k.startswith("NORMALCY_")}
    return {**ours, "NORMALCY_CONFIG": str(config), "NORMALCY_HOME": str(tmp_path / "home")}


@pytest.fixture
def start(environ: dict[str, str]) -> Iterator[Callable[[], "subprocess.Popen[str]"]]:
    started = []

    def begin() -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "jobs"],
            cwd=ROOT,
            env=environ,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def heard(process: "subprocess.Popen[str]", *words: str) -> str:
    """Read its log up to a line with all these words."""
    assert process.stderr is not None
    told = []
    for line in process.stderr:
        told.append(line)
        if all(word in line for word in words):
            return line
    raise AssertionError(f"it ended without saying {words}:\n{''.join(told)}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_starts_and_stops_when_told(
    start: Callable[[], "subprocess.Popen[str]"], number: signal.Signals
) -> None:
    process = start()
    line = heard(process, "started", "interrupted_runs=0")
    process.send_signal(number)
    _, rest = process.communicate(timeout=60)

    stamp = line.split()[0]
    assert time.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S")
    assert stamp.endswith("Z")
    assert process.returncode == 0
    assert rest.endswith("stopped\n")
    assert "Traceback" not in rest


def test_a_wrong_configuration_is_told_and_ends_it(
    start: Callable[[], "subprocess.Popen[str]"], environ: dict[str, str]
) -> None:
    environ["NORMALCY_STORE"] = "nowhere://"
    process = start()
    _, told = process.communicate(timeout=60)

    assert process.returncode == 2
    assert "NORMALCY_STORE" in told
    assert "Traceback" not in told


def test_runs_that_a_killed_service_left_are_interrupted(
    start: Callable[[], "subprocess.Popen[str]"], environ: dict[str, str]
) -> None:
    application = bootstrap(load(environ))
    killed = start()
    name = heard(killed, "started").split("worker=")[1].split()[0]
    application.records.start_run("retrain", "pump", worker=name, at=1)
    killed.kill()
    killed.wait()
    # Its lease would run out by itself; here it does at once.
    tokens = [lease.token for lease in application.records.leases()]
    application.records.renew_leases(tokens, length=0)

    heard(start(), "started", "interrupted_runs=1")

    (run,) = [run for run in application.records.runs() if run.started_at == 1]
    application.close()
    assert run.state is State.INTERRUPTED


def test_runs_of_a_service_that_lives_go_on_when_a_second_one_starts(
    start: Callable[[], "subprocess.Popen[str]"], environ: dict[str, str]
) -> None:
    application = bootstrap(load(environ))
    name = heard(start(), "started").split("worker=")[1].split()[0]
    application.records.start_run("retrain", "pump", worker=name, at=1)

    heard(start(), "started", "interrupted_runs=0")

    (run,) = [run for run in application.records.runs() if run.started_at == 1]
    processes = [one for one in application.records.leases() if one.name.startswith("process:")]
    application.close()
    assert run.state is State.RUNNING
    assert [one.expired for one in processes] == [False, False]
    assert name in [one.holder for one in processes]


def test_one_that_is_told_to_stop_leaves_no_lease(
    start: Callable[[], "subprocess.Popen[str]"], environ: dict[str, str]
) -> None:
    application = bootstrap(load(environ))
    process = start()
    heard(process, "started")
    held = application.records.leases()
    process.terminate()
    process.communicate(timeout=60)

    left = application.records.leases()
    application.close()
    assert held
    assert left == []


@pytest.mark.timeout(400)
def test_it_trains_what_has_no_model_and_scores_what_has_one(
    start: Callable[[], "subprocess.Popen[str]"], environ: dict[str, str]
) -> None:
    settings = load(environ)
    _write_readings(settings)
    process = start()

    trained = heard(process, "retrain", "detector=pump", "version=1")
    scored = heard(process, "score", "detector=pump", "points=")
    process.terminate()
    process.communicate(timeout=60)

    application = bootstrap(settings)
    fields = application.results.fields(SCORES)
    application.close()
    assert "took_s=" in trained
    assert "flagged=" in scored
    assert fields["score"] == "float"


def _write_readings(settings: Settings) -> None:
    """Some hours of two channels that move together, up to now."""
    count = 6 * 60
    now = time.time_ns() // MINUTE * MINUTE
    times = now - MINUTE * np.arange(count, 0, -1, dtype=np.int64)
    wave = np.sin(np.arange(count) / 30)
    noise = np.random.default_rng(0).normal(0, 0.05, (2, count))
    application = bootstrap(settings)
    readings = Points({}, times, {"a": wave + noise[0], "b": -wave + noise[1]})
    application.source.write("pump", [readings])
    application.close()
