from datetime import timedelta

from jobs.scoring import score
from tests.jobs.workplaces import Bench, detector, promoted


def test_a_detector_with_a_model_is_scored_within_its_limit(here: Bench, monkeypatch) -> None:
    limits = []
    promoted(here.records, "gas-room")
    monkeypatch.setattr(
        here.work.executor, "run", lambda task, arguments, limit: limits.append(limit) or {}
    )

    score(here.work, detector(score_timeout="90s"))

    assert limits == [timedelta(seconds=90).total_seconds()]


def test_the_task_names_the_detector(here: Bench) -> None:
    promoted(here.records, "gas-room")

    score(here.work, detector())

    assert here.tasks.asked == [("score", {"detector": "gas-room"})]


def test_no_worker_is_woken_before_there_is_a_model(here: Bench) -> None:
    score(here.work, detector())

    assert here.tasks.asked == []
    assert here.records.runs() == []
