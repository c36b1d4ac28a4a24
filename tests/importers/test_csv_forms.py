import gzip
import math

import pytest

from backend.exceptions import ImportFileError

PLAIN = "time,temp,moist\n2024-01-05T13:00:00Z,21.5,40\n2024-01-05T13:10:00Z,22,41.25\n"
TIMES = ["2024-01-05T13:00:00.000", "2024-01-05T13:10:00.000"]


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.rstrip("\n"),
        "\n\n" + PLAIN,
        PLAIN + "\n\n",
        PLAIN.replace("\n", ",\n"),
        PLAIN.replace("\n", ",\n").replace("moist,", "moist"),
        PLAIN.replace("\n", ",\n").replace("40,", "40"),
        PLAIN + ",,\n,,\n",
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", "|"),
        "sep=,\n" + PLAIN,
        '"sep=;"\r\n' + PLAIN.replace(",", ";"),
        '"time","temp","moist"\n"2024-01-05T13:00:00Z","21.5","40"\n'
        '"2024-01-05T13:10:00Z","22","41.25"\n',
        "\ufeff" + PLAIN,
        "\ufeffsep=,\r\n" + PLAIN,
        PLAIN.encode("utf-16"),
        PLAIN.encode("utf-16-le"),
        PLAIN.encode("utf-16-be"),
        ("sep=;\n" + PLAIN.replace(",", ";")).encode("utf-16"),
        gzip.compress(PLAIN.encode(), mtime=0),
        PLAIN.replace("Z,", ", ").replace(",", " , "),
        PLAIN.replace("21.5", '"21.5"'),
    ],
)
def test_the_same_rows_are_read_however_they_are_written(parse, content):
    parsed = parse(content)

    assert parsed.times == TIMES
    assert parsed.column("temp") == [21.5, 22.0]
    assert parsed.column("moist") == [40.0, 41.25]
    assert parsed.report.bad_rows == 0


def test_grafana_series_joined_by_time(parse):
    content = (
        '\ufeff"Time","temp","moist"\r\n2024-01-05 14:00:00.000,21.5 °C,45%\r\n'
        "2024-01-05 14:10:00.000,,46%\r\n"
    )
    parsed = parse(content, timezone="Europe/Berlin")

    assert parsed.times == TIMES
    assert parsed.column("temp")[0] == 21.5
    assert math.isnan(parsed.column("temp")[1])
    assert parsed.column("moist") == [45.0, 46.0]
    assert parsed.report.units == {"temp": "°C", "moist": "%"}
    assert "Europe/Berlin" in parsed.report.notes[0]


def test_grafana_file_of_one_series(parse):
    parsed = parse('"Time","Value"\n1704459600000,3\n1704460200000,4\n', rename={"Value": "load"})

    assert parsed.times == TIMES
    assert parsed.column("load") == [3.0, 4.0]


@pytest.mark.parametrize("header", ["Series;Time;Value", "Time;Metric;Value"])
def test_grafana_series_as_rows(parse, header):
    rows = {
        "Series": ["a", "2024-01-05T14:00:00+01:00", "1"],
        "Other": ["b", "2024-01-05T14:00:00+01:00", "2"],
        "Null": ["a", "2024-01-05T14:10:00+01:00", "null"],
        "Later": ["b", "2024-01-05T14:10:00+01:00", "4"],
    }
    order = [0, 1, 2] if header.startswith("Series") else [1, 0, 2]
    lines = [";".join(cells[i] for i in order) for cells in rows.values()]
    parsed = parse("\n".join(["sep=;", header, *lines]), rename={"a": "temp"})

    assert parsed.series == 1
    assert parsed.fields == ("temp", "b")
    assert parsed.column("temp") == [1.0]
    assert parsed.column("b") == [2.0, 4.0]
    assert parsed.report.empty_rows == 1


def test_series_of_the_long_form_are_dropped_and_unknown_ones_named(parse):
    content = "Series;Time;Value\na;2024-01-05;1\nb;2024-01-05;2\n"

    assert parse(content, drop=("b",)).fields == ("a",)
    with pytest.raises(ImportFileError, match="no series 'c'; expected one of 'a', 'b'"):
        parse(content, rename={"c": "d"})


def test_names_of_any_script_are_kept_and_renamed(parse):
    content = "시간,온도,습도\n2024-01-05 22:00:00,21.5,40\n"

    parsed = parse(content, rename={"온도": "temp"}, timezone="Asia/Seoul")

    assert parsed.fields == ("temp", "습도")
    assert parsed.times == TIMES[:1]


def test_another_encoding_is_asked_for_and_then_read(parse):
    content = "시간,온도\n2024-01-05T13:00:00Z,21.5\n".encode("cp949")

    with pytest.raises(ImportFileError, match=r"not UTF-8.*--encoding"):
        parse(content)
    assert parse(content, encoding="cp949").fields == ("온도",)


def test_units_leave_names_unless_two_would_be_the_same(parse):
    content = "time,temp (°C),Humidity [%],p (left),T (C),T (F)\n2024-01-05,1,2,3,4,5\n"

    parsed = parse(content)

    assert parsed.fields == ("temp", "Humidity", "p (left)", "T (C)", "T (F)")
    assert parsed.report.units == {"temp": "°C", "Humidity": "%"}


def test_european_numbers(parse):
    content = "Zeit;a;b;c\n05.01.2024 13:00;21,5;1.234,5;7\n05.01.2024 13:10;-0,25;12;1.000.000,5\n"

    parsed = parse(content)

    assert parsed.times == TIMES
    assert parsed.column("a") == [21.5, -0.25]
    assert parsed.column("b") == [1234.5, 12.0]
    assert parsed.column("c") == [7.0, 1_000_000.5]
    assert "decimal comma" in " ".join(parsed.report.notes)


def test_a_comma_with_three_digits_is_asked_about(parse):
    content = 'time,a\n2024-01-05,"1,234"\n'

    with pytest.raises(ImportFileError, match="thousand or a decimal"):
        parse(content)
    assert parse(content, decimal=".").column("a") == [1234.0]
    assert parse(content, decimal=",").column("a") == [1.234]


def test_a_group_comma_after_whole_numbers_is_never_guessed(parse):
    rows = "".join(f"2024-01-{day:02d};{day}\n" for day in range(1, 29))
    late = "".join(f"2024-02-01T00:00:00.{i:06d};{i}\n" for i in range(15_000))

    parsed = parse(f"time;a\n{rows}{late}2024-03-01;1,234\n")

    assert parsed.report.bad_rows == 1
    assert parsed.report.problems[0].line == 15_030


@pytest.mark.parametrize(
    "cell", ["", "null", "NULL", "NaN", "nan", "-", "--", "undefined", "N/A", "None", " "]
)
def test_words_for_nothing_are_missing(parse, cell):
    parsed = parse(f"time,a,b\n2024-01-05T13:00:00Z,{cell},1\n2024-01-05T13:10:00Z,2,1\n")

    assert math.isnan(parsed.column("a")[0])
    assert parsed.column("a")[1] == 2.0
    assert parsed.report.bad_rows == 0


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("+5", 5.0), ("1e3", 1000.0), ("1E-2", 0.01), (".5", 0.5), ("5.", 5.0), ("\u22125", -5.0),
        (" 7 ", 7.0), ("true", 1.0), ("False", 0.0), ("1 234.5", 1234.5), ("1\u00a0234", 1234.0),
    ],
)  # fmt: skip
def test_numbers_of_many_shapes(parse, cell, value):
    assert parse(f"time,a\n2024-01-05,{cell}\n2024-01-06,1\n").column("a")[0] == value


@pytest.mark.parametrize(
    "cells",
    [
        ("900", "1.20 K"),
        ("900 W", "1.2 kW"),
        ("1.2 Mil", "3.4 Mil"),
        ("0", "5 k"),
        ("3 Pa", "1 hPa"),
    ],
)
def test_numbers_scaled_from_cell_to_cell_are_refused(parse, cells):
    rows = "".join(f"2024-01-0{i},{cell}\n" for i, cell in enumerate(cells, 1))

    with pytest.raises(ImportFileError, match="'power' holds numbers scaled differently"):
        parse("time,power\n" + rows)


def test_kelvin_in_every_cell_is_a_unit(parse):
    parsed = parse("time,t\n2024-01-01,290 K\n2024-01-02,291.5 K\n")

    assert parsed.column("t") == [290.0, 291.5]
    assert parsed.report.units == {"t": "K"}


def test_another_unit_in_one_cell_is_a_wrong_row(parse):
    rows = "".join(f"2024-01-{i:02d},{i} °C\n" for i in range(1, 9))

    parsed = parse(f"time,t\n{rows}2024-01-09,70 °F\n")

    assert parsed.report.bad_rows == 1
    assert "in °C, got '70 °F'" in parsed.report.problems[0].message


def test_times_run_backwards_and_repeat(parse):
    content = "time,a\n2024-01-03,3\n2024-01-01,1\n2024-01-02,2\n2024-01-01,9\n"

    parsed = parse(content)

    assert parsed.column("a") == [9.0, 2.0, 3.0]
    assert parsed.report.unsorted
    assert parsed.report.duplicates == 1


def test_tags_part_rows_into_series(parse):
    content = "time,room,a\n2024-01-01,A1,1\n2024-01-01,A2,2\n2024-01-02,A1,3\n2024-01-03,,4\n"

    parsed = parse(content, tag_columns=("room",), tags={"site": "x"})

    assert [dict(p.tags) for p in parsed.points] == [
        {"site": "x", "room": "A1"},
        {"site": "x", "room": "A2"},
    ]
    assert parsed.points[0].fields["a"].tolist() == [1.0, 3.0]
    assert not parsed.report.unsorted
    assert str(parsed.report.problems[0]) == "line 5, column 'room': is empty"


def test_text_is_refused_unless_dropped_or_a_tag(parse):
    content = "time,a,state\n2024-01-01,1,on\n2024-01-02,2,off\n"

    with pytest.raises(ImportFileError, match=r"'state' \(such as 'on'\).*--drop.*--tag-column"):
        parse(content)
    assert parse(content, drop=("state",)).fields == ("a",)
    assert parse(content, tag_columns=("state",)).series == 2


def test_a_single_row(parse):
    assert parse("time,a\n2024-01-05T13:00:00Z,1\n").times == TIMES[:1]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("time,a\n", "a header but no row"),
        ("time\n2024-01-01\n", "no separator"),
        ("2024-01-01 00:00:00,1\n2024-01-02 00:00:00,2\n", "values .* not names"),
        ("time,a,b,a\n2024-01-01,1,2,3\n", "names 'a' more than once"),
        ("a,b\nx,1\n", "No column holds times among 'a', 'b'"),
        ("n,b\n0,1\n1,2\n", "No column holds times"),
        ("time,b\nnoon,1\n", "'time' holds no times"),
        ("t,time,a\n2024-01-01,x,1\n", "'time' .* text|'time' .*such as"),
        (b"PK\x03\x04zip", "workbook"),
        ("#group,false\n#datatype,string\n", "annotated CSV"),
        (gzip.compress(PLAIN.encode(), mtime=0)[:-12], "damaged or cut-off gzip"),
        (b"PAR1 no parquet at all", "Parquet"),
    ],
)
def test_files_that_are_refused_whole(parse, content, said):
    with pytest.raises(ImportFileError, match=said):
        parse(content)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"time_column": "zeit"}, "no column 'zeit'.*expected one of 'time', 'a', 'b'"),
        ({"drop": ("c",)}, "no column 'c'"),
        ({"tag_columns": ("c",)}, "no column 'c'"),
        ({"rename": {"c": "d"}}, "no column 'c'"),
        ({"rename": {"a": "b"}}, "would be called 'b'"),
        ({"rename": {"a": "time"}}, "cannot be called 'time'"),
        ({"tags": {"a": "x"}}, "would be called 'a'"),
        ({"drop": ("a", "b")}, "no column beside the time"),
    ],
)
def test_names_that_do_not_fit_are_refused(parse, options, said):
    with pytest.raises(ImportFileError, match=said):
        parse("time,a,b\n2024-01-01,1,2\n", **options)


def test_a_missing_file_is_said(parse, tmp_path):
    with pytest.raises(ImportFileError, match="cannot be read: No such file"):
        parse(tmp_path / "none.csv")
