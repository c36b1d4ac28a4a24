"""Files of labels that would harm who opens or reads them."""

import csv
from io import StringIO

import pytest

from backend.exceptions import ImportFileError
from backend.records import Label, LabelKind
from backend.services.label_calendar import read_calendar
from backend.services.label_choices import Choices
from backend.services.label_csv import read_csv, write_csv

START = 1_780_000_000_000_000_000
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1", "\n=1", "\uff1d1"]
PLAIN = ["pump = on", "5 - 3", "o'clock", "'quoted'", "'", "normal", ""]


def label(note: str, tags: dict[str, str] | None = None) -> Label:
    return Label(1, "pump", LabelKind.NORMAL, START, START + 10**9, tags or {}, note)


def cells(text: str) -> dict[str, str]:
    return next(csv.DictReader(StringIO(text, newline="")))


@pytest.mark.parametrize("note", [*FORMULAS, *[f"'{text}" for text in FORMULAS], "''=1"])
def test_what_a_spreadsheet_would_run_is_written_as_text_and_read_back(note):
    text = write_csv([label(note)])
    assert cells(text)["note"] == f"'{note}"
    assert read_csv(text, "labels.csv", Choices())[0].note == note


@pytest.mark.parametrize("note", PLAIN)
def test_other_notes_stay_as_they_are(note):
    text = write_csv([label(note)])
    assert cells(text)["note"] == note
    assert read_csv(text, "labels.csv", Choices())[0].note == note


def test_a_tag_whose_name_begins_a_formula_is_text_too():
    text = write_csv([label("", {"@room": "R1"})])
    assert cells(text)["tags"] == "'@room=R1"
    assert read_csv(text, "labels.csv", Choices())[0].tags == {"@room": "R1"}


def test_a_zone_that_is_a_folder_is_told():
    text = (
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;TZID=America:20260101T000000\n"
        "END:VEVENT\nEND:VCALENDAR\n"
    )
    with pytest.raises(ImportFileError, match="a time zone that there is not"):
        read_calendar(text, "plan.ics", Choices(detector="pump"), START)
