from datetime import timedelta

import numpy as np
import pytest

from backend.exceptions import InputError
from backend.ports import Points, Query
from backend.services import drawing as drawing_module
from backend.services.drawing import LEAST_POINTS, Drawing, Span, draw, draw_chosen
from backend.services.pieces import FIRST_PIECE_STEPS
from backend.specs import nanoseconds
from tests.fakes.series import MemorySeriesStore

STEP = nanoseconds(timedelta(seconds=1))


class Clock:
    """Each look at it takes `tick` seconds."""

    def __init__(self, tick: float = 0) -> None:
        self.time, self.tick = 0, round(tick * 1e9)

    def now(self) -> int:
        self.time += self.tick
        return self.time


class CountingStore(MemorySeriesStore):
    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Query] = []

    def read(self, query: Query) -> list[Points]:
        self.asked.append(query)
        return super().read(query)


def store_of(*rooms: str, count: int = 20_000, first: int = 0) -> CountingStore:
    store = CountingStore()
    times = STEP * np.arange(first, first + count, dtype=np.int64)
    for number, room in enumerate(rooms):
        fields = {"temp": np.sin(np.arange(count) / 99), "hum": np.full(count, float(number))}
        store.write("air", [Points({"room": room} if room else {"other": "x"}, times, fields)])
    return store


def drawing(stop: int = 20_000, *, start: int = 0, points: int = 200, **more: object) -> Drawing:
    query = Query("air", ("temp", "hum"), start * STEP, stop * STEP, group_by=("room",))
    return Drawing(query, points, 10 * points, STEP, **more)


def test_a_long_range_is_read_in_pieces_without_a_seam():
    store = store_of("R1")
    tables = draw(store, drawing(look_at=("temp", "hum")), Clock())
    assert len(store.asked) > 1
    assert [q.stop for q in store.asked[:-1]] == [q.start for q in store.asked[1:]]
    assert tables[0].times[0] == 0
    assert tables[0].times[-1] == 19_999 * STEP
    assert not np.isnan(tables[0].columns["temp"]).any()
    assert len(tables[0]) <= 200


def test_columns_drawn_apart_keep_their_own_peaks():
    store = store_of("R1")
    store.write("air", [Points({"room": "R1"}, np.array([777 * STEP]), {"hum": np.array([50.0])})])
    tables = draw(store, drawing(), Clock())
    assert [list(one.columns) for one in tables] == [["temp"], ["hum"]]
    assert tables[1].columns["hum"].max() == 50.0


def test_what_is_held_is_bounded_and_peaks_outlive_it(monkeypatch):
    monkeypatch.setattr(drawing_module, "ROWS_HELD", 3_000)
    store = store_of("R1", "R2")
    peak = Points({"room": "R2"}, np.array([777 * STEP]), {"temp": np.array([50.0])})
    store.write("air", [peak])
    first, second = draw(store, drawing(look_at=("temp", "hum")), Clock())
    assert second.columns["temp"].max() == 50.0
    assert first.columns["temp"].max() < 2
    assert max(len(first), len(second)) <= 200


def test_an_empty_century_is_crossed_in_few_strides():
    store = store_of("R1", count=10, first=3_000_000_000)
    tables = draw(store, drawing(3_000_000_010, look_at=("temp",)), Clock())
    assert len(tables[0]) == 10
    assert len(store.asked) < 20


def test_a_gap_between_pieces_is_marked():
    store = store_of("R1", count=FIRST_PIECE_STEPS - 10)
    later = FIRST_PIECE_STEPS + 500
    store.write(
        "air", [Points({"room": "R1"}, np.array([later * STEP]), {"temp": np.array([1.0])})]
    )
    table = draw(store, drawing(look_at=("temp",)), Clock())[0]
    gap = np.flatnonzero(np.isnan(table.columns["temp"]))
    assert (table.times[gap] // STEP).tolist() == [FIRST_PIECE_STEPS - 10]


def test_a_fleet_shares_the_rows():
    store = store_of(*(f"R{n}" for n in range(40)), count=2_000)
    tables = draw(store, drawing(2_000, points=100, look_at=("temp", "hum")), Clock())
    assert len(tables) == 40
    assert sum(len(one) for one in tables) <= 1000 + 40 * LEAST_POINTS


def test_a_read_that_takes_too_long_ends_with_a_sentence():
    with pytest.raises(InputError, match="shorter range"):
        draw(store_of("R1"), drawing(), Clock(tick=10))


def test_only_the_chosen_series_are_asked_for():
    store = store_of("R1", "R2", "R3", count=50)
    chosen = {"room=R2": {"room": "R2"}}
    tables = draw_chosen(store, drawing(50, look_at=("temp",)), chosen, Clock())
    assert [one.tags for one in tables] == [{"room": "R2"}]
    assert store.asked[0].where == {"room": "R2"}


def test_a_series_that_lacks_the_tag_can_be_chosen():
    store = store_of("R1", "", count=50)
    tables = draw_chosen(store, drawing(50, look_at=("temp",)), {"room=": {"room": ""}}, Clock())
    assert [one.tags for one in tables] == [{"room": ""}]


def test_many_chosen_series_are_read_at_once():
    rooms = [f"R{n}" for n in range(30)]
    store = store_of(*rooms, "other", count=50)
    chosen = {f"room={room}": {"room": room} for room in rooms}
    tables = draw_chosen(store, drawing(50, look_at=("temp",)), chosen, Clock())
    assert len(tables) == 30
    assert len(store.asked) == 1


def test_rows_grow_with_the_points():
    assert Span(0, 1, 70).rows == 700
