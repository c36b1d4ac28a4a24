"""`normalcy threshold` over a plant: now and then, and a version when asked for."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from backend.cli.session import Session
from backend.records import LabelKind
from backend.settings import Settings
from tests.cli.conftest import Command
from tests.services.plant import Plant
from tests.services.test_what_if_quality import smooth_fault


@pytest.fixture(scope="module")
def ready() -> Plant:
    plant = Plant().ready()
    plant.now(1000)
    plant.scoring.tick("rooms")
    smooth_fault(plant)
    plant.label(900, 920, LabelKind.ANOMALY)
    return plant


def command_over(plant: Plant, home: Path) -> Command:
    application = SimpleNamespace(
        clock=plant.clock,
        records=plant.records,
        detectors=plant.detectors,
        what_if=plant.what_if(),
        rethresholding=plant.rethresholding(),
        close=lambda: None,
    )
    build: Callable[[Settings], Any] = lambda settings: application  # noqa: E731
    return Command(Session({"NORMALCY_HOME": str(home)}, build), application)


@pytest.fixture
def normalcy(ready: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)
    return command_over(ready, tmp_path / "home")


def test_now_and_then_stand_below_each_other(normalcy: Command) -> None:
    lines = normalcy("threshold", "rooms", "--kind", "quantile", "--set", "q=0.9").stdout
    head, now, then, *rest = lines.splitlines()
    assert head.split()[:3] == ["series", "limit", "flagged"]
    assert now.split()[:2] == ["room=a", "now"]
    assert then.split()[0] == "then"
    assert "1 of 1" in now
    assert any(line.startswith("together") for line in rest)


def test_settings_change_the_threshold_that_the_detector_has(normalcy: Command) -> None:
    told = json.loads(normalcy("threshold", "rooms", "--set", "margin=2.6", "--json").stdout)
    for one in told["series"]:
        assert one["then"]["limit"] == pytest.approx(2 * one["now"]["limit"])
        assert one["then"]["basis"].endswith("times 2.6")
    assert told["together"]["events"] == 2
    assert told["together"]["now"]["recall"] == 1.0
    assert "applied" not in told


def test_the_alarm_can_be_another_one(normalcy: Command) -> None:
    asked = ("threshold", "rooms", "--json", "--set", "margin=0.5", "--set")
    at_once = json.loads(normalcy(*asked, "alarm.for=1").stdout)["together"]["then"]
    patient = json.loads(normalcy(*asked, "alarm.for=90").stdout)["together"]["then"]
    assert at_once["flagged"] == patient["flagged"]
    assert at_once["alerts"] > patient["alerts"] == 0


def test_applied_it_serves_and_says_what_to_write(tmp_path: Path) -> None:
    plant = Plant().ready()
    plant.now(1000)
    plant.scoring.tick("rooms")
    normalcy = command_over(plant, tmp_path)
    text = normalcy("threshold", "rooms", "--kind", "sigma", "--set", "k=5", "--apply").stdout
    assert "rooms/2 serves" in text
    assert "kind: sigma" in text
    asked = ("threshold", "rooms", "--kind", "pot", "--apply", "--challenger", "--json")
    told = json.loads(normalcy(*asked).stdout)
    assert told["applied"]["verdict"] == "challenger"
    assert plant.records.promotions("rooms")[-1].number == 2


def test_an_empty_range_says_what_to_do(normalcy: Command) -> None:
    asked = ("threshold", "rooms", "--set", "margin=2", "--from", "2020-01-01", "--to")
    assert "normalcy score rooms" in normalcy(*asked, "2020-01-02").stdout


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (("--set", "q"), 1, "key=value"),
        (("--kind", "magic"), 1, "fixed"),
        (("--set", "alarm=3"), 1, "alarm is a group"),
        (("--challenger",), 2, "--challenger needs --apply"),
        (("--from", "2026-01-02", "--to", "2026-01-01"), 2, "range is empty"),
    ],
)
def test_what_cannot_be_asked_is_explained(
    normalcy: Command, more: tuple[str, ...], code: int, words: str
) -> None:
    assert words in normalcy("threshold", "rooms", *more, code=code).stderr
