"""`normalcy capacity`, as it is typed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from backend.detection.forecast import Line, Machine, Run, TrainingCost, ways
from backend.ports import Progress
from backend.records import Label, LabelDraft, LabelKind
from backend.services.capacity_report import Report, Tick
from backend.specs import DetectorSpec
from tests.cli.conftest import HOUR, NOW, Command

COST = TrainingCost(once=8.0, piece=1.0, series=0.5, epoch=0.05, epochs=30, cores=1.0)
MEMORY = Line(700e6, 10e6)
MACHINE = Machine(memory=16_000_000_000, cores=4)


def report(series: int) -> Report:
    """Made-up figures for so many series."""
    return Report(
        detector="gas-room",
        kind="dense_autoencoder",
        series=series,
        machine=MACHINE,
        tick=Tick(Line(0.01, 0.001), Line(0.005, 0.002), Line(0.03, 0.001), 60.0),
        tick_holds=14_988,
        cost=COST,
        present_s=COST.seconds(series, 256) if series else None,
        piece=256,
        available_s=7200.0,
        why_available="schedule.retrain_timeout",
        ways=ways(COST, MEMORY, MACHINE, 256, 7200.0, series),
        training_memory=MEMORY,
        scoring_memory=Line(650e6, 0.2e6),
        with_tensorflow=True,
        choosing_s=0.0,
        limits_s=3.0,
        epochs_from="all 30 epochs, as no version of it has been trained: most stop earlier",
        notes=("Nothing is labelled normal.",),
        measured_s=21.4,
        runs=(Run(16, 2, 1.0, 1.0, 900_000_000),),
    )


@dataclass
class Capacity:
    """Says what it is told to, and remembers what it was asked."""

    changes: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[DetectorSpec, list[Label], float]] = field(default_factory=list)

    def look(
        self,
        spec: DetectorSpec,
        labels: Sequence[Label],
        *,
        series: int | None,
        seconds: float,
        progress: Progress,
    ) -> Report:
        self.asked.append((spec, list(labels), seconds))
        progress(0.5, "half")
        return replace(report(40 if series is None else series), **self.changes)


@pytest.fixture
def asking(normalcy: Command) -> Command:
    """The command whose machine has been measured."""
    normalcy.application.capacity = Capacity()
    return normalcy


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration of two detectors that nobody runs yet."""
    path = tmp_path / "planned.yaml"
    path.write_text(
        "detectors:\n"
        "  pumps: {measurement: pump, channels: [flow], every: 1m}\n"
        "  fans: {measurement: fan, channels: [speed], every: 1m}\n"
    )
    return path


def test_sentences_come_before_the_table(asking: Command) -> None:
    text = asking("capacity", "gas-room").stdout

    lines = text.splitlines()
    assert lines[0] == "Scoring: a tick holds about 14,000 series within its interval of 60 s."
    assert "A tick of 40 series takes 210 ms, less than 1% of the interval." in lines
    assert "All 40 series take 89 s, 1% of that" in text
    assert "compiling 8 s" in text
    assert "with processes: 4" in text
    assert "Dask" in text
    assert text.index("Memory, with TensorFlow") < text.index("tick: write (estimated)")
    assert "note: Nothing is labelled normal." in lines
    assert lines[-1] == "note: Measured for 21 s on this machine as it is."


def test_the_same_as_json(asking: Command) -> None:
    told = json.loads(asking("capacity", "gas-room", "--json").stdout)

    assert told["present"]["training_s"] == COST.seconds(40, 256)
    assert told["present"]["tick_parts_s"] == {"read": 0.05, "model": 0.085, "write": 0.07}
    assert told["ways"]["processes"] == 4
    assert told["cost"]["epochs"] == 30
    assert told["sentences"][0].startswith("Scoring:")


def test_labels_size_and_time_are_handed_on(asking: Command) -> None:
    draft = LabelDraft("gas-room", LabelKind.NORMAL, NOW - HOUR, NOW)
    asking.application.labelling.add(draft, source="command", by="operator")

    text = asking("capacity", "gas-room", "--series", "9000", "--seconds", "5").stdout

    ((spec, labels, seconds),) = asking.application.capacity.asked
    assert (spec.name, len(labels), seconds) == ("gas-room", 1, 5.0)
    assert "9000 series need" not in text  # one machine holds them
    assert "All 9000 series take" in text


def test_a_fleet_that_outgrows_the_machine(asking: Command) -> None:
    text = asking("capacity", "gas-room", "--series", "40000").stdout

    found = ways(COST, MEMORY, MACHINE, 256, 7200.0, 40_000)
    assert f"40000 series need {found.workers} machines like this one" in text
    assert "That is more than there is" in text


def test_what_is_not_known_is_a_dash(asking: Command) -> None:
    tick = replace(report(0).tick, read=None)
    asking.application.capacity.changes = {"series": 0, "present_s": None, "tick": tick}

    text = asking("capacity", "gas-room").stdout

    assert "tick: read               not measured" in text
    assert "All " not in text


def test_a_machine_that_holds_nothing(asking: Command) -> None:
    none = replace(COST, once=9000.0)
    changes = {"cost": none, "ways": ways(none, MEMORY, MACHINE, 256, 7200.0, 40)}
    asking.application.capacity.changes = changes

    text = asking("capacity", "gas-room").stdout

    assert "Not even one series can be trained in that time" in text
    assert "Dask" not in text


def test_a_planned_detector_stands_in_a_file(asking: Command, file: Path) -> None:
    asking("capacity", "fans", "--file", str(file), "--series", "5")

    ((spec, labels, _),) = asking.application.capacity.asked
    assert (spec.name, spec.measurement, labels) == ("fans", "fan", [])


def test_a_file_with_one_detector_needs_no_name(asking: Command, file: Path) -> None:
    file.write_text("detectors: {fans: {measurement: fan, channels: [speed], every: 1m}}")

    asking("capacity", "--file", str(file))

    assert asking.application.capacity.asked[0][0].name == "fans"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("nothing",), 1, "There is no detector 'nothing'. Known: gas-room."),
        ((), 2, "say which DETECTOR"),
        (("gas-room", "--series", "0"), 2, "0 is not in the range"),
        (("gas-room", "--file", "none.yaml"), 2, "none.yaml"),
        (("--file", "planned.yaml"), 2, "say which DETECTOR of planned.yaml: pumps, fans"),
        (("mills", "--file", "planned.yaml"), 1, "no detector 'mills' in planned.yaml"),
    ],
)
def test_what_cannot_be_asked_is_said(
    asking: Command, file: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    result = asking("capacity", *arguments, code=code)

    assert words in result.output
    assert "Traceback" not in result.output
    assert asking.application.capacity.asked == []


def test_every_mistake_in_a_file_is_told(asking: Command, file: Path) -> None:
    file.write_text(
        "detectors:\n  fans: {measurement: fan, channels: [], every: soon, modelx: {}}\n"
    )

    output = asking("capacity", "--file", str(file), code=2).output

    for words in ("channels", "expected a duration", "did you mean model"):
        assert words in output
