"""Fleets that are trained piece by piece, with what may be lost on the way."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backend.detection.thresholds import Calibration, learn_limits
from backend.exceptions import (
    ClusterUnavailable,
    NormalcyError,
    NotEnoughNormalData,
    StoreUnavailable,
    TaskError,
    WorkerDied,
)
from backend.executors.in_process import InProcess
from backend.models.registry import build
from backend.ports import Points
from backend.records import LabelKind, State, Version
from backend.services.fingerprints import piece_hash
from backend.services.log_fields import log_fields
from backend.services.piece_size import Sizing
from backend.services.versions import from_files, read_archive, read_calibration, unpack
from tests.fakes.models import LinearModel
from tests.services.plant import STEP, Plant, at

ROOMS = ("a", "b", "c", "d", "e")
KEYS = [f"room={room}" for room in ROOMS]
HOUR = 3600 * 10**9


class Workers(InProcess):
    """Does tasks in this process, writes down what it was asked, and fails as it is told."""

    def __init__(self, plant: Plant) -> None:
        super().__init__(self._do)
        self._plant = plant
        self.asked: list[tuple[str, ...]] = []
        self.told: list[tuple[str, str | None]] = []
        self.fails: Callable[[tuple[str, ...]], NormalcyError | None] = lambda keys: None

    def _do(self, task: str, arguments: dict[str, Any]) -> dict[str, Any]:
        assert task == "fit_piece"
        keys = tuple(arguments["keys"])
        self.asked.append(keys)
        self.told.append((arguments["detector"], arguments.get("run_id")))
        if error := self.fails(keys):
            raise error
        return self._plant.retraining.fit_piece(arguments)


def fleet(most: int = 2, rooms: Sequence[str] = ROOMS, **changes: object) -> tuple[Plant, Workers]:
    """A measured and labelled plant whose rooms are trained so many at a time."""
    plant = Plant(**changes)
    plant.sizing = Sizing(most=most)
    workers = Workers(plant)
    plant.executor = workers
    plant.wire()
    plant.measure(rooms=tuple(rooms))
    plant.label(0, 600)
    return plant, workers


def arrays(plant: Plant, version: Version) -> dict[str, np.ndarray]:
    """All that a version is, by file and name."""
    files = plant.artifacts.load(version.artifact)
    found = {
        f"{file} {name}": array
        for file in ("version.npz", "weights.npz", "probe.npz", "folds.npz")
        if file in files
        for name, array in unpack(files[file]).items()
    }
    return found | {f"archive {name}": array for name, array in read_archive(files).items()}


def assert_same(
    first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray], rel: float = 1e-6
) -> None:
    assert first.keys() == second.keys()
    for name, array in first.items():
        if name.endswith(" projection"):
            # directions in which next to nothing differs: rounding turns them
            assert array.shape == second[name].shape
        elif array.dtype.kind in "fi":
            np.testing.assert_allclose(
                second[name], array, rtol=rel, atol=rel / 100, equal_nan=True, err_msg=name
            )
        else:
            np.testing.assert_array_equal(second[name], array, err_msg=name)


def assert_alike(first: Any, second: Any, rel: float = 1e-6) -> None:
    """The same JSON-ready values, numbers up to rounding."""
    if isinstance(first, Mapping):
        assert first.keys() == second.keys()
        for name in first:
            assert_alike(first[name], second[name], rel)
    elif isinstance(first, list):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            assert_alike(one, other, rel)
    else:
        assert second == (pytest.approx(first, rel=rel) if isinstance(first, float) else first)


def told(version: Version) -> dict[str, Any]:
    """The training record without what differs by the hour."""
    return {name: own for name, own in version.training.items() if name != "seconds"}


def assert_pieces_make_no_difference(
    make_model: Any, rel: float = 1e-6, **changes: object
) -> dict[str, np.ndarray]:
    """Train in one piece and in three, compare, and give what the version is."""
    made = []
    for most in (100, 2):
        plant, workers = fleet(most, **changes)
        plant.make_model = make_model
        plant.wire()
        version = plant.train()
        made.append((arrays(plant, version), told(version), version.data_hash))
        assert len(workers.asked) == (1 if most == 100 else 3)
        assert plant.artifacts.names() == ["rooms/1"]
        fitted = from_files(plant.artifacts.load("rooms/1"), make_model)
        assert list(fitted.keys) == KEYS
    (whole, record, data), (parts, again, same) = made
    assert_same(whole, parts, rel)
    assert data == same
    assert_alike(again, record, rel)
    return whole


BUDGET = {"kind": "budget", "alarms": "1/week"}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"threshold": BUDGET},
        {"threshold": {"kind": "dynamic"}},
        {"threshold": {"kind": "pot"}},
        {"trim": 0.05, "detection_limits": True},
        {"modes": "found", "threshold": {"kind": "quantile", "per_mode": True}},
    ],
    ids=["quantile", "budget", "dynamic", "pot", "trimmed", "modes"],
)
def test_a_fleet_in_pieces_is_the_same_version(changes):
    assert_pieces_make_no_difference(LinearModel, **changes)


@pytest.mark.parametrize("kind", ["pca", "gaussian_mixture", "k_nearest"])
def test_a_fleet_of_estimators_in_pieces_is_the_same_version(kind):
    model = {"kind": kind, "window": 4}
    assert_pieces_make_no_difference(build, model=model, threshold=BUDGET)


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [
        {"kind": "dense_autoencoder", "window": 4, "units": [4, 2], "epochs": 3},
        {"kind": "rapp", "network": {"kind": "dense_autoencoder", "window": 4, "epochs": 3}},
        {"kind": "ensemble"},
    ],
    ids=["dense", "rapp", "ensemble"],
)
def test_a_fleet_of_networks_in_pieces_is_the_same_version(model):
    # networks learn in float32, and sums of other shapes are rounded in another order
    whole = assert_pieces_make_no_difference(build, 1e-3, model=model)
    if model["kind"] == "dense_autoencoder":  # whose folds are kept for the next training
        assert set(whole["folds.npz held_out"][:, 0]) == {0, 1, 2, 3, 4}


def test_the_archive_lies_in_blocks_and_is_read_as_one():
    plant, _ = fleet()
    version = plant.train()
    files = plant.artifacts.load(version.artifact)
    assert {"archive.npz", "archive-1.npz", "archive-2.npz"} <= files.keys()
    assert json.loads(files["version.json"])["blocks"] == [2, 1, 2]
    assert read_archive(files)["values"].shape == (5, 600, 2)
    plant.source.expire("air", {}, at(0), at(650))
    again = plant.train()
    assert (again.data_hash, again.training["rows"]) == (version.data_hash, 5 * 600)


def test_a_piece_asks_the_source_for_its_own_series_alone(monkeypatch):
    plant, workers = fleet()
    read, asked = plant.source.read, []

    def spy(query):
        asked.append(query)
        return read(query)

    monkeypatch.setattr(plant.source, "read", spy)
    plant.train()
    assert [query.series for query in asked if query.every] == workers.asked
    assert all(query.oldest == 1 for query in asked if query.series is None)


def test_a_piece_is_told_whose_work_it_is_so_that_its_lines_are_found():
    plant, workers = fleet()
    with log_fields(run_id="ab12"):
        plant.train()
    assert workers.told == [(plant.spec.name, "ab12")] * 3


def test_a_budget_is_shared_by_all_series_that_have_normal_time():
    plant, _ = fleet(threshold=BUDGET)
    plant.source.expire("air", {"room": "c"}, at(50), at(1000))
    version = plant.train()
    assert list(version.training["series"]) == [key for key in KEYS if key != "room=c"]
    assert version.training["fleet"] == 5
    files = plant.artifacts.load(version.artifact)
    kept, alarm = read_calibration(files), plant.spec.alarm
    assert kept.fleet == 5
    calibration = Calibration(kept.smoothed, kept.step_hours, alarm, fleet=kept.fleet)
    limits = learn_limits(plant.spec.threshold, calibration)
    np.testing.assert_allclose(unpack(files["version.npz"])["limit_table"], limits.table)
    alone = learn_limits(plant.spec.threshold, replace(calibration, fleet=1))
    assert not np.allclose(alone.table, limits.table)


def test_progress_counts_pieces():
    plant, _ = fleet()
    heard: list[tuple[float, str]] = []
    plant.retraining.run("rooms", lambda share, words: heard.append((share, words)))
    assert {"piece 1 of 3", "piece 3 of 3", "piece 2 of 3: fitting"} <= {w for _, w in heard}
    shares = [share for share, _ in heard]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)


def test_one_piece_tells_its_own_progress():
    plant, _ = fleet(most=100)
    heard: list[str] = []
    plant.retraining.run("rooms", lambda share, words: heard.append(words))
    assert "fitting" in heard
    assert not any(words.startswith("piece") for words in heard)


def test_labels_are_observed_in_whichever_piece_their_series_is():
    warnings = []
    for most in (100, 2):
        plant, _ = fleet(most)
        plant.source.expire("air", {"room": "d"}, at(0), at(300))
        plant.label(0, 500, tags={"room": "d"})
        plant.label(100, 500, tags={"room": "z"})
        warnings.append(plant.train().training["warnings"])
    assert warnings[0] == warnings[1]
    assert len(warnings[0]) == 2
    assert "room=d" in warnings[0][0]
    assert "holds no data before" in warnings[0][0]


def test_series_that_nobody_called_normal_are_not_even_read():
    plant, workers = fleet()
    plant.labelling.remove([plant.labelling.list()[0].id], by="operator")
    plant.label(0, 600, tags={"room": "b"})
    version = plant.train()
    assert workers.asked == [("room=b",)]
    assert set(version.training["set_aside"]) == set(KEYS) - {"room=b"}
    assert version.training["fleet"] == 1


def test_a_model_is_chosen_once_for_all_pieces():
    candidates = [
        {"kind": "pca", "window": 4},
        {"kind": "robust_z", "window": 1},
    ]
    plant, workers = fleet(model={"kind": "auto", "candidates": candidates})
    plant.make_model = build
    plant.wire()
    version = plant.train()
    assert len(workers.asked) == 3
    fitted = from_files(plant.artifacts.load("rooms/1"), build)
    assert fitted.spec.model.kind == version.training["choice"]["kind"]
    assert version.spec["model"]["kind"] == "auto"


class TestCutOff:
    def test_what_is_done_is_found_again(self, monkeypatch):
        plant, workers = fleet()
        workers.fails = lambda keys: StoreUnavailable("away") if "room=c" in keys else None
        with pytest.raises(StoreUnavailable):
            plant.train()
        assert plant.records.versions("rooms") == []
        pieces = plant.artifacts.names()
        assert len(pieces) == 2
        assert all(name.startswith("rooms/piece-") for name in pieces)

        workers.fails = lambda keys: None
        fitted: list[int] = []
        fit = LinearModel.fit

        def spy(model, lessons, *rest):
            fitted.append(len(lessons))
            return fit(model, lessons, *rest)

        monkeypatch.setattr(LinearModel, "fit", spy)
        version = plant.train()
        assert set(version.training["series"]) == set(KEYS)
        assert fitted == [5, 1]  # the folds of room c, and its model
        assert plant.artifacts.names() == ["rooms/1"]

    def test_what_was_done_with_other_rows_is_not(self):
        plant, workers = fleet()
        workers.fails = lambda keys: StoreUnavailable("away") if "room=c" in keys else None
        with pytest.raises(StoreUnavailable):
            plant.train()
        late = {"x": np.array([9.0]), "y": np.array([9.0])}
        plant.source.write("air", [Points({"room": "a"}, np.array([at(10)]), late)])
        workers.fails = lambda keys: None
        version = plant.train()
        other, _ = fleet()
        other.source.write("air", [Points({"room": "a"}, np.array([at(10)]), late)])
        assert_same(arrays(other, other.train()), arrays(plant, version))

    def test_a_piece_that_another_training_removed_is_trained_again(self, monkeypatch):
        plant, workers = fleet()
        load, gone = plant.artifacts.load, set()

        def lose(name, prefix=""):
            if "piece-" in name and not prefix and name not in gone:
                gone.add(name)
                plant.artifacts.remove(name)
            return load(name, prefix)

        monkeypatch.setattr(plant.artifacts, "load", lose)
        assert set(plant.train().training["series"]) == set(KEYS)
        assert len(workers.asked) == 6


class TestLostWorkers:
    def test_one_that_is_lost_once_costs_nothing_but_time(self):
        plant, workers = fleet()
        lost: list[tuple[str, ...]] = []

        def once(keys):
            if "room=d" in keys and not lost:
                lost.append(keys)
                return WorkerDied("ended by signal 9")
            return None

        workers.fails = once
        version = plant.train()
        assert set(version.training["series"]) == set(KEYS)
        assert version.training["set_aside"] == {}
        assert workers.asked.count(lost[0]) == 2

    def test_a_series_that_loses_its_worker_each_time_is_set_aside(self):
        plant, workers = fleet(most=4)
        workers.fails = lambda keys: WorkerDied("ended by signal 9") if "room=b" in keys else None
        version = plant.train()
        assert list(version.training["series"]) == [k for k in KEYS if k != "room=b"]
        assert version.training["set_aside"] == {"room=b": "ended by signal 9"}
        (aside,) = plant.records.series_set_aside("rooms")
        assert (aside.series, aside.reason) == ("room=b", "ended by signal 9")

    def test_it_is_tried_again_alone_and_joins_the_others(self):
        plant, workers = fleet(most=4)
        workers.fails = lambda keys: WorkerDied("ended by signal 9") if "room=b" in keys else None
        first = plant.train()
        assert plant.retraining.due("rooms", plant.clock.now() + 3 * 60 * 10**9) is None
        plant.clock.time += HOUR
        assert "room=b" in plant.retraining.due("rooms", plant.clock.now())

        workers.fails, workers.asked = lambda keys: None, []
        second = plant.retraining.run("rooms", again=False)
        assert workers.asked == [("room=b",)]
        assert second.number == 2
        assert set(second.training["series"]) == set(KEYS)
        assert plant.records.series_set_aside("rooms") == []
        assert plant.retraining.due("rooms", plant.clock.now()) is None
        fitted = from_files(plant.artifacts.load("rooms/2"), LinearModel)
        assert sorted(fitted.keys) == KEYS
        for key, own in first.training["series"].items():
            assert second.training["series"][key] == own
        other, _ = fleet()
        whole = other.train()
        assert second.data_hash == whole.data_hash
        assert second.training["rows"] == whole.training["rows"]
        assert_alike(second.training["series"], whole.training["series"])

    def test_while_it_goes_on_no_equal_version_is_made(self):
        plant, workers = fleet(most=4)
        workers.fails = lambda keys: WorkerDied("ended by signal 9") if "room=b" in keys else None
        plant.train()
        plant.clock.time += HOUR
        assert plant.retraining.run("rooms", again=False).number == 1
        (aside,) = plant.records.series_set_aside("rooms")
        assert aside.retry_at == plant.clock.now() + HOUR

    def test_where_all_are_lost_the_training_fails(self):
        plant, workers = fleet()
        workers.fails = lambda keys: WorkerDied("ended by signal 9")
        with pytest.raises(TaskError, match="ended by signal 9"):
            plant.train()
        assert plant.records.versions("rooms") == []

    def test_a_large_fleet_is_not_taken_apart_where_workers_go_on_dying(self):
        plant, workers = fleet(most=50, rooms=[f"r{number:02}" for number in range(50)])
        workers.fails = lambda keys: WorkerDied("ended by signal 9")
        with pytest.raises(WorkerDied):
            plant.train()
        assert len(workers.asked) < 40
        assert plant.records.series_set_aside("rooms") == []

    def test_a_cluster_that_is_away_is_nobodys_fault(self):
        plant, workers = fleet()
        workers.fails = lambda keys: ClusterUnavailable("the scheduler does not answer")
        with pytest.raises(ClusterUnavailable):
            plant.train()
        assert len(workers.asked) == 3
        assert plant.records.series_set_aside("rooms") == []
        assert plant.records.runs("rooms")[0].details["retry"] is True


class TestUnchanged:
    """What a timetable, or a label, trains of a fleet whose other members still hold."""

    def test_a_series_that_changed_is_trained_and_no_other(self):
        plant, workers = fleet()
        first = plant.train()
        before = arrays(plant, first)
        late = {"x": np.array([9.0]), "y": np.array([9.0])}
        plant.source.write("air", [Points({"room": "d"}, np.array([at(10)]), late)])
        workers.asked = []
        second = plant.retraining.run("rooms", again=False)
        assert workers.asked == [("room=d",)]
        other, _ = fleet()
        other.source.write("air", [Points({"room": "d"}, np.array([at(10)]), late)])
        whole = other.train()
        assert second.data_hash == whole.data_hash != first.data_hash
        order = [list(second.training["series"]).index(key) for key in KEYS]
        after, wanted = arrays(plant, second), arrays(other, whole)
        assert_same(
            wanted,
            {n: a if n.endswith(" times") else a[order] for n, a in after.items()},
        )
        assert not np.array_equal(before["weights.npz basis"], after["weights.npz basis"][order])

    def test_a_label_of_one_series_trains_this_one(self):
        plant, workers = fleet()
        plant.train()
        plant.label(100, 150, LabelKind.ANOMALY, {"room": "b"})
        workers.asked = []
        version = plant.retraining.run("rooms", again=False)
        assert workers.asked == [("room=b",)]
        assert version.training["series"]["room=b"]["rows"] == 550
        assert version.training["rows"] == 5 * 600 - 50
        assert plant.retraining.due("rooms", plant.clock.now() + 3 * 60 * 10**9) is None

    def test_labels_that_say_the_same_in_other_words_train_nothing(self):
        plant, workers = fleet()
        first = plant.train()
        plant.labelling.remove([plant.labelling.list()[0].id], by="operator")
        plant.label(0, 300)
        plant.label(300, 600)
        workers.asked = []
        second = plant.retraining.run("rooms", again=False)
        assert workers.asked == []
        assert (second.number, second.data_hash) == (2, first.data_hash)
        assert plant.retraining.due("rooms", plant.clock.now() + 3 * 60 * 10**9) is None
        assert_same(arrays(plant, first), arrays(plant, second))

    def test_a_series_that_is_gone_leaves_the_others_as_they_are(self):
        plant, workers = fleet(rooms=ROOMS[:4])
        plant.train()
        plant.label(0, 600, LabelKind.EXCLUDE, {"room": "b"})
        workers.asked = []
        version = plant.retraining.run("rooms", again=False)
        assert workers.asked == []
        assert list(version.training["series"]) == ["room=a", "room=c", "room=d"]
        assert "no normal range" in version.training["set_aside"]["room=b"]
        fitted = from_files(plant.artifacts.load(version.artifact), LinearModel)
        assert fitted.keys == ("room=a", "room=c", "room=d")

    def test_a_series_whose_data_came_later_joins_the_others(self):
        plant, workers = fleet(rooms=ROOMS[:4])
        plant.train()
        plant.measure(rooms=ROOMS)
        workers.asked = []
        version = plant.retraining.run("rooms", again=False)
        assert workers.asked == [("room=e",)]
        assert set(version.training["series"]) == set(KEYS)

    def test_a_budget_is_shared_anew_where_the_fleet_has_grown_much(self):
        plant, workers = fleet(rooms=ROOMS[:2], threshold=BUDGET)
        plant.train()
        plant.measure(rooms=ROOMS)
        workers.asked = []
        version = plant.retraining.run("rooms", again=False)
        assert sum(map(len, workers.asked)) == 5
        assert version.training["fleet"] == 5

    def test_what_could_not_be_trained_from_the_same_rows_is_not_tried_again(self):
        plant, workers = fleet()
        plant.source.expire("air", {"room": "c"}, at(50), at(1000))
        first = plant.train()
        assert "too little normal data" in first.training["set_aside"]["room=c"]
        plant.label(100, 150, LabelKind.ANOMALY, {"room": "b"})
        workers.asked = []
        second = plant.retraining.run("rooms", again=False)
        assert workers.asked == [("room=b",)]
        assert second.training["set_aside"] == first.training["set_aside"]
        assert [one.series for one in plant.records.series_set_aside("rooms")] == ["room=c"]

    def test_a_version_of_before_is_made_anew_once(self):
        plant, workers = fleet(most=100)
        version = plant.train()
        files = plant.artifacts.load(version.artifact)
        about = json.loads(files["version.json"])
        for name in ("digests", "fleet", "blocks"):
            del about[name]
        old = json.dumps(about).encode()
        plant.artifacts.remove(version.artifact)
        plant.artifacts.save(version.artifact, {**files, "version.json": old})
        workers.asked = []
        late = {"x": np.array([9.0]), "y": np.array([9.0])}
        plant.source.write("air", [Points({"room": "d"}, np.array([at(10)]), late)])
        assert plant.retraining.run("rooms", again=False).number == 2
        assert sum(map(len, workers.asked)) == 5

    def test_another_definition_trains_all(self):
        plant, workers = fleet()
        plant.train()
        plant.spec = plant.spec.model_copy(update={"trim": 0.02})
        plant.wire()
        workers.asked = []
        plant.retraining.run("rooms", again=False)
        assert sum(map(len, workers.asked)) == 5

    def test_a_person_who_asks_for_it_gets_all_trained(self):
        plant, workers = fleet()
        plant.train()
        workers.asked = []
        plant.train()
        assert sum(map(len, workers.asked)) == 5

    def test_warnings_of_what_is_kept_stay(self):
        plant, workers = fleet(trim=0.0)
        still = np.arange(1000, dtype=np.int64) * STEP + at(0)
        flat = {"x": np.sin(np.arange(1000) / 20), "y": np.full(1000, 3.0)}
        plant.source.write("air", [Points({"room": "c", "site": "1"}, still, flat)])
        first = plant.train()
        (warning,) = first.training["warnings"]
        assert warning.startswith("room=c: constant")
        plant.label(100, 150, LabelKind.ANOMALY, {"room": "b"})
        workers.asked = []
        assert plant.retraining.run("rooms", again=False).training["warnings"] == [warning]
        assert workers.asked == [("room=b",)]


def test_too_little_for_every_series_leaves_nothing_behind():
    plant, _ = fleet()
    plant.labelling.remove([plant.labelling.list()[0].id], by="operator")
    plant.label(0, 20)
    with pytest.raises(NotEnoughNormalData, match="4 more series likewise"):
        plant.train()
    assert plant.artifacts.names() == []
    assert plant.records.runs("rooms")[0].state is State.FAILED


def test_a_piece_of_a_training_without_labels_is_none_of_one_with_them():
    plant = Plant()
    names = {piece_hash(plant.spec, 2, {"room=a": "1"}, labelled=said) for said in (True, False)}
    assert len(names) == 2


@pytest.mark.parametrize(
    "model",
    [
        {"kind": "dense_autoencoder", "window": 5, "start": "pooled"},
        {
            "kind": "ensemble",
            "members": [
                {"kind": "pca", "window": 5},
                {"kind": "dense_autoencoder", "window": 5, "start": "pooled"},
            ],
        },
    ],
    ids=["alone", "in an ensemble"],
)
def test_what_begins_with_what_all_have_in_common_is_trained_whole(model):
    plant, workers = fleet(most=4, model=model)
    plant.train()
    workers.asked = []
    plant.label(100, 110, LabelKind.ANOMALY, {"room": "a"})
    plant.retraining.run("rooms", again=False)
    assert sorted(key for keys in workers.asked for key in keys) == KEYS
