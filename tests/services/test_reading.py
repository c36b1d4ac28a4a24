"""What a detector reads of its source."""

from typing import Any

import numpy as np
import pytest

from backend.detection.grid import to_rows
from backend.ports import Points, Query
from backend.services.reading import earliest, read_rows
from backend.specs import DetectorSpec
from tests.fakes.series import MemorySeriesStore

STEP = 600 * 10**9
START = 1_700_000_400 * 10**9 // STEP * STEP
STOP = START + 50 * STEP


class Asked(MemorySeriesStore):
    """A store that remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.queries: list[Query] = []

    def read(self, query: Query) -> list[Points]:
        self.queries.append(query)
        return super().read(query)


@pytest.fixture
def source() -> Asked:
    random = np.random.default_rng(0)
    store = Asked()
    for room, site in (("a", "x"), ("a", "y"), ("b", "x")):
        times = np.sort(random.integers(START - STEP, STOP + STEP, 3000))
        values: dict[str, Any] = {name: random.normal(size=3000) for name in ("t", "h")}
        values["h"][random.random(3000) < 0.9] = np.nan
        store.write("air", [Points({"room": room, "site": site}, times, values)])
    return store


def spec(**changes: Any) -> DetectorSpec:
    wanted = {"name": "d", "measurement": "air", "channels": ["h", "t"], "group_by": ["room"]}
    return DetectorSpec.model_validate({**wanted, "every": "10m", **changes})


def test_the_store_takes_the_means_of_the_whole_fleet_in_one_query(source: Asked) -> None:
    found = read_rows(source, spec(), START, STOP)

    assert [query.every for query in source.queries[:1]] == [STEP]
    assert found.keys == ("room=a", "room=b")
    raw = MemorySeriesStore.read(source, Query("air", ("h", "t"), START, STOP, {}, ("room",)))
    expected = to_rows(raw, ("h", "t"), START, STOP, STEP)
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_array_equal(found.times, expected.times)


def test_the_earliest_row_is_that_of_the_first_series_to_have_one(source: Asked) -> None:
    query = Query("air", ("h",), START, STOP, {"site": "x"}, ("room",))

    found = MemorySeriesStore.read(source, query)

    assert earliest(source, query) == min(int(points.times[0]) for points in found)
    assert earliest(source, Query("air", ("nope",), START, STOP)) is None
