import pytest

from backend.exceptions import ConfigurationError, ImportFileError
from backend.importers.options import ReadingOptions

MOMENT = "2024-01-05T13:00:00.000"


@pytest.mark.parametrize(
    "stamp",
    [
        "2024-01-05T13:00:00Z",
        "2024-01-05 13:00:00Z",
        "2024-01-05T13:00Z",
        "2024-01-05T13:00:00.000000000Z",
        "2024-01-05T14:00:00+01:00",
        "2024-01-05T14:00:00+0100",
        "2024-01-05 14:00:00 +01:00",
        "2024-01-05 13:00:00 UTC",
        "2024-01-05 13:00:00",
        "2024-01-05 13:00",
        "2024/01/05 13:00:00",
        "2024-1-5 13:00:00",
        "05.01.2024 13:00:00",
        "5.1.2024 13:00",
        "05.01.2024, 13:00",
        "1704459600",
        "1704459600.0",
        "1704459600000",
        "1704459600000000",
        "1704459600000000000",
    ],
)
def test_stamps_that_are_understood(parse, stamp):
    parsed = parse(f'time,a\n"{stamp}",1\n')

    assert parsed.times == [MOMENT]


@pytest.mark.parametrize(
    ("stamp", "options"),
    [
        ("05/01/2024 13:00", {"day_first": True}),
        ("05-01-2024 01:00:00 PM", {"day_first": True}),
        ("05/01/24 1:00 pm", {"day_first": True}),
        ("01/05/2024 01:00 PM", {"time_format": "%m/%d/%Y %I:%M %p"}),
        ("2024-01-05 22:00:00", {"timezone": "Asia/Seoul"}),
        ("05/01/2024 14:00", {"day_first": True, "timezone": "Europe/Berlin"}),
        ("20240105 1300", {"time_format": "%Y%m%d %H%M"}),
        ("20240105 1400 +0100", {"time_format": "%Y%m%d %H%M %z"}),
        ("1704459600", {"time_format": "s"}),
    ],
)
def test_stamps_that_need_a_word(parse, stamp, options):
    assert parse(f'time,a\n"{stamp}",1\n', **options).times == [MOMENT]


def test_small_numbers_are_times_only_when_said(parse):
    assert parse("time,a\n1500,1\n", time_format="ms").times == ["1970-01-01T00:00:01.500"]


def test_fractions_of_epoch_seconds_are_exact(parse):
    parsed = parse("time,a\n1704459600.123456789,1\n")

    assert parsed.points[0].times.tolist() == [1_704_459_600_123_456_789]
    assert parsed.report.notes[0] == "times are epoch numbers in s"


def test_a_day_that_may_be_a_month_is_asked_about(parse):
    with pytest.raises(ImportFileError, match=r"may mean two days.*--dayfirst.*--time-format"):
        parse("time,a\n01/05/2024 13:00,1\n")


@pytest.mark.parametrize(
    ("stamp", "said"),
    [
        ("2024-03-31 02:30:00", "never was in Europe/Berlin"),
        ("2024-10-27 02:30:00", "happened twice in Europe/Berlin"),
        ("2024-02-30 00:00:00", "no date of the calendar"),
        ("9999-01-01 00:00:00", "between 1678 and 2261"),
        ("2024-01-05T13:00:00Z", "carries a zone, but the others do not"),
        ("13:00", "expected a time such as"),
        ("", "is empty"),
    ],
)
def test_local_stamps_that_are_no_moment(parse, stamp, said):
    rows = "".join(f"2024-06-0{i} 12:00:00,1\n" for i in range(1, 6))

    parsed = parse(f"time,a\n{rows}{stamp},1\n", timezone="Europe/Berlin")

    assert parsed.rows == 5
    assert parsed.report.problems[0].line == 7
    assert parsed.report.problems[0].column == "time"
    assert said in parsed.report.problems[0].message


@pytest.mark.parametrize("stamp", ["2024-01-05 13:00:00", "1704459600", "x"])
def test_stamps_unlike_the_others_are_wrong_rows(parse, stamp):
    rows = "".join(f"2024-06-0{i}T12:00:00Z,1\n" for i in range(1, 6))

    assert parse(f"time,a\n{rows}{stamp},1\n").report.bad_rows == 1


@pytest.mark.parametrize("stamp", ["1704459600", "17044596000000", "-5", "1e12", "x"])
def test_epoch_numbers_of_another_size_are_wrong_rows(parse, stamp):
    parsed = parse(f"time,a\n1704459600000,1\n1704459601000,1\n1704459602000,1\n{stamp},1\n")

    assert parsed.report.bad_rows == 1
    assert "epoch number in ms" in parsed.report.problems[0].message


def test_a_given_pattern_that_a_row_does_not_follow(parse):
    parsed = parse("t,a\n05|01|2024,1\n2024,1\n", time_format="%d|%m|%Y", separator=",")

    assert parsed.times == ["2024-01-05T00:00:00.000"]
    assert "like %d|%m|%Y, got '2024'" in parsed.report.problems[0].message


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"timezone": "Mars/Base"}, "no time zone 'Mars/Base'"),
        ({"decimal": ";"}, "decimal mark"),
        ({"separator": ";;"}, "separator"),
        ({"separator": ",", "decimal": ","}, "both"),
        ({"encoding": "utf-99"}, "no encoding"),
        ({"tags": {"a": ""}}, "no value"),
        ({"day_first": True, "time_format": "%d"}, "leave out day-first"),
    ],
)
def test_options_that_cannot_be(options, said):
    with pytest.raises(ConfigurationError, match=said):
        ReadingOptions(**options)


def test_a_pattern_that_is_none(parse):
    with pytest.raises(ConfigurationError, match="no strptime pattern"):
        parse("time,a\n2024,1\n", time_format="%Q")
