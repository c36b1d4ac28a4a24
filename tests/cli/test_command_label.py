import json
from pathlib import Path

import pytest

from backend.records import LabelKind
from tests.cli.conftest import HOUR, NOW, Command

ADD = ("label", "add", "gas-room", "normal")


def test_add_prints_the_id_and_keeps_what_was_said(normalcy: Command) -> None:
    result = normalcy(
        *ADD, "--from", "2026-03-01", "--to", "2026-03-02T06:00+02:00", "--tag", "room=a=b",
        "--note", "calm",
    )  # fmt: skip

    (label,) = normalcy.application.labelling.list("gas-room")
    assert result.stdout == f"{label.id}\n"
    assert label.kind is LabelKind.NORMAL
    assert label.stop - label.start == 28 * HOUR
    assert label.tags == {"room": "a=b"}
    assert (label.note, label.source) == ("calm", "command")
    assert label.created_by


def test_add_takes_times_relative_to_now(normalcy: Command) -> None:
    normalcy(*ADD, "--from", "now-6h", "--to", "now")

    (label,) = normalcy.application.labelling.list()
    assert (label.start, label.stop) == (NOW - 6 * HOUR, NOW)


def test_add_as_json(normalcy: Command) -> None:
    result = normalcy(*ADD, "--from", "now-6h", "--to", "now-90m", "--json")

    told = json.loads(result.stdout)
    assert told["id"] == 1
    assert told["start"] == "2026-03-10T06:00:00Z"
    assert told["stop"] == "2026-03-10T10:30:00Z"
    assert told["removed_at"] is None
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--from", "noon", "--to", "now"], "expected a time such as"),
        (["--from", "now-6 hours", "--to", "now"], "expected a time such as"),
        (["--from", "now-6x", "--to", "now"], "expected a duration such as"),
        (["--from", "now-6h"], "Missing option '--to'"),
        (["--from", "now-6h", "--to", "now", "--tag", "room"], "expected tag=value such as"),
        (
            ["--from", "now-6h", "--to", "now", "--tag", "room=a", "--tag", "room=b"],
            "a tag was given twice",
        ),
    ],
)
def test_wrong_usage_of_add(normalcy: Command, arguments: list[str], expected: str) -> None:
    result = normalcy(*ADD, *arguments, code=2)

    assert expected in result.stderr
    assert normalcy.application.labelling.list() == []


def test_a_refused_label_is_one_sentence_and_exit_code_1(normalcy: Command) -> None:
    result = normalcy(*ADD, "--from", "now", "--to", "now-1h", code=1)

    assert result.stdout == ""
    assert result.stderr.startswith("normalcy: The label on 'gas-room' is empty")
    assert result.stderr.count("\n") == 1


def test_list_for_people(normalcy: Command) -> None:
    normalcy(*ADD, "--from", "now-6h", "--to", "now-3h", "--tag", "room=a", "--note", "calm")
    normalcy("label", "add", "gas-room", "anomaly", "--from", "now-2h", "--to", "now-1h")

    lines = normalcy("label", "list").stdout.splitlines()

    assert lines[0].split() == ["id", "detector", "kind", "from", "to", "tags", "by", "note"]
    assert lines[1].startswith(" 1  gas-room  normal ")
    assert "room=a" in lines[1]
    assert lines[1].endswith("calm")
    assert lines[1].index("normal") == lines[2].index("anomaly")


def test_an_empty_list_says_what_to_do(normalcy: Command) -> None:
    assert "normalcy label add" in normalcy("label", "list").stdout
    assert json.loads(normalcy("label", "list", "--json").stdout) == []


def test_removed_labels_show_on_request(normalcy: Command) -> None:
    normalcy(*ADD, "--from", "now-6h", "--to", "now-3h")
    assert normalcy("label", "remove", "1").stdout.startswith("removed 1: gas-room normal")

    assert json.loads(normalcy("label", "list", "--json").stdout) == []
    (label,) = json.loads(normalcy("label", "list", "--removed", "--json").stdout)
    assert label["removed_at"] == "2026-03-10T12:00:00Z"
    assert "2026-03-10T12:00:00Z by" in normalcy("label", "list", "--removed").stdout


def test_remove_is_all_or_none(normalcy: Command) -> None:
    normalcy(*ADD, "--from", "now-6h", "--to", "now-3h")

    normalcy("label", "remove", "1", "7", code=1)

    assert len(normalcy.application.labelling.list()) == 1


def test_an_unknown_detector_is_told_with_the_known_ones(normalcy: Command) -> None:
    result = normalcy("label", "list", "gas-rom", code=1)

    assert "There is no detector 'gas-rom'. Known: gas-room." in result.stderr


def test_what_is_exported_can_be_imported(normalcy: Command) -> None:
    normalcy(*ADD, "--from", "now-6h", "--to", "now-3h", "--tag", "room=a,b", "--note", 'so "x", y')
    normalcy("label", "add", "gas-room", "exclude", "--from", "now-2h", "--to", "now")
    before = normalcy.application.labelling.list()
    normalcy("label", "export", "--out", "labels.csv")
    assert normalcy("label", "export").stdout == Path("labels.csv").read_text(encoding="utf-8")

    again = normalcy("label", "import", "labels.csv")
    normalcy("label", "remove", "1", "2")
    result = normalcy("label", "import", "labels.csv")

    assert again.stdout == "0 labels added, 2 were there already\n"
    assert result.stdout == "2 labels added\n"
    after = normalcy.application.labelling.list()
    assert [(x.kind, x.start, x.stop, x.tags, x.note) for x in after] == [
        (x.kind, x.start, x.stop, x.tags, x.note) for x in before
    ]
    assert {label.source for label in after} == {"file"}


def test_import_fills_in_the_detector(normalcy: Command) -> None:
    Path("l.csv").write_text(
        "start,stop,kind\n2026-03-01,2026-03-02,normal\n2026-03-01,2026-03-02,normal\n",
        encoding="utf-8-sig",
    )

    result = normalcy("label", "import", "l.csv", "--detector", "gas-room", "--json")

    assert [label["detector"] for label in json.loads(result.stdout)] == ["gas-room"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("start,kind\n", "lacks the column 'stop': expected start, stop, kind, detector, tags"),
        ("", "lacks the column"),
        ("start,stop,kind\n2026-03-01,2026-03-02,normal\n", "line 2: no detector: fill"),
        (
            "start,stop,kind,detector\n2026-03-01,x,normal,gas-room\n1,2,odd,gas-room\n",
            "2 rows cannot be read\n  line 2: expected a time such as",
        ),
        (
            "start,stop,kind,detector\n2026-03-01,2026-03-02,odd,gas-room\n",
            "line 2: expected the kind normal, anomaly, exclude, got 'odd'",
        ),
        (
            "start,stop,kind,detector,tags\n2026-03-01,2026-03-02,normal,gas-room,room\n",
            "line 2: 'room' is not a series: expected tag=value",
        ),
        (
            "start,stop,kind,detector\n2026-03-01,2026-03-02,normal,gas-rom\n",
            "There is no detector 'gas-rom'",
        ),
    ],
)
def test_a_file_with_mistakes_adds_nothing(normalcy: Command, text: str, expected: str) -> None:
    Path("l.csv").write_text(text, encoding="utf-8")

    result = normalcy("label", "import", "l.csv", code=1)

    assert expected in result.stderr
    assert normalcy.application.labelling.list() == []


def test_a_file_that_is_not_text(normalcy: Command) -> None:
    Path("l.csv").write_bytes(b"start\xff")

    assert "is not CSV in UTF-8" in normalcy("label", "import", "l.csv", code=1).stderr


def test_many_wrong_rows_are_cut_short(normalcy: Command) -> None:
    rows = "x,y,normal\n" * 30
    Path("l.csv").write_text(f"start,stop,kind\n{rows}", encoding="utf-8")

    result = normalcy("label", "import", "l.csv", "--detector", "gas-room", code=1)

    assert "30 rows cannot be read" in result.stderr
    assert result.stderr.endswith("and 10 more\n")


def test_an_export_that_cannot_be_written(normalcy: Command) -> None:
    result = normalcy("label", "export", "--out", "nowhere/l.csv", code=1)

    assert "nowhere/l.csv cannot be written: No such file" in result.stderr
