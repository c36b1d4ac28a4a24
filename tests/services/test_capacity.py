"""How large a fleet may be: measured on a small plant, mostly with a model without a network."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.bootstrap import bootstrap
from backend.detection.enough import windows_needed
from backend.detection.forecast import Machine
from backend.exceptions import StoreUnavailable
from backend.executors import memory
from backend.executors.in_process import InProcess
from backend.models import program, training
from backend.models.registry import build
from backend.ports import Lesson, Points
from backend.records import LabelDraft, LabelKind
from backend.services import capacity_probe
from backend.services.capacity import Capacity
from backend.services.capacity_probe import TICK, TRAIN, Ask, Probe, hurried
from backend.services.capacity_report import Report, available
from backend.services.capacity_tick import Ticking
from backend.services.capacity_words import sentences
from backend.services.piece_size import Sizing
from backend.services.stores import Stores
from backend.services.versions import from_files, unpack
from backend.settings import load
from backend.specs import DenseAutoencoderSpec, DetectorSpec, GanSpec, RappSpec
from backend.stores.artifacts import FileArtifactStore
from tests.fakes.models import LinearModel
from tests.services.plant import STEP, Plant

HOUR = 3600.0
MACHINE = Machine(memory=8 << 30, cores=1)


@pytest.fixture
def plant() -> Plant:
    """Two rooms that have been measured, of which nothing is labelled yet."""
    plant = Plant(learn_from="3d")
    plant.measure()
    return plant


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Probes of few series: what they take is not what these tests are about."""
    monkeypatch.setattr(capacity_probe, "SEATS", 2)
    monkeypatch.setattr(capacity_probe, "_FEW", 8)
    monkeypatch.setattr(capacity_probe, "_MANY", 16)


def stores(plant: Plant) -> Stores:
    return Stores(plant.source, plant.results, plant.records, plant.artifacts)


def probe(plant: Plant) -> Probe:
    """What measures, over the plant."""
    return Probe(
        stores(plant),
        plant.make_model,
        plant.clock,
        memory.used,
        lambda folder: FileArtifactStore(Path(folder)),
    )


def look(plant: Plant, **asked: Any) -> Report:
    """Ask about the plant; what would run in processes of its own runs here."""
    tried = probe(plant)
    tasks = {TRAIN: tried.train, TICK: tried.tick}
    capacity = Capacity(
        stores(plant),
        plant.clock,
        plant.sizing,
        MACHINE,
        lambda: InProcess(lambda task, told: tasks[task](told)),
    )
    labels = plant.labelling.list("rooms")
    return capacity.look(plant.spec, labels, seconds=1.0, **asked)


def test_a_labelled_fleet_is_measured_on_its_own_rows(plant: Plant) -> None:
    plant.label(0, 600)

    report = look(plant)

    assert report.series == 2
    assert report.notes == ()
    assert report.present_s > 0
    assert report.tick.read is not None
    assert min(report.tick_holds, report.ways.alone) > 2
    assert report.runs[0].series == 2
    assert report.cost.epochs == 60

    # and nothing is written anywhere
    assert plant.results.measurements() == []
    assert plant.source.measurements() == ["air"]
    assert plant.records.versions("rooms") == []
    assert plant.records.runs() == []
    assert plant.artifacts.names() == []


def test_the_json_has_what_the_sentences_say(plant: Plant) -> None:
    plant.label(0, 600)

    report = look(plant)
    plain = report.plain()

    assert plain["present"]["tick_s"] == pytest.approx(
        sum(plain["present"]["tick_parts_s"].values())
    )
    assert plain["estimated"] == ["tick.write"]
    assert plain["ways"]["alone"] == report.ways.alone
    text = " ".join(sentences(report))
    assert "All 2 series take" in text
    assert "Memory, with TensorFlow" in text


def test_it_is_said_that_nothing_is_labelled(plant: Plant) -> None:
    report = look(plant)

    assert report.series == 2
    assert any("Nothing is labelled normal" in note for note in report.notes)


def test_a_fleet_that_is_planned_can_be_larger_than_it_is(plant: Plant) -> None:
    plant.label(0, 600)

    now, planned = look(plant), look(plant, series=4000)

    assert planned.series == 4000
    assert planned.present_s > 20 * now.present_s
    assert planned.tick.whole.at(planned.series) > now.tick.whole.at(now.series)


def test_without_the_store_synthetic_rows_do(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise StoreUnavailable("The store does not answer: start it.")

    for name in ("read", "fields", "measurements", "mixed_fields", "tag_keys"):
        monkeypatch.setattr(plant.source, name, away)

    report = look(plant)

    assert report.series == 0
    assert report.present_s is None
    assert report.tick.read is None
    assert report.tick_holds > 0
    notes = " ".join(report.notes)
    assert "The store does not answer: start it." in notes
    assert "synthetic" in notes
    assert "--series" in notes
    assert not any(sentence.startswith("All") for sentence in sentences(report))


def test_a_store_without_the_data_is_said(plant: Plant) -> None:
    plant.spec = DetectorSpec.model_validate({**plant.spec.plain(), "measurement": "water"})

    report = look(plant, series=3)

    assert any("no measurement 'water'" in note for note in report.notes)
    assert report.present_s is not None


def test_rows_that_cannot_be_learned_from_are_replaced_and_it_is_said(plant: Plant) -> None:
    plant.label(0, 20)

    report = look(plant)

    assert any("less than" in note and "synthetic" in note for note in report.notes)


def test_the_version_that_serves_tells_the_epochs(plant: Plant) -> None:
    plant.label(0, 600)
    version = plant.train()

    report = look(plant)

    assert report.cost.epochs == np.mean([s["epochs"] for s in version.training["series"].values()])
    assert "rooms/1" in report.epochs_from


def test_a_model_to_be_chosen_costs_its_tries(plant: Plant) -> None:
    candidates = [
        {"kind": "pca", "window": 5},
        {"kind": "dense_autoencoder", "window": 5, "epochs": 5},
    ]
    plant.spec = DetectorSpec.model_validate(
        {**plant.spec.plain(), "model": {"kind": "auto", "candidates": candidates}}
    )
    plant.wire()
    plant.label(0, 600)

    unknown = look(plant)
    plant.train()
    known = look(plant)

    assert unknown.kind == "pca"
    assert unknown.choosing_s > 0
    assert any("has not chosen yet" in note for note in unknown.notes)
    chosen = plant.records.versions("rooms")[0].training["choice"]["kind"]
    assert known.kind == chosen
    assert any(f"chose {chosen} last time" in note for note in known.notes)


def test_the_epochs_of_a_network_that_auto_chose_are_those_it_was_trained_for(
    plant: Plant,
) -> None:
    candidates = [{"kind": "dense_autoencoder", "window": 5, "epochs": 5}]
    plant.spec = DetectorSpec.model_validate(
        {**plant.spec.plain(), "model": {"kind": "auto", "candidates": candidates}}
    )
    plant.wire()
    plant.label(0, 600)
    version = plant.train()

    report = look(plant)

    assert report.cost.epochs == np.mean([s["epochs"] for s in version.training["series"].values()])
    assert "rooms/1" in report.epochs_from


def test_a_piece_that_takes_longer_than_it_may_is_told(plant: Plant) -> None:
    plant.label(0, 600)
    plant.sizing = Sizing(timeout_s=1e-3)

    assert any("training.timeout" in note for note in look(plant).notes)


def test_progress_is_told_while_a_process_works(plant: Plant) -> None:
    plant.label(0, 600)
    told: list[tuple[float, str]] = []

    look(plant, progress=lambda share, words: told.append((share, words)))

    assert [share for share, _ in told] == sorted(share for share, _ in told)
    assert {"training a few series", "scoring a tick"} <= {words for _, words in told}


# -- time for a training ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "seconds", "words"),
    [
        ({}, 2 * HOUR, "retrain_timeout"),
        ({"retrain_timeout": "12h"}, 8 * HOUR, "a night of 8 h"),
        ({"retrain": "0 3 * * *", "retrain_timeout": "30h"}, 24 * HOUR, "to the next"),
        ({"retrain": "0 */1 * * *"}, HOUR, "to the next"),
    ],
)
def test_the_time_that_there_is(
    plant: Plant, schedule: dict[str, str], seconds: float, words: str
) -> None:
    spec = DetectorSpec.model_validate({**plant.spec.plain(), "schedule": schedule})

    found, why = available(spec, plant.clock.now())

    assert found == seconds
    assert words in why


# -- measuring as the real work is done ------------------------------------------------------------


@dataclass
class Counting:
    """Builds models that count the windows they are shown."""

    windows: int = 0

    def __call__(self, *given: object) -> LinearModel:
        model, assess = LinearModel(*given), LinearModel.assess

        def counted(windows: np.ndarray, times: np.ndarray) -> object:
            self.windows += windows.shape[0] * windows.shape[1]
            return assess(model, windows, times)

        model.assess = counted
        return model


def test_a_tick_looks_at_no_more_windows_than_are_new(plant: Plant) -> None:
    plant.label(0, 600)
    files = plant.artifacts.load(plant.train().artifact)
    counting = Counting()
    fitted = from_files(files, counting)
    ticking = Ticking(fitted, unpack(files["probe.npz"])["values"], 3, plant.clock)

    counting.windows = 0
    for _ in range(4):
        assert ticking.tick() > 0

    assert counting.windows == 4 * 2 * 3


def lessons(count: int) -> list[Lesson]:
    """Of so many members with 90 windows to learn from and 10 to stop by."""
    rows = np.random.default_rng(0).normal(size=(100, 2))
    ends = np.arange(100)
    return [Lesson(rows, ends[:90], ends[90:], seed=0) for _ in range(count)]


@pytest.mark.slow
def test_networks_stop_when_they_are_told_and_are_built_as_for_all_the_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    built: list[bool] = []
    real = program.training

    def watched(stack: object, objective: object, teaching: program.Teaching) -> object:
        built.append(teaching.compiled)
        return real(stack, objective, replace(teaching, compiled=False))

    monkeypatch.setattr(program, "training", watched)
    spec = DenseAutoencoderSpec(units=(2,), epochs=50)
    # 2 steps an epoch of each member, 50 epochs
    monkeypatch.setattr(training, "COMPILED_FROM", 20 * 2 * 50)

    few = build(hurried(spec, 3, 20 / 4), 4, 2).fit(lessons(4), lambda share, words: None)
    build(hurried(spec, 3, 19 / 4), 4, 2).fit(lessons(4), lambda share, words: None)

    assert [len(curve.loss) for curve in few] == [3] * 4
    assert built == [True, False]


def test_all_networks_in_a_model_are_hurried() -> None:
    rapp = hurried(RappSpec(), 3, 10.0)
    gan = hurried(GanSpec(), 3, 10.0)

    assert (rapp.network.patience, rapp.network.epochs) == (2, 600)
    assert gan.epochs == 3  # its loss knows no patience
    assert gan.learning_rate == GanSpec().learning_rate


def test_long_histories_are_tried_on_a_part(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(capacity_probe, "MOST_ROWS", 200)
    ask = Ask(
        spec=plant.spec.plain(),
        outline=None,
        keys=(),
        points=2000,
        series=2,
        piece=2,
        cores=1,
        seconds=1.0,
        scratch=str(tmp_path),
    )

    found = probe(plant).train(ask.plain())

    tried = max(200, 2 * windows_needed(plant.spec))
    assert found["normal_rows"] == 2000
    assert found["rows"] == pytest.approx(2000 / tried, rel=0.01)
    # an epoch has as many windows as there are rows, below windows_per_epoch
    assert found["work"] == pytest.approx(found["rows"], rel=0.01)


@pytest.mark.slow
def test_the_real_processes_over_a_real_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "normalcy.yaml").write_text(
        "home: home\n"
        "detectors:\n"
        "  rooms: {measurement: air, channels: [x, y], group_by: [room], every: 10m,\n"
        "          model: {kind: pca, window: 3}, detection_limits: false}\n"
    )
    monkeypatch.setenv("NORMALCY_CONFIG", str(tmp_path / "normalcy.yaml"))
    application = bootstrap(load(os.environ))
    try:
        stop = application.clock.now() // STEP * STEP
        times = np.arange(stop - 500 * STEP, stop, STEP, dtype=np.int64)
        for room in ("a", "b"):
            values = np.random.default_rng(ord(room)).normal(size=(2, len(times)))
            columns = {"x": values[0], "y": values[1]}
            application.source.write("air", [Points({"room": room}, times, columns)])
        draft = LabelDraft("rooms", LabelKind.NORMAL, int(times[0]), stop)
        application.labelling.add(draft, source="command", by="operator")
        spec = application.detectors.get("rooms")

        report = application.capacity.look(spec, application.labelling.list("rooms"), seconds=2.0)
    finally:
        application.close()

    assert (report.series, report.notes) == (2, ())
    assert report.scoring_memory.at(2) > 50e6
    assert report.training_memory.base > 50e6
    assert report.tick.read is not None
