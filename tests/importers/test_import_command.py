import json
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from backend.cli.import_ import command
from backend.cli.session import Session
from backend.exceptions import ImportFileError
from backend.ports import Query
from tests.fakes.series import MemorySeriesStore

CONTENT = "시간,온도 (°C),방\n2024-01-05 22:00:00,21.5,A\n2024-01-05 22:00:00,22.5,B\n"


@pytest.fixture
def store():
    return MemorySeriesStore()


@pytest.fixture
def run(store, monkeypatch):
    monkeypatch.setattr(Session, "application", SimpleNamespace(source=store))

    def invoked(*arguments, fails=False):
        result = CliRunner().invoke(
            command, [str(a) for a in arguments], obj=Session({}), catch_exceptions=fails
        )
        return result

    return invoked


ARGUMENTS = ("--measurement", "air", "--rename", "온도=temp", "--rename", "방=room")
MORE = ("--tag-column", "방", "--timezone", "Asia/Seoul", "--tag", "site=x")


def test_a_file_is_imported_and_summed_up(run, store, write):
    result = run(write(CONTENT), *ARGUMENTS, *MORE)

    assert result.exit_code == 0
    assert "2 rows of 2 series into air" in result.stdout
    assert "2024-01-05T13:00:00Z" in result.stdout
    assert "temp (°C)" in result.stdout
    found = store.read(Query("air", ("temp",), 0, 2**62, {"site": "x"}, ("room",)))
    assert [(p.tags["room"], p.fields["temp"].tolist()) for p in found] == [
        ("A", [21.5]),
        ("B", [22.5]),
    ]


def test_a_dry_run_prints_json_and_writes_nothing(run, store, write):
    result = run(write(CONTENT), *ARGUMENTS, *MORE, "--dry-run", "--json")

    said = json.loads(result.stdout)
    assert said["written"] is False
    assert said["fields"] == ["temp"]
    assert store.measurements() == []


def test_wrong_rows_stop_the_import(run, store, write):
    with pytest.raises(ImportFileError, match="line 3, column 'a'"):
        run(write("time,a\n2024-01-01,1\n2024-01-02,x\n2024-01-03,1\n"), "--measurement", "air")
    assert store.measurements() == []


def test_wrong_rows_are_shown_when_they_are_left_out(run, write):
    path = write("time,a\n2024-01-01,1\n2024-01-02,x\n2024-01-01,2\n")

    result = run(path, "--measurement", "air", "--skip-bad-rows")

    assert result.exit_code == 0
    assert "1 row that cannot be read" in result.stderr
    assert "line 3, column 'a'" in result.stderr
    assert "time of a later row" in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--measurement", "air", "--tag", "x"),
        ("--measurement", "air", "--rename", "x"),
        ("--measurement", "air", "--rename", "a=b", "--rename", "a=c"),
        ("--measurement", "air", "--decimal", "x"),
    ],
)
def test_wrong_usage(run, write, arguments):
    assert run(write(CONTENT), *arguments).exit_code == 2


def test_a_name_with_an_equals_sign_is_renamed(run, write, store):
    path = write('Time,"temp {room=""a""}"\n2024-01-01,1\n')

    result = run(path, "--measurement", "air", "--rename", 'temp {room="a"}=temp')

    assert result.exit_code == 0
    assert list(store.fields("air")) == ["temp"]
