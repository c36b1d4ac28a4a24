import json
import os
import signal
import socket
from functools import partial
from urllib.request import urlopen

import pytest
from click.testing import CliRunner

from backend.bootstrap import bootstrap
from backend.cli import cli, demo, demo_run
from backend.demo.live import Live
from backend.settings import parse_time
from backend.settings.values import DEFAULT_PORT
from tests.fakes.clock import StillClock
from tests.fakes.models import LinearModel


@pytest.fixture(autouse=True)
def linear_model(monkeypatch, tmp_path):
    """The demo with a model that needs no network, in a home of its own."""
    monkeypatch.setattr(
        "backend.cli.demo_run.bootstrap", partial(bootstrap, make_model=LinearModel)
    )
    monkeypatch.setenv("NORMALCY_HOME", str(tmp_path / "home"))


def run(*arguments):
    return CliRunner().invoke(cli, ["demo", *map(str, arguments)])


def test_the_story_is_one_json_document(tmp_path):
    result = run("--once", "--json")
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert facts["injected"] == 6
    assert facts["found"] + sum(fault["found_at"] is None for fault in facts["faults"]) == 6
    pictures = sorted((tmp_path / "home" / "demo" / "pictures").glob("*.png"))
    assert sorted(facts["pictures"]) == [str(path) for path in pictures]
    assert len(pictures) >= 6


def test_the_story_is_told_in_words(tmp_path):
    result = run("sine-tangent", "--once", "--dir", tmp_path / "here")
    assert result.exit_code == 0, result.output
    assert "1 of 1 injected faults found" in result.stdout
    assert "sine turned tangent in signal" in result.stdout
    assert str(tmp_path / "here" / "pictures") in result.stdout
    assert (tmp_path / "here" / "pictures" / "animation.gif").stat().st_size > 1000


def test_the_pages_are_served_where_the_service_serves_them():
    (port,) = [option.default for option in demo.command.params if option.name == "port"]
    assert port == DEFAULT_PORT


def test_a_second_demo_empties_what_the_first_one_made(tmp_path):
    home = tmp_path / "here"
    demo_run._make_anew(home)
    (home / "left").touch()
    demo_run._make_anew(home)
    assert [path.name for path in home.iterdir()] == [demo_run.MARK]


def test_a_directory_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "mine").touch()
    result = run("--once", "--dir", tmp_path)
    assert result.exit_code == 2
    assert "holds files that no demo made" in result.output
    assert (tmp_path / "mine").exists()


def test_a_port_in_use_is_told_before_anything_is_made(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = run("--port", taken.getsockname()[1], "--dir", tmp_path / "here")
    assert result.exit_code == 1
    assert "in use" in result.output
    assert not (tmp_path / "here").exists()


def test_pages_are_served_and_points_arrive_until_it_is_ended(monkeypatch, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    seen, moments = [], []
    advance = Live.advance

    def watched(live, now):
        news = advance(live, now)
        moments.append(now)
        if len(moments) == 1:
            with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=20) as answer:
                seen.append(answer.status)
        else:
            os.kill(os.getpid(), signal.SIGTERM)
        return news

    monkeypatch.setattr("backend.cli.demo_run.draw", lambda material, directory: [])
    monkeypatch.setattr(Live, "advance", watched)
    monkeypatch.setattr(demo_run, "PAUSE_S", 0.01)
    result = run("--port", port, "--dir", tmp_path / "here")
    assert result.exit_code == 0, result.output
    assert seen == [200]
    assert moments[1] > moments[0]
    assert f"http://127.0.0.1:{port}" in result.stdout


@pytest.fixture
def learning(monkeypatch):
    """The demo with its own network, without pictures, told at the same time each time."""
    now = parse_time("2026-05-20T12:00")
    monkeypatch.setattr("backend.cli.demo_run.bootstrap", bootstrap)
    monkeypatch.setattr("backend.cli.demo_run.draw", lambda material, directory: [])
    monkeypatch.setattr("backend.cli.demo_run.SystemClock", lambda: StillClock(now))


@pytest.mark.slow
@pytest.mark.usefixtures("learning")
@pytest.mark.parametrize("seed", [0, 3])
def test_every_injected_fault_of_the_gas_room_is_found(seed, tmp_path):
    facts = json.loads(run("--once", "--json", "--seed", seed, "--dir", tmp_path / "d").stdout)
    assert facts["found"] == facts["injected"] == 6
    assert facts["false_events"] <= 1


@pytest.mark.slow
@pytest.mark.usefixtures("learning")
def test_the_tangent_is_found_and_nothing_else(tmp_path):
    facts = json.loads(run("sine-tangent", "--once", "--json", "--dir", tmp_path / "d").stdout)
    assert (facts["found"], facts["false_events"]) == (1, 0)
