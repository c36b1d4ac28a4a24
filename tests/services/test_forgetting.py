"""Results are deleted on request, and nothing else is."""

from collections.abc import Iterator

import numpy as np
import pytest

from backend.exceptions import InputError, NotFound
from backend.ports import Credentials, Points, Query, SeriesStore
from backend.schema import EVENTS, SCORES
from backend.services.forgetting import Forgetting, Forgotten
from backend.stores.opening import open_series_store
from tests.fakes.series import MemorySeriesStore

T0 = 1_700_000_000_000_000_000
EVER = (-(2**63) + 1, 2**63 - 1)


@pytest.fixture(params=["memory", pytest.param("influx", marks=pytest.mark.influx)])
def results(request: pytest.FixtureRequest) -> Iterator[SeriesStore]:
    store: SeriesStore = MemorySeriesStore()
    if request.param == "influx":
        url = request.getfixturevalue("influxdb_server").new_database()
        store = open_series_store(url, Credentials(), create=False)
    times = T0 + np.arange(10)
    for detector in ("rooms", "halls"):
        tags = {"detector": detector, "room": "a"}
        store.write(SCORES, [Points(tags, times, {"score": np.ones(10)})])
        store.write(EVENTS, [Points(tags, times[:1], {"open": np.zeros(1)})])
    store.write("air", [Points({"detector": "rooms"}, times, {"temp": np.ones(10)})])
    yield store
    store.close()


def count(store: SeriesStore, measurement: str, field: str, **where: str) -> int:
    return sum(map(len, store.read(Query(measurement, (field,), *EVER, where))))


def test_all_results_of_a_detector_are_gone_and_only_they(results: SeriesStore) -> None:
    gone = Forgetting(results).run("rooms", *EVER)

    assert gone == [Forgotten(SCORES, 10), Forgotten(EVENTS, 1)]
    assert count(results, SCORES, "score", detector="rooms") == 0
    assert count(results, SCORES, "score", detector="halls") == 10
    assert count(results, EVENTS, "open") == 1
    assert count(results, "air", "temp") == 10


def test_a_range_is_half_open(results: SeriesStore) -> None:
    Forgetting(results).run("rooms", T0 + 3, T0 + 5)

    (left,) = results.read(Query(SCORES, ("score",), *EVER, {"detector": "rooms"}))
    assert (left.times - T0).tolist() == [0, 1, 2, 5, 6, 7, 8, 9]


@pytest.mark.parametrize("name", ["nobody", "", "rooms' OR 'a", "$timeFilter", "a\nb"])
def test_a_detector_without_results_is_told(results: SeriesStore, name: str) -> None:
    with pytest.raises(NotFound, match="no results of a detector"):
        Forgetting(results).run(name, *EVER)


def test_an_empty_range_is_refused(results: SeriesStore) -> None:
    with pytest.raises(InputError, match="is empty"):
        Forgetting(results).run("rooms", T0, T0)
