import pytest

from jobs.places import REQUESTED, SLOTS, place_of


@pytest.mark.parametrize(
    ("task", "arguments", "place"),
    [
        ("score", {"detector": "a"}, "score"),
        ("retrain", {"detector": "a"}, "train"),
        ("backfill", {"detector": "a"}, "backfill"),
        ("serve_request", {"worker": "w", "kinds": ["retrain"]}, "train"),
        ("serve_request", {"worker": "w", "kinds": ["backfill"]}, "backfill"),
    ],
)
def test_every_task_has_its_place(task: str, arguments: dict, place: str) -> None:
    assert place_of(task, arguments) == place


def test_every_place_has_workers() -> None:
    assert all(count >= 1 for count in SLOTS.values())


@pytest.mark.parametrize("place", REQUESTED)
def test_requests_are_served_where_their_work_belongs(place: str) -> None:
    for kind in REQUESTED[place]:
        assert place_of(kind, {}) == place
