"""What the stores hold, told by the catalogue."""

from collections.abc import Iterator

import numpy as np
import pytest

from backend.exceptions import NotFound
from backend.ports import Credentials, Points, SeriesStore
from backend.services.catalogue import MOST_GAPS, MOST_VALUES, Catalogue, rhythm
from backend.stores.opening import open_series_store
from tests.fakes.series import MemorySeriesStore

T0 = 1_700_000_000_000_000_000
MINUTE = 60 * 10**9
HOSTILE = [
    'quote"d',
    "apo'strophe",
    "back\\slash",
    "line\nbreak",
    "semi;colon; DROP MEASUREMENT air",
    "日本語 🙂",
    "$timeFilter",
    "",
    "\x00",
    "/.*/",
    "*",
]


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

    first, second = Catalogue(store).series("air")

    assert (first.key, second.key) == ("room=a,site=x", "room=b,site=x")
    assert (first.first, first.last) == (T0, T0 + 59 * MINUTE)
    assert (first.step, second.step) == (MINUTE, 5 * MINUTE)
    assert first.gaps == ((T0 + 10 * MINUTE, T0 + 30 * MINUTE),)
    assert (first.gap_count, first.rows) == (1, 39)


def test_tags_part_series_as_asked(store: SeriesStore) -> None:
    fill(store)

    (merged,) = Catalogue(store).series("air", ["site"])

    assert merged.tags == {"site": "x"}
    assert merged.last == T0 + 59 * 5 * MINUTE
    (alone,) = Catalogue(store).series("water", [])
    assert (alone.key, alone.step, alone.gaps) == ("", None, ())
    assert len(Catalogue(store).series("air", limit=1)) == 1


@pytest.mark.parametrize("name", HOSTILE)
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
    assert len(catalogue.series("air")) == 2


def test_long_lists_are_cut_and_say_so() -> None:
    store = MemorySeriesStore()
    for number in range(MOST_VALUES + 1):
        tags = {"n": f"{number:03}"}
        store.write("air", [Points(tags, np.array([T0]), {"v": np.array([1.0])})])
    times = T0 + np.cumsum(np.where(np.arange(100) % 3, 1, 50)) * MINUTE
    store.write("gaps", [Points({}, times, {"v": np.ones(100)})])

    facts = Catalogue(store).measurement("air")
    (one,) = Catalogue(store).series("gaps")

    assert len(facts.tags["n"]) == MOST_VALUES
    assert facts.cut == {"n"}
    assert one.gap_count == 33
    assert len(one.gaps) == MOST_GAPS
    assert one.gaps[-1][1] == times[99]


def test_near_names_are_offered() -> None:
    store = MemorySeriesStore()
    fill(store)

    with pytest.raises(NotFound, match="The store has no measurement 'airs'; did you mean 'air'"):
        Catalogue(store).measurement("airs")


@pytest.mark.parametrize(
    ("step", "shown"), [(None, "-"), (5, "5ns"), (10 * MINUTE, "10m"), (1_500_000_000, "1s500ms")]
)
def test_a_rhythm_is_shown_in_its_units(step: int | None, shown: str) -> None:
    assert rhythm(step) == shown
