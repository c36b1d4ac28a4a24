"""Another threshold for the model that serves: a version without a training."""

from dataclasses import replace

import numpy as np
import pytest

from backend.exceptions import ArtifactError, Conflict, InputError, LeaseLost, NotFound
from backend.records import LabelKind, State, Verdict, Version
from backend.services.rethresholding import Applied, AskedThreshold
from backend.services.versions import from_files, pack, read_calibration, unpack
from backend.specs import DetectorSpec
from tests.services.plant import Plant, at
from tests.services.test_what_if_quality import smooth_fault

LOW = {"threshold": {"kind": "quantile", "q": 0.9}}


class Stored(Plant):
    """A plant whose detector stands in the store, and not in normalcy.yaml."""

    def wire(self, configured: tuple = ()) -> None:
        super().wire(configured)
        self.detectors._configured.clear()
        if not self.records.detectors():
            self.detectors.save(self.spec, by="ann")


def apply(plant: Plant, payload: dict[str, object] = LOW, **more: object) -> Applied:
    return plant.rethresholding().run("rooms", AskedThreshold.of(payload), by="ann", **more)


def ready(kind: type[Plant] = Plant, **changes: object) -> Plant:
    plant = kind(**changes).ready()
    plant.now(1000)
    plant.scoring.tick("rooms")
    return plant


def fitted(plant: Plant, version: Version):
    return from_files(plant.artifacts.load(version.artifact), plant.make_model)


def test_limits_are_learned_anew_and_the_model_is_the_same() -> None:
    plant = ready()
    before = fitted(plant, plant.records.version("rooms", 1))
    version = apply(plant).version
    after = fitted(plant, version)

    kept = read_calibration(plant.artifacts.load("rooms/1"))
    np.testing.assert_allclose(after.threshold, np.nanquantile(kept.smoothed, 0.9, axis=1))
    np.testing.assert_array_equal(after.spread, before.spread)
    assert after.spec.threshold.kind == "quantile"
    assert version.spec["threshold"]["q"] == 0.9
    assert version.label_hash == plant.records.version("rooms", 1).label_hash
    told = version.training["series"]["room=a"]
    assert told["threshold"] == after.threshold[0]
    assert told["basis"] == "quantile 0.9 of 594 held-out normal points"
    assert version.training["threshold_applied"]["by"] == "ann"
    assert version.training["threshold_applied"]["from_version"] == 1


def test_it_serves_from_the_next_point_on_and_old_points_keep_their_threshold() -> None:
    plant = ready()
    before = plant.scores("threshold")["b"]
    version = apply(plant).version
    assert version.verdict is Verdict.CHAMPION
    plant.now(1010)
    plant.measure(1000, 1010)
    plant.scoring.tick("rooms")
    after = plant.scores("threshold", "model")["b"]
    old = after.times < at(1000)
    np.testing.assert_array_equal(after.fields["threshold"][old], before.fields["threshold"])
    assert set(after.fields["model"][~old]) == {"rooms/2"}
    assert after.fields["threshold"][-1] == fitted(plant, version).threshold[1]


def test_a_challenger_waits_and_the_definition_stays() -> None:
    plant = ready(Stored)
    applied = apply(plant, {**LOW, "promote": False})
    assert applied.version.verdict is Verdict.CHALLENGER
    assert plant.records.promotions("rooms")[-1].number == 1
    assert plant.detectors.get("rooms") == plant.spec
    assert "normalcy models promote rooms 2" in applied.sentence
    assert plant.retraining.due("rooms", at(1200)) is None


def test_the_definition_of_a_stored_detector_says_the_same() -> None:
    plant = ready(Stored)
    applied = apply(plant, {**LOW, "alarm": {"for": 5}})
    defined = plant.detectors.get("rooms")
    assert (defined.threshold.q, defined.alarm.points) == (0.9, 5)
    assert applied.lines == ""
    assert plant.retraining.due("rooms", at(1200)) is None


def test_a_detector_of_the_configuration_is_told_what_to_write() -> None:
    plant = ready()
    applied = apply(plant, {**LOW, "alarm": {"for": 5}})
    assert applied.lines == (
        "detectors:\n  rooms:\n    threshold:\n      kind: quantile\n      q: 0.9\n"
        "    alarm:\n      for: 5\n"
    )
    assert "until normalcy.yaml names another" in applied.sentence
    assert plant.retraining.due("rooms", at(1200)) is None


def test_a_training_keeps_what_was_applied_until_the_definition_names_another() -> None:
    plant = ready()
    apply(plant)
    plant.now(1100)
    plant.label(840, 890)
    third = plant.train()
    assert third.spec["threshold"]["q"] == 0.9
    assert third.verdict is Verdict.CHAMPION
    assert "from_version" not in third.training["threshold_applied"]
    fourth = plant.train()
    assert fourth.spec["threshold"]["q"] == 0.9

    plant.spec = DetectorSpec.model_validate(
        {**plant.spec.plain(), "threshold": {"kind": "sigma", "k": 5}}
    )
    plant.wire()
    assert plant.retraining.due("rooms", at(1200)) == "the detector's definition changed"
    fifth = plant.train()
    assert fifth.spec["threshold"]["kind"] == "sigma"
    assert "threshold_applied" not in fifth.training


def test_rolled_back_the_definition_counts_again() -> None:
    plant = ready()
    apply(plant)
    plant.promoting.rollback("rooms", by="ann")
    assert plant.retraining.due("rooms", at(1200)) is None
    assert plant.train().spec["threshold"]["q"] == 1.0


def test_a_challenger_promoted_later_is_kept_too() -> None:
    plant = ready(Stored)
    apply(plant, {**LOW, "promote": False})
    plant.promoting.promote("rooms", 2, by="ann")
    assert plant.retraining.due("rooms", at(1200)) is None
    assert plant.train().spec["threshold"]["q"] == 0.9


def test_it_is_on_record_as_a_run() -> None:
    plant = ready()
    apply(plant)
    run = plant.records.runs("rooms")[0]
    assert (run.kind, run.state, run.details["version"]) == ("threshold", State.DONE, 2)


@pytest.mark.parametrize(
    "threshold",
    [{"kind": "dynamic", "history": 50}, {"kind": "pot"}, {"kind": "fixed", "value": 0.5}],
    ids=lambda one: str(one["kind"]),
)
def test_a_version_of_any_kind_is_proven_and_scores(threshold: dict[str, object]) -> None:
    plant = ready()
    version = apply(plant, {"threshold": threshold}).version
    plant.now(1010)
    plant.measure(1000, 1010)
    plant.scoring.tick("rooms")
    assert plant.scores("model")["a"].fields["model"][-1] == version.name


def test_a_limit_for_each_mode_is_learned_from_the_archived_rows() -> None:
    trained = {"kind": "quantile", "q": 1, "per_mode": True}
    plant = Plant(modes="labelled", threshold=trained)
    plant.measure()
    for start, stop, note in ((0, 300, "mode: idle"), (300, 600, "mode: full")):
        label = plant.label(start, stop)
        plant.records.remove_labels([label.id], by="x", at=1)
        plant.records.add_labels([replace(label, id=0, note=note)])
    plant.train()
    one = fitted(plant, plant.records.version("rooms", 1)).limits
    payload = {"threshold": {**trained, "margin": 2.0}}
    two = fitted(plant, apply(plant, payload).version).limits
    assert one.table.shape == (2, 3)
    np.testing.assert_allclose(two.table, 2 * one.table)


def test_f1_max_learns_from_the_stored_errors_of_labelled_anomalies() -> None:
    plant = ready()
    smooth_fault(plant)
    plant.label(900, 920, LabelKind.ANOMALY)
    apply(plant)  # points of a version with another threshold are errors of the same model
    version = apply(plant, {"threshold": {"kind": "f1_max"}}).version
    assert "20 labelled anomalous ones" in version.training["series"]["room=a"]["basis"]


def test_f1_max_is_refused_where_a_series_has_no_anomaly() -> None:
    plant = ready()
    smooth_fault(plant)
    plant.label(900, 920, LabelKind.ANOMALY, {"room": "b"})
    with pytest.raises(InputError, match="there are none of room=a"):
        apply(plant, {"threshold": {"kind": "f1_max"}})
    assert len(plant.records.versions("rooms")) == 1


def test_what_cannot_be_is_refused_and_nothing_is_made() -> None:
    plant = ready()
    with pytest.raises(Conflict, match="has this threshold and alarm already"):
        apply(plant, {"threshold": plant.spec.threshold.model_dump(mode="json")})
    with pytest.raises(InputError, match="per_mode asks for a limit for each operating mode"):
        apply(plant, {"threshold": {"kind": "sigma", "per_mode": True}})
    with pytest.raises(LeaseLost):
        apply(plant, fence=_lost)
    plant.artifacts._artifacts["rooms/1"]["weights.npz"] = b"no"
    with pytest.raises((ArtifactError, ValueError)):
        apply(plant)
    assert len(plant.records.versions("rooms")) == 1
    untrained = Plant()
    with pytest.raises(NotFound, match="train it first"):
        apply(untrained)


def _lost() -> None:
    raise LeaseLost("another process")


def test_a_request_is_checked_when_it_is_asked_and_served_by_a_worker() -> None:
    plant = ready()
    plant.requests._rethresholding = plant.rethresholding()
    for wrong, words in (
        ({"threshold": {"kind": "magic"}}, "fixed"),
        ({}, "takes threshold"),
        ({**LOW, "promote": "yes"}, "true or false"),
        ({"threshold": {"kind": "sigma", "per_mode": True}}, "per_mode"),
    ):
        with pytest.raises(InputError, match=words):
            plant.requests.ask("threshold", "rooms", wrong, by="ann")
    asked = plant.requests.ask("threshold", "rooms", LOW, by="ann")
    assert plant.requests.ask("threshold", "rooms", LOW, by="bob").id == asked.id
    served = plant.requests.serve_one()
    assert served.state is State.DONE
    assert served.result["version"] == 2
    assert served.result["verdict"] == "champion"
    assert plant.records.promotions("rooms")[-1].by == "ann"


def test_a_night_in_which_nothing_changed_makes_no_version_of_it() -> None:
    plant = ready()
    version = apply(plant).version
    assert plant.retraining.run("rooms", again=False).number == version.number
    assert len(plant.records.versions("rooms")) == 2


def test_a_series_without_held_out_errors_gets_the_limit_that_a_training_gives() -> None:
    plant = ready()
    _lose_held_out_errors(plant, "rooms/1", series=1)
    version = apply(plant).version
    limits = fitted(plant, version).limits
    assert limits.silent.tolist() == [False, True]
    assert np.isfinite(limits.table).all()
    assert version.training["series"]["room=b"]["basis"].startswith("no held-out normal point")
    plant.now(1010)
    plant.measure(1000, 1010)
    plant.scoring.tick("rooms")
    assert np.isfinite(plant.scores("score")["b"].fields["score"]).all()


def test_what_was_changed_of_the_definition_meanwhile_stays() -> None:
    plant = ready(Stored)

    def edit(share: float, words: str | None) -> None:
        told = plant.detectors.get("rooms").plain()
        plant.detectors.save(DetectorSpec.model_validate({**told, "max_gap": 7}), by="bob")

    apply(plant, progress=edit)
    defined = plant.detectors.get("rooms")
    assert (defined.max_gap, defined.threshold.q) == (7, 0.9)


def _lose_held_out_errors(plant: Plant, artifact: str, series: int) -> None:
    """As if nothing of a series had been held out in its training."""
    files = plant.artifacts._artifacts[artifact]
    archive = unpack(files["archive.npz"])
    archive["held_out_smoothed"][series] = np.nan
    files["archive.npz"] = pack(archive)
