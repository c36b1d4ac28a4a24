"""What the stores hold, told by the catalogue."""

from collections.abc import Iterator

import numpy as np
import pytest

from backend.exceptions import NotFound
from backend.ports import Credentials, Points, Query, SeriesStore
from backend.services.catalogue import MOST_AT_ONCE, MOST_VALUES, Catalogue
from backend.services.series_facts import MOST_GAPS, rhythm
from backend.stores.opening import open_series_store
from tests import hostile
from tests.fakes.series import MemorySeriesStore

T0 = 1_700_000_000_000_000_000
MINUTE = 60 * 10**9


@pytest.fixture(params=["memory", pytest.param("influx", marks=pytest.mark.influx)])
def store(request: pytest.FixtureRequest) -> Iterator[SeriesStore]:
    opened: SeriesStore = MemorySeriesStore()
    if request.param == "influx":
        url = request.getfixturevalue("influxdb_server").new_database()
        opened = open_series_store(url, Credentials(), create=False)
    yield opened
    opened.close()


def fill(store: SeriesStore) -> None:
    minutes = np.array([*range(10), *range(30, 40), *range(41, 60)], dtype=np.int64)
    for room, step in (("a", 1), ("b", 5)):
        fields = {"temp": np.ones(39), "state": np.array(["on"] * 39, dtype=object)}
        times = T0 + minutes * step * MINUTE
        store.write("air", [Points({"room": room, "site": "x"}, times, fields)])
    store.write("water", [Points({}, np.array([T0]), {"flow": np.array([1.0])})])


def test_a_measurement_tells_its_fields_and_tags(store: SeriesStore) -> None:
    fill(store)
    catalogue = Catalogue(store)

    assert catalogue.measurements() == ["air", "water"]
    facts = catalogue.measurement("air")
    assert facts.fields == {"state": "string", "temp": "float"}
    assert facts.tags == {"room": ("a", "b"), "site": ("x",)}
    assert facts.cut == frozenset()
    assert catalogue.measurement("water").tags == {}


def test_a_series_tells_its_rhythm_and_its_gaps(store: SeriesStore) -> None:
    fill(store)

    first, second = Catalogue(store).series("air").described

    assert (first.key, second.key) == ("room=a,site=x", "room=b,site=x")
    assert (first.first, first.last) == (T0, T0 + 59 * MINUTE)
    assert (first.step, second.step) == (MINUTE, 5 * MINUTE)
    assert first.gaps == ((T0 + 10 * MINUTE, T0 + 30 * MINUTE),)
    assert (first.gap_count, first.rows) == (1, 39)


def test_tags_part_series_as_asked(store: SeriesStore) -> None:
    fill(store)

    (merged,) = Catalogue(store).series("air", ["site"]).described

    assert merged.tags == {"site": "x"}
    assert merged.last == T0 + 59 * 5 * MINUTE
    (alone,) = Catalogue(store).series("water", []).described
    assert (alone.key, alone.step, alone.gaps) == ("", None, ())


def test_more_series_than_wanted_are_told(store: SeriesStore) -> None:
    fill(store)

    one, both = (Catalogue(store).series("air", limit=limit) for limit in (1, 2))

    assert ([found.key for found in one.described], one.more) == (["room=a,site=x"], True)
    assert (len(both.described), both.more) == (2, False)


class Watched(MemorySeriesStore):
    """Counts the series that are handed out."""

    handed_out = 0

    def read(self, query: Query) -> list[Points]:
        found = super().read(query)
        self.handed_out += len(found)
        return found


def fill_widely(store: SeriesStore, count: int) -> None:
    """Series of two tags, and one that lacks the wider of them."""
    ends = np.array([T0, T0 + MINUTE])
    tags = [{"room": f"{n:04}", "site": "xy"[n % 2]} for n in range(count)]
    rows = [Points(one, ends, {"v": np.ones(2)}) for one in [{"site": "x"}, *tags]]
    store.write("wide", rows)


def test_few_series_of_many_are_found_without_reading_all() -> None:
    store = Watched()
    fill_widely(store, 4 * MOST_AT_ONCE)

    found = Catalogue(store).series("wide", limit=10)

    assert [one.key for one in found.described[:2]] == ["room=,site=x", "room=0000,site=x"]
    assert (len(found.described), found.more) == (10, True)
    assert store.handed_out < 40


def test_a_measurement_that_is_read_in_parts_is_found_whole(store: SeriesStore) -> None:
    fill_widely(store, MOST_AT_ONCE)

    found = Catalogue(store).series("wide", limit=2 * MOST_AT_ONCE)

    assert len({one.key for one in found.described}) == len(found.described) == MOST_AT_ONCE + 1
    assert not found.more
    assert {(one.first, one.last, one.step) for one in found.described} == {
        (T0, T0 + MINUTE, MINUTE)
    }


@pytest.mark.parametrize("name", hostile.NAMES)
def test_hostile_names_find_nothing_and_change_nothing(store: SeriesStore, name: str) -> None:
    fill(store)
    catalogue = Catalogue(store)

    with pytest.raises(NotFound, match="has no measurement"):
        catalogue.measurement(name)
    with pytest.raises(NotFound, match="has no measurement"):
        catalogue.series(name)
    with pytest.raises(NotFound, match="has no tag"):
        catalogue.series("air", [name])
    assert catalogue.measurements() == ["air", "water"]
    assert len(catalogue.series("air").described) == 2


@pytest.mark.parametrize("name", hostile.HOLDABLE)
def test_a_hostile_name_that_is_there_is_found_as_it_is(store: SeriesStore, name: str) -> None:
    fill(store)
    store.write(name, hostile.rows(name))

    facts = Catalogue(store).measurement(name)
    found = Catalogue(store).series(name, [name])

    assert facts.fields == {name: "float", "text": "string"}
    assert facts.tags == {name: (name,)}
    assert [one.tags for one in found.described] == [{name: name}]


def test_long_lists_are_cut_and_say_so() -> None:
    store = MemorySeriesStore()
    for number in range(MOST_VALUES + 1):
        tags = {"n": f"{number:03}"}
        store.write("air", [Points(tags, np.array([T0]), {"v": np.array([1.0])})])
    times = T0 + np.cumsum(np.where(np.arange(100) % 3, 1, 50)) * MINUTE
    store.write("gaps", [Points({}, times, {"v": np.ones(100)})])

    facts = Catalogue(store).measurement("air")
    (one,) = Catalogue(store).series("gaps").described

    assert len(facts.tags["n"]) == MOST_VALUES
    assert facts.cut == {"n"}
    assert one.gap_count == 33
    assert len(one.gaps) == MOST_GAPS
    assert one.gaps[-1][1] == times[99]


def test_near_names_are_offered_as_they_are_written() -> None:
    store = MemorySeriesStore()
    store.write("Air", [Points({}, np.array([T0]), {"v": np.ones(1)})])

    with pytest.raises(NotFound, match="The store has no measurement 'AirS'; did you mean 'Air'"):
        Catalogue(store).measurement("AirS")


@pytest.mark.parametrize(
    ("step", "shown"), [(None, "-"), (5, "5ns"), (10 * MINUTE, "10m"), (1_500_000_000, "1s500ms")]
)
def test_a_rhythm_is_shown_in_its_units(step: int | None, shown: str) -> None:
    assert rhythm(step) == shown
