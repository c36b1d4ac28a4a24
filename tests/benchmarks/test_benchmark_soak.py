"""What the soak says of what it finds; the soak itself takes minutes, and is run by hand."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from backend.ports import Points
from backend.records import Label, LabelKind, Promotion
from benchmarks.soak import Soak, plain, report
from benchmarks.soaking.course import LATEST_S, SECOND, Fleet, course
from benchmarks.soaking.faults import FATAL, FAULTS, Scene, Troubles
from benchmarks.soaking.people import Told
from benchmarks.soaking.sensors import lines
from benchmarks.soaking.verdict import Tally, compare, judge_labels, judge_versions
from benchmarks.soaking.watching import LEAST_S, WARM_S, Sample, draw, growths, restarts, write_csv
from tests.fakes.records import MemoryRecordStore

FLEET = Fleet("rooms", "air", "room", ("temp", "gas"), 10, "{kind: pca}")
TIMES = SECOND * np.arange(5, dtype=np.int64)


def rows(series="a", times=TIMES, **fields):
    columns = {"score": np.array([0.1, 0.2, 0.3, 0.4, 0.5]), **fields}
    return Points({"room": series}, times, columns)


def without(points, *places):
    kept = [place for place in range(len(points)) if place not in places]
    fields = {name: column[kept] for name, column in points.fields.items()}
    return replace(points, times=points.times[kept], fields=fields)


def counts(tally):
    return tally.rows, tally.lost, tally.wrong, tally.doubled


# -- the comparison --------------------------------------------------------------------------------


def test_the_same_rows_are_clean_in_any_order_of_series():
    tally = compare([rows("b"), rows("a")], [rows("a"), rows("b")])

    assert counts(tally) == (10, 0, 0, 0)
    assert tally.is_clean


def test_another_order_of_sums_is_no_other_number():
    nearly = rows(score=np.array([0.1, 0.2, 0.3, 0.4, 0.5]) * (1 + 5e-7))

    assert compare([nearly], [rows()]).is_clean


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param([without(rows(), 1, 2)], (5, 2, 0, 0), id="rows lost"),
        pytest.param([], (5, 5, 0, 0), id="a series lost"),
        pytest.param([rows(), rows("b")], (5, 0, 0, 5), id="a series too many"),
        pytest.param([rows(), rows()], (5, 0, 0, 5), id="a series twice"),
        pytest.param([rows(times=TIMES + 1)], (5, 5, 0, 5), id="other times"),
        pytest.param(
            [rows(score=np.array([0.1, 0.2, 0.3001, 0.4, 0.5]))], (5, 0, 1, 0), id="wrong"
        ),
        pytest.param(
            [rows(score=np.array([0.1, np.nan, 0.3, 0.4, 0.5]))], (5, 0, 1, 0), id="no number"
        ),
        pytest.param(
            [rows(times=np.array([0, 0, 1, 2, 3]) * SECOND)], (5, 1, 3, 1), id="a row twice"
        ),
    ],
)
def test_what_is_not_as_it_had_to_be_is_counted_and_shown(found, expected):
    tally = compare(found, [rows()])

    assert counts(tally) == expected
    assert not tally.is_clean
    assert tally.examples


def test_text_is_compared_exactly():
    def text(*words):
        return rows(model=np.array(words, dtype=object))

    tally = compare([text("m/1", "m/1", "m/2", "m/2", "")], [text(*["m/1"] * 2, *["m/2"] * 3)])

    assert counts(tally) == (5, 0, 1, 0)
    assert "another model" in tally.examples[0]


@pytest.fixture
def records():
    store = MemoryRecordStore()
    store.add_labels(
        [
            Label(
                id=0,
                detector="rooms",
                kind=LabelKind.NORMAL,
                start=0,
                stop=SECOND,
                tags={},
                note=note,
                source="api",
                created_by="soak",
                created_at=0,
            )
            for note in ("soak 1", "soak 2", "soak 2")
        ]
    )
    return store


class Records:
    """As much of the product as is looked at."""

    def __init__(self, records):
        self.records = records


def test_labels_that_were_acknowledged_are_there_once(records):
    clean = judge_labels(Records(records), Told(added={1: "soak 1"}, unanswered={"soak 2"}))
    lost = judge_labels(Records(records), Told(added={1: "soak 1", 9: "soak 9"}))

    assert counts(clean) == (1, 0, 0, 1)  # the note of one is there twice
    assert counts(lost) == (2, 1, 0, 2)  # and nobody knows of it here


def test_labels_are_out_of_force_where_that_was_acknowledged_and_nowhere_else(records):
    records.remove_labels([1], by="soak", at=1)
    told = Told(added={1: "soak 1"}, unanswered={"soak 2"})

    unasked = judge_labels(Records(records), told)
    told.removing, told.removed = {1, 2}, {1}
    asked = judge_labels(Records(records), told)
    told.added[2] = "soak 2"
    told.removed.add(2)
    ignored = judge_labels(Records(records), told)

    assert (unasked.wrong, asked.wrong, ignored.wrong) == (1, 0, 1)


class Served:
    """Promotions of one detector, in order."""

    def __init__(self, *numbers):
        self.records = self
        self._numbers = numbers

    def promotions(self, name):
        return [Promotion(name, number, at, at, "") for at, number in enumerate(self._numbers)]

    def versions(self, name):
        return []


@pytest.mark.parametrize(
    ("numbers", "lost"), [((), 1), ((1, 2), 1), ((1, 2, 1), 0), ((1, 2, 1, 3, 1), 0)]
)
def test_who_was_told_that_it_is_rolled_back_finds_it_so(numbers, lost):
    told = Told(rolled_back={"rooms": 1})

    assert judge_versions(Served(*numbers), ["rooms"], told).lost == lost + len({*numbers})


# -- the sensors -----------------------------------------------------------------------------------


def test_a_course_is_the_same_for_a_seed_and_its_history_for_any_length():
    one, again = (course(FLEET, 0, 100, 300, seed=3) for _ in range(2))
    short, other = course(FLEET, 0, 100, 0, seed=3), course(FLEET, 0, 100, 300, seed=4)

    np.testing.assert_array_equal(one.values, again.values)
    np.testing.assert_array_equal(one.due, again.due)
    np.testing.assert_array_equal(one.values[:, :100], short.values)
    assert not np.array_equal(one.values, other.values, equal_nan=True)


def test_every_row_is_handed_in_and_in_the_end_as_it_is():
    made = course(FLEET, 0, 100, 300, seed=3)
    stored = {}
    for second in range(-1, int(made.due.max())):
        for points in made.between(second, second + 1):
            values = zip(*points.fields.values(), strict=True)
            for at, value in zip(points.times.tolist(), values, strict=True):
                assert at <= (second + 1) * SECOND
                stored[points.tags["room"], at] = value

    expected = {
        (points.tags["room"], at): value
        for points in made.all()
        for at, value in zip(
            points.times.tolist(), zip(*points.fields.values(), strict=True), strict=True
        )
    }
    assert stored == expected


def test_rows_are_late_wrong_at_first_and_missing_now_and_then():
    made = course(FLEET, 0, 100, 600, seed=3)
    delay = made.due - np.arange(700)

    assert delay[:, :100].max() == 0
    assert 2 <= delay[delay > 0].min() <= delay.max() < LATEST_S
    assert made.wrong[made.due > np.arange(700)].any()
    assert not made.present.all()
    assert not made.present[-1, 100:300].any()  # it appears later
    assert not made.present[0, 400:].any()  # it has vanished


def test_rows_are_written_as_line_protocol():
    points = Points({"room": "r1"}, np.array([5]), {"x": np.array([1.5]), "y": np.array([-2.0])})

    assert list(lines("air", [points])) == ["air,room=r1 x=1.5,y=-2.0 5"]


# -- the faults ------------------------------------------------------------------------------------


@pytest.mark.parametrize("fatal", [True, False])
def test_every_fault_happens_before_any_happens_again(fatal):
    troubles = Troubles(Scene(None, None, None, Random(5)), fatal=fatal)
    own = [name for name in FAULTS if fatal or name not in FATAL]
    for _ in own:
        names = troubles._drawn()
        assert len(names) == len(set(names)) <= 2
        troubles.counts.update(names)

    assert set(troubles.counts) == set(own)


# -- memory ----------------------------------------------------------------------------------------


def life(role, pid, start, sizes, files=None):
    mapped = files or [30] * len(sizes)
    return [
        Sample(start + 2.0 * n, role, pid, size, size + mapped[n], 0, 0)
        for n, size in enumerate(sizes)
    ]


def test_growth_is_told_of_lives_that_are_warm_and_long():
    count = int((WARM_S + LEAST_S) / 2) + 10
    steady = life("web", 1, 0, [50 + 40 * (n < WARM_S / 2) for n in range(count)])
    growing = life("jobs", 2, 0, [50 + n / 30 for n in range(count)])  # a megabyte a minute
    short = life("worker", 3, 0, range(20))

    jobs, web, worker = growths([*steady, *growing, *short])

    assert (web.slope, web.median, web.grows) == (pytest.approx(0), 50, False)
    assert jobs.slope == pytest.approx(1)
    assert jobs.grows
    assert (worker.slope, worker.grows) == (None, False)


def test_two_lives_are_each_judged_by_their_own_mean():
    count = int((WARM_S + LEAST_S) / 2) + 10
    small, large = life("web", 1, 0, [50] * count), life("web", 2, 5000, [90] * count)

    (web,) = growths([*small, *large])

    assert web.slope == pytest.approx(0)
    assert web.processes == 2


def test_a_library_that_is_loaded_late_is_no_growth():
    count = int((WARM_S + LEAST_S) / 2) + 10
    sizes, files = [100] * count + [300] * count, [30] * count + [190] * count

    (worker,) = growths(life("worker", 1, 0, sizes, files))

    assert worker.slope == pytest.approx(0)
    assert worker.minutes == pytest.approx(2 * LEAST_S / 60, rel=0.1)


def test_a_process_in_the_place_of_another_is_a_restart():
    three_workers = [one for pid in (1, 2, 3) for one in life("worker", pid, 0, [1, 1])]
    later = life("worker", 4, 10, [1])
    web = [*life("web", 5, 0, [1]), *life("web", 6, 2, [1])]

    assert restarts([*three_workers, *later, *web]) == {"worker": 1, "web": 1}


def test_memory_is_written_and_drawn(tmp_path):
    samples = [*life("web", 1, 0, [50.04, 51.0]), *life("jobs", 2, 0, [60.0])]
    write_csv(tmp_path / "memory.csv", samples)
    draw(tmp_path / "memory.png", samples)

    head, first, *rest = (tmp_path / "memory.csv").read_text().splitlines()
    assert head.startswith("second,role,pid")
    assert first == "0.0,web,1,50.0,80.0,0,0"
    assert len(rest) == 2
    assert (tmp_path / "memory.png").stat().st_size > 1000


# -- the report ------------------------------------------------------------------------------------


def test_a_clean_run_has_nothing_failed():
    found = Soak(1, 1, caught_up_s=2.0, exit_code=0, tallies={"rooms: scores": Tally(rows=5)})

    assert found.failures == []
    assert not any("FAILED" in line for line in report(found))
    assert plain(found)["tallies"]["rooms: scores"]["rows"] == 5


def test_a_run_in_which_there_was_nothing_to_compare_has_failed():
    found = Soak(1, 1, caught_up_s=2.0, exit_code=0, tallies={"rooms: scores": Tally()})

    assert found.failures == ["rooms: scores: there is nothing to compare"]


def test_everything_that_failed_is_said():
    tally = Tally(rows=5, wrong=1, examples=["room=a: 1 rows with another score"])
    found = Soak(1, 1, tallies={"rooms: scores": tally}, told=Told(bad=["GET /: oh"]))

    said = "\n".join(report(found))
    assert len(found.failures) == 4
    for words in ("room=a: 1 rows", "not as it has to be", "did not catch up", "GET /: oh"):
        assert words in said
