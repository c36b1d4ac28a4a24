import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from backend.exceptions import ImportFileError
from backend.importers.frames import read_frame
from backend.importers.options import ReadingOptions
from backend.importers.points import parse_file

NUMBERS = st.one_of(st.floats(allow_infinity=False, width=64), st.just(float("nan")))
NAMES = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=12
).filter(lambda name: not name.replace(".", "").isnumeric())
SECONDS = st.integers(315_532_800, 4_102_444_800)  # 1980 to 2100


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    moments = sorted(draw(st.sets(SECONDS, min_size=2, max_size=30)))
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    values = draw(arrays(np.float64, (len(moments), len(names)), elements=NUMBERS))
    index = pd.DatetimeIndex(np.array(moments) * 10**9, tz="UTC").as_unit("ns")
    return pd.DataFrame(values, index=index, columns=pd.Index([f"x {n}" for n in names]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(frame=frames(), separator=st.sampled_from([",", ";", "\t"]), zipped=st.booleans())
def test_a_frame_written_as_csv_is_read_back(tmp_path, frame, separator, zipped):
    path = tmp_path / ("a.csv.gz" if zipped else "a.csv")
    frame.to_csv(path, sep=separator, index_label="time", date_format="%Y-%m-%dT%H:%M:%SZ")

    read = read_frame(path)

    assert list(read.columns) == list(frame.columns)
    np.testing.assert_array_equal(read.to_numpy(), frame.to_numpy())
    assert read.index.equals(frame.index)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(frame=frames())
def test_european_and_parquet_files_say_the_same(tmp_path, frame):
    frame = frame.fillna(0.5).clip(-1e12, 1e12).round(3)
    frame.columns = pd.Index([f"c{i}" for i in range(frame.shape[1])])
    european, parquet = tmp_path / "a.csv", tmp_path / "a.parquet"
    frame.to_csv(
        european, sep=";", decimal=",", index_label="Zeit", date_format="%d.%m.%Y %H:%M:%S"
    )
    frame.rename_axis("Zeit").to_parquet(parquet)

    options = ReadingOptions(decimal=",")
    for path, said in ((european, options), (parquet, ReadingOptions())):
        with parse_file(path, said, lambda share, words: None) as parsed:
            (points,) = parsed.points(1000)
        assert points.times.tolist() == frame.index.asi8.tolist()
        for name in frame.columns:
            np.testing.assert_array_equal(points.fields[name], frame[name])


def test_a_frame_keeps_labels_and_flags(write):
    path = write("time,temp (°C),label,bad\n2024-01-02,2.5,normal,0\n2024-01-01,1,anomaly,1\n")

    frame = read_frame(path)

    assert list(frame.columns) == ["temp (°C)", "label", "bad"]
    assert frame["label"].tolist() == ["anomaly", "normal"]
    assert frame["bad"].tolist() == [1.0, 0.0]
    assert frame["temp (°C)"].dtype == np.float64
    assert frame.index.name == "time"
    assert str(frame.index.dtype) == "datetime64[ns, UTC]"
    assert "backwards" in frame.attrs["notes"][-1]


def test_a_frame_keeps_the_last_of_equal_times_and_says_so(write):
    frame = read_frame(write("time,a\n2024-01-01,1\n2024-01-01,2\n2024-01-02,3\n"))

    assert frame["a"].tolist() == [2.0, 3.0]
    assert frame.attrs["notes"][-1].startswith("1 row with the time of a later row")


def test_the_long_form_becomes_a_column_a_series(write):
    frame = read_frame(write("Series;Time;Value\na;2024-01-01;1\nb;2024-01-01;2\na;2024-01-02;3\n"))

    assert list(frame.columns) == ["a", "b"]
    assert frame["a"].tolist() == [1.0, 3.0]
    assert np.isnan(frame["b"].iloc[1])


def test_a_wrong_row_of_a_frame_is_said_with_its_line(write):
    path = write("time,a\n2024-01-01,1\n2024-01-02,1\n2024-01-03,x\n")

    with pytest.raises(ImportFileError, match="line 4, column 'a'"):
        read_frame(path)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_parquet_stamps_of_every_unit(tmp_path, unit):
    index = pd.DatetimeIndex(["2024-01-05 13:00", "2024-01-05 13:10"], tz="Asia/Seoul")
    path = tmp_path / "a.parquet"
    pd.DataFrame({"a": [1, None]}, index=index.as_unit(unit)).to_parquet(path)

    frame = read_frame(path)

    assert frame.index.equals(index.tz_convert("UTC"))
    assert frame["a"].iloc[0] == 1.0


def test_parquet_without_a_zone_and_with_other_types(tmp_path):
    path = tmp_path / "a.parquet"
    table = {
        "when": pd.to_datetime(["2024-01-05 14:00", "2024-03-31 02:30", None]),
        "count": [1, 2, 3],
        "on": [True, False, True],
        "room": pd.Categorical(["A", "B", "A"]),
        "text": ["1.5", "2", "3"],
    }
    pd.DataFrame(table).to_parquet(path)

    options = ReadingOptions(timezone="Europe/Berlin", tag_columns=("room",))
    with parse_file(path, options, lambda share, words: None) as parsed:
        (points,) = parsed.points(10)

    assert {name: column.tolist() for name, column in points.fields.items()} == {
        "count": [1.0],
        "on": [1.0],
        "text": [1.5],
    }
    assert points.times.tolist() == [pd.Timestamp("2024-01-05 13:00", tz="UTC").value]
    assert [str(problem) for problem in parsed.report.problems] == [
        "row 2, column 'when': 2024-03-31 02:30:00 never was in Europe/Berlin, "
        "where the clocks were set forward",
        "row 3, column 'when': is empty",
    ]


def test_parquet_epoch_numbers_and_infinity(tmp_path):
    path = tmp_path / "a.parquet"
    seconds = [1_704_459_600.5, 1_704_459_601.0]
    pd.DataFrame({"time": seconds, "a": [1.0, np.inf]}).to_parquet(path)

    with parse_file(path, ReadingOptions(), lambda share, words: None) as parsed:
        (points,) = parsed.points(10)

    assert points.times.tolist() == [1_704_459_600_500_000_000]
    assert parsed.report.bad_rows == 1


def test_parquet_with_lists_is_refused(tmp_path):
    path = tmp_path / "a.parquet"
    pd.DataFrame({"time": pd.to_datetime(["2024-01-05"]), "a": [[1, 2]]}).to_parquet(path)

    with pytest.raises(ImportFileError, match="lists, structures or bytes in 'a'"):
        read_frame(path)


def test_a_second_stamp_in_parquet_is_text(tmp_path):
    path = tmp_path / "a.parquet"
    stamps = pd.to_datetime(["2024-01-05", "2024-01-06"])
    pd.DataFrame({"time": stamps, "seen": stamps, "a": [1, 2]}).to_parquet(path)

    assert read_frame(path, "time")["seen"].iloc[1].startswith("2024-01-06")
    with (
        pytest.raises(ImportFileError, match=r"'seen'.*--drop"),
        parse_file(path, ReadingOptions(time_column="time"), lambda share, words: None),
    ):
        pass
