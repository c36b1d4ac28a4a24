"""The embedded store beyond the contract: crashes, several processes, compaction, damage."""

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.exceptions import StoreRefused, StoreUnavailable
from backend.ports import Points, Query
from backend.schema import SCORES
from backend.stores.embedded import EmbeddedSeriesStore, compaction, segments
from backend.stores.embedded.database import Database
from backend.stores.rows import joined
from tests.fakes.series import MemorySeriesStore

ROOT = Path(__file__).parents[2]
NAN = float("nan")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedSeriesStore]:
    with closing(EmbeddedSeriesStore(tmp_path)) as opened:
        yield opened


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Database]:
    """The same file, as another process would open it."""
    with closing(Database(tmp_path)) as opened:
        yield opened


def numbered(start: int, count: int, tags: dict[str, str] | None = None) -> Points:
    """Rows at times `start`, `start + 1`, … whose value is their time."""
    times = np.arange(start, start + count, dtype=np.int64)
    return Points(tags or {}, times, {"v": times.astype(np.float64)})


def scattered(stop: int, tags: dict[str, str] | None = None) -> Points:
    """One small write that reaches over all times before `stop`."""
    times = np.linspace(0, stop - 1, 50).astype(np.int64)
    return Points(tags or {}, times, {"v": np.zeros(50)})


def everything(*fields: str, **options: Any) -> Query:
    return Query("air", fields or ("v",), -(2**63), 2**63, **options)


def levels(directory: Path) -> list[tuple[int, int, int, int]]:
    """Level, first, last and rows of all segments as they lie in the file."""
    query = "SELECT level, first, last, rows FROM segments ORDER BY level DESC, first"
    with closing(sqlite3.connect(directory / "series.sqlite3")) as connection:
        return connection.execute(query).fetchall()


# -- durability ------------------------------------------------------------------------------------


def test_a_killed_process_loses_nothing_that_was_acknowledged(
    tmp_path: Path, store: EmbeddedSeriesStore
) -> None:
    program = """
        import sys
        from pathlib import Path
        import numpy as np
        from backend.ports import Points
        from backend.stores.embedded import EmbeddedSeriesStore

        store = EmbeddedSeriesStore(Path(sys.argv[1]))
        for number in range(10**6):
            times = np.arange(number * 100, number * 100 + 150, dtype=np.int64)
            store.write("air", [Points({"room": "a"}, times, {"v": times.astype(float)})])
            print(number, flush=True)
    """
    writer = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert writer.stdout is not None
    acknowledged = [int(writer.stdout.readline()) for _ in range(60)]
    os.kill(writer.pid, signal.SIGKILL)
    acknowledged += [int(line) for line in writer.stdout.read().split(b"\n")[:-1]]
    writer.wait(timeout=30)
    writer.stdout.close()

    (found,) = store.read(everything())

    count = acknowledged[-1] * 100 + 150
    assert len(acknowledged) >= 60
    assert found.times[:count].tolist() == list(range(count))
    np.testing.assert_array_equal(found.fields["v"], found.times.astype(float))


def _write_many(directory: str, room: str, barrier: Any) -> None:
    store = EmbeddedSeriesStore(Path(directory))
    barrier.wait(timeout=60)
    for number in range(60):
        store.write("air", [numbered(number * 10, 15, {"room": room})])
        store.write("air", [Points({}, np.array([number]), {room: np.array([1.0])})])
    store.close()


def test_several_processes_write_at_once_from_the_first_moment_on(
    tmp_path: Path, store: EmbeddedSeriesStore
) -> None:
    context = multiprocessing.get_context("spawn")
    rooms = ["a", "b", "c"]
    barrier = context.Barrier(len(rooms))
    writers = [
        context.Process(target=_write_many, args=(str(tmp_path), room, barrier), daemon=True)
        for room in rooms
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(timeout=100)

    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    found = store.read(everything(group_by=("room",)))
    assert [series.tags["room"] for series in found] == rooms
    assert all(series.times.tolist() == list(range(605)) for series in found)
    # rows of one series that three processes wrote a field each
    (shared,) = store.read(everything(*rooms, where={"room": ""}))
    assert len(shared) == 60
    assert all((values == 1.0).all() for values in shared.fields.values())


def test_threads_share_a_store(store: EmbeddedSeriesStore) -> None:
    def work(number: int) -> int:
        store.write("air", [numbered(number * 5, 5)])
        return len(store.read(everything())[0])

    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(work, range(80)))

    assert all(count % 5 == 0 for count in seen)
    assert len(store.read(everything())[0]) == 400


def test_a_reader_sees_whole_writes_only(store: EmbeddedSeriesStore, other: Database) -> None:
    store.write("air", [numbered(0, 3)])

    with other.writing() as connection:
        segments.insert(connection, 1, segments.FRESH, segments.Layer(np.array([9]), {}))
        during = store.read(everything())[0].times.tolist()

    assert during == [0, 1, 2]


def test_a_write_that_fails_leaves_nothing_behind(
    store: EmbeddedSeriesStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patched:
        patched.setattr(compaction, "add", fail)
        with pytest.raises(StoreRefused, match="disk I/O error"):
            store.write("air", [numbered(0, 3)])

    assert store.measurements() == []
    assert store.fields("air") == {}


# -- compaction ------------------------------------------------------------------------------------


def test_live_rows_do_not_rewrite_history(tmp_path: Path, store: EmbeddedSeriesStore) -> None:
    history = 10 * segments.SETTLED_ROWS
    store.write("air", [numbered(0, history)])
    before = levels(tmp_path)

    for number in range(600):
        store.write("air", [numbered(history + number, 1)])

    after = levels(tmp_path)
    assert after[: len(before)] == before
    assert len(after) - len(before) <= 2 * compaction.FAN
    assert store.read(everything())[0].times.tolist() == list(range(history + 600))


def test_a_late_row_rewrites_only_the_segment_it_falls_into(
    tmp_path: Path, store: EmbeddedSeriesStore
) -> None:
    history = 10 * segments.SETTLED_ROWS
    store.write("air", [numbered(0, history)])
    late = Points({}, np.array([5000]), {"v": np.array([-1.0])})

    with closing(sqlite3.connect(tmp_path / "series.sqlite3")) as connection:
        before = dict(connection.execute("SELECT first, id FROM segments").fetchall())
        store.write("air", [late])
        store.write("air", [numbered(history, segments.SETTLED_ROWS)])
        after = dict(connection.execute("SELECT first, id FROM segments").fetchall())

    assert [first for first, id_ in before.items() if after.get(first) != id_] == [4096]
    (found,) = store.read(everything())
    assert found.fields["v"][5000] == -1.0
    assert len(found) == history + segments.SETTLED_ROWS


def test_settled_segments_never_overlap_and_stay_bounded(
    tmp_path: Path, store: EmbeddedSeriesStore
) -> None:
    random = np.random.default_rng(0)
    for _ in range(30):
        store.write("air", [numbered(int(random.integers(0, 60_000)), 3000)])

    settled = [(first, last, rows) for level, first, last, rows in levels(tmp_path) if level == 2]
    assert all(before[1] < after[0] for before, after in pairwise(settled))
    assert max(rows for _, _, rows in settled) <= segments.SETTLED_ROWS
    assert len(settled) > 5


def peak_while(work: Callable[[Query], Iterable[Points]], asked: Query) -> int:
    """The most bytes held at once while all pieces are looked at."""
    tracemalloc.start()
    try:
        for _ in work(asked):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("late", [False, True], ids=["in order", "corrected throughout"])
@pytest.mark.parametrize("what", ["rows in pieces", "means in pieces", "means"])
def test_a_long_history_is_never_held_whole(
    store: EmbeddedSeriesStore, what: str, late: bool
) -> None:
    history = 100 * segments.SETTLED_ROWS
    for room in "ab":
        store.write("air", [numbered(0, history, {"room": room})])
        if late:
            store.write("air", [scattered(history, {"room": room})])
    whole = 2 * history * 16  # bytes of times and values
    asked = Query("air", ("v",), 0, history, every=None if what == "rows in pieces" else 4096)
    work = store.read if what == "means" else lambda query: store.stream(query, 1000)
    peak_while(work, replace(asked, stop=4096))  # numpy loads parts of itself on first use

    assert peak_while(work, asked) < whole / 4


def test_the_newest_rows_are_found_where_a_late_write_reaches_over_all(
    store: EmbeddedSeriesStore,
) -> None:
    history = 3 * segments.SETTLED_ROWS
    store.write("air", [numbered(0, history)])
    store.write("air", [scattered(history)])
    (rows,) = store.read(everything())

    for count in (1, segments.SETTLED_ROWS + 10, history):
        (newest,) = store.read(everything(newest=count))
        assert newest.times.tolist() == rows.times[-count:].tolist()
        assert newest.fields["v"].tolist() == rows.fields["v"][-count:].tolist()


def test_a_stream_sees_one_state_and_keeps_nobody_from_writing(store: EmbeddedSeriesStore) -> None:
    store.write("air", [numbered(0, 3 * segments.SETTLED_ROWS, {"room": "a"})])
    store.write("air", [numbered(0, 10, {"room": "b"})])
    stream = store.stream(everything(group_by=("room",)), 1000)

    pieces = [next(stream)]
    store.write("air", [Points({"room": room}, np.array([5]), {"v": np.zeros(1)}) for room in "ab"])
    store.write("air", [numbered(0, 5, {"room": "c"})])
    pieces += stream

    seen = {(piece.tags["room"], time) for piece in pieces for time in piece.times.tolist()}
    assert len(seen) == 3 * segments.SETTLED_ROWS + 10
    assert all((piece.fields["v"] == piece.times).all() for piece in pieces)
    assert len(store.read(everything(group_by=("room",)))) == 3


_number = st.one_of(st.just(NAN), st.integers(-5, 5).map(float), st.floats(allow_infinity=False))
_rows = st.lists(
    st.tuples(st.integers(0, 20), _number, _number, st.sampled_from([None, "", "a", "b"])),
    min_size=1,
    max_size=6,
)
_write = st.tuples(st.just("write"), _rows)
_delete = st.tuples(st.just("delete"), st.tuples(st.integers(0, 20), st.integers(0, 8)))


@given(
    steps=st.lists(st.one_of(_write, _write, _write, _delete), min_size=6, max_size=25),
    fan=st.sampled_from([2, 3, 16]),
    settled_rows=st.sampled_from([1, 5, 16]),
    newest=st.integers(1, 6),
)
@settings(max_examples=60, deadline=None)
def test_compaction_never_changes_what_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[str, Any]],
    fan: int,
    settled_rows: int,
    newest: int,
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(compaction, "FAN", fan)
        patched.setattr(compaction, "SETTLED_ROWS", settled_rows)
        # what is tested here is not the disk
        store = EmbeddedSeriesStore(tmp_path_factory.mktemp("store"))
        fake = MemorySeriesStore()
        for step, content in steps:
            for target in (store, fake):
                if step == "write":
                    target.write(SCORES, [_batch(content)])
                else:
                    target.delete(SCORES, {}, content[0], content[0] + content[1])

    for query in (
        everything("a", "b", "s"),
        everything("s", newest=newest),
        Query("air", ("b", "a"), 4, 15),
        Query("air", ("a", "b"), 0, 20, every=5),
        Query("air", ("a",), 2, 18, newest=newest),
        Query("air", ("a",), 2, 18, oldest=newest),
    ):
        asked = replace(query, measurement=SCORES)
        assert _plain(store.read(asked)) == _plain(fake.read(asked))
        if asked.newest is None and asked.oldest is None:
            assert _plain(joined(store.stream(asked, 3))) == _plain(fake.read(asked))
    store.close()


def _batch(rows: list[tuple[int, float, float, str | None]]) -> Points:
    times, a, b, s = zip(*rows, strict=True)
    fields = {"a": np.array(a), "b": np.array(b), "s": np.array(s, dtype=object)}
    return Points({}, np.array(times, dtype=np.int64), fields)


def _plain(found: list[Points]) -> list[tuple[object, ...]]:
    # repr: NaN equals itself there, and -0.0 is not 0.0
    return [(p.times.tolist(), repr({n: v.tolist() for n, v in p.fields.items()})) for p in found]


# -- what is in the way ----------------------------------------------------------------------------


def test_a_store_that_stays_locked_is_unavailable(
    tmp_path: Path, store: EmbeddedSeriesStore, other: Database
) -> None:
    store.write("air", [numbered(0, 1)])

    with closing(Database(tmp_path, busy_seconds=0.01)) as blocked, other.writing():
        with pytest.raises(StoreUnavailable, match="another process") as caught, blocked.writing():
            pytest.fail("two writers at once")
        with blocked.reading() as connection:
            assert connection.execute("SELECT count(*) FROM segments").fetchone() == (1,)

    assert caught.value.retry


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreRefused, match="can be written"):
        EmbeddedSeriesStore(tmp_path / "file" / "store").ping()


def test_a_foreign_file_is_refused(tmp_path: Path, store: EmbeddedSeriesStore) -> None:
    (tmp_path / "series.sqlite3").write_bytes(b"no database at all" * 1000)

    with pytest.raises(StoreRefused, match="not an embedded store"):
        store.measurements()


def test_what_is_wrong_with_a_store_is_a_finding(
    tmp_path: Path, store: EmbeddedSeriesStore
) -> None:
    (tmp_path / "series.sqlite3").write_bytes(b"no database at all" * 1000)

    (finding,) = store.examine(0, writing=True, scratch=True)

    assert (finding.what, finding.ok) == ("answers", False)
    assert "not an embedded store" in finding.detail


def test_a_file_of_a_newer_version_is_refused(store: EmbeddedSeriesStore, other: Database) -> None:
    with other.writing() as connection:
        connection.execute("PRAGMA user_version = 99")

    with pytest.raises(StoreRefused, match="newer normalcy"):
        store.measurements()


def test_a_damaged_segment_is_refused(store: EmbeddedSeriesStore, other: Database) -> None:
    store.write("air", [numbered(0, 3)])
    with other.writing() as connection:
        connection.execute("UPDATE segments SET payload = substr(payload, 1, 40) || x'ff'")

    with pytest.raises(StoreRefused, match="damaged"):
        store.read(everything())


def test_a_closed_store_opens_again(store: EmbeddedSeriesStore) -> None:
    store.write("air", [numbered(0, 3)])
    store.close()
    store.close()

    assert len(store.read(everything())[0]) == 3
    assert store.ping().startswith("embedded store (SQLite 3.")


def test_the_newest_row_is_read_from_one_segment_however_many_there_are(tmp_path, monkeypatch):
    store = EmbeddedSeriesStore(tmp_path)
    for place in range(5):
        rows = np.array([place * 10], dtype=np.int64)
        store.write("m", [Points({"room": "a"}, rows, {"x": np.array([float(place)])})])
    loaded = []
    load = segments.load
    monkeypatch.setattr(segments, "load", lambda *asked: loaded.append(asked) or load(*asked))
    (found,) = store.read(Query("m", ("x",), 0, 100, group_by=("room",), newest=1))
    assert found.fields["x"].tolist() == [4.0]
    assert len(loaded) == 1
    store.close()
