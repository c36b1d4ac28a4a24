import pytest

from backend.exceptions import (
    ImportFileError,
    InputError,
    NoData,
    PartialWrite,
    StoreUnavailable,
)
from backend.importers.options import ReadingOptions
from backend.importers.points import parse_file
from backend.ports import Query
from backend.services.importing import import_file
from tests.fakes.series import MemorySeriesStore

GOOD = "2024-01-05T13:00:00Z,1,2\n"
MESSY = (
    "sep=,\n"  # 1
    "time,a,b\n"  # 2
    "2024-01-05T13:00:00Z,1,2\n"  # 3
    "\n"  # 4
    "2024-01-05T13:01:00Z,x,2\n"  # 5
    '"2024-01-05T13:02:00Z","1\n2",3\n'  # 6, 7
    "2024-01-05T13:03:00Z,1,inf\n"  # 8
    "2024-01-05T13:04:00Z,1\n"  # 9
    "2024-01-05T13:05:00Z,1,2,3\n"  # 10
    "2024-01-05T13:06:00Z,1,\0\n"  # 11
    "2024-01-05T13:07:00Z,1e999,2\n"  # 12
    ",1,2\n"  # 13
    '2024-01-05T13:08:00Z,"1,2\n'  # 14
    "2024-01-05T13:09:00Z,5,6\n"  # 15
)


def test_every_wrong_row_has_its_line_its_column_and_what_was_expected(parse):
    report = parse(MESSY).report

    assert [(p.line, p.column) for p in report.problems] == [
        (5, "a"),
        (6, "a"),
        (8, "b"),
        (9, None),
        (10, None),
        (11, None),
        (12, "a"),
        (13, "time"),
        (14, None),
    ]
    assert report.bad_rows == 9
    assert str(report.problems[0]) == "line 5, column 'a': expected a finite number, got 'x'"
    assert str(report.problems[3]) == "line 9: expected 3 cells, got 2"
    assert "NUL" in report.problems[5].message
    assert report.problems[7].message == "is empty"
    assert "quotes" in report.problems[8].message


def test_good_rows_around_wrong_ones_are_read(parse):
    assert parse(MESSY).column("a") == [1.0, 5.0]


def test_lines_are_right_deep_in_a_file_of_many_blocks(parse, monkeypatch):
    monkeypatch.setattr("backend.importers.sources.BLOCK", 1000)
    rows = [f"{1_704_459_600 + i},{i}" for i in range(2000)]
    rows[700] = "1704460300,bad"
    rows[1500] = '1704461100,"open'
    rows[1999] = "1704461599,worse"

    report = parse("time,a\n" + "\n".join(rows)).report

    assert [p.line for p in report.problems] == [702, 1502, 2001]
    assert report.rows == 1997


def test_quoted_line_breaks_over_blocks(parse, monkeypatch):
    monkeypatch.setattr("backend.importers.sources.BLOCK", 64)
    rows = [f'{1_704_459_600 + i},{i},"a\nb{i}"\n' for i in range(200)]
    rows[150] = '1704459750,bad,"x\ny"\n'

    parsed = parse("time,a,note\n" + "".join(rows), drop=("note",))

    assert parsed.rows == 199
    assert parsed.report.problems[0].line == 2 + 150 * 2


def test_only_the_first_rows_are_shown_and_all_are_counted(write):
    path = write("time,a,b\n" + GOOD * 60 + "2024-01-05T00:00:00Z,1,x\n" * 50)
    store = MemorySeriesStore()

    with (
        parse_file(path, ReadingOptions(), _silent) as parsed,
        pytest.raises(ImportFileError) as caught,
    ):
        import_file(parsed, "air", store, _silent)

    lines = str(caught.value).splitlines()
    assert "50 rows" in lines[0]
    assert "nothing was imported" in lines[0]
    assert lines[1].strip().startswith("line 62, column")
    assert len(lines) == 22
    assert lines[-1].strip() == "… and 30 more"
    assert store.measurements() == []


def test_wrong_rows_are_left_out_when_asked(write):
    store = MemorySeriesStore()

    with parse_file(write(MESSY), ReadingOptions(tags={"room": "A"}), _silent) as parsed:
        summary = import_file(parsed, "air", store, _silent, skip_bad_rows=True)

    (points,) = store.read(Query("air", ("a", "b"), 0, 2**62, group_by=("room",)))
    assert points.fields["a"].tolist() == [1.0, 5.0]
    assert points.tags == {"room": "A"}
    assert summary.plain()["skipped_rows"] == 9
    assert summary.plain()["written"] is True


def test_a_dry_run_writes_nothing_and_says_the_same(write):
    with parse_file(write("time,a,b\n" + GOOD), ReadingOptions(), _silent) as parsed:
        summary = import_file(parsed, "air", None, _silent)

    assert summary.plain() | {"file": ""} == {
        "file": "",
        "measurement": "air",
        "written": False,
        "rows": 1,
        "series": 1,
        "fields": ["a", "b"],
        "units": {},
        "start_ns": 1_704_459_600_000_000_000,
        "last_ns": 1_704_459_600_000_000_000,
        "skipped_rows": 0,
        "problems": [],
        "empty_rows": 0,
        "duplicate_rows": 0,
        "sorted": False,
        "notes": ["times carry their zone"],
    }


def test_a_file_without_a_value_is_no_data(write):
    with (
        parse_file(write("time,a\n2024-01-05,\n2024-01-06,null\n"), ReadingOptions(), _silent) as p,
        pytest.raises(NoData, match="no value"),
    ):
        import_file(p, "air", MemorySeriesStore(), _silent)


def test_a_file_in_which_no_row_fits_is_refused(parse):
    with pytest.raises(ImportFileError, match="line 2: expected 3 cells, got 4"):
        parse("time,a,b\n1,2,3,4\n1,2,3,4\n", separator=",")


def test_a_measurement_needs_a_name(write):
    with (
        parse_file(write("time,a,b\n" + GOOD), ReadingOptions(), _silent) as parsed,
        pytest.raises(InputError, match="--measurement"),
    ):
        import_file(parsed, " ", MemorySeriesStore(), _silent)


class _Failing(MemorySeriesStore):
    """Takes one batch, then fails as told."""

    def __init__(self, error):
        super().__init__()
        self.batches = []
        self._error = error

    def write(self, measurement, batches):
        self.batches.append(sum(map(len, batches)))
        if len(self.batches) == 2:
            raise self._error


MANY = "time,a,b\n" + "".join(f"{1_704_459_600 + i},1,2\n" for i in range(50_000))


def test_a_store_that_goes_away_leaves_word_of_how_far_it_came(write):
    store = _Failing(StoreUnavailable("The store is down."))

    with (
        parse_file(write(MANY), ReadingOptions(), _silent) as parsed,
        pytest.raises(StoreUnavailable, match="Of 50000 rows 20000 were written before"),
    ):
        import_file(parsed, "air", store, _silent)


def test_dropped_rows_do_not_stop_the_rest(write):
    store = _Failing(PartialWrite("two were too old", 2))
    shares = []

    with (
        parse_file(write(MANY), ReadingOptions(), _silent) as parsed,
        pytest.raises(PartialWrite, match="dropped 2 of 50000 rows: two were too old") as caught,
    ):
        import_file(parsed, "air", store, lambda share, words: shares.append(share))

    assert caught.value.dropped == 2
    assert store.batches == [20_000, 20_000, 10_000]
    assert shares == [0.4, 0.8, 1.0]


def _silent(share: float, words: str) -> None:
    pass
