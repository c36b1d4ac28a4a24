"""Events over ranges that no single run sees whole."""

import numpy as np

from backend.detection.pipeline import Fitted
from backend.ports import Points, Query
from backend.schema import EVENT_STRINGS, EVENTS, SCORES
from backend.services import event_keeping, scoring
from backend.services.event_keeping import Rescored, update_events
from backend.services.serving import Served
from tests.fakes.models import LinearModel
from tests.fakes.series import MemorySeriesStore
from tests.services.plant import Plant, same_rows

BROKEN = range(800, 830)
"""When room a is broken."""


class Counting(MemorySeriesStore):
    """Counts the score rows that are read, by room."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, int] = {}

    def read(self, query):
        found = super().read(query)
        for points in found if query.measurement == SCORES else ():
            room = points.tags["room"]
            self.rows[room] = self.rows.get(room, 0) + len(points)
        return found


def test_a_long_event_of_one_series_is_no_reason_to_read_the_others():
    plant = Plant(Counting()).ready()
    plant.now(BROKEN[20])
    plant.scoring.tick("rooms")
    plant.results.rows.clear()
    plant.wire()  # a process that starts knows nothing but what is stored
    plant.now(BROKEN[20] + 1)
    plant.scoring.tick("rooms")
    (event,) = plant.events()
    assert event["start"] in BROKEN[:4]
    assert plant.results.rows["a"] > plant.results.rows["b"]


def test_many_long_events_are_read_at_once_with_the_same_result(monkeypatch):
    apart, together = Plant().ready(), Plant().ready()
    for plant, one_by_one in ((apart, 16), (together, 0)):
        monkeypatch.setattr(event_keeping, "_READ_ONE_BY_ONE", one_by_one)
        for point in (BROKEN[20], BROKEN[20] + 1):
            plant.wire()
            plant.now(point)
            plant.scoring.tick("rooms")
    assert apart.events() == together.events()


def test_an_event_that_the_range_of_another_series_cuts_is_not_told_twice(monkeypatch):
    monkeypatch.setattr(event_keeping, "_READ_ONE_BY_ONE", 0)
    store, spec = MemorySeriesStore(), Plant().spec
    keys = ("room=a", "room=b")
    flagged = {"a": range(15, 40), "b": range(10, 20)}
    for room, points in flagged.items():
        score = np.array([2.0 if at in points else 0.5 for at in range(50)])
        words = dict.fromkeys(EVENT_STRINGS, np.full(50, "x", dtype=object))
        fields = {"score": score, "judged": np.ones(50), **words}
        tags = {"detector": spec.name, "room": room}
        times = np.arange(50, dtype=np.int64) * spec.step
        store.write(SCORES, [Points(tags, times, fields)])

    for start, stop in ((0, 50), (36, 50)):
        done = Rescored(start * spec.step, stop * spec.step, 50 * spec.step, lambda name: False)
        update_events(store, spec, keys, done)

    found = store.read(Query(EVENTS, ("valid",), 0, 50 * spec.step, {}, ("room",)))
    starts = {part.tags["room"]: (part.times // spec.step).tolist() for part in found}
    assert starts == {"a": [15], "b": [10]}


def test_an_event_left_open_by_a_long_outage_is_closed():
    plant = Plant(schedule={"catch_up": "12h"}).ready()
    plant.now(BROKEN[20])
    plant.scoring.tick("rooms")
    (event,) = plant.events()
    assert event["open"] == 1.0
    plant.now(BROKEN[20] + 300)
    plant.scoring.tick("rooms")
    (event,) = plant.events()
    assert event["open"] == 0.0
    assert event["start"] in BROKEN[:4]


def test_a_fleet_is_scored_in_smaller_pieces_with_the_same_result(monkeypatch):
    whole, pieces = Plant().ready(), Plant().ready()
    whole.now(900)
    whole.scoring.tick("rooms")
    sizes = []
    find = scoring._piece
    monkeypatch.setattr(scoring, "_NUMBERS", 4)
    monkeypatch.setattr(scoring, "_piece", lambda fitted: sizes.append(find(fitted)) or sizes[-1])
    pieces.now(900)
    pieces.scoring.tick("rooms")
    assert sizes == [lookback(pieces)]
    assert same_rows(whole.scores(), pieces.scores())
    assert whole.events() == pieces.events()


def lookback(plant: Plant) -> int:
    fitted: Fitted
    _, fitted = Served(plant.records, plant.artifacts, LinearModel).load("rooms", 1)
    return fitted.lookback


def test_points_of_a_version_that_nobody_remembers_count_as_learned_from_labels():
    plant = Plant(learn_from="4d")
    plant.measure()
    plant.train()
    served = Served(plant.records, plant.artifacts, LinearModel)
    assert served.is_provisional("rooms/1")
    assert not served.is_provisional("rooms/7")
    assert not served.is_provisional("")
