"""Copying between series stores, cut off and disturbed in every way."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.exceptions import InputError, NoData, PartialWrite, StoreRefused, StoreUnavailable
from backend.ports import Credentials, FieldKind, Points, Query, SeriesStore
from backend.services.copying import Copying
from backend.services.copying_progress import Reached
from backend.services.copying_summary import Copied, refuse_losses
from backend.services.copying_window import MANY, ROWS, next_length
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
        self.errors: Callable[[], Exception] = lambda: StoreUnavailable("It is down: start it.")

    def write(self, measurement: str, batches: Sequence[Points]) -> None:
        self.writes += 1
        if self.writes in self.fails:
            raise self.errors()
        super().write(measurement, batches)


class Forgetful(MemorySeriesStore):
    """A store that says that it stored everything, and keeps nothing of room a."""

    def write(self, measurement: str, batches: Sequence[Points]) -> None:
        super().write(measurement, [p for p in batches if p.tags.get("room") != "a"])


class Measured(MemorySeriesStore):
    """A store that tells how many rows it was handed at once, and how many in each window."""

    def __init__(self) -> None:
        super().__init__()
        self.most = 0
        self.windows: list[int] = []

    def write(self, measurement: str, batches: Sequence[Points]) -> None:
        self.most = max(self.most, sum(map(len, batches)))
        super().write(measurement, batches)

    def stream(self, query: Query, rows: int) -> Iterator[Points]:
        pieces = list(super().stream(query, rows))
        self.windows.append(sum(map(len, pieces)))
        return iter(pieces)


class Nameless(MemorySeriesStore):
    """A store with a measurement whose fields cannot be asked for."""

    def fields(self, measurement: str) -> dict[str, FieldKind]:
        return {}


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


def cut_off(source: SeriesStore, directory: Path) -> Shaky:
    """A target whose copy of `air` was cut off after a third."""
    target = Shaky()
    target.fails = {5, 6, 7}
    with pytest.raises(StoreUnavailable):
        copy(source, target, directory, "air")
    return target


def test_a_copy_that_was_cut_off_goes_on_behind_its_last_window(
    source: MemorySeriesStore, tmp_path: Path
) -> None:
    target = cut_off(source, tmp_path)
    before = target.writes

    (copied,) = copy(source, target, tmp_path, "air")

    assert copied.resumed_from is not None
    assert copied.resumed_from > T0
    assert target.writes - before < 12
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
    checkpoints.reached("air", Reached(T0, T0 + 500 * HOUR))
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
    # each write gave a reason with a number of its own
    assert len(copied[0].reasons) == 5


def test_a_target_that_lost_rows_is_not_believed_whatever_else_it_holds(
    source: MemorySeriesStore, tmp_path: Path
) -> None:
    target = Forgetful()
    for points in source.read(Query("air", ("temp",), *EVER)):
        target.write("air", [replace(points, tags={"room": "another"})])

    copied = copy(source, target, tmp_path)

    assert {one.measurement: bool(one.failed) for one in copied} == {
        "$timeFilter; DROP": False,
        "air": True,
        "edges": False,
    }
    with pytest.raises(StoreRefused, match=r"'air' was not copied whole: .* see to its retention"):
        refuse_losses(copied)


def test_a_measurement_that_is_refused_does_not_stop_the_others(
    source: MemorySeriesStore, tmp_path: Path
) -> None:
    target = Shaky()
    target.fails = {1}
    target.errors = lambda: InputError("a name holds a line break")

    copied = copy(source, target, tmp_path)

    assert [one.failed for one in copied] == ["a name holds a line break", "", ""]
    assert content(target) == [row for row in content(source) if row[0] in ("air", "edges")]


def test_a_target_made_anew_since_the_cut_gets_everything(
    source: MemorySeriesStore, tmp_path: Path
) -> None:
    cut_off(source, tmp_path)
    target = MemorySeriesStore()

    (copied,) = copy(source, target, tmp_path, "air")

    assert copied.resumed_from is None
    assert any("the target lost" in note for note in copied.notes)
    assert content(target) == [row for row in content(source) if row[0] == "air"]


def test_a_gap_before_the_cut_does_not_hide_that_the_target_is_empty(tmp_path: Path) -> None:
    source, shaky, target = MemorySeriesStore(), Shaky(), MemorySeriesStore()
    times = T0 + np.array([0, HOUR, 1000 * HOUR])
    source.write("air", [Points({}, times, {"v": np.ones(3)})])
    shaky.fails = {2, 3, 4}
    with pytest.raises(StoreUnavailable):
        copy(source, shaky, tmp_path)

    copy(source, target, tmp_path)

    assert content(target) == content(source)


def test_history_that_came_since_the_cut_is_copied_too(
    source: MemorySeriesStore, tmp_path: Path
) -> None:
    target = cut_off(source, tmp_path)
    source.write("air", [Points({}, np.array([T0 - HOUR]), {"temp": np.array([1.0])})])

    (copied,) = copy(source, target, tmp_path, "air")

    assert any("older rows" in note for note in copied.notes)
    assert content(target) == [row for row in content(source) if row[0] == "air"]


def test_each_measurement_has_a_progress_of_its_own(
    source: MemorySeriesStore, tmp_path: Path
) -> None:
    target = cut_off(source, tmp_path)

    copy(source, target, tmp_path, "edges")
    (copied,) = copy(source, target, tmp_path, "air")

    assert copied.resumed_from is not None


def test_restarting_forgets_the_cut(source: MemorySeriesStore, tmp_path: Path) -> None:
    target = cut_off(source, tmp_path)
    Copying(source, target, FileCheckpoints(tmp_path, "a", "b")).restart(["air"])

    (copied,) = copy(source, target, tmp_path, "air")

    assert copied.resumed_from is None
    assert copied.rows == sum(row[0] == "air" for row in content(source))


def test_few_rows_are_in_memory_at_once(tmp_path: Path) -> None:
    source, target = MemorySeriesStore(), Measured()
    times = T0 + np.arange(3 * ROWS + 1)
    times[0] -= HOUR  # all others are in one window
    source.write("air", [Points({}, times, {"v": np.ones(len(times))})])

    (copied,) = copy(source, target, tmp_path)

    assert copied.rows == len(times)
    assert target.most == ROWS


def test_a_copy_of_few_rows_takes_few_windows(source: MemorySeriesStore, tmp_path: Path) -> None:
    target = Measured()

    copy(source, target, tmp_path, "air")

    assert 5 < len(target.windows) < 15


@pytest.mark.parametrize(
    ("rows", "length"),
    [(0, 2000), (ROWS - 1, 2000), (ROWS, 1000), (MANY, 1000), (4 * MANY, 250), (9999 * MANY, 1)],
)
def test_windows_become_longer_with_few_rows_and_shorter_with_many(rows: int, length: int) -> None:
    assert next_length(1000, rows, whole=10**6) == length


def test_no_window_is_more_than_a_tenth_of_the_whole() -> None:
    assert next_length(1000, 0, whole=12_000) == 1201


def test_many_small_series_share_a_write(tmp_path: Path) -> None:
    source, target = MemorySeriesStore(), Shaky()
    for number in range(50):
        source.write("air", [Points({"n": str(number)}, np.array([T0]), {"v": np.ones(1)})])

    (copied,) = copy(source, target, tmp_path)

    assert copied.series == 50
    assert target.writes == 1


def test_a_measurement_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    source = Nameless()
    source.write("air", [Points({}, np.array([T0]), {"v": np.ones(1)})])

    (copied,) = copy(source, MemorySeriesStore(), tmp_path)

    assert copied.rows == 0
    assert copied.notes == ["the source names no field of it: nothing was copied"]


def test_what_is_not_there_is_refused_before_anything_is_written(
    source: MemorySeriesStore, tmp_path: Path
) -> None:
    target = MemorySeriesStore()

    with pytest.raises(InputError, match="did you mean 'air'"):
        copy(source, target, tmp_path, "edges", "airs")
    with pytest.raises(NoData):
        copy(MemorySeriesStore(), target, tmp_path)
    assert target.measurements() == []
