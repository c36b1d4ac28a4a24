"""A training that begins where the version that serves has come to."""

import numpy as np
import pytest

from backend.ports import Points, Query
from backend.records import LabelKind
from backend.services.fingerprints import piece_hash
from backend.services.piece_size import Sizing
from tests.fakes.models import LinearModel, StepwiseModel
from tests.services.plant import START, STEP, Plant, at

LIMITS = {"threshold": {"kind": "quantile"}}


def plant(make_model: type[LinearModel] = StepwiseModel, **changes: object) -> Plant:
    made = Plant(**{**LIMITS, **changes})
    made.make_model = make_model
    made.wire()
    made.measure()
    made.label(0, 500)
    return made


def test_a_label_more_costs_fewer_epochs_and_is_said():
    rooms = plant()
    first = rooms.train()
    assert "begun_from" not in first.training
    rooms.label(500, 560)
    second = rooms.train()
    told = second.training
    assert told["begun_from"] == first.number
    assert told["series_begun"] == told["series_trained"] == 2
    assert 0 < told["epochs_begun"] < told["epochs_before"]
    for key, own in told["series"].items():
        assert own["begun"]
        assert own["folds_begun"] > 0
        assert own["epochs"] + own["fold_epochs"] < sum(
            first.training["series"][key][name] for name in ("epochs", "fold_epochs")
        )
        assert own["threshold"] == pytest.approx(
            first.training["series"][key]["threshold"], rel=0.2
        )


def test_a_cold_one_is_as_if_there_had_been_none():
    rooms, fresh = plant(), plant()
    rooms.train()
    rooms.label(500, 560)
    fresh.label(500, 560)
    cold = rooms.retraining.run("rooms", cold=True)
    anew = fresh.train()
    assert "begun_from" not in cold.training
    for key, own in anew.training["series"].items():
        for name in ("threshold", "epochs", "fold_epochs", "loss"):
            assert cold.training["series"][key][name] == own[name], name


def test_only_the_version_that_serves_is_begun_from():
    rooms = plant(promote="review")
    first = rooms.train()
    rooms.label(500, 540)
    waiting = rooms.train()
    rooms.label(540, 560)
    assert waiting.number != first.number
    assert rooms.train().training["begun_from"] == first.number


def test_a_series_that_served_in_none_begins_anew():
    rooms = Plant(**LIMITS)
    rooms.make_model = StepwiseModel
    rooms.wire()
    rooms.measure(rooms=("a",))
    rooms.label(0, 500)
    rooms.train()
    rooms.measure()
    series = rooms.train().training["series"]
    assert series["room=a"]["begun"]
    assert not series["room=b"]["begun"]


def test_a_damaged_version_is_not_begun_from(caplog):
    rooms = plant()
    first = rooms.train()
    files = dict(rooms.artifacts.load(first.artifact))
    rooms.artifacts.remove(first.artifact)
    rooms.artifacts.save(first.artifact, {**files, "folds.npz": b"nothing"})
    rooms.label(500, 560)
    second = rooms.train()
    assert "begun_from" not in second.training
    assert f"Training begins anew: {first.artifact}" in caplog.text


def test_a_kind_that_learns_in_one_go_has_nothing_to_begin_from():
    rooms = plant(LinearModel)
    rooms.train()
    rooms.label(500, 560)
    assert "begun_from" not in rooms.train().training


def test_an_anomaly_taken_out_keeps_the_rest_warm():
    rooms = plant()
    rooms.train()
    rooms.label(100, 110, LabelKind.ANOMALY, {"room": "a"})
    told = rooms.train().training
    assert told["series"]["room=a"]["rows"] == 490
    assert told["series"]["room=a"]["begun"]
    assert np.isfinite(told["series"]["room=a"]["threshold"])


def test_a_request_may_ask_for_a_cold_one():
    rooms = plant()
    rooms.train()
    for cold in (True, False):
        rooms.label(500, 540 if cold else 560)
        asked = rooms.requests.ask("retrain", "rooms", {"cold": True} if cold else {}, by="api")
        rooms.requests.serve_one()
        version = rooms.records.version("rooms", rooms.requests.get(asked.id).result["version"])
        assert ("begun_from" in version.training) is not cold


def test_what_is_begun_from_names_the_piece():
    spec = plant().spec
    names = {
        piece_hash(spec, 2, {"room=a": "1"}, former) for former in (None, "rooms/1", "rooms/2")
    }
    assert len(names) == 3


class Listening:
    """A source that remembers which ranges it was asked for."""

    def __init__(self, plant: Plant) -> None:
        self.asked: list[tuple[int, int]] = []
        read = plant.source.read

        def heard(query: Query) -> list[Points]:
            if query.every:
                self.asked.append((query.start, query.stop))
            return read(query)

        plant.source.read = heard  # type: ignore[method-assign]


def test_what_follows_a_label_reads_only_what_is_new():
    rooms, anew = plant(), plant()
    rooms.train()
    listening = Listening(rooms)
    for one in (rooms, anew):
        one.label(500, 560)
    version = rooms.retraining.run("rooms", known=True, cold=True)
    assert set(listening.asked) == {(at(500), at(560))}
    assert version.training["rows_known"] == 2 * 500
    expected = anew.train()
    assert version.data_hash == expected.data_hash
    for key, own in expected.training["series"].items():
        assert version.training["series"][key]["threshold"] == own["threshold"]


def test_a_gap_in_what_is_known_is_read():
    rooms = plant()
    rooms.label(200, 210, LabelKind.ANOMALY)
    rooms.train()
    rooms.label(400, 405, LabelKind.EXCLUDE, {"room": "a"})
    listening = Listening(rooms)
    rooms.retraining.run("rooms", known=True)
    assert set(listening.asked) == {(at(200), at(210))}


def test_what_the_source_has_corrected_is_read_unless_only_labels_count():
    rooms = plant()
    first = rooms.train()
    times = np.arange(100, 110, dtype=np.int64) * STEP + START
    rooms.source.write("air", [Points({"room": "a", "site": "1"}, times, {"x": np.full(10, 0.5)})])
    by_label = rooms.retraining.run("rooms", again=False, known=True)
    assert by_label.number == first.number
    nightly = rooms.retraining.run("rooms", again=False)
    assert nightly.number != first.number
    assert nightly.training["rows_known"] == 0


def test_a_piece_of_new_series_has_nothing_to_warn_of(caplog):
    rooms = Plant(**LIMITS)
    rooms.make_model, rooms.sizing = StepwiseModel, Sizing(most=1)
    rooms.wire()
    rooms.measure(rooms=("a",))
    rooms.label(0, 500)
    rooms.train()
    rooms.measure()
    series = rooms.train().training["series"]
    assert [series[key]["begun"] for key in ("room=a", "room=b")] == [True, False]
    assert "begins anew" not in caplog.text
