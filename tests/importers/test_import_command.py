import json
from datetime import timedelta
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from backend.cli.import_ import command
from backend.cli.session import Session
from backend.exceptions import ImportFileError, StoreUnavailable
from backend.ports import Query
from backend.services.audit_log import AuditLog, Wanted
from tests.fakes.clock import StillClock
from tests.fakes.records import MemoryRecordStore
from tests.fakes.series import MemorySeriesStore

NOW = 1_780_000_000_000_000_000
CONTENT = "시간,온도 (°C),방\n2024-01-05 22:00:00,21.5,A\n2024-01-05 22:00:00,22.5,B\n"


@pytest.fixture
def store():
    return MemorySeriesStore()


@pytest.fixture
def audit():
    return AuditLog(MemoryRecordStore(), StillClock(NOW), timedelta(days=30))


@pytest.fixture
def run(store, audit, monkeypatch):
    monkeypatch.setattr(Session, "application", SimpleNamespace(source=store, audit=audit))

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


def test_the_audit_log_tells_of_what_was_written_only(run, audit, write):
    file = write(CONTENT)
    run(file, *ARGUMENTS, *MORE)
    run(file, *ARGUMENTS, *MORE, "--dry-run")
    run(write("time,temp\nsoon,1\n"), "--measurement", "air", fails=True)

    (entry,) = audit.entries(Wanted())
    assert (entry.action, entry.at) == ("series.import", NOW)
    assert entry.words == f"{file.name} into air: 2 rows of 2 series"


def test_the_audit_log_tells_of_an_import_that_was_cut_off(run, store, audit, write, monkeypatch):
    def full(measurement, batches):
        raise StoreUnavailable("The disk is full.")

    monkeypatch.setattr(store, "write", full)
    file = write(CONTENT)
    assert "disk is full" in str(run(file, *ARGUMENTS, *MORE, fails=True).exception)

    (entry,) = audit.entries(Wanted())
    assert entry.words == f"{file.name} into air, not to its end"


def test_an_audit_log_that_cannot_be_written_is_told_with_what_was_done(
    run, store, audit, write, monkeypatch
):
    def locked(*given):
        raise StoreUnavailable("The record store is locked.")

    monkeypatch.setattr(audit, "note", locked)
    told = str(run(write(CONTENT), *ARGUMENTS, *MORE, fails=True).exception)

    assert told == (
        "The record store is locked. What was asked for is done: the audit log lacks it."
    )
    assert store.measurements() == ["air"]


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
