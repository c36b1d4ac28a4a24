"""normalcy runs."""

import json

import pytest

from backend.records import State
from tests.cli.conftest import NOW, Command

SECOND = 1_000_000_000


@pytest.fixture
def run(normalcy: Command) -> int:
    records = normalcy.application.records
    begun = records.start_run("retrain", "gas-room", worker="jobs:1", at=NOW - 100 * SECOND)
    records.tell_run(begun.id, share=0.5, words="epoch 5 of 10\x1b[2J", at=NOW)
    return int(begun.id)


def test_runs_and_what_waits_are_listed(normalcy: Command, run: int) -> None:
    records = normalcy.application.records
    failed = records.start_run("backfill", "gas-room", worker="jobs:1", at=NOW)
    records.finish_run(failed.id, State.FAILED, at=NOW, message="No data.", details={})
    records.add_request("backfill", "gas-room", {"start": 0, "stop": 1}, by="ann", at=NOW)

    text = normalcy("runs", "list").stdout

    lines = text.splitlines()
    assert lines[1].split()[:4] == ["2", "backfill", "gas-room", "failed"]
    assert "No data." in lines[1]
    assert "50%" in lines[2]
    assert "100 s" in lines[2]
    assert lines[3].startswith("request 1 waits: backfill of gas-room, asked by ann at 2026-03-10")
    assert "\x1b" not in text
    only = normalcy("runs", "list", "--state", "failed").stdout
    assert "running" not in only
    assert "waits" not in only


def test_where_there_are_none_it_says_what_to_do(normalcy: Command) -> None:
    assert "normalcy retrain DETECTOR" in normalcy("runs", "list").stdout
    assert json.loads(normalcy("runs", "list", "--json").stdout) == {"runs": [], "waiting": []}


def test_a_run_is_shown_with_its_log(normalcy: Command, run: int) -> None:
    text = normalcy("runs", "show", str(run)).stdout

    assert "retrain of gas-room" in text
    assert "about 100 s" in text
    assert "2026-03-10T12:00:00Z  epoch 5 of 10\\x1b[2J" in text
    told = json.loads(normalcy("runs", "show", str(run), "--json").stdout)
    assert (told["state"], told["seconds_left"]) == ("running", 100.0)
    assert [line["at"] for line in told["log"]] == ["2026-03-10T12:00:00Z"]


def test_one_that_failed_says_what_to_do(normalcy: Command, run: int) -> None:
    records = normalcy.application.records
    records.finish_run(run, State.FAILED, at=NOW, message="unexpected KeyError: 'y'", details={})

    assert "what to do: Look at the log of the jobs" in normalcy("runs", "show", str(run)).stdout


def test_a_run_is_cancelled_once_that_is_confirmed(normalcy: Command, run: int) -> None:
    records = normalcy.application.records
    normalcy("runs", "cancel", str(run), code=1)
    assert records.run(run).cancelled_by is None

    text = normalcy("runs", "cancel", str(run), "--yes").stdout
    assert text == f"run {run} will stop within seconds\n"
    assert records.run(run).cancelled_by == normalcy.session.user

    records.finish_run(run, State.CANCELLED, at=NOW, details={})
    assert "it is cancelled" in normalcy("runs", "cancel", str(run), "--yes", code=1).stderr


def test_a_request_that_waits_is_cancelled_at_once(normalcy: Command) -> None:
    records = normalcy.application.records
    asked = records.add_request("retrain", "gas-room", {}, by="ann", at=NOW)

    told = json.loads(
        normalcy("runs", "cancel", "--request", str(asked.id), "--yes", "--json").stdout
    )

    assert (told["state"], told["finished_at"]) == ("cancelled", "2026-03-10T12:00:00Z")
    assert records.open_requests() == []


def test_what_is_not_there_is_said(normalcy: Command) -> None:
    for arguments in (("show", "7"), ("cancel", "7", "--yes"), ("cancel", "--request", "7")):
        assert "There is no" in normalcy("runs", *arguments, code=1).stderr
