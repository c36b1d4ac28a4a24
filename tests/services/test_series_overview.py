"""Every series at a glance: states, pages, and the small pictures."""

from dataclasses import replace

import numpy as np
import pytest

from backend import schema
from backend.exceptions import StoreUnavailable
from backend.ports import Points, Query
from backend.records import SetAside
from backend.services.newest import HELD_NS
from backend.services.series_overview import (
    PAGE,
    SPARK_BUCKET,
    SPARK_BUCKETS,
    SeriesCondition,
    SeriesGlance,
    Sort,
    Wanted,
    page_of,
)
from tests.fakes.series import MemorySeriesStore
from tests.web.worlds import (
    GAS_ROOM,
    MINUTE,
    NOW,
    World,
    add_version,
    make_world,
    write_event,
    write_scores,
    write_values,
)


class Counting(MemorySeriesStore):
    """Remembers what was asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Query] = []

    def read(self, query: Query) -> list[Points]:
        self.asked.append(query)
        return super().read(query)

    @property
    def reduced(self) -> list[Query]:
        return [query for query in self.asked if query.every]


@pytest.fixture
def world() -> World:
    made = make_world()
    made.results = Counting()
    made.with_results(made.results)
    for room in ("R1", "R2"):
        write_scores(made, room)
    add_version(made)
    made.records.set_watermarks("gas-room", {"room=R1": NOW, "room=R2": NOW})
    return made


def states(world: World) -> dict[str, str]:
    rows = world.series_overview.rows()
    return {one.series: one.condition.value for one in rows if one.detector == "gas-room"}


def write_row(world: World, room: str, **values: object) -> None:
    """The newest point of a series."""
    row = {"score": 0.5, "alarm": 0.0, "judged": 1.0, "reason": "", **values}
    fields = {
        name: np.array([value], dtype=object if isinstance(value, str) else np.float64)
        for name, value in row.items()
    }
    tags = {"detector": "gas-room", "room": room}
    world.results.write(schema.SCORES, [Points(tags, np.array([NOW - MINUTE]), fields)])


class TestStates:
    def test_scored_without_alarm_is_normal(self, world):
        assert states(world) == {"room=R1": "normal", "room=R2": "normal"}

    def test_an_alarm_or_an_open_event_is_anomalous(self, world):
        write_row(world, "R1", score=3.0, alarm=1.0)
        write_event(world, "R2", 595, open_=True)
        assert states(world) == {"room=R1": "anomalous", "room=R2": "anomalous"}

    def test_a_past_event_is_normal_again(self, world):
        write_event(world, "R1")
        assert states(world)["room=R1"] == "normal"

    def test_not_scored_for_longer_than_the_grace_is_blind(self, world):
        world.records.set_watermarks("gas-room", {"room=R3": NOW - 60 * MINUTE})
        assert states(world)["room=R3"] == "blind"
        assert states(world)["room=R1"] == "normal"

    def test_silent_sensors_are_blind_although_the_fleet_goes_on(self, world):
        world.records.set_watermarks("gas-room", {"room=R4": NOW})
        write_row(world, "R2", score=0.0, judged=0.0, reason=schema.REASON_GAP)
        found = {one.series: one for one in world.series_overview.rows()}
        assert found["room=R4"].condition is SeriesCondition.BLIND
        assert found["room=R2"].condition is SeriesCondition.BLIND
        assert found["room=R2"].why == "No data comes."

    def test_a_machine_that_is_off_is_not_blind(self, world):
        write_row(world, "R2", score=0.0, judged=0.0, reason=schema.REASON_OFF)
        (row,) = [one for one in world.series_overview.rows() if one.series == "room=R2"]
        assert (row.condition, row.why) == (SeriesCondition.NORMAL, "off")

    def test_what_is_set_aside_says_why_whatever_else_is_known(self, world):
        write_row(world, "R1", score=3.0, alarm=1.0)
        world.records.set_aside(SetAside("gas-room", "room=R1", "flat", NOW, NOW + MINUTE))
        (row,) = [one for one in world.series_overview.rows() if one.series == "room=R1"]
        assert (row.condition, row.why) == (SeriesCondition.SET_ASIDE, "flat")

    def test_a_model_without_labels_is_learning(self, world):
        add_version(world, provisional=True)
        write_row(world, "R1", score=3.0, alarm=1.0)
        assert set(states(world).values()) == {"learning"}

    def test_series_of_a_detector_without_a_model_are_learning(self):
        world = make_world()
        write_values(world, "R7")
        assert states(world) == {"room=R7": "learning"}

    def test_a_store_that_is_down_leaves_every_series_blind_with_its_reason(self, world):
        class Down(MemorySeriesStore):
            def read(self, query):
                raise StoreUnavailable("no answer")

        world.with_results(Down())
        rows = world.series_overview.rows()
        assert {one.condition for one in rows} == {SeriesCondition.BLIND}
        assert {one.why for one in rows} == {"no answer"}
        assert world.series_overview.sparks(rows) == {}


def row(series="room=R1", score=0.5, condition=SeriesCondition.NORMAL, **more) -> SeriesGlance:
    return SeriesGlance("gas-room", series, condition, "", score, 0, NOW, **more)


class TestPages:
    ROWS = (
        row("room=A", 0.9),
        row("room=B", None, SeriesCondition.BLIND),
        row("room=C", 3.0, SeriesCondition.ANOMALOUS),
        row("room=D", 5.0, SeriesCondition.ANOMALOUS),
        replace(row("room=E", 0.2), detector="Pump", scored_to=NOW - MINUTE),
    )

    def names(self, **wanted) -> str:
        return "".join(one.series[-1] for one in page_of(self.ROWS, Wanted(**wanted)).rows)

    def test_the_most_urgent_and_worst_comes_first(self):
        assert self.names() == "DCBAE"

    @pytest.mark.parametrize(
        ("sort", "expected"),
        [(Sort.SCORE, "DCAEB"), (Sort.NAME, "EABCD"), (Sort.SCORED, "EABCD")],
    )
    def test_other_orders(self, sort, expected):
        assert self.names(sort=sort) == expected

    def test_all_words_are_looked_for_in_detector_and_series_whatever_their_case(self):
        assert self.names(search="GAS =c") == "C"
        assert self.names(search="pump") == "E"
        assert self.names(search="=c pump") == ""

    def test_filters_go_together_and_states_are_counted_whichever_is_asked_for(self):
        wanted = Wanted(detector="gas-room", condition=SeriesCondition.BLIND)
        found = page_of(self.ROWS, wanted)
        assert [one.series for one in found.rows] == ["room=B"]
        assert (found.found, found.total) == (1, 5)
        assert found.counts[SeriesCondition.ANOMALOUS] == 2

    def test_pages_follow_each_other(self):
        pages = [page_of(self.ROWS, Wanted(page=page, rows=2)) for page in (1, 2, 3)]
        assert [one.series[-1] for page in pages for one in page.rows] == list("DCBAE")
        assert {page.pages for page in pages} == {3}

    @pytest.mark.parametrize("page", [99, 0, -3])
    def test_a_page_that_is_not_there_is_the_nearest_one(self, page):
        found = page_of(self.ROWS, Wanted(page=page, rows=2))
        assert found.page == (3 if page > 0 else 1)
        assert found.rows

    def test_nothing_is_one_empty_page(self):
        found = page_of([], Wanted())
        assert (found.rows, found.page, found.pages) == ([], 1, 1)


class TestSparks:
    def test_each_place_is_the_highest_score_of_its_part_of_the_day(self, world):
        held = world.series_overview
        spark = held.sparks(held.rows())["gas-room", "room=R1"]
        assert spark.highest.shape == (SPARK_BUCKETS,)
        assert np.nanmax(spark.highest) == 4.0
        place = int(np.nanargmax(spark.highest))
        peak = NOW - 295 * MINUTE
        assert spark.start + place * SPARK_BUCKET <= peak < spark.start + (place + 1) * SPARK_BUCKET
        assert np.isnan(spark.highest[0]), "nothing was scored that early"

    def test_one_read_for_each_detector_however_many_series(self, world):
        held = world.series_overview
        rows = held.rows()
        world.results.asked.clear()
        held.sparks(rows)
        (query,) = world.results.reduced
        assert (query.aggregate, query.series) == ("max", ("room=R1", "room=R2"))
        held.sparks(rows)
        assert len(world.results.reduced) == 1, "what was read is held for some minutes"
        world.clock.time = NOW + 6 * MINUTE
        held.sparks(rows)
        assert len(world.results.reduced) == 2

    def test_a_held_picture_ends_with_the_score_of_now(self, world):
        held = world.series_overview
        (one, *_) = held.rows()
        held.sparks([one])
        later = held.sparks([replace(one, score=7.5)])[one.name]
        assert np.nanmax(later.highest) == 7.5

    def test_a_coarse_grid_has_longer_parts(self, world):
        spec = GAS_ROOM.model_copy(update={"name": "slow", "every": GAS_ROOM.every * 120})
        world.detectors.save(spec, by="test")
        tags = {"detector": "slow", "room": "R1"}
        times = np.array([NOW - 240 * MINUTE])
        world.results.write(schema.SCORES, [Points(tags, times, {"score": np.ones(1) * 2})])
        world.records.set_watermarks("slow", {"room=R1": NOW})
        held = world.series_overview
        rows = [one for one in held.rows() if one.detector == "slow"]
        spark = held.sparks(rows)["slow", "room=R1"]
        assert spark.bucket == spec.step
        assert np.nanmax(spark.highest) == 2.0


class TestHeldResults:
    """Newest results are read once for each tick, however often a page asks."""

    def reads(self, world: World) -> int:
        world.results.asked.clear()
        world.queries.glances("gas-room")
        return len(world.results.asked)

    def test_what_was_read_is_held_until_scoring_moves_on(self, world):
        assert self.reads(world) > 0
        assert self.reads(world) == 0
        world.records.set_watermarks("gas-room", {"room=R1": NOW + MINUTE})
        assert self.reads(world) > 0

    def test_a_run_that_ended_may_have_written(self, world):
        self.reads(world)
        world.records.start_run("backfill", "gas-room", worker="w", at=NOW)
        assert self.reads(world) > 0

    def test_nothing_is_held_for_ever(self, world):
        self.reads(world)
        world.clock.time = NOW + HELD_NS
        assert self.reads(world) > 0


def test_a_page_holds_a_hundred_rows():
    rows = [row(f"room={number:04}") for number in range(250)]
    found = page_of(rows, Wanted(page=3))
    assert (len(found.rows), found.pages, PAGE) == (50, 3, 100)
