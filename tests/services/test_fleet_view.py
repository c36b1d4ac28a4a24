"""Which series deviate together, on the web's own world."""

import numpy as np
import pytest

from backend import schema
from backend.detection.together import Cause, Part
from backend.exceptions import InputError, NotFound, StoreUnavailable
from backend.ports import Points
from backend.records import SetAside
from backend.services import fleet_view
from backend.services.drawing import Span
from tests.fakes.series import MemorySeriesStore
from tests.web.worlds import MINUTE, NOW, START, World, make_world, scored_world, write_event

ALL = Span(START, NOW)


def fleet(rooms: int) -> World:
    return scored_world(*(f"R{number}" for number in range(1, rooms + 1)))


def test_many_at_once_are_a_common_cause():
    world = fleet(9)
    for number in range(1, 8):
        write_event(world, f"R{number}", 300 + number)
    (group,) = world.fleet_view.look(ALL).groups
    assert group.cause is Cause.COMMON
    (share,) = group.shares
    assert (share.detector, share.deviating, share.present) == ("gas-room", 7, 9)
    assert group.start == START + 301 * MINUTE
    assert group.stop == START + 317 * MINUTE
    assert len(group.series) == 7
    assert group.channels == ("NH3", "temp")


def test_one_alone_is_likely_that_machine():
    world = fleet(9)
    write_event(world, "R3")
    (group,) = world.fleet_view.look(ALL).groups
    assert (group.cause, group.series) == (Cause.SINGLE, (("gas-room", "room=R3"),))


def test_what_began_hours_apart_are_groups_the_newest_first_and_open_ones_before():
    world = fleet(3)
    write_event(world, "R1", 50, open_=True)
    write_event(world, "R2", 300)
    write_event(world, "R3", 500)
    found = world.fleet_view.look(ALL).groups
    assert [one.series[0][1][-1] for one in found] == ["1", "3", "2"]
    assert [one.stop is None for one in found] == [True, False, False]


def test_series_without_data_meanwhile_are_not_counted():
    world = fleet(5)
    world.records.set_watermarks("gas-room", {"room=R8": START, "room=R9": NOW})
    world.records.set_aside(SetAside("gas-room", "room=R5", "flat", START, NOW))
    write_event(world, "R1")
    (group,) = world.fleet_view.look(ALL).groups
    assert group.shares[0].present == 4, "R5 is set aside, R8 was not scored, R9 has no scores"


def test_weather_touches_all_detectors():
    world = fleet(2)
    write_event(world, "R1")
    write_event(world, "R2")
    world.records.set_watermarks("pump", {"": NOW})
    times = START + MINUTE * np.arange(600, dtype=np.int64)
    world.results.write(
        schema.SCORES, [Points({"detector": "pump"}, times, {"score": np.full(600, 0.5)})]
    )
    numbers = {name: np.zeros(1) for name in schema.EVENT_NUMBERS} | {"valid": np.ones(1)}
    numbers |= {"stop_ms": np.array([(START + 330 * MINUTE) / 1e6]), "peak_score": np.ones(1) * 9}
    texts = {name: np.array(["flow"], dtype=object) for name in schema.EVENT_STRINGS}
    event = Points({"detector": "pump"}, np.array([START + 305 * MINUTE]), {**numbers, **texts})
    world.results.write(schema.EVENTS, [event])
    (group,) = world.fleet_view.look(ALL).groups
    assert [one.detector for one in group.shares] == ["gas-room", "pump"]
    assert group.cause is Cause.COMMON
    assert group.series[0] == ("pump", "")
    (alone,) = world.fleet_view.look(ALL, "pump").groups
    assert alone.cause is Cause.ALONE


def test_a_part_of_a_fleet_by_the_tag_it_shares():
    world = make_world()
    spec = world.detectors.get("gas-room").model_copy(
        update={"name": "halls", "group_by": ("hall", "room")}
    )
    world.detectors.save(spec, by="test")
    marks = {f"hall={hall},room=R{n}": NOW for hall in "123" for n in range(4)}
    world.records.set_watermarks("halls", marks)
    for hall in "123":
        for number in range(4):
            tags = {"detector": "halls", "hall": hall, "room": f"R{number}"}
            times = START + MINUTE * np.arange(600, dtype=np.int64)
            world.results.write(schema.SCORES, [Points(tags, times, {"score": np.full(600, 0.5)})])
    for number in range(3):
        numbers = {name: np.zeros(1) for name in schema.EVENT_NUMBERS} | {"valid": np.ones(1)}
        numbers |= {"stop_ms": np.array([(START + 330 * MINUTE) / 1e6])}
        tags = {"detector": "halls", "hall": "2", "room": f"R{number}"}
        world.results.write(
            schema.EVENTS, [Points(tags, np.array([START + 300 * MINUTE]), numbers)]
        )
    (group,) = world.fleet_view.look(ALL, "halls").groups
    assert (group.cause, group.part) == (Cause.PART, Part("hall", "2", 3, 4))


class TestHeat:
    def test_each_cell_is_the_highest_score_of_its_part(self):
        heat = fleet(3).fleet_view.look(ALL).heat
        assert heat.scores.shape == (3, len(heat.times))
        assert len(heat.times) <= fleet_view.BUCKETS
        assert np.nanmax(heat.scores) == 4.0
        peak = int(np.nanargmax(heat.scores[0]))
        assert heat.times[peak] <= START + 305 * MINUTE < heat.times[peak] + heat.every

    def test_of_many_only_the_worst_are_drawn(self, monkeypatch):
        monkeypatch.setattr(fleet_view, "MOST_ROWS", 2)
        world = fleet(4)
        write_event(world, "R3")
        found = world.fleet_view.look(ALL)
        assert found.series == 4
        assert len(found.heat.rows) == 2
        assert ("gas-room", "room=R3") in found.heat.rows

    def test_scores_that_cannot_be_read_are_told_and_the_groups_stay(self):
        class Tired(MemorySeriesStore):
            def read(self, query):
                if query.every is not None:
                    raise StoreUnavailable("too slow")
                return super().read(query)

        world = fleet(2)
        tired = Tired()
        tired._data, tired._kinds = world.results._data, world.results._kinds
        world.with_results(tired)
        write_event(world, "R1")
        found = world.fleet_view.look(ALL)
        assert found.problem == "too slow"
        assert len(found.groups) == 1
        assert np.isnan(found.heat.scores).all()


def test_nothing_is_an_empty_picture():
    found = make_world().fleet_view.look(ALL)
    assert (found.groups, found.series, found.heat.rows) == ((), 0, ())


def test_an_empty_range_and_an_unknown_detector_are_refused():
    view = make_world().fleet_view
    with pytest.raises(InputError, match="empty"):
        view.look(Span(NOW, NOW))
    with pytest.raises(NotFound):
        view.look(ALL, "nowhere")
