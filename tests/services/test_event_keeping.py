"""Events over ranges that no single run sees whole."""

from backend.detection.pipeline import Fitted
from backend.schema import SCORES
from backend.services import event_keeping, scoring
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
