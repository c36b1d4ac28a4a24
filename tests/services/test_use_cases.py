"""Detectors, promotion, requests, serving and versions."""

import gc
import io
import logging
import weakref

import numpy as np
import pytest

from backend.exceptions import ArtifactError, Conflict, InputError, NotFound
from backend.ports import Points
from backend.records import Promotion, State, StoredDetector, Verdict
from backend.services.log_fields import event_of
from backend.services.serving import Served, shifts
from backend.services.versions import from_files
from tests.fakes.models import LinearModel
from tests.services.plant import Plant, at


class TestDetectors:
    def test_those_of_the_configuration_are_read_only(self):
        plant = Plant()
        with pytest.raises(Conflict, match=r"normalcy\.yaml"):
            plant.detectors.save(plant.spec, by="anna")
        with pytest.raises(Conflict, match=r"normalcy\.yaml"):
            plant.detectors.delete("rooms")

    def test_stored_ones_come_back_as_they_were_saved(self):
        plant = Plant()
        other = plant.spec.model_copy(update={"name": "halls"})
        plant.detectors.save(other, by="anna")
        assert [spec.name for spec in plant.detectors.all()] == ["halls", "rooms"]
        assert plant.detectors.get("halls") == other
        plant.detectors.delete("halls")
        with pytest.raises(NotFound, match="halls"):
            plant.detectors.get("halls")

    @pytest.mark.parametrize(
        "wrong",
        [
            {"judge_when": "z > 0"},
            {"schedule": {"retrain": "at night"}},
            {"schedule": {"timezone": "Mars/Base"}},
            {"schedule": {"timezone": "America"}},
        ],
        ids=["condition", "cron", "zone", "part of the names of zones"],
    )
    def test_one_that_could_never_run_is_not_saved(self, wrong):
        plant = Plant()
        spec = type(plant.spec).model_validate({**plant.spec.plain(), "name": "halls", **wrong})
        with pytest.raises(InputError):
            plant.detectors.save(spec, by="anna")
        assert [known.name for known in plant.detectors.all()] == ["rooms"]

    def test_one_that_cannot_be_read_says_so_and_does_not_stop_the_others(self):
        plant = Plant()
        plant.records.save_detector(StoredDetector("old", {"every": "never"}, "anna", 0))
        assert [known.name for known in plant.detectors.all()] == ["rooms"]
        with pytest.raises(InputError, match="'old' cannot be read"):
            plant.detectors.get("old")


class TestPromotion:
    def test_the_first_version_serves_from_as_far_back_as_scoring_goes(self):
        plant = Plant().ready()
        (promotion,) = plant.records.promotions("rooms")
        assert promotion.serves_from == at(700) - 7 * 24 * 3600 * 10**9

    def test_before_anything_is_scored_a_second_version_reaches_back_as_far(self):
        plant = Plant().ready()
        plant.train()
        first, second = plant.records.promotions("rooms")
        assert second.serves_from == first.serves_from
        early = {"x": np.zeros(1), "y": np.zeros(1)}
        where = {"room": "a", "site": "1"}
        plant.source.write("air", [Points(where, np.array([first.serves_from]), early)])
        assert plant.scoring.tick("rooms").start == first.serves_from

    def test_a_version_serves_from_the_first_point_not_scored_yet(self):
        plant = Plant().ready()
        plant.now(750)
        plant.scoring.tick("rooms")
        plant.train()
        assert plant.records.promotions("rooms")[-1].serves_from == at(750)

    def test_rolling_back_brings_the_one_before(self):
        plant = Plant().ready()
        plant.train()
        assert plant.promoting.rollback("rooms", by="anna").number == 1
        verdicts = {v.number: v.verdict for v in plant.records.versions("rooms")}
        assert verdicts == {1: Verdict.CHAMPION, 2: Verdict.RETIRED}

    def test_what_serves_already_or_is_not_there_is_refused(self):
        plant = Plant().ready()
        with pytest.raises(Conflict, match="serves already"):
            plant.promoting.promote("rooms", 1, by="anna")
        with pytest.raises(Conflict, match="no earlier version"):
            plant.promoting.rollback("rooms", by="anna")

    def test_a_version_whose_files_are_lost_does_not_begin_to_serve(self):
        plant = Plant().ready()
        plant.label(600, 650)
        plant.train()
        del plant.artifacts._artifacts["rooms/1"]
        with pytest.raises(NotFound, match="rooms/1"):
            plant.promoting.rollback("rooms", by="anna")
        assert plant.records.promotions("rooms")[-1].number == 2
        with pytest.raises(NotFound):
            plant.promoting.promote("rooms", 9, by="anna")


class TestShifts:
    def promotions(self, *pairs: tuple[int, int]) -> list[Promotion]:
        return [Promotion("rooms", number, begin, 0, "") for number, begin in pairs]

    def test_each_version_has_its_turn(self):
        turns = shifts(self.promotions((1, 0), (2, 50)), 20, 100)
        assert turns == [(1, 20, 50), (2, 50, 100)]

    def test_time_before_the_first_belongs_to_nobody(self):
        assert shifts(self.promotions((1, 50)), 0, 60) == [(1, 50, 60)]
        assert shifts(self.promotions((1, 50)), 0, 40) == []

    def test_the_later_promotion_wins_from_where_it_serves(self):
        assert shifts(self.promotions((1, 0), (2, 50), (3, 50)), 0, 60) == [(1, 0, 50), (3, 50, 60)]
        assert shifts(self.promotions((1, 0), (2, 50), (1, 30)), 0, 60) == [(1, 0, 30), (1, 30, 60)]


class TestRequests:
    def test_asked_work_is_done_by_a_worker_and_its_result_comes_back(self):
        plant = Plant()
        plant.measure()
        plant.label(0, 600)
        asked = plant.requests.ask("retrain", "rooms", by="anna")
        assert asked.state is State.WAITING
        done = plant.requests.serve_one("worker")
        assert done.id == asked.id
        assert done.state is State.DONE
        assert done.result == {"version": 1, "verdict": "champion"}
        assert done.progress == pytest.approx(1.0)
        assert plant.requests.serve_one("worker") is None

    def test_what_is_asked_for_is_said_with_its_number(self, caplog):
        caplog.set_level(logging.INFO, "backend.services.requests")
        asked = Plant().requests.ask("retrain", "rooms", by="anna")
        (line,) = caplog.records
        assert line.getMessage() == f"asked kind=retrain detector=rooms request={asked.id}"
        told = {"kind": "retrain", "detector": "rooms", "request": str(asked.id)}
        assert event_of(line) == ("asked", told)

    def test_the_same_request_twice_is_one(self):
        plant = Plant()
        first = plant.requests.ask("retrain", "rooms", by="anna")
        assert plant.requests.ask("retrain", "rooms", by="ben").id == first.id

    def test_what_goes_wrong_is_told_to_the_one_who_asked(self):
        plant = Plant()
        plant.requests.ask("retrain", "rooms", by="anna")
        done = plant.requests.serve_one("worker")
        assert done.state is State.FAILED
        assert "the store has no measurement 'air'" in done.message

    def test_a_backfill_is_served_only_by_a_worker_for_backfills(self):
        plant = Plant().ready()
        payload = {"start": at(650), "stop": at(690)}
        plant.requests.ask("backfill", "rooms", payload, by="anna")
        assert plant.requests.serve_one("worker", kinds=("retrain",)) is None
        done = plant.requests.serve_one("worker", kinds=("backfill",))
        assert done.result["points"] == 80

    @pytest.mark.parametrize(
        ("kind", "payload"),
        [
            ("dance", {}),
            ("backfill", {}),
            ("backfill", {"start": 5, "stop": 5}),
            ("backfill", {"start": "a", "stop": "b"}),
        ],
    )
    def test_work_that_makes_no_sense_is_refused_at_once(self, kind, payload):
        plant = Plant()
        with pytest.raises(InputError):
            plant.requests.ask(kind, "rooms", payload, by="anna")
        assert plant.records.requests() == []


class TestVersions:
    def test_a_version_read_back_scores_the_same(self):
        plant = Plant().ready()
        plant.now(760)
        plant.scoring.tick("rooms")
        before = plant.scores("score")
        plant.wire()
        plant.scoring.tick("rooms")
        after = plant.scores("score")
        np.testing.assert_array_equal(before["a"].fields["score"], after["a"].fields["score"])

    def test_a_version_is_loaded_once(self, monkeypatch):
        plant = Plant().ready()
        served = Served(plant.records, plant.artifacts, LinearModel)
        first = served.load("rooms", 1)
        monkeypatch.setattr(plant.artifacts, "load", lambda name: pytest.fail("loaded again"))
        assert served.load("rooms", 1)[1] is first[1]

    def test_versions_that_no_tick_asks_for_any_more_leave_memory(self):
        plant = Plant().ready()
        for _ in range(5):
            plant.train()
        served = Served(plant.records, plant.artifacts, LinearModel)
        first = weakref.ref(served.load("rooms", 1)[1])
        latest = [served.load("rooms", number)[1] for number in (2, 3, 4, 5)]
        gc.collect()
        assert first() is None
        assert [served.load("rooms", number)[1] for number in (2, 3, 4, 5)] == latest

    @pytest.mark.parametrize(
        "harm",
        [
            lambda files: files.pop("weights.npz"),
            lambda files: files.update({"version.json": b"{}"}),
            lambda files: files.update({"version.json": b"\xff"}),
            lambda files: files.update({"version.npz": b"not an archive"}),
            lambda files: files.update(
                {"version.json": files["version.json"].replace(b'"format": 2', b'"format": 9')}
            ),
        ],
        ids=["no weights", "empty", "not text", "no archive", "newer format"],
    )
    def test_files_that_are_no_version_are_refused(self, harm):
        files = Plant().ready().artifacts.load("rooms/1")
        harm(files)
        with pytest.raises(ArtifactError, match="Train the detector again"):
            from_files(files, LinearModel)

    def test_a_version_that_scores_differently_than_it_did_is_refused(self):
        files = Plant().ready().artifacts.load("rooms/1")
        with np.load(io.BytesIO(files["weights.npz"])) as archive:
            weights = {name: archive[name] * 1.01 for name in archive.files}
        buffer = io.BytesIO()
        np.savez(buffer, **weights)
        files["weights.npz"] = buffer.getvalue()
        with pytest.raises(ArtifactError, match="other scores"):
            from_files(files, LinearModel)

    def test_no_file_of_a_version_can_run_code(self):
        files = Plant().ready().artifacts.load("rooms/1")
        for name, data in files.items():
            if name.endswith(".npz"):
                with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                    assert all(archive[key].dtype != object for key in archive.files)
