"""The benchmark of the overview: what it stores, and what it says of its figures."""

import numpy as np

from backend import schema
from backend.ports import Query
from benchmarks.pages_overview import (
    COLD,
    MINUTE,
    NOW,
    OURS,
    RIVAL,
    TICKS,
    Opened,
    fill,
    is_good,
    medians,
    table,
)
from tests.fakes.series import MemorySeriesStore


def visits(usable: float, stall: float = 20.0) -> list[Opened]:
    return [Opened(100.0, usable + more, stall, 50.0, 9000) for more in (-10.0, 0.0, 500.0)]


def test_every_series_has_every_minute_and_some_deviate():
    store = MemorySeriesStore()
    fill(store, 3, TICKS + 20)
    query = Query(schema.SCORES, ("score", "model"), 0, NOW, group_by=("machine",))
    found = store.read(query)
    assert [len(one) for one in found] == [TICKS + 20] * 3
    assert found[0].times[-1] == NOW - MINUTE
    assert np.mean(found[0].fields["score"]) > 1 > np.mean(found[1].fields["score"])
    (event,) = store.read(Query(schema.EVENTS, ("open",), 0, NOW, group_by=("machine",)))
    assert event.fields["open"].tolist() == [1.0]


def test_the_middle_visit_counts_and_a_missed_goal_is_told():
    good = {COLD: visits(3000), OURS: visits(400), RIVAL: visits(9000, 4000)}
    assert medians(good[OURS])["usable"] == 400
    assert is_good(good)
    assert not is_good({**good, OURS: visits(4000)})
    assert not is_good({**good, OURS: visits(400, stall=900)})


def test_each_way_is_a_line():
    head, *lines = table({OURS: visits(400), RIVAL: visits(9000)})
    assert "usable" in head
    assert [OURS in lines[0], RIVAL in lines[1], "400 ms" in lines[0]] == [True] * 3
