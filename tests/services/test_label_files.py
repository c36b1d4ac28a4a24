import json
from textwrap import dedent

import pytest

from backend.exceptions import ImportFileError, LabelError, NotFound
from backend.records import LabelDraft, LabelKind
from backend.services.label_choices import Choices, Form
from backend.services.label_files import LARGEST, LabelFiles, form_of
from backend.specs.times import format_time, parse_time
from tests.services.plant import Plant, at

TAGS = {kind: str(kind) for kind in LabelKind}
DAY = 86_400 * 10**9
NOW = parse_time("2026-03-10T12:00")
ROOMS = Choices(detector="rooms")


@pytest.fixture
def plant() -> Plant:
    plant = Plant()
    plant.clock.time = NOW
    return plant


@pytest.fixture
def files(plant) -> LabelFiles:
    return LabelFiles(plant.labelling, plant.detectors, plant.clock, TAGS)


def calendar(*events: str, head: str = "") -> bytes:
    body = "".join(f"BEGIN:VEVENT\n{dedent(event).strip()}\nEND:VEVENT\n" for event in events)
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:test\n{head}{body}END:VCALENDAR\n".encode()


def ranges(labels) -> list[tuple[str, str]]:
    return [(format_time(x.start), format_time(x.stop)) for x in labels]


def bring(files, content, choices=ROOMS, name="file.ics"):
    return files.bring(content, name, choices, by="eve")


class TestCalendar:
    def test_maintenance_recurs_backwards_and_ahead_across_the_change_of_clocks(self, files):
        weekly = calendar(
            """
            UID:1
            DTSTART;TZID=Europe/Berlin:20200106T060000
            DTEND;TZID=Europe/Berlin:20200106T073000
            RRULE:FREQ=WEEKLY;BYDAY=MO
            EXDATE;TZID=Europe/Berlin:20260316T060000
            SUMMARY:Pump service
            CATEGORIES:maintenance
            """
        )
        added = bring(files, weekly).added
        assert {(x.kind, x.note, x.source, x.created_by) for x in added} == {
            (LabelKind.EXCLUDE, "Pump service (maintenance)", "file", "eve")
        }
        told = ranges(added)
        assert ("2026-03-09T05:00:00Z", "2026-03-09T06:30:00Z") in told
        assert ("2026-03-30T04:00:00Z", "2026-03-30T05:30:00Z") in told
        assert not [start for start, _ in told if start.startswith("2026-03-16")]
        assert told[0][0].startswith("2024-03-11")
        assert told[-1][0].startswith("2026-06-08")
        again = bring(files, weekly)
        assert (again.added, again.there) == ((), len(added))

    def test_whole_days_are_those_of_the_zone(self, files):
        event = "UID:1\nDTSTART;VALUE=DATE:20260301\nDTEND;VALUE=DATE:20260303\nSUMMARY:Shutdown"
        (label,) = bring(files, calendar(event), Choices("rooms", zone="Asia/Seoul")).added
        assert ranges([label]) == [("2026-02-28T15:00:00Z", "2026-03-02T15:00:00Z")]

    def test_times_without_a_zone_are_in_that_of_the_calendar(self, files):
        event = "UID:1\nDTSTART:20260301T060000\nDURATION:PT2H\nSUMMARY:x"
        head = "X-WR-TIMEZONE:America/New_York\n"
        (label,) = bring(files, calendar(event, head=head)).added
        assert ranges([label]) == [("2026-03-01T11:00:00Z", "2026-03-01T13:00:00Z")]

    def test_what_is_cancelled_is_left_out(self, files):
        series = """
            UID:1
            DTSTART:20260301T060000Z
            DTEND:20260301T070000Z
            RRULE:FREQ=DAILY;COUNT=3
            SUMMARY:daily
            """
        moved = """
            UID:1
            RECURRENCE-ID:20260302T060000Z
            DTSTART:20260302T060000Z
            DTEND:20260302T070000Z
            STATUS:CANCELLED
            """
        other = "UID:2\nSTATUS:CANCELLED\nDTSTART:20260305T060000Z\nDTEND:20260305T070000Z"
        told = ranges(bring(files, calendar(series, moved, other)).added)
        assert [start for start, _ in told] == ["2026-03-01T06:00:00Z", "2026-03-03T06:00:00Z"]

    def test_a_category_says_more_than_the_kind_that_is_chosen(self, files):
        both = calendar(
            "UID:1\nDTSTART:20260301T060000Z\nDTEND:20260301T070000Z\nCATEGORIES:Anomaly",
            "UID:2\nDTSTART:20260302T060000Z\nDTEND:20260302T070000Z",
        )
        added = bring(files, both, Choices("rooms", kind=LabelKind.NORMAL)).added
        assert sorted(str(x.kind) for x in added) == ["anomaly", "normal"]

    def test_only_what_has_happened_can_be_normal(self, files):
        daily = "UID:1\nDTSTART:20260308T060000Z\nDTEND:20260308T070000Z\nRRULE:FREQ=DAILY"
        choices = Choices("rooms", kind=LabelKind.NORMAL, tags={"room": "a"})
        added = bring(files, calendar(daily), choices).added
        assert [start for start, _ in ranges(added)] == [
            f"2026-03-{day:02}T06:00:00Z" for day in (8, 9, 10)
        ]
        assert {(x.kind, x.tags["room"]) for x in added} == {(LabelKind.NORMAL, "a")}

    def test_a_range_of_ones_own(self, files):
        yearly = "UID:1\nDTSTART:20100101T000000Z\nDTEND:20100102T000000Z\nRRULE:FREQ=YEARLY"
        choices = Choices("rooms", start=parse_time("2012-01-01"), stop=parse_time("2014-06-01"))
        starts = [start for start, _ in ranges(bring(files, calendar(yearly), choices).added)]
        assert starts == [f"{year}-01-01T00:00:00Z" for year in (2012, 2013, 2014)]

    def test_too_many_occurrences_are_refused(self, files, plant):
        daily = "UID:1\nDTSTART:20000101T000000Z\nDTEND:20000101T010000Z\nRRULE:FREQ=DAILY"
        choices = Choices("rooms", start=parse_time("2000-01-01"), stop=NOW)
        with pytest.raises(ImportFileError, match=r"more than 5000 times between.*shorter range"):
            bring(files, calendar(daily), choices)
        assert plant.labelling.list() == []

    def test_every_event_that_cannot_be_read_is_told_by_its_line(self, files, plant):
        content = calendar(
            "UID:1\nDTSTART:20260301T060000Z\nDTEND:20260301T070000Z",
            "UID:2\nSUMMARY:no start",
            "UID:3\nSUMMARY:bad\nDTSTART:soon",
            "UID:4\nSUMMARY:often\nDTSTART:20260301T060000Z\nRRULE:FREQ=MINUTELY",
            "UID:5\nDTSTART:20260301T060000Z\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
            "UID:6\nDTSTART:20260301T060000Z\nRRULE:FREQ=DAILY;BYMONTH=5L",
        )
        with pytest.raises(ImportFileError) as refused:
            bring(files, content)
        told = str(refused.value).splitlines()
        assert told[0] == "file.ics: 5 events cannot be read"
        assert told[1].startswith("  line 9: no start: it has no DTSTART")
        assert told[2].startswith("  line 13: bad: DTSTART")
        assert told[3].startswith("  line 18: often: it recurs too often")
        assert told[4] == "  line 24: an event: it never happens: no such month has that day"
        assert told[5].startswith("  line 29: an event: it recurs in a way that is not understood")
        assert plant.labelling.list() == []

    @pytest.mark.parametrize(
        "content", [b"", b"BEGIN:VCALENDAR\n", b"hello", b"BEGIN:VEVENT\nUID:1\nEND:VEVENT\n"]
    )
    def test_what_is_no_calendar(self, files, content):
        with pytest.raises(ImportFileError, match="not an iCalendar file"):
            bring(files, content)

    def test_an_event_of_no_length_is_no_label(self, files):
        assert bring(files, calendar("UID:1\nDTSTART:20260301T060000Z")).added == ()

    def test_without_a_detector(self, files):
        event = "UID:1\nDTSTART:20260301T060000Z\nDTEND:20260301T070000Z\nSUMMARY:x"
        with pytest.raises(ImportFileError, match="x: no detector"):
            bring(files, calendar(event), Choices())


class TestAnnotations:
    def item(self, **changes):
        start = parse_time("2026-03-01") // 10**6
        return {
            "id": 5,
            "time": start,
            "timeEnd": start + 3_600_000,
            "text": "calm",
            "tags": ["normal", "detector:rooms", "room:a", "room:b"],
            **changes,
        }

    def test_tags_say_kind_detector_and_series(self, files):
        content = json.dumps([self.item(), self.item(tags=["deploy"]), self.item(alertId=3)])
        added = bring(files, content.encode(), Choices(), "a.json").added
        assert [(x.kind, x.tags, x.note) for x in added] == [
            (LabelKind.NORMAL, {"room": "a"}, "calm"),
            (LabelKind.NORMAL, {"room": "b"}, "calm"),
        ]

    def test_a_chosen_kind_is_for_those_that_say_none(self, files):
        content = json.dumps([self.item(tags=["room:a"]), self.item(tags=["anomaly"])])
        choices = Choices("rooms", kind=LabelKind.EXCLUDE)
        added = bring(files, content.encode(), choices, "a.json").added
        assert [(x.kind, x.tags) for x in added] == [
            (LabelKind.EXCLUDE, {"room": "a"}),
            (LabelKind.ANOMALY, {}),
        ]

    def test_every_one_that_cannot_be_read_is_told(self, files, plant):
        items = [
            self.item(),
            self.item(time="soon"),
            self.item(timeEnd=None),
            self.item(tags=["normal", "detector:halls"]),
            "text",
        ]
        with pytest.raises(ImportFileError) as refused:
            bring(files, json.dumps(items).encode(), Choices(), "a.json")
        told = str(refused.value)
        assert told.startswith("a.json: 4 annotations cannot be read\n  annotation 2: time: ")
        assert "annotation 3: it is a point in time" in told
        assert "annotation 4: there is no detector 'halls'" in told
        assert plant.labelling.list() == []

    @pytest.mark.parametrize(
        ("content", "sentence"), [(b"[", "is not JSON"), (b"{}", "no list of annotations")]
    )
    def test_what_is_no_list(self, files, content, sentence):
        with pytest.raises(ImportFileError, match=sentence):
            bring(files, content, Choices(), "a.json")


class TestRoundTrip:
    @pytest.mark.parametrize("form", list(Form))
    def test_what_is_written_is_read_back(self, files, plant, form):
        drafts = [
            LabelDraft("rooms", LabelKind.NORMAL, NOW - DAY, NOW, {"room": 'a,"b'}, "so; x, y\nz"),
            LabelDraft("rooms", LabelKind.ANOMALY, NOW - DAY + 1_000_000, NOW - 2_000_000),
            LabelDraft("rooms", LabelKind.EXCLUDE, NOW + DAY, NOW + 2 * DAY),
        ]
        before = plant.labelling.add_all(drafts, source="page", by="ann")
        text = files.write("rooms", form)
        again = files.bring(text.encode(), "labels", Choices(), by="eve")
        assert (again.added, again.there) == ((), 3)
        plant.labelling.remove([x.id for x in before], by="ann")
        files.bring(text.encode(), "labels", Choices(), by="eve")
        after = plant.labelling.list()
        assert [(x.kind, x.start, x.stop, x.tags, x.note) for x in after] == [
            (x.kind, x.start, x.stop, x.tags, x.note) for x in sorted(before, key=lambda x: x.start)
        ]

    def test_nothing_is_written_of_an_unknown_detector(self, files):
        with pytest.raises(NotFound):
            files.write("halls", Form.CSV)

    @pytest.mark.parametrize("note", [" two lines \n", "old\rMac", "=1+1", '"'])
    def test_a_note_survives_csv_to_the_letter(self, files, plant, note):
        draft = LabelDraft("rooms", LabelKind.NORMAL, at(0), at(1), {}, note)
        plant.labelling.add(draft, source="page", by="ann")
        again = files.bring(files.write("rooms", Form.CSV).encode(), "a.csv", Choices(), by="eve")
        assert (again.added, again.there) == ((), 1)

    def test_a_nanosecond_survives(self, files, plant):
        plant.labelling.add(
            LabelDraft("rooms", LabelKind.NORMAL, at(0) + 1, at(1) + 3), source="page", by="ann"
        )
        for form in Form:
            choices = Choices(start=0)
            again = files.bring(files.write(None, form).encode(), "labels", choices, by="eve")
            assert (again.added, again.there) == ((), 1)


class TestFiles:
    @pytest.mark.parametrize(
        ("content", "name", "form"),
        [
            (b"", "a.ICS", Form.ICS),
            (b"", "a.json", Form.GRAFANA),
            (b"[]", "a.csv", Form.CSV),
            (b"\xef\xbb\xbf begin:vcalendar", "a", Form.ICS),
            (b" [{}]", "a", Form.GRAFANA),
            (b"start,stop", "a", Form.CSV),
        ],
    )
    def test_how_a_file_is_written(self, content, name, form):
        assert form_of(content, name) is form

    def test_a_file_that_is_too_large(self, files):
        with pytest.raises(ImportFileError, match="larger than 4 MiB"):
            bring(files, b" " * (LARGEST + 1), name="a.csv")

    def test_a_zone_that_is_none(self, files):
        with pytest.raises(ImportFileError, match="expected a time zone such as Europe/Berlin"):
            bring(files, calendar(), Choices("rooms", zone="Mars"))

    def test_csv_takes_what_is_chosen_for_what_it_does_not_say(self, files):
        content = b"start,stop\n2026-03-01,2026-03-02\n2026-03-05,2026-03-06\n"
        choices = Choices(
            "rooms",
            kind=LabelKind.ANOMALY,
            tags={"room": "a"},
            start=parse_time("2026-03-04"),
            zone="Asia/Seoul",
        )
        (label,) = bring(files, content, choices, "a.csv").added
        assert ranges([label]) == [("2026-03-04T15:00:00Z", "2026-03-05T15:00:00Z")]
        assert (label.kind, label.tags) == (LabelKind.ANOMALY, {"room": "a"})

    def test_all_or_none(self, files, plant):
        content = b"start,stop,kind\n2026-03-01,2026-03-02,normal\n2026-03-05,2026-03-04,normal\n"
        with pytest.raises(LabelError, match="is empty"):
            bring(files, content, name="a.csv")
        assert plant.labelling.list() == []

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("a.csv", b"start,stop,kind,detector\n2026-03-01,2026-03-02,normal,halls\n"),
            (
                "a.ics",
                calendar(
                    "UID:1\nDTSTART:20260301T060000Z\nDTEND:20260301T070000Z\n"
                    "X-NORMALCY-DETECTOR:halls"
                ),
            ),
            ("a.json", b'[{"time": 1, "timeEnd": 2, "tags": ["normal", "detector:halls"]}]'),
        ],
    )
    def test_a_file_for_one_detector_adds_nothing_to_another(self, plant, name, content):
        halls = plant.spec.model_copy(update={"name": "halls"})
        plant.detectors._configured["halls"] = halls
        files = LabelFiles(plant.labelling, plant.detectors, plant.clock, TAGS)
        with pytest.raises(ImportFileError, match=r"names the detector 'halls'.*to 'rooms'"):
            bring(files, content, Choices("rooms", alone=True), name)
        assert plant.labelling.list() == []
        assert len(bring(files, content, Choices("rooms"), name).added) == 1

    def test_one_label_is_not_several(self, files):
        content = b"start,stop,kind\n2026-03-01,2026-03-02,normal\n"
        assert bring(files, content, name="a.csv").words == "1 label added"
        assert bring(files, content, name="a.csv").words == "0 labels added, 1 was there already"
