"""Drift through the whole scoring: followed, proposed, answered, and never in the way."""

from datetime import timedelta

import numpy as np
import pytest

from backend.exceptions import Conflict, LeaseLost, NotFound, StoreUnavailable
from backend.ports import Points, Query
from backend.records import DriftAnswer, DriftProposal, DriftWatch, LabelKind
from backend.schema import COVERAGE
from backend.services import drift
from backend.services.drift_answers import DriftAnswers
from tests.services.plant import START, STEP, Plant, at, sensor

LENGTH = 4000


def worn(room: int, since: int, share: float) -> np.ndarray:
    """A room whose sensors become noisier from a point on."""
    rng = np.random.default_rng(99 + room)
    values = np.concatenate([sensor(room)[:700]] * 6)[:LENGTH]
    noise = rng.standard_normal((LENGTH - since, 2)) * 0.02 * share
    values[since:] += noise
    return values


def plant_of(since: int = LENGTH, share: float = 0.0, **changes: object) -> Plant:
    """Two rooms, trained on their first 600 points; room a wears from a point on."""
    plant = Plant(
        checks={"flatline": 0, "rate": 0},
        threshold={"kind": "fixed", "value": 60.0},
        smoothing={"span": 2},
        **changes,
    )
    for room, name in enumerate("ab"):
        values = worn(room, since if name == "a" else LENGTH, share)
        times = np.arange(LENGTH, dtype=np.int64) * STEP + START
        columns = {"x": values[:, 0], "y": values[:, 1]}
        plant.source.write("air", [Points({"room": name}, times, columns)])
    plant.label(0, 600)
    plant.train()
    return plant


def run(plant: Plant, *until: int) -> None:
    for point in until:
        plant.now(point)
        plant.scoring.tick("rooms")


def answers(plant: Plant) -> DriftAnswers:
    def ask(kind: str, detector: str, by: str):
        return plant.requests.ask(kind, detector, by=by)

    return DriftAnswers(plant.records, plant.detectors, ask, plant.clock)


def coverage(plant: Plant) -> float:
    (found,) = plant.results.read(Query(COVERAGE, ("drifting",), 0, at(LENGTH)))
    return float(found.fields["drifting"][-1])


def ticks(first: int, last: int) -> range:
    return range(first, last + 1, 125)


@pytest.fixture(scope="module")
def drifted() -> Plant:
    plant = plant_of(1200, 10.0)
    run(plant, *ticks(750, 2000))
    return plant


def test_a_rise_is_proposed_once_with_a_reason_and_counted(drifted):
    (proposal,) = drifted.records.drift_proposals("rooms")
    assert proposal.answer is DriftAnswer.OPEN
    assert set(proposal.details["series"]) == {"room=a"}
    assert at(1100) < proposal.details["series"]["room=a"]["since"] < at(1400)
    assert "room=a" in proposal.reason
    assert "have risen for good" in proposal.reason
    assert coverage(drifted) == 1.0
    assert answers(drifted).open("rooms") == proposal
    assert [v.number for v in drifted.records.versions("rooms")] == [1]


def test_a_steady_plant_proposes_nothing():
    plant = plant_of()
    run(plant, *ticks(750, 3900))
    assert plant.records.drift_proposals("rooms") == []
    assert coverage(plant) == 0.0
    watch = plant.records.drift_watch("rooms")
    assert watch is not None
    assert watch.until > at(3700)


def test_another_process_goes_on_where_one_ended_and_finds_the_same():
    whole, parted = plant_of(1200, 10.0), plant_of(1200, 10.0)
    run(whole, *ticks(750, 1875))
    for point in ticks(750, 1875):
        parted.wire()
        run(parted, point)
    assert whole.records.drift_watch("rooms") == parted.records.drift_watch("rooms")
    assert len(parted.records.drift_proposals("rooms")) == 1


def test_all_at_once_after_a_pause_is_as_by_and_by():
    whole, late = plant_of(1200, 10.0), plant_of(1200, 10.0)
    run(whole, *ticks(750, 1875))
    run(late, 750, 1875, 1900)
    run(whole, 1900)
    a, b = whole.records.drift_watch("rooms"), late.records.drift_watch("rooms")
    assert a is not None
    assert b is not None
    assert a.until == b.until
    np.testing.assert_allclose(a.state["total"], b.state["total"], rtol=1e-9)


def test_a_long_past_is_caught_up_piece_by_piece(monkeypatch):
    """Scoring waits for no more than a piece, and what was followed is kept with each."""
    whole, late = plant_of(1200, 10.0), plant_of(1200, 10.0)
    run(whole, 750, 1875, 1900, 1900)
    run(late, 750)
    monkeypatch.setattr(drift, "_NUMBERS", 1)
    run(late, 1875)
    seen = [late.records.drift_watch("rooms")]
    while len(seen) < 2 or seen[-1] != seen[-2]:
        run(late, 1900)
        seen.append(late.records.drift_watch("rooms"))
    assert len(seen) > 20
    assert seen[-1] == whole.records.drift_watch("rooms")


def test_what_is_dismissed_is_usual_from_then_on():
    plant = plant_of(1200, 10.0)
    run(plant, *ticks(750, 2000))
    (proposal,) = plant.records.drift_proposals("rooms")
    said = answers(plant).dismiss("rooms", proposal.id, by="ann")
    assert (said.answer, said.by) == (DriftAnswer.DISMISSED, "ann")
    run(plant, *ticks(2050, 3900))
    assert len(plant.records.drift_proposals("rooms")) == 1
    assert coverage(plant) == 0.0
    assert plant.records.open_requests() == []


def test_what_is_accepted_is_asked_for_and_answered_once():
    plant = plant_of(1200, 10.0)
    run(plant, *ticks(750, 2000))
    (proposal,) = plant.records.drift_proposals("rooms")
    request = answers(plant).accept("rooms", proposal.id, by="ann")
    assert (request.kind, request.detector, request.created_by) == ("retrain", "rooms", "ann")
    run(plant, 2050, 2100)
    assert len(plant.records.drift_proposals("rooms")) == 1
    with pytest.raises(Conflict, match="accepted"):
        answers(plant).dismiss("rooms", proposal.id, by="bob")
    with pytest.raises(NotFound):
        answers(plant).accept("rooms", 4711, by="bob")


def test_another_version_outdates_the_proposal_and_is_followed_from_its_own_start():
    plant = plant_of(1200, 10.0)
    run(plant, *ticks(750, 2000))
    plant.label(1300, 1900)
    plant.train()
    assert answers(plant).open("rooms") is None
    run(plant, *ticks(2050, 3900))
    (proposal,) = plant.records.drift_proposals("rooms")
    assert proposal.answer is DriftAnswer.OUTDATED
    watch = plant.records.drift_watch("rooms")
    assert watch is not None
    assert watch.number == 2
    assert max(watch.state["total"]) < 10


def test_time_that_was_labelled_an_anomaly_is_not_followed():
    plant = plant_of(1200, 10.0)
    plant.now(2000)
    plant.label(1190, 2000, LabelKind.ANOMALY, {"room": "a"})
    run(plant, *ticks(750, 2000))
    assert plant.records.drift_proposals("rooms") == []


def test_drift_trains_only_where_that_is_wished_and_nobody_said_what_is_normal():
    wished = {"retrain_on_drift": True}
    for schedule, labelled, due in (
        (wished, False, True),
        (wished, True, False),
        ({}, False, False),
    ):
        plant = Plant(schedule=schedule, learn_from="4d")
        plant.measure()
        if labelled:
            plant.label(0, 600)
        version = plant.train()
        plant.now(710)
        plant.records.propose_retraining(
            DriftProposal("rooms", version.number, at(705), "errors have risen for good")
        )
        found = plant.retraining.due("rooms", at(710))
        assert (found == "errors have risen for good") is due, (schedule, labelled)


def test_a_watch_that_cannot_be_read_is_begun_anew(caplog):
    plant = plant_of()
    plant.records.keep_drift_watch(DriftWatch("rooms", 1, at(700), {"keys": "of another program"}))
    run(plant, 760, 820)
    assert "is followed anew" in caplog.text
    caplog.clear()
    run(plant, 880)
    assert caplog.text == ""
    watch = plant.records.drift_watch("rooms")
    assert watch is not None
    assert watch.until > at(760)
    assert set(plant.records.watermarks("rooms").values()) == {at(880)}


def test_drift_that_cannot_be_followed_stops_no_scoring_and_rests(caplog, monkeypatch):
    plant = plant_of()

    def away(detector: str) -> DriftWatch:
        raise StoreUnavailable("away")

    monkeypatch.setattr(plant.records, "drift_watch", away)
    run(plant, 760, 761, 762, 820)
    # tried anew after a while, not with each tick
    assert caplog.text.count("cannot be followed") == 2
    assert set(plant.records.watermarks("rooms").values()) == {at(820)}


def test_a_lease_that_is_lost_ends_the_run_and_is_no_trouble_of_drift(caplog):
    plant = plant_of()

    def taken() -> None:
        raise LeaseLost("taken over")

    run(plant, 760)
    plant.now(1000)
    with pytest.raises(LeaseLost):
        plant.scoring.tick("rooms", taken)
    assert "cannot be followed" not in caplog.text


def both(plant: Plant, *until: int) -> None:
    """Two processes that score in turns."""
    others = (plant.scoring,)
    plant.wire()
    for turn, point in enumerate(until):
        plant.now(point)
        (plant.scoring, *others)[turn % 2].tick("rooms")


def test_processes_that_score_in_turns_find_what_one_would():
    whole, shared = plant_of(1200, 10.0), plant_of(1200, 10.0)
    run(whole, *ticks(750, 2000))
    both(shared, *ticks(750, 2000))
    (proposal,) = shared.records.drift_proposals("rooms")
    answers(whole).dismiss("rooms", whole.records.drift_proposals("rooms")[0].id, by="ann")
    answers(shared).dismiss("rooms", proposal.id, by="ann")
    run(whole, *ticks(2125, 3000))
    both(shared, *ticks(2125, 3000))
    assert whole.records.drift_watch("rooms") == shared.records.drift_watch("rooms")
    assert len(shared.records.drift_proposals("rooms")) == 1


def test_a_version_is_followed_on_its_own_grid():
    """The definition asks for another grid by now, and the version goes on with its own."""
    plant = plant_of(1200, 10.0)
    plant.spec = plant.spec.model_copy(update={"every": timedelta(minutes=2)})
    plant.wire()
    run(plant, *ticks(750, 2000))
    (proposal,) = plant.records.drift_proposals("rooms")
    assert at(1100) < proposal.details["series"]["room=a"]["since"] < at(1400)


def test_a_rise_that_ends_takes_its_proposal_back():
    plant = plant_of(1200, 10.0)
    values = worn(0, LENGTH, 0.0)[1700:]
    times = np.arange(1700, LENGTH, dtype=np.int64) * STEP + START
    columns = {"x": values[:, 0], "y": values[:, 1]}
    plant.source.write("air", [Points({"room": "a"}, times, columns)])
    run(plant, *ticks(750, 1750))
    assert answers(plant).open("rooms") is not None
    run(plant, *ticks(1875, 3900))
    (proposal,) = plant.records.drift_proposals("rooms")
    assert (proposal.answer, proposal.by) == (DriftAnswer.OUTDATED, "")


def test_a_label_that_comes_later_takes_the_rise_back():
    plant = plant_of(1200, 10.0)
    run(plant, *ticks(750, 2000))
    assert answers(plant).open("rooms") is not None
    plant.label(1190, 2000, LabelKind.ANOMALY, {"room": "a"})
    plant.label(1990, LENGTH, LabelKind.EXCLUDE, {"room": "a"})
    run(plant, *ticks(2125, 2500))
    (proposal,) = plant.records.drift_proposals("rooms")
    assert proposal.answer is DriftAnswer.OUTDATED
    watch = plant.records.drift_watch("rooms")
    assert watch is not None
    assert watch.state["total"][0] == pytest.approx(0.0, abs=5.0)


def test_what_was_dismissed_stays_usual_after_a_roll_back():
    plant = plant_of(1200, 10.0)
    run(plant, *ticks(750, 2000))
    (proposal,) = plant.records.drift_proposals("rooms")
    answers(plant).dismiss("rooms", proposal.id, by="ann")
    run(plant, 2125)
    plant.label(1300, 1900)
    plant.train()
    run(plant, *ticks(2250, 2500))
    plant.promoting.rollback("rooms", by="ann")
    run(plant, *ticks(2625, 3900))
    assert len(plant.records.drift_proposals("rooms")) == 1


def test_a_proposal_about_another_version_is_outdated_at_once():
    """Also where there is too little normal time for that one to be followed."""
    plant = plant_of()
    run(plant, 750)
    old = plant.records.propose_retraining(DriftProposal("rooms", 1, at(700), "risen"))
    plant.label(650, 700)
    plant.train()
    run(plant, 751)
    assert plant.records.drift_proposal(old.id).answer is DriftAnswer.OUTDATED
