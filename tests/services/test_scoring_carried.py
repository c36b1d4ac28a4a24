"""What a tick keeps in memory for the next changes what it costs, and nothing of what it writes."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import pytest

from backend.exceptions import StoreUnavailable
from backend.ports import Points
from backend.records import LabelKind
from backend.schema import SCORES
from backend.services import carrying
from backend.services.drift import DriftWatching
from backend.services.serving import Served
from tests.fakes.models import LinearModel
from tests.fakes.series import MemorySeriesStore
from tests.services.plant import STEP, Plant, at, same_rows

TRUSTED = 6 * 3600 * 10**9
"""For how long what is in memory is trusted."""


@pytest.fixture(autouse=True)
def without_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows drift reads the scores once in a block of points; here reads are counted."""
    monkeypatch.setattr(DriftWatching, "look", lambda *_: ())


class Counting(MemorySeriesStore):
    """Notes what it is asked for; `write_all` counts as one."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[str] = []
        self.writes: list[tuple[str, ...]] = []
        self.fails = False

    def read(self, query):
        if query.aggregate != "count":  # asked once, where nothing is in memory
            self.reads.append(query.measurement)
        return super().read(query)

    def write_all(self, tables):
        if self.fails:
            raise StoreUnavailable("the store went away")
        self.writes.append(tuple(tables))
        for measurement, batches in tables.items():
            super().write(measurement, batches)

    def write(self, measurement, batches):
        self.writes.append((measurement,))
        super().write(measurement, batches)

    def clear(self) -> None:
        self.reads.clear()
        self.writes.clear()


class Watched(LinearModel):
    """Notes how many windows it looks at."""

    looked_at: ClassVar[list[int]] = []

    def assess(self, windows, times):
        self.looked_at.append(windows.shape[1])
        return super().assess(windows, times)


def counted(**changes: object) -> Plant:
    """A plant whose stores and model note what they are asked for."""
    plant = Plant(Counting(), **changes)
    plant.source = Counting()
    plant.wire()
    return plant


def watch(plant: Plant) -> list[int]:
    """From now on the model notes its windows."""
    Watched.looked_at = []
    served = Served(plant.records, plant.artifacts, Watched)
    plant.scoring._served = plant.scoring._parts._served = served
    return Watched.looked_at


def tick(plant: Plant, point: int):
    plant.now(point)
    return plant.scoring.tick("rooms")


def late(plant: Plant, room: str, point: int, value: float = 9.0) -> None:
    """A reading of a bucket that has been scored already."""
    values = {"x": np.array([value]), "y": np.array([value])}
    plant.source.write("air", [Points({"room": room, "site": "1"}, np.array([at(point)]), values)])


# -- the same is written ---------------------------------------------------------------------------

ROOM_B = {"room": "b"}
Happening = Callable[[Plant], object]


def nothing(plant: Plant) -> None:
    pass


HAPPENINGS: dict[str, Happening] = {
    "nothing": nothing,
    "a late reading": lambda plant: late(plant, "b", 817),
    "a late reading in an event": lambda plant: late(plant, "a", 817, 0.2),
    "an exclude label": lambda plant: plant.label(810, 818, LabelKind.EXCLUDE),
    "an event is over": lambda plant: [late(plant, "a", n, 0.0) for n in range(800, 819)],
    "a room falls silent": lambda plant: plant.source.expire("air", ROOM_B, at(816), at(900)),
}


@pytest.mark.parametrize("happening", HAPPENINGS)
@pytest.mark.parametrize("changes", [{}, {"threshold": {"kind": "quantile", "follow": {}}}])
def test_a_process_that_goes_on_writes_what_one_that_starts_anew_writes(happening, changes):
    schedule = {"lateness": "200m"}
    kept, fresh = Plant(schedule=schedule, **changes), Plant(schedule=schedule, **changes)
    for plant, anew in ((kept, False), (fresh, True)):
        plant.ready()
        for point in (790, 797, 803, 804, 805, 809, 819, 820, 821, 829, 840, 860):
            if anew:
                plant.wire()
            if point == 820:
                HAPPENINGS[happening](plant)
            tick(plant, point)
    assert same_rows(kept.scores(), fresh.scores())
    assert kept.events() == fresh.events()


def test_an_event_that_outlasts_memory_stays_one_event():
    plant = Plant(schedule={"lateness": "0s"}, alarm={"merge": 2}).ready()
    for point in range(799, 850):
        tick(plant, point)
    (event,) = plant.events()
    whole = Plant(schedule={"catch_up": "30d"}, alarm={"merge": 2}).ready()
    tick(whole, 850)
    assert [event] == whole.events()
    assert event["open"] == 0.0
    assert event["duration_s"] >= 20 * STEP / 1e9


def test_an_event_that_is_over_stays_one_where_a_later_reading_is_late():
    """It began before what is in memory, and ended before what is scored anew."""
    kept, fresh = (
        Plant(schedule={"lateness": "200m"}, alarm={"merge": 1, "for": 1}) for _ in range(2)
    )
    for plant, anew in ((kept, False), (fresh, True)):
        plant.ready()
        for point in range(799, 860):
            if anew:
                plant.wire()
            if point == 844:
                late(plant, "b", 842, 0.3)
            tick(plant, point)
    (event,) = (event for event in kept.events() if event["room"] == "a")
    assert event["start"] < 844 - 20
    assert kept.events() == fresh.events()


# -- what it costs ---------------------------------------------------------------------------------


def test_a_tick_reads_once_and_writes_once():
    plant = counted().ready()
    tick(plant, 790)
    tick(plant, 791)
    plant.source.clear()
    plant.results.clear()
    tick(plant, 792)
    assert plant.source.reads == ["air"]
    assert plant.results.reads == []
    (tables,) = plant.results.writes
    assert tables[0] == SCORES
    assert "normalcy_coverage" in tables


def test_events_are_written_with_the_scores():
    plant = counted().ready()
    for point in range(795, 800):
        tick(plant, point)
    plant.results.clear()
    for point in range(800, 806):
        tick(plant, point)
    assert plant.results.reads == []
    assert len(plant.results.writes) == 6
    assert any("normalcy_events" in tables for tables in plant.results.writes)
    assert len(plant.events()) == 1


@pytest.mark.parametrize("new", [1, 2, 5])
def test_the_model_looks_at_what_is_new_and_at_nothing_twice(new):
    plant = counted().ready()
    looked_at = watch(plant)
    tick(plant, 790)
    tick(plant, 791)
    looked_at.clear()
    report = tick(plant, 791 + new)
    assert looked_at == [new]
    assert report.points == 2 * new


def test_a_late_reading_is_scored_anew_from_there_on():
    plant = counted(schedule={"lateness": "100m"}).ready()
    looked_at = watch(plant)
    for point in (790, 791, 792):
        tick(plant, point)
    looked_at.clear()
    late(plant, "b", 788)
    plant.results.clear()
    report = tick(plant, 793)
    assert looked_at == [5]
    assert report.start == at(788)
    assert len(plant.results.writes) == 1


def test_a_tick_without_anything_new_writes_nothing():
    plant = counted().ready()
    tick(plant, 790)
    plant.results.clear()
    report = tick(plant, 790)
    assert plant.results.writes == []
    assert report.points == 0
    assert report.stop == at(790)


def test_what_is_in_memory_does_not_grow():
    plant = Plant(schedule={"lateness": "50m"}).ready()
    sizes = []
    for point in range(740, 765):
        tick(plant, point)
        sizes.append(plant.scoring._tails._kept["rooms"].tail.numbers)
    assert len(set(sizes[10:])) == 1


def test_a_fleet_too_large_for_memory_is_scored_without(monkeypatch):
    monkeypatch.setattr(carrying, "_MOST", 10)
    plant, other = counted().ready(), Plant().ready()
    for point in (790, 791, 792):
        tick(plant, point)
        tick(other, point)
    assert plant.scoring._tails._kept == {}
    assert same_rows(plant.scores(), other.scores())


# -- when memory is not trusted --------------------------------------------------------------------


def read_anew(plant: Plant, point: int) -> bool:
    """Whether a tick looks at what is stored."""
    plant.results.clear()
    tick(plant, point)
    return bool(plant.results.reads)


def going_on() -> Plant:
    plant = counted().ready()
    for point in (790, 791):
        tick(plant, point)
    assert not read_anew(plant, 792)
    return plant


def other_process(plant: Plant) -> Plant:
    """Another one over the same stores."""
    other = Plant(plant.results)
    other.source, other.records, other.artifacts = plant.source, plant.records, plant.artifacts
    other.clock = plant.clock
    other.wire()
    return other


def test_another_process_has_scored_meanwhile():
    plant = going_on()
    tick(other_process(plant), 793)
    assert read_anew(plant, 794)


def test_another_process_has_scored_a_past_range_meanwhile():
    plant = going_on()
    other_process(plant).scoring.backfill("rooms", at(780), at(791))
    assert read_anew(plant, 793)
    for point in range(794, 802):  # until memory reaches as far back as events are merged
        tick(plant, point)
    assert not read_anew(plant, 802)


def test_the_store_has_failed():
    plant = going_on()
    plant.results.fails = True
    with pytest.raises(StoreUnavailable):
        tick(plant, 793)
    plant.results.fails = False
    assert read_anew(plant, 794)


def test_another_version_serves():
    plant = going_on()
    plant.label(600, 700)
    plant.train()
    assert read_anew(plant, 793)


def test_what_is_known_for_long_is_read_anew():
    plant = going_on()  # since point 790
    again = [read_anew(plant, point) for point in range(793, 830)]
    assert again.index(True) == TRUSTED // STEP + 790 - 793


# -- how the source is read ------------------------------------------------------------------------


def every_of(plant: Plant, point: int) -> list[int | None]:
    """How the source was asked in a tick: for means of buckets, or for readings."""
    asked = []
    read = MemorySeriesStore.read

    def noting(self, query):
        if query.measurement == "air":
            asked.append(query.every)
        return read(self, query)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(MemorySeriesStore, "read", noting)
        tick(plant, point)
    return asked


def test_few_readings_in_a_bucket_are_read_as_they_are():
    plant = Plant().ready()
    assert STEP in every_of(plant, 790)
    assert every_of(plant, 791) == [None]


def test_many_readings_in_a_bucket_are_reduced_by_the_store():
    plant = Plant().ready()
    for tenth in range(10):
        times = np.arange(700, 900, dtype=np.int64) * STEP + at(0) + tenth * STEP // 10
        values = {"x": np.zeros(200), "y": np.zeros(200)}
        plant.source.write("air", [Points({"room": "a", "site": "1"}, times, values)])
    tick(plant, 790)
    assert every_of(plant, 791)[0] == STEP


def test_readings_that_become_many_are_reduced_from_then_on():
    plant = Plant().ready()
    tick(plant, 790)
    assert every_of(plant, 791) == [None]
    times = np.arange(788 * 20, 792 * 20, dtype=np.int64) * (STEP // 20) + at(0)
    values = {"x": np.zeros(80), "y": np.zeros(80)}
    plant.source.write("air", [Points({"room": "a", "site": "1"}, times, values)])
    assert every_of(plant, 792) == [None]
    assert every_of(plant, 793)[0] == STEP
