"""A person ends work: nothing half-done is kept, what served goes on, nobody begins it again."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from backend.exceptions import Cancelled
from backend.executors import InProcess
from backend.ports import Progress
from backend.records import LabelKind, Run, State
from backend.services.piece_size import Sizing
from tests.services.plant import Plant, at


def cancel_at(plant: Plant, stage: str, by: str = "ada") -> Progress:
    """Cancels the run that goes on as soon as it tells of a stage."""

    def heard(share: float, words: str) -> None:
        if words == stage:
            (run,) = plant.records.open_runs()
            plant.records.cancel_run(run.id, by=by)

    return heard


def plant_with_labels() -> Plant:
    plant = Plant()
    plant.measure()
    plant.label(0, 600)
    return plant


def newest(plant: Plant) -> Run:
    return plant.records.runs("rooms")[0]


def test_a_training_that_is_cancelled_leaves_nothing_but_its_run():
    plant = plant_with_labels()
    plant.train()
    before = plant.artifacts.names(), plant.records.promotions("rooms")
    plant.label(610, 650)
    with pytest.raises(Cancelled, match="cancelled by ada"):
        plant.retraining.run("rooms", cancel_at(plant, "fitting"))
    run = newest(plant)
    assert (run.state, run.cancelled_by) == (State.CANCELLED, "ada")
    assert "before it was done" in run.message
    assert [one.number for one in plant.records.versions("rooms")] == [1]
    assert plant.records.promotions("rooms") == before[1]
    kept = [name for name in plant.artifacts.names() if "piece" not in name]
    assert kept == before[0]
    plant.now(760)
    assert plant.scoring.tick("rooms").points > 0


def test_the_last_moment_to_cancel_is_before_the_version_is_stored():
    plant = plant_with_labels()
    version = plant.retraining.run("rooms", cancel_at(plant, "storing the version"))
    assert plant.records.promotions("rooms")[-1].number == version.number
    assert newest(plant).state is State.DONE


def test_it_is_not_begun_again_by_itself_before_labels_change():
    plant = plant_with_labels()
    with pytest.raises(Cancelled):
        plant.retraining.run("rooms", cancel_at(plant, "fitting"))
    later = plant.clock.now() + 48 * 3600 * 10**9
    assert plant.retraining.due("rooms", later) is None
    plant.label(610, 650, LabelKind.ANOMALY)
    assert plant.retraining.due("rooms", later) == "there is no model yet"


def test_nor_where_its_worker_had_to_be_ended():
    plant = plant_with_labels()

    def killed(share: float, words: str) -> None:
        (run,) = plant.records.open_runs()
        plant.records.finish_run(run.id, State.CANCELLED, at=0, details=run.details)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        plant.retraining.run("rooms", killed)
    later = plant.clock.now() + 48 * 3600 * 10**9
    assert newest(plant).state is State.CANCELLED
    assert plant.retraining.due("rooms", later) is None


def test_a_training_that_is_begun_by_hand_runs_after_one_that_was_cancelled():
    plant = plant_with_labels()
    with pytest.raises(Cancelled):
        plant.retraining.run("rooms", cancel_at(plant, "fitting"))
    assert plant.train().number == 1
    assert newest(plant).state is State.DONE


def test_a_backfill_stops_between_its_parts(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("backend.services.scoring._PART", 20)
    monkeypatch.setattr("backend.services.progress.EVERY_S", 0.0)
    monkeypatch.setattr("backend.services.progress.Pacing.is_due", lambda pacing, words: True)
    plant = plant_with_labels()
    plant.train()
    with pytest.raises(Cancelled):
        plant.scoring.backfill("rooms", at(0), at(690), cancel_at(plant, "scoring"))
    assert newest(plant).state is State.CANCELLED
    assert 0 < len(plant.scores()["a"].times) < 690


def test_a_request_ends_with_the_run_that_is_cancelled_and_says_by_whom():
    plant = plant_with_labels()
    asked = plant.requests.ask("retrain", "rooms", by="anna")
    plant.requests._retraining = Whispering(plant, plant.records.cancel_run)
    done = plant.requests.serve_one("worker")
    assert (done.id, done.state, done.cancelled_by) == (asked.id, State.CANCELLED, "ada")
    assert newest(plant).state is State.CANCELLED


def test_a_run_ends_with_the_request_that_is_cancelled():
    plant = plant_with_labels()
    asked = plant.requests.ask("retrain", "rooms", by="anna")
    plant.requests._retraining = Whispering(
        plant, lambda run, by: plant.records.cancel_request(asked.id, by=by, at=0)
    )
    done = plant.requests.serve_one("worker")
    assert (done.state, done.cancelled_by) == (State.CANCELLED, "ada")
    assert f"Request {asked.id} was cancelled by ada" in done.message
    run = newest(plant)
    assert (run.state, run.cancelled_by) == (State.CANCELLED, "ada")
    assert plant.records.versions("rooms") == []


def test_one_whose_worker_died_while_it_was_cancelled_is_not_begun_again():
    plant = plant_with_labels()
    asked = plant.requests.ask("retrain", "rooms", by="anna")
    plant.records.claim_request(worker="dead", at=0, deadline=1)
    plant.records.cancel_request(asked.id, by="ada", at=0)
    done = plant.requests.serve_one("worker")
    assert done.state is State.CANCELLED
    assert plant.records.runs("rooms") == []


class Whispering:
    """A retraining during which somebody cancels, between reading and fitting."""

    def __init__(self, plant: Plant, cancel: Callable[..., object]) -> None:
        self._plant, self._cancel = plant, cancel
        self._retraining = plant.retraining

    def run(self, detector: str, progress: Progress, **how: Any) -> object:
        def heard(share: float, words: str) -> None:
            if words == "reading":
                (run,) = self._plant.records.open_runs()
                self._cancel(run.id, by="ada")
            progress(share, words)

        return self._retraining.run(detector, heard, **how)


class Elsewhere(InProcess):
    """Workers that tell nothing of a piece but that it goes on."""

    def __init__(self, plant: Plant) -> None:
        super().__init__(lambda task, told: plant.retraining.fit_piece(told))
        self.done: list[int] = []
        self.ended = False

    def run_all(
        self,
        task: str,
        calls: Sequence[Mapping[str, Any]],
        timeout_s: float,
        told: Callable[[int], None],
    ) -> Any:
        try:
            for number in range(len(calls)):
                told(number)
                self.done.append(number)
        except BaseException:
            self.ended = True
            raise
        raise AssertionError("it was cancelled at its first piece")


def test_pieces_on_other_workers_are_ended_while_they_run(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("backend.services.progress.Pacing.is_due", lambda pacing, words: True)
    plant = plant_with_labels()
    plant.executor = elsewhere = Elsewhere(plant)
    plant.sizing = Sizing(most=1)
    plant.wire()
    with pytest.raises(Cancelled):
        plant.retraining.run("rooms", cancel_at(plant, "piece 1 of 2"))
    assert elsewhere.ended
    assert elsewhere.done == []
