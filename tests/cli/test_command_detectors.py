import json
from pathlib import Path

import numpy as np
import pytest

from backend.ports import Points
from backend.records import LabelDraft, LabelKind
from backend.services.setting_up import SettingUp
from backend.services.stores import Stores
from backend.services.sufficiency import Sufficiency
from backend.settings.detector_file import detectors_in, mistakes_in
from backend.settings.document import read_value
from tests.cli.conftest import HOUR, NOW, Command
from tests.fakes.artifacts import BlankArtifactStore
from tests.fakes.series import MemorySeriesStore

STEP = HOUR // 6
COUNT = 1000


@pytest.fixture
def desk(normalcy: Command) -> Command:
    """`gas-room` stands in the file; the store has the measurements `air` and `pump`."""
    app = normalcy.application
    source = MemorySeriesStore()
    times = NOW - COUNT * STEP + STEP * np.arange(COUNT, dtype=np.int64)
    random = np.random.default_rng(0)
    for room in ("a", "b"):
        columns = {"temp": np.sin(np.arange(COUNT) / 20) + 0.05 * random.normal(size=COUNT)}
        source.write("air", [Points({"room": room}, times, columns)])
    flow = {"flow": random.normal(size=COUNT), "on": np.ones(COUNT)}
    source.write("pump", [Points({}, times, flow)])
    app.setting_up = SettingUp(source, app.detectors, app.clock, mistakes_in, read_value)
    stores = Stores(source, MemorySeriesStore(), app.records, BlankArtifactStore())
    app.sufficiency = Sufficiency(stores, app.detectors, app.labelling, app.clock)
    return normalcy


def test_propose_tells_reasons_and_yaml(desk: Command):
    text = desk("detectors", "propose", "pump").output
    assert "flow: channel, it holds numbers that vary" in text
    assert "left out, it is constant in the newest rows" in text
    assert text.endswith(
        "detectors:\n  pump:\n    measurement: pump\n    channels: [flow]\n    every: 10m\n"
    )
    plain = json.loads(desk("detectors", "propose", "pump", "--json").output)
    assert (plain["name"], plain["body"]["channels"]) == ("pump", ["flow"])


def test_add_from_a_measurement(desk: Command):
    words = ("--set", "every=20m", "--set", "model.kind=pca", "--set", "model.window=6")
    text = desk("detectors", "add", "p1", "--from-measurement", "pump", *words).output
    assert text.startswith("added p1; mark what was normal: normalcy label add p1")
    spec = desk.application.detectors.get("p1")
    assert (spec.every.seconds, spec.model.kind, spec.model.window) == (1200, "pca", 6)
    listed = json.loads(desk("detectors", "list", "--json").output)
    assert [(one["name"], one["read_only"]) for one in listed] == [
        ("gas-room", True),
        ("p1", False),
    ]
    assert "normalcy.yaml" in desk("detectors", "list").output


def test_every_mistake_is_told_and_nothing_stored(desk: Command):
    words = ("--set", "every=soon", "--set", "alarm.fox=3")
    result = desk("detectors", "add", "--from-measurement", "pump", *words, code=2)
    assert "every: expected a duration" in result.stderr
    assert "alarm.fox: unknown key; did you mean for?" in result.stderr
    assert desk.application.records.detectors() == []


_VERDICT = ("verdict", "gas-room", "--series", "room=a", "--last")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("add",), "name either --from-measurement or --file"),
        (
            ("add", "--from-measurement", "pump", "--file", "x.yaml"),
            "name either --from-measurement or --file",
        ),
        (("add", "--file", "x.yaml", "--set", "every=1m"), "--set goes with --from-measurement"),
        (("edit", "gas-room"), "say what to change"),
        ((*_VERDICT, "soon"), "Invalid value for '--last': expected a duration"),
        ((*_VERDICT, "0"), "Invalid value for '--last': expected more than 0"),
    ],
)
def test_wrong_usage(desk: Command, words: tuple[str, ...], told: str):
    Path("x.yaml").write_text("detectors: {}\n")
    assert told in desk("detectors", *words, code=2).stderr


def test_edit_set_and_unset(desk: Command):
    desk("detectors", "add", "--from-measurement", "pump", "--set", "alarm.for=5")
    text = desk("detectors", "edit", "pump", "--set", "trim=0.1", "--unset", "alarm").output
    assert text.startswith("changed pump; a training takes it up")
    spec = desk.application.detectors.get("pump")
    assert (spec.trim, spec.alarm.points) == (0.1, 3)
    result = desk("detectors", "edit", "pump", "--unset", "alarm.for", code=2)
    assert "alarm.for: is at its default already" in result.stderr


def test_those_of_the_file_are_read_only(desk: Command):
    for words in (("edit", "gas-room", "--set", "every=1m"), ("remove", "gas-room")):
        result = desk("detectors", *words, code=1)
        assert "stands in normalcy.yaml: change it there" in result.stderr


def test_export_and_add_again(desk: Command):
    desk("detectors", "add", "--from-measurement", "pump", "--set", "judge_when=flow > 0")
    before = desk.application.detectors.get("pump")
    desk("detectors", "export", "--out", "e.yaml")
    assert detectors_in(Path("e.yaml")) == {"pump": before}
    assert "there already" in desk("detectors", "export", "--out", "e.yaml", code=1).stderr
    assert "It was:" in desk("detectors", "remove", "pump").output
    desk("detectors", "add", "--file", "e.yaml")
    assert desk.application.detectors.get("pump") == before
    assert "already" in desk("detectors", "add", "--file", "e.yaml", code=1).stderr
    assert desk("detectors", "export", "gas-room").output.startswith("detectors:\n  gas-room:")


def test_names_that_are_not_there_yet(desk: Command):
    Path("x.yaml").write_text("detectors:\n  a: {measurement: later, channels: [x], every: 1m}\n")
    refused = desk("detectors", "add", "--file", "x.yaml", code=2)
    assert "measurement: the store has no measurement 'later'" in refused.stderr
    desk("detectors", "add", "--file", "x.yaml", "--unseen")
    assert desk.application.detectors.get("a").measurement == "later"


def test_the_verdict(desk: Command):
    draft = LabelDraft("gas-room", LabelKind.NORMAL, NOW - 900 * STEP, NOW - 300 * STEP)
    desk.application.labelling.add(draft, source="command", by="ann")
    text = desk("detectors", "verdict", "gas-room").output
    assert "room=a  enough" in text
    whole = desk("detectors", "verdict", "gas-room", "--series", "room=a").output
    assert whole.startswith("Enough: 100 h of normal over 5 days")
    plain = json.loads(
        desk("detectors", "verdict", "gas-room", "--series", "room=a", "--json").output
    )
    assert (plain["verdict"], plain["figures"]["hours"]) == ("enough", 100.0)
    assert len(plain["normal_week"]) == 7
    brief = json.loads(desk("detectors", "verdict", "gas-room", "--json").output)
    assert [one["series"] for one in brief] == ["room=a", "room=b"]
