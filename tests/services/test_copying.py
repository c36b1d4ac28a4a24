"""Copying between series stores, cut off and disturbed in every way."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.exceptions import InputError, NoData, PartialWrite, StoreRefused, StoreUnavailable
from backend.ports import Credentials, Points, Query, SeriesStore
from backend.services.copying import Copied, Copying, refuse_losses
from backend.stores.checkpoints import FileCheckpoints
from backend.stores.opening import open_series_store
from tests.fakes.series import MemorySeriesStore

T0 = 1_700_000_000_000_000_000
HOUR = 3_600 * 10**9
EVER = (-(2**63), 2**63 - 1)


def fill(store: SeriesStore) -> None:
    """Series with all tags, some tags and none; holes, words, hostile names."""
    random = np.random.default_rng(0)
    for tags, rows in (({"room": "a", "site": "x"}, 900), ({"room": "b"}, 300), ({}, 5)):
        times = T0 + np.sort(random.integers(0, 600 * HOUR, rows))
        values = random.normal(size=rows)
        values[::7] = np.nan
        words = random.choice(np.array(["on", None], dtype=object), rows)
        fields: dict[str, Any] = {"temp": values, 'no"te, x': words}
        store.write("air", [Points(tags, times, fields)])
    name = "$timeFilter; DROP"
    store.write(name, [Points({name: "'\\\\x"}, np.array([T0]), {name: np.array([1.5])})])
    edges = np.array([-(2**63) + 2, 2**63 - 2])
    store.write("edges", [Points({}, edges, {"v": np.array([1.0, 2.0])})])


def content(store: SeriesStore) -> list[tuple[Any, ...]]:
    """Everything in a store, in an order of its own."""
    found = []
    for name in store.measurements():
        fields, tags = tuple(store.fields(name)), tuple(store.tag_keys(name))
        for points in store.read(Query(name, fields, *EVER, group_by=tags)):
            for row, time in enumerate(points.times.tolist()):
                values = [repr(column[row]) for column in points.fields.values()]
                found.append((name, sorted(points.tags.items()), time, values))
    return found


class Shaky(MemorySeriesStore):
    """A store whose writes fail when they are told to."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.fails: set[int] = set()
        self.error: Exception = StoreUnavailable("The store does not answer: start it.")

    def write(self, measurement: str, batches: Sequence[Points]) -> None:
        self.writes += 1
        if self.writes in self.fails:
            raise self.error
        super().write(measurement, batches)


class Forgetful(MemorySeriesStore):
    """A store that says that it stored everything."""

    def stream(self, query: Query, rows: int) -> Iterator[Points]:
        return iter(list(super().stream(query, rows))[1:])


@pytest.fixture
def source() -> MemorySeriesStore:
    store = MemorySeriesStore()
    fill(store)
    return store


def copy(
    source: SeriesStore,
    target: SeriesStore,
    directory: Path,
    *measurements: str,
    span: tuple[int, int] = EVER,
) -> list[Copied]:
    pauses: list[float] = []
    copying = Copying(source, target, FileCheckpoints(directory, "a", "b"), pauses.append)
    chosen = copying.chosen(measurements, everything=not measurements)
    return copying.run(chosen, *span, lambda share, words: None)


def test_everything_is_there_afterwards(source: MemorySeriesStore, tmp_path: Path) -> None:
    target = open_series_store(f"embedded://{tmp_path}/target", Credentials(), create=True)

    copied = copy(source, target, tmp_path / "copies")

    assert content(target) == content(source)
    assert {one.measurement: (one.rows, one.series) for one in copied}["edges"] == (2, 1)
    assert not list((tmp_path / "copies").iterdir())
    target.close()


def test_only_what_was_asked_for_is_copied(source: MemorySeriesStore, tmp_path: Path) -> None:
    target = MemorySeriesStore()

    copy(source, target, tmp_path, "air", span=(T0 + 10 * HOUR, T0 + 20 * HOUR))

    assert target.measurements() == ["air"]
    times = [time for _, _, time, _ in content(target)]
    assert times
    assert min(times) >= T0 + 10 * HOUR
    assert max(times) < T0 + 20 * HOUR
    assert len(times) == sum(
        name == "air" and T0 + 10 * HOUR <= time < T0 + 20 * HOUR
        for name, _, time, _ in content(source)
    )


def test_a_store_that_is_away_for_a_moment_is_waited_for(
    source: MemorySeriesStore, tmp_path: Path
) -> None:
    target = Shaky()
    target.fails = {2, 5, 6}

    copy(source, target, tmp_path)

    assert content(target) == content(source)


def test_a_copy_that_was_cut_off_goes_on_behind_its_last_window(
    source: MemorySeriesStore, tmp_path: Path
) -> None:
    target = Shaky()
    target.fails = {30, 31, 32}
    with pytest.raises(StoreUnavailable):
        copy(source, target, tmp_path, "air")
    before = target.writes

    (copied,) = copy(source, target, tmp_path, "air")

    assert copied.resumed_from is not None
    assert copied.resumed_from > T0
    assert target.writes - before < 80
    wanted = [row for row in content(source) if row[0] == "air"]
    assert content(target) == wanted
    assert 0 < copied.rows < len(wanted)


def test_a_copy_that_was_whole_begins_anew(source: MemorySeriesStore, tmp_path: Path) -> None:
    target = MemorySeriesStore()
    copy(source, target, tmp_path)
    source.write("air", [Points({"room": "b"}, np.array([T0 + 1]), {"temp": np.array([9.0])})])

    copied = copy(source, target, tmp_path)

    assert [one.resumed_from for one in copied] == [None] * 3
    assert content(target) == content(source)


def test_a_damaged_file_of_progress_only_means_to_copy_again(
    source: MemorySeriesStore, tmp_path: Path
) -> None:
    checkpoints = FileCheckpoints(tmp_path, "a", "b")
    checkpoints.reached("air", T0 + 500 * HOUR)
    (file,) = tmp_path.iterdir()
    file.write_bytes(b"[1, 2")
    target = MemorySeriesStore()

    copy(source, target, tmp_path, "air")

    assert content(target) == [row for row in content(source) if row[0] == "air"]


def test_rows_that_the_target_drops_are_counted_and_told(
    source: MemorySeriesStore, tmp_path: Path
) -> None:
    target = MemorySeriesStore()
    target.write("air", [Points({}, np.array([0]), {"temp": np.array(["hot"], dtype=object)})])

    copied = copy(source, target, tmp_path, "air")

    held = sum(name == "air" for name, *_ in content(target)) - 1
    wanted = [row for row in content(source) if row[0] == "air"]
    assert copied[0].dropped == len(wanted) - held > 0
    with pytest.raises(PartialWrite, match="another kind") as caught:
        refuse_losses(copied)
    assert caught.value.dropped == copied[0].dropped


def test_a_target_that_lost_rows_is_not_believed(source: MemorySeriesStore, tmp_path: Path) -> None:
    with pytest.raises(StoreRefused, match="see to its retention"):
        copy(source, Forgetful(), tmp_path, "air")


def test_what_is_not_there_is_refused_before_anything_is_written(
    source: MemorySeriesStore, tmp_path: Path
) -> None:
    target = MemorySeriesStore()

    with pytest.raises(InputError, match="did you mean 'air'"):
        copy(source, target, tmp_path, "edges", "airs")
    with pytest.raises(NoData):
        copy(MemorySeriesStore(), target, tmp_path)
    assert target.measurements() == []
