import json
from pathlib import Path

from tests.cli.conftest import HOUR, NOW, Command

ADD = ("label", "add", "gas-room", "normal")


def add(normalcy: Command, start: str, stop: str, *more: str) -> None:
    normalcy(*ADD, "--from", start, "--to", stop, *more)


def test_history_says_who_did_what(normalcy: Command) -> None:
    add(normalcy, "now-6h", "now-5h", "--note", "calm\x1b[2J")
    normalcy.application.clock.time = NOW + HOUR
    normalcy("label", "remove", "1")

    lines = normalcy("label", "history", "gas-room").stdout.splitlines()
    told = json.loads(normalcy("label", "history", "gas-room", "--json").stdout)

    assert lines[1].startswith("2026-03-10T13:00:00Z")
    assert " -  " in lines[1]
    assert " +  " in lines[2]
    assert lines[2].endswith("calm\\x1b[2J")
    assert [(one["at"], len(one["added"]), len(one["removed"])) for one in told] == [
        ("2026-03-10T13:00:00Z", 0, 1),
        ("2026-03-10T12:00:00Z", 1, 0),
    ]


def test_diff_between_moments(normalcy: Command) -> None:
    add(normalcy, "now-6h", "now-5h")
    normalcy.application.clock.time = NOW + HOUR
    add(normalcy, "now-4h", "now-3h", "--tag", "room=a")

    result = normalcy("label", "diff", "gas-room", "--from", "now-30m")

    assert result.stdout == (
        "+ normal of room=a 2026-03-10T09:00:00Z to 2026-03-10T10:00:00Z\n"
        "1 came, 0 went, 1 stayed as they were\n"
    )
    told = normalcy("label", "diff", "gas-room", "--from", "now-2h", "--to", "now-90m", "--json")
    assert json.loads(told.stdout) == {"added": [], "removed": [], "unchanged": 0}


def test_diff_wants_a_moment_or_a_version(normalcy: Command) -> None:
    for wrong in ([], ["--from", "now", "--version", "1"], ["--version", "1", "--to", "now"]):
        assert "Give --from" in normalcy("label", "diff", "gas-room", *wrong, code=2).stderr


def test_a_revert_is_told_first_and_done_with_yes(normalcy: Command) -> None:
    add(normalcy, "now-6h", "now-5h")
    normalcy.application.clock.time = NOW + HOUR
    normalcy("label", "remove", "1")
    revert = ("label", "revert", "gas-room", "--to", "now-30m")

    told = normalcy(*revert)
    assert normalcy.application.labelling.list() == []
    assert told.stdout == (
        "+ normal 2026-03-10T06:00:00Z to 2026-03-10T07:00:00Z\n"
        "1 would be said again, 0 taken back; --yes does it\n"
    )

    assert "1 said again, 0 taken back" in normalcy(*revert, "--yes").stdout
    assert len(normalcy.application.labelling.list()) == 1
    done = json.loads(normalcy(*revert, "--yes", "--json").stdout)
    assert (done["done"], done["added"], done["removed"]) == (True, [], [])
    assert "nothing to do" in normalcy(*revert).stdout


def test_a_calendar_is_imported_and_exported(normalcy: Command) -> None:
    Path("m.ics").write_text(
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nDTSTART:20260301T060000\nDTEND:20260301T070000\n"
        "RRULE:FREQ=DAILY;COUNT=2\nSUMMARY:service\nEND:VEVENT\nEND:VCALENDAR\n",
        encoding="utf-8",
    )
    importing = ("label", "import", "m.ics", "--detector", "gas-room", "--timezone", "Asia/Seoul")

    assert normalcy(*importing).stdout == "2 labels added\n"
    assert normalcy(*importing).stdout == "0 labels added, 2 were there already\n"
    first = normalcy.application.labelling.list()[0]
    assert (str(first.kind), first.note) == ("exclude", "service")
    assert first.start % (24 * HOUR) == 21 * HOUR

    text = normalcy("label", "export", "gas-room", "--format", "ics").stdout
    assert text.count("BEGIN:VEVENT") == 2
    assert "SUMMARY:service" in text
    items = json.loads(normalcy("label", "export", "--format", "grafana").stdout)
    assert items[0]["tags"][:3] == ["exclude", "detector:gas-room", "normalcy"]


def test_suggestions_say_that_there_are_none(normalcy: Command) -> None:
    assert "nothing to suggest" in normalcy("label", "suggest", "gas-room").stdout
    assert json.loads(normalcy("label", "suggest", "gas-room", "--json").stdout) == []
