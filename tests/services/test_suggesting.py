import numpy as np
import pytest

from backend import schema
from backend.exceptions import InputError, NotFound
from backend.ports import Points, Query
from backend.records import LabelKind
from backend.services.drawing import Span
from backend.services.suggesting import BUCKETS, Suggesting
from tests.services.plant import NORMAL, STEP, Plant, at


@pytest.fixture
def plant() -> Plant:
    return Plant()


@pytest.fixture
def suggesting(plant) -> Suggesting:
    return Suggesting(plant.records, plant.results, plant.detectors, plant.clock)


def score(plant: Plant, room: str, values: np.ndarray, judged: np.ndarray | None = None) -> None:
    times = at(0) + STEP * np.arange(len(values), dtype=np.int64)
    fields = {
        "score": values,
        "flag": (values > 1).astype(float),
        "judged": np.ones(len(values)) if judged is None else judged,
    }
    plant.results.write(schema.SCORES, [Points({"detector": "rooms", "room": room}, times, fields)])
    plant.records.set_watermarks("rooms", {f"room={room}": at(len(values))})


def event(plant: Plant, room: str, start: int, stop: int, peak: float, *, open_=False) -> None:
    numbers = {
        "stop_ms": at(stop) / 1e6,
        "peak_score": peak,
        "open": float(open_),
        "valid": 1.0,
        "provisional": 0.0,
        "duration_s": 1.0,
    }
    fields = {name: np.array([value]) for name, value in numbers.items()}
    for name in ("top1", "top2", "top3", "model"):
        fields[name] = np.array(["x" if name == "top1" else ""], dtype=object)
    plant.results.write(
        schema.EVENTS, [Points({"detector": "rooms", "room": room}, np.array([at(start)]), fields)]
    )


def told(found) -> list[tuple[str, str, int, int]]:
    return [
        (str(x.kind), x.series, (x.start - at(0)) // STEP, (x.stop - at(0)) // STEP) for x in found
    ]


ALL = Span(at(0), at(NORMAL))


def test_quiet_time_that_nobody_spoke_of_the_longest_first(plant, suggesting):
    values = np.full(300, 0.4)
    values[100] = 1.5
    score(plant, "a", values)
    plant.label(120, 200)
    found = suggesting.find("rooms", ALL)
    assert told(found) == [
        ("normal", "room=a", 0, 100),
        ("normal", "room=a", 200, 300),
        ("normal", "room=a", 101, 120),
    ]
    assert found[0].score == 0.4
    assert found[0].why == "16.7 hours without a flag, the score never above 0.40"
    assert plant.labelling.list("rooms") != found


def test_what_is_higher_than_labelled_time_is_not_quiet(plant, suggesting):
    values = np.full(300, 0.4)
    values[200:] = 0.65
    score(plant, "a", values)
    assert told(suggesting.find("rooms", ALL)) == [("normal", "room=a", 0, 300)]
    plant.label(0, 100)
    assert told(suggesting.find("rooms", ALL)) == [("normal", "room=a", 100, 200)]


def test_time_in_which_nothing_was_scored_is_not_suggested(plant, suggesting, monkeypatch):
    monkeypatch.setattr("backend.services.suggesting.BUCKETS", 70)  # of ten rows each
    score(plant, "a", np.full(300, 0.4))
    plant.results.delete(schema.SCORES, {"detector": "rooms"}, at(102), at(108))
    found = suggesting.find("rooms", ALL)
    gap = [one for one in found if one.start < at(108) and one.stop > at(102)]
    assert len(found) == 2
    assert gap == []


def test_what_was_not_judged_is_not_suggested(plant, suggesting):
    judged = np.ones(300)
    judged[100:200] = 0
    score(plant, "a", np.zeros(300), judged)
    assert told(suggesting.find("rooms", ALL)) == [
        ("normal", "room=a", 0, 100),
        ("normal", "room=a", 200, 300),
    ]


def test_short_time_teaches_nothing(plant, suggesting):
    values = np.full(300, 2.0)
    values[100:114] = 0.1
    score(plant, "a", values)
    assert suggesting.find("rooms", ALL) == []


def test_events_without_a_label_the_highest_first(plant, suggesting):
    score(plant, "a", np.full(300, 2.0))
    score(plant, "b", np.full(300, 2.0))
    event(plant, "a", 10, 20, 2.0)
    event(plant, "b", 10, 20, 5.0)
    event(plant, "a", 40, 50, 9.0)
    event(plant, "b", 280, 0, 3.0, open_=True)
    plant.label(45, 60, LabelKind.ANOMALY, {"room": "a"})
    found = suggesting.find("rooms", ALL)
    assert told(found) == [
        ("anomaly", "room=b", 10, 20),
        ("anomaly", "room=b", 280, NORMAL),
        ("anomaly", "room=a", 10, 20),
    ]
    assert found[0].why == "flagged for 1.7 hours, score up to 5.00 by x"
    assert told(suggesting.find("rooms", ALL, series=["room=a"], limit=1)) == [
        ("anomaly", "room=a", 10, 20)
    ]


def test_a_label_of_one_series_says_nothing_of_another(plant, suggesting):
    score(plant, "a", np.zeros(100))
    score(plant, "b", np.zeros(100))
    plant.label(0, 100, LabelKind.EXCLUDE, {"room": "a"})
    assert told(suggesting.find("rooms", ALL)) == [("normal", "room=b", 0, 100)]


def test_nothing_is_suggested_of_what_lies_ahead(plant, suggesting):
    score(plant, "a", np.zeros(1000))
    assert told(suggesting.find("rooms", Span(at(600), at(900)))) == [
        ("normal", "room=a", 600, NORMAL)
    ]
    assert suggesting.find("rooms", Span(at(800), at(900))) == []


def test_a_long_range_is_read_in_buckets(plant, suggesting, monkeypatch):
    values = np.zeros(NORMAL)
    values[300] = 2.0
    score(plant, "a", values)
    asked: list[Query] = []
    read = plant.results.read

    def remembered(query: Query) -> list[Points]:
        asked.append(query)
        return read(query)

    monkeypatch.setattr(plant.results, "read", remembered)
    span = Span(at(0) - 4 * BUCKETS * STEP, at(NORMAL))
    found = told(suggesting.find("rooms", span))
    buckets = [(q.stop - q.start) // q.every for q in asked if q.every]
    assert buckets
    assert max(buckets) <= BUCKETS
    assert len(found) == 2
    assert {one[0] for one in found} == {"normal"}
    assert not any(start <= 300 < stop for _, _, start, stop in found)


@pytest.mark.parametrize(
    ("detector", "span", "series", "error"),
    [
        ("halls", ALL, (), NotFound),
        ("rooms", Span(at(5), at(5)), (), InputError),
        ("rooms", ALL, ("floor=1",), NotFound),
    ],
)
def test_what_cannot_be_asked(suggesting, detector, span, series, error):
    with pytest.raises(error):
        suggesting.find(detector, span, series=series)
