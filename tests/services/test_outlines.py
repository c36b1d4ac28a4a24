"""Very long ranges, reduced by the store: what has to be seen is seen, on one time axis."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.exceptions import InputError
from backend.ports import Points, Query
from backend.services import outlines
from backend.services.downsampling import Table
from backend.services.drawing import LEAST_POINTS, Drawing, draw, draw_chosen
from backend.services.outlines import LEAST_BUCKET, Outline, bucket_length, deserves_outline
from backend.stores.embedded.store import EmbeddedSeriesStore
from tests.fakes.clock import StillClock

STEP = 10**9
COUNT = 30_000
FIRST = 1_700_000_000 * STEP + 7 * STEP
COLUMNS = ("score", "error", "flag")
POINTS = 60


class CountingStore(EmbeddedSeriesStore):
    """Remembers what it was asked; does as if buckets cost it little."""

    reduces = True

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.asked: list[Query] = []

    def read(self, query: Query) -> list[Points]:
        self.asked.append(query)
        return super().read(query)

    @property
    def rows_read(self) -> int:
        """Grid steps of which rows were asked for."""
        spans = [query.stop - query.start for query in self.asked if query.every is None]
        return sum(spans) // STEP


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CountingStore]:
    with closing(CountingStore(tmp_path)) as opened:
        yield opened


def write(
    store: EmbeddedSeriesStore, rows: np.ndarray, room: str = "R1", peak: int | None = None
) -> None:
    """Rows by their place on the grid; scores near 0.5, one of them flagged."""
    score = 0.5 + 0.1 * np.sin(rows / 99)
    if peak is not None:
        score[rows == peak] = 7.0
    fields = {"score": score, "error": score / 4, "flag": (score > 1).astype(float)}
    tags = {"detector": "d", "room": room}
    store.write("scores", [Points(tags, FIRST + STEP * rows.astype(np.int64), fields)])


def drawing(start: int = 0, stop: int = COUNT, **more: object) -> Drawing:
    query = Query(
        "scores",
        COLUMNS,
        FIRST + start * STEP,
        FIRST + stop * STEP,
        {"detector": "d"},
        ("room",),
    )
    found = Drawing(query, POINTS, 10 * POINTS, STEP, ("score", "error"), outlined=True)
    return replace(found, **more)


def places(table: Table, rows: np.ndarray) -> list[float]:
    """Times of rows as places on the grid."""
    return ((table.times[rows] - FIRST) / STEP).tolist()


def gaps(table: Table) -> list[float]:
    return places(table, np.flatnonzero(np.isnan(table.columns["score"])))


def test_one_flagged_row_in_many_is_seen_with_its_peak(store: CountingStore) -> None:
    write(store, np.arange(COUNT), peak=12_345)
    (table,) = draw(store, drawing(), StillClock(0))

    assert len(table) <= POINTS
    assert table.columns["score"].max() == 7.0
    assert table.columns["error"].max() == 7.0 / 4
    assert set(table.columns["flag"]) == {0.0, 1.0}
    place = places(table, table.columns["flag"].argmax(keepdims=True))[0]
    assert abs(place - 12_345) <= COUNT / (POINTS / 2 - 3)
    np.testing.assert_array_equal(table.columns["flag"], table.columns["score"] > 1)
    assert store.rows_read == 0


def test_every_column_has_the_same_times_whichever_are_asked_for(store: CountingStore) -> None:
    write(store, np.delete(np.arange(COUNT), slice(4_000, 4_010)))
    asked = [("score",), ("flag",), COLUMNS, ("error", "score")]
    tables = [draw(store, drawing(shown=shown), StillClock(0))[0] for shown in asked]
    assert [tuple(one.columns) for one in tables] == asked
    for one in tables:
        np.testing.assert_array_equal(one.times, tables[0].times)


def test_rows_that_are_few_are_read_as_they_are(store: CountingStore) -> None:
    write(store, np.arange(COUNT))
    draw(store, drawing(points=2_000, rows=20_000), StillClock(0))
    assert {query.every for query in store.asked} == {None}
    short = replace(drawing().query, stop=FIRST + LEAST_BUCKET * STEP)
    assert not deserves_outline(Outline(short, STEP, POINTS, ("score",)))


@pytest.mark.parametrize(
    ("start", "stop"),
    [(0, 20_000), (5_000, 5_030), (17_003, 17_008), (10_000, 10_900), (12, 16), (29_000, 29_990)],
)
def test_a_gap_is_seen_where_it_begins_within_a_bucket_or_over_many(
    store: CountingStore, start: int, stop: int
) -> None:
    write(store, np.delete(np.arange(COUNT), slice(start, stop)))
    (table,) = draw(store, drawing(), StillClock(0))
    every = bucket_length(0, COUNT, 1, (POINTS - POINTS // 12) // 2)
    if start == 0:
        assert gaps(table) == []
    elif stop - start < 2 * every:
        assert gaps(table) == [start]
    assert len(table) <= POINTS


def test_a_gap_over_the_end_of_a_bucket_is_seen(store: CountingStore) -> None:
    every = bucket_length(0, COUNT * STEP, STEP, (POINTS - POINTS // 12) // 2)
    end = (FIRST // every + 3) * every
    edge = (end - FIRST) // STEP
    write(store, np.delete(np.arange(COUNT), slice(edge - 2, edge + 2)))
    (table,) = draw(store, drawing(), StillClock(0))
    assert gaps(table) == [edge - 2]


def test_single_rows_that_are_lost_all_over_are_no_gaps(store: CountingStore) -> None:
    write(store, np.delete(np.arange(COUNT), slice(None, None, 7)))
    (table,) = draw(store, drawing(), StillClock(0))
    assert gaps(table) == []


def test_of_very_many_gaps_some_are_seen_and_few_rows_are_read(store: CountingStore) -> None:
    kept = np.arange(COUNT)
    write(store, kept[kept % 100 > 5])
    (table,) = draw(store, drawing(), StillClock(0))
    assert gaps(table)
    assert store.rows_read < COUNT / 2


def test_rows_outside_the_range_do_not_count(store: CountingStore) -> None:
    write(store, np.arange(COUNT), peak=99)
    (table,) = draw(store, drawing(100, COUNT - 13), StillClock(0))
    assert table.columns["score"].max() < 1
    assert places(table, np.array([0])) == [100]
    assert places(table, np.array([-1]))[0] < COUNT - 13


def test_a_fleet_shares_the_rows_on_one_time_axis(store: CountingStore) -> None:
    for number in range(30):
        write(store, np.arange(0, COUNT, 10), f"R{number:02}", peak=1_000 * number)
    tables = draw(store, drawing(step=10 * STEP, points=30, rows=300), StillClock(0))
    assert [one.tags["room"] for one in tables] == [f"R{number:02}" for number in range(30)]
    assert max(map(len, tables)) <= LEAST_POINTS
    assert {one.columns["score"].max() for one in tables} == {7.0}
    for one in tables:
        np.testing.assert_array_equal(one.times, tables[0].times)


def test_the_gaps_of_one_series_are_not_those_of_another(store: CountingStore) -> None:
    write(store, np.arange(COUNT), "R1")
    write(store, np.delete(np.arange(COUNT), slice(9_000, 9_020)), "R2")
    first, second = draw(store, drawing(), StillClock(0))
    assert (gaps(first), gaps(second)) == ([], [9_000])


def test_only_the_chosen_series_is_outlined(store: CountingStore) -> None:
    write(store, np.arange(COUNT), "R1")
    write(store, np.arange(COUNT), "R2")
    (table,) = draw_chosen(store, drawing(), {"room=R2": {"room": "R2"}}, StillClock(0))
    assert table.tags == {"room": "R2"}
    assert {query.where["room"] for query in store.asked} == {"R2"}


def test_an_outline_that_takes_too_long_ends_with_a_sentence(store: CountingStore) -> None:
    class Slow(StillClock):
        def now(self) -> int:
            self.time += 10 * 10**9
            return self.time

    write(store, np.arange(100))
    with pytest.raises(InputError, match="shorter range"):
        draw(store, drawing(), Slow(0))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    start=st.integers(-500, 2_000),
    length=st.integers(3_000, 9_000),
    points=st.integers(1, 40),
    lost=st.floats(0, 0.999),
    seed=st.integers(0, 2**32 - 1),
)
def test_an_outline_keeps_extremes_and_the_range(
    tmp_path_factory: pytest.TempPathFactory,
    start: int,
    length: int,
    points: int,
    lost: float,
    seed: int,
) -> None:
    random = np.random.default_rng(seed)
    kept = np.flatnonzero(random.random(9_000) >= lost)
    score = random.normal(size=len(kept))
    with closing(CountingStore(tmp_path_factory.mktemp("outline"))) as store:
        tags = {"detector": "d", "room": "R1"}
        store.write("scores", [Points(tags, FIRST + STEP * kept, {"score": score})])
        asked = drawing(start, start + length, points=points, shown=("score",))
        tables = draw(store, asked, StillClock(0))
    inside = score[(kept >= start) & (kept < start + length)]
    assert len(tables) == (1 if len(inside) else 0)
    for table in tables:
        assert (np.diff(table.times) > 0).all()
        assert table.times[0] >= asked.query.start
        assert table.times[-1] < asked.query.stop
        assert np.nanmax(table.columns["score"]) == inside.max()
        assert np.nanmin(table.columns["score"]) == inside.min()


class TestAggregates:
    @pytest.mark.parametrize("aggregate", ["mean", "min", "max", "last"])
    def test_one_number_of_each_bucket(self, store: CountingStore, aggregate: str) -> None:
        write(store, np.arange(COUNT), peak=777)
        (table,) = draw(store, drawing(aggregate=aggregate), StillClock(0))

        every = bucket_length(0, COUNT * STEP, STEP, POINTS)
        times = FIRST + STEP * np.arange(COUNT)
        score = 0.5 + 0.1 * np.sin(np.arange(COUNT) / 99)
        score[777] = 7.0
        edges = np.unique(times // every)
        groups = [score[times // every == edge] for edge in edges]
        numbers = {"mean": np.mean, "min": np.min, "max": np.max, "last": lambda v: v[-1]}
        wanted = [numbers[aggregate](group) for group in groups]
        np.testing.assert_allclose(table.columns["score"], wanted, rtol=1e-12)
        np.testing.assert_array_equal(table.times, np.maximum(edges * every, FIRST))
        assert len(table) <= POINTS

    def test_columns_drawn_apart_are_aggregated_apart(self, store: CountingStore) -> None:
        write(store, np.arange(COUNT))
        tables = draw(store, drawing(aggregate="mean", look_at=()), StillClock(0))
        assert [list(one.columns) for one in tables] == [[name] for name in COLUMNS]

    def test_a_pause_of_buckets_is_a_gap(self, store: CountingStore) -> None:
        write(store, np.delete(np.arange(COUNT), slice(5_000, 15_000)))
        (table,) = draw(store, drawing(aggregate="max"), StillClock(0))
        assert np.isnan(table.columns["score"]).sum() == 1

    def test_a_short_range_has_buckets_of_the_grid(self, store: CountingStore) -> None:
        write(store, np.arange(20))
        (table,) = draw(store, drawing(0, 20, aggregate="mean"), StillClock(0))
        assert places(table, np.arange(len(table))) == list(range(20))

    def test_many_series_share_the_rows(self, store: CountingStore) -> None:
        for number in range(15):
            write(store, np.arange(0, COUNT, 10), f"R{number:02}")
        tables = draw(store, drawing(aggregate="mean"), StillClock(0))
        assert len(tables) == 15
        assert max(map(len, tables)) <= 40


class TestColumnsDrawnApart:
    """Sensors: each has a rhythm of its own, which may not be that of the grid."""

    def asked(self, **more: object) -> Drawing:
        return drawing(look_at=(), **more)

    def test_each_keeps_its_extremes_and_its_own_times(self, store: CountingStore) -> None:
        write(store, np.arange(COUNT), peak=12_345)
        tables = draw(store, self.asked(), StillClock(0))
        assert [list(one.columns) for one in tables] == [[name] for name in COLUMNS]
        assert [one.columns[name].max() for one, name in zip(tables, COLUMNS, strict=True)] == [
            7.0,
            7.0 / 4,
            1.0,
        ]
        assert max(map(len, tables)) <= POINTS
        assert store.rows_read == 0
        assert [query.aggregate for query in store.asked] == ["count", "min", "max"]

    def test_its_numbers_are_those_of_the_rows(self, store: CountingStore) -> None:
        write(store, np.arange(COUNT), peak=777)
        outlined, *_ = draw(store, self.asked(), StillClock(0))
        store.reduces = False
        thinned, *_ = draw(store, self.asked(points=2 * COUNT, rows=9 * COUNT), StillClock(0))
        every = bucket_length(FIRST, FIRST + COUNT * STEP, STEP, (POINTS - POINTS // 12) // 2)
        rows, buckets = thinned.columns["score"], thinned.times // every
        assert len(rows) == COUNT
        pairs = outlined.columns["score"].reshape(-1, 2)
        whole = [rows[buckets == bucket] for bucket in np.unique(buckets)]
        np.testing.assert_array_equal(pairs[:, 0], [values.min() for values in whole])
        np.testing.assert_array_equal(pairs[:, 1], [values.max() for values in whole])

    def test_a_gap_of_one_is_none_of_the_others(self, store: CountingStore) -> None:
        write_apart(store, {"score": (1, slice(5_000, 5_030)), "error": (1, slice(0, 0))})
        score, error = draw(store, self.asked(), StillClock(0))
        assert gaps(score) == [5_000]
        assert not np.isnan(error.columns["error"]).any()

    def test_a_gap_over_many_buckets_is_seen(self, store: CountingStore) -> None:
        write_apart(store, {"score": (1, slice(9_000, 21_000)), "error": (1, slice(0, 0))})
        score, error = draw(store, self.asked(), StillClock(0))
        (place,) = np.flatnonzero(np.isnan(score.columns["score"]))
        before, after = places(score, np.array([place - 1, place + 1]))
        assert 8_000 < before < 9_000
        assert 19_800 < after < 21_000
        assert len(error) > len(score)

    @pytest.mark.parametrize("stride", [2, 5])
    def test_a_sensor_slower_than_the_grid_has_no_gaps(
        self, store: CountingStore, stride: int
    ) -> None:
        write_apart(store, {"score": (stride, slice(0, 0)), "error": (1, slice(0, 0))})
        score, _ = draw(store, self.asked(), StillClock(0))
        assert gaps(score) == []
        assert len(score) > POINTS / 2

    def test_a_sensor_faster_than_the_grid_is_outlined_and_its_gap_seen(
        self, store: CountingStore
    ) -> None:
        grid = 100 * STEP  # a bucket of the chart is less than fifty of these
        write_apart(store, {"score": (1, slice(7_000, 7_900)), "error": (1, slice(0, 0))})
        score, error = draw(store, self.asked(step=grid), StillClock(0))
        assert gaps(score) == [7_000]
        assert gaps_of(error, "error") == []
        assert store.rows_read < COUNT / 2

    def test_rows_that_are_few_are_read_themselves(self, store: CountingStore) -> None:
        write_apart(store, {"score": (100, slice(0, 0))})
        score, *_ = draw(store, self.asked(), StillClock(0))
        np.testing.assert_array_equal(score.times % STEP, FIRST % STEP)
        assert store.rows_read >= COUNT

    def test_one_that_was_never_written_is_no_table(self, store: CountingStore) -> None:
        write_apart(store, {"flag": (1, slice(0, 0))})
        assert [list(one.columns) for one in draw(store, self.asked(), StillClock(0))] == [["flag"]]

    def test_a_store_that_makes_buckets_of_rows_is_asked_for_the_rows(
        self, store: CountingStore
    ) -> None:
        write(store, np.arange(COUNT), peak=12_345)
        store.reduces = False
        for asked in (self.asked(), drawing()):
            draw(store, asked, StillClock(0))
        assert {query.every for query in store.asked} == {None}

    def test_gaps_all_over_cost_no_more_rows_than_allowed(
        self, store: CountingStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(outlines, "ROWS_FOR_GAPS", 5_000)
        kept = np.arange(COUNT)
        write(store, kept[kept % 100 > 5])
        tables = draw(store, self.asked(), StillClock(0))
        assert gaps(tables[0])
        assert 0 < store.rows_read <= 5_000 / 0.9


def write_apart(store: EmbeddedSeriesStore, courses: dict[str, tuple[int, slice]]) -> None:
    """Columns with every so many rows, and without those of a slice."""
    count = np.arange(COUNT)
    fields = {}
    for name, (stride, lost) in courses.items():
        fields[name] = np.where(count % stride == 0, np.sin(count / 99), np.nan)
        fields[name][lost] = np.nan
    tags = {"detector": "d", "room": "R1"}
    store.write("scores", [Points(tags, FIRST + STEP * count.astype(np.int64), fields)])


def gaps_of(table: Table, name: str) -> list[float]:
    return places(table, np.flatnonzero(np.isnan(table.columns[name])))


@given(
    start=st.integers(-(10**12), 10**12),
    length=st.integers(1, 10**12),
    step=st.integers(1, 10**6),
    wanted=st.integers(2, 1_000),
)
def test_a_range_touches_no_more_buckets_than_wanted(
    start: int, length: int, step: int, wanted: int
) -> None:
    every = bucket_length(start, start + length, step, wanted)
    assert every % step == 0
    assert (start + length - 1) // every - start // every < wanted
