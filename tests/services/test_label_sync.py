import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.exceptions import GrafanaRefused, GrafanaUnavailable, LabelError, StoreUnavailable
from backend.records import LabelDraft, LabelKind, State, Tie
from backend.services.events import Event
from backend.services.label_sync import Deletions
from tests.services.annotated import MINUTE, MS, NOON, NOW, Annotated, Crash, at, detector

NORMAL = ("normal", 0.0, 10.0, (), "seen")


@pytest.fixture
def world() -> Annotated:
    return Annotated()


@pytest.fixture
def both_ways() -> Annotated:
    return Annotated(options={"write_back": True})


def only_problem(world: Annotated, **options: Any) -> str:
    report = world.sync(**options)
    (problem,) = report.problems
    assert [one.message for one in world.records.annotation_problems()] == [problem]
    return problem


class TestDrawnInGrafana:
    @pytest.mark.parametrize("kind", ["normal", "anomaly", "exclude"])
    def test_a_region_with_a_kind_becomes_a_label(self, world: Annotated, kind: str) -> None:
        world.draw(0, 10, kind, text="quiet week", login="ann")
        assert world.sync().added == 1
        (label,) = world.labelling.list()
        assert (label.detector, label.kind, label.note) == ("rooms", kind, "quiet week")
        assert (label.source, label.created_by) == ("grafana", "ann")
        assert (label.start, label.stop) == (at(0), at(10))
        assert world.sync().is_quiet

    def test_milliseconds_become_nanoseconds_exactly(self, world: Annotated) -> None:
        world.grafana.draw(NOON + 1, NOON + 2, "normal")
        world.sync()
        (label,) = world.labelling.list()
        assert (label.start, label.stop) == ((NOON + 1) * MS, (NOON + 2) * MS)

    def test_nobody_is_named_where_grafana_names_nobody(self, world: Annotated) -> None:
        world.draw(0, 10, "normal", login="")
        world.sync()
        assert world.labelling.list()[0].created_by == "Grafana"

    def test_the_words_of_the_kinds_can_be_chosen(self, world: Annotated) -> None:
        tags = {LabelKind.NORMAL: "gut", LabelKind.ANOMALY: "x:bad", LabelKind.EXCLUDE: "exclude"}
        world.draw(0, 10, "gut")
        world.draw(10, 20, "x:bad")
        world.draw(20, 30, "normal")
        world.sync(tags=tags)
        assert [row[0] for row in world.said()] == ["anomaly", "normal"]

    def test_tags_narrow_it_to_series(self, world: Annotated) -> None:
        world.draw(0, 10, "normal", "room:R1", "room:R2", "line:A", "room:R1")
        world.draw(20, 30, "normal", "room:a%3Ab")
        assert world.sync().added == 3
        assert [row[3] for row in world.said()] == [
            (("line", "A"), ("room", "R1")),
            (("line", "A"), ("room", "R2")),
            (("room", "a:b"),),
        ]

    def test_a_value_may_hold_colons_where_grafana_keeps_them(self, world: Annotated) -> None:
        world.draw(0, 10, "normal", "room:a:b")
        world.sync()
        assert world.said()[0][3] == (("room", "a:b"),)

    def test_what_is_not_about_labels_is_left_alone(self, world: Annotated) -> None:
        world.draw(0, 10, "deploy")
        world.draw(0, 10)
        world.draw(0, 10, "normal", alertId=7)
        report = world.sync()
        assert report.is_quiet
        assert report.problems == ()

    def test_the_detector_is_named_by_a_tag(self) -> None:
        world = Annotated(specs={"rooms": detector(), "pumps": detector("pumps")})
        world.draw(0, 10, "normal", "detector:pumps", dashboardUID=None)
        world.sync()
        assert [label.detector for label in world.labelling.list()] == ["pumps"]

    def test_else_by_the_dashboard_it_was_drawn_on(self) -> None:
        world = Annotated(specs={"rooms": detector(), "pumps": detector("pumps")})
        world.dashboards = {"gas": "pumps"}
        world.draw(0, 10, "normal")
        world.sync()
        assert [label.detector for label in world.labelling.list()] == ["pumps"]

    def test_else_it_is_asked_for(self) -> None:
        world = Annotated(specs={"rooms": detector(), "pumps": detector("pumps")})
        number = world.draw(0, 10, "normal")
        assert only_problem(world).endswith("it names no detector: add the tag detector:NAME.")
        world.grafana.edit(number, tags=["normal", "detector:rooms"])
        assert world.sync().problems == ()
        assert world.records.annotation_problems() == []
        assert len(world.said()) == 1

    @pytest.mark.parametrize(
        ("values", "sentence"),
        [
            ({"stop": 0}, "it is a point in time"),
            ({"start": 1500, "stop": 1600}, "in the future"),
            ({"tags": ["detector:boiler"]}, "there is no detector 'boiler'; known: rooms"),
            ({"tags": ["detector:a", "detector:b"]}, "several detectors"),
            ({"tags": ["R1"]}, "its tag 'R1' is not understood.*room:VALUE, line:VALUE"),
            ({"tags": ["floor:1"]}, "its tag 'floor:1' is not understood"),
            ({"tags": ["room:"]}, "is not understood"),
            ({"text": "a\0b"}, "control character"),
        ],
    )
    def test_what_cannot_be_a_label_is_told_and_stops_no_other(
        self, world: Annotated, values: dict[str, Any], sentence: str
    ) -> None:
        values = {"start": 0, "stop": 10, "tags": [], **values}
        number = world.draw(
            values["start"], values["stop"], "normal", *values["tags"], text=values.get("text", "x")
        )
        world.draw(20, 30, "normal")
        report = world.sync()
        assert (report.added, len(report.problems)) == (1, 1)
        assert re.search(sentence, report.problems[0])
        (noted,) = world.records.annotation_problems()
        assert (noted.annotation, noted.since) == (str(number), NOW)
        world.clock.time += MINUTE * MS
        assert world.sync().is_quiet
        assert world.records.annotation_problems() == [noted]

    def test_planned_maintenance_may_lie_ahead(self, world: Annotated) -> None:
        world.draw(1500, 1600, "exclude")
        assert world.sync().added == 1

    def test_of_several_kinds_one_counts_and_that_is_told(self, world: Annotated) -> None:
        world.draw(0, 10, "normal", "anomaly")
        assert "it is tagged anomaly and normal: anomaly counts" in only_problem(world)
        assert only_problem(world)
        world.draw(20, 30, "normal", "anomaly", "exclude")
        world.sync()
        assert [row[0] for row in world.said()] == ["anomaly", "exclude"]

    def test_a_contradiction_is_told_and_the_others_go_on(self, world: Annotated) -> None:
        world.add(0, 10, "anomaly")
        number = world.draw(0, 10, "normal")
        world.draw(20, 30, "normal")
        world.draw(20, 30, "anomaly")
        report = world.sync()
        assert report.added == 1
        assert len(report.problems) == 2
        assert "labelled anomaly already (label 1 by bob)" in report.problems[0]
        assert "another annotation says normal of the very same range" in report.problems[1]
        assert world.sync().problems == report.problems
        world.labelling.remove([1], by="bob")
        world.sync()
        assert NORMAL in world.said()
        assert str(number) in {
            x.annotation for x in world.records.annotation_links(world.book.name())
        }

    def test_problems_are_logged_once(
        self, world: Annotated, caplog: pytest.LogCaptureFixture
    ) -> None:
        world.draw(0, 0, "normal")
        world.sync()
        world.sync()
        assert len([x for x in caplog.records if "point in time" in x.message]) == 1

    def test_older_than_the_horizon_is_not_looked_at(self, world: Annotated) -> None:
        world.draw(0, 10, "normal")
        assert world.sync(horizon=60_000_000_000).is_quiet


class TestEditedInGrafana:
    def test_an_edit_takes_the_old_label_back_and_adds_the_new(self, world: Annotated) -> None:
        number = world.draw(0, 10, "normal")
        world.sync()
        world.grafana.edit(number, tags=["anomaly", "room:R1"], text="a leak")
        assert world.sync().replaced == 1
        assert world.said() == [("anomaly", 0.0, 10.0, (("room", "R1"),), "a leak")]
        gone = world.labelling.list(removed=True)[0]
        assert (gone.kind, gone.removed_by) == ("normal", "ann")
        assert world.sync().is_quiet

    def test_a_kind_may_turn_to_its_opposite_on_the_same_range(self, world: Annotated) -> None:
        number = world.draw(0, 10, "normal")
        world.sync()
        world.grafana.edit(number, tags=["anomaly"])
        assert world.sync().problems == ()
        assert [row[0] for row in world.said()] == ["anomaly"]

    def test_without_its_kind_it_says_nothing_any_more(self, world: Annotated) -> None:
        number = world.draw(0, 10, "normal")
        world.sync()
        world.grafana.edit(number, tags=["deploy"])
        assert world.sync().removed == 1
        assert world.said() == []
        assert world.sync().is_quiet

    def test_an_edit_that_cannot_be_takes_the_label_back_and_is_told(
        self, world: Annotated
    ) -> None:
        number = world.draw(0, 10, "normal")
        world.sync()
        world.grafana.edit(number, tags=["normal", "floor:1"])
        report = world.sync()
        assert report.removed == 1
        assert "'floor:1' is not understood" in report.problems[0]
        assert "'floor:1'" in only_problem(world)
        assert world.sync().is_quiet
        world.grafana.edit(number, tags=["normal"])
        assert world.sync().added == 1
        assert world.said() == [NORMAL]

    def test_a_touch_that_changes_nothing_changes_nothing(self, world: Annotated) -> None:
        number = world.draw(0, 10, "normal", "room:R1")
        world.sync()
        before = world.labelling.list(removed=True)
        world.grafana.edit(number, tags=["room:R1", "normal"])
        assert world.sync().is_quiet
        world.grafana.edit(number, tags=["room:R1", "normal", "normalcy"])
        assert world.sync().is_quiet
        assert world.labelling.list(removed=True) == before


class TestDeletedInGrafana:
    def test_a_deletion_takes_the_labels_back(self, world: Annotated) -> None:
        number = world.draw(0, 10, "normal", "room:R1", "room:R2")
        world.sync()
        world.grafana.delete(number)
        assert world.sync().removed == 2
        assert world.said() == []
        assert world.records.annotation_links(world.book.name()) == []

    def test_what_a_listing_lacks_is_asked_for_by_its_number(self, world: Annotated) -> None:
        number = world.draw(0, 10, "normal")
        world.sync()
        world.grafana.edit(number, time=NOON - 10**11, timeEnd=NOON - 10**11 + MINUTE)
        report = world.sync(horizon=2 * 86_400_000_000_000)
        assert (report.replaced, report.removed) == (1, 0)

    def test_it_still_belongs_to_the_detector_of_its_dashboard(self) -> None:
        world = Annotated(specs={"rooms": detector(), "pumps": detector("pumps")})
        world.dashboards = {"gas": "pumps"}
        number = world.draw(0, 10, "normal")
        world.sync()
        world.grafana.edit(number, time=NOON - 10**11, timeEnd=NOON - 10**11 + MINUTE)
        report = world.sync(horizon=2 * 86_400_000_000_000)
        assert (report.replaced, report.problems) == (1, ())

    def test_an_annotation_that_grew_older_than_the_horizon_keeps_its_label(
        self, world: Annotated
    ) -> None:
        number = world.draw(0, 10, "normal")
        world.sync()
        world.clock.time += 500 * 86_400_000_000_000
        world.grafana.delete(number)
        assert world.sync().is_quiet
        assert world.said() == [NORMAL]

    def test_a_listing_that_fails_removes_nothing(self, world: Annotated) -> None:
        world.draw(0, 10, "normal")
        world.sync()
        world.grafana.faults.append((502, {"message": "Bad Gateway"}))
        with pytest.raises(GrafanaUnavailable):
            world.sync()
        assert world.said() == [NORMAL]

    def test_a_deletion_that_cannot_be_confirmed_removes_nothing(self, world: Annotated) -> None:
        number = world.draw(0, 10, "normal")
        world.sync()
        del world.grafana.items[number]
        get = world.grafana.get
        world.grafana.get = lambda number: (500, {"message": "database is locked"})
        with pytest.raises(GrafanaUnavailable):
            world.sync()
        assert world.said() == [NORMAL]
        world.grafana.get = get
        world.sync()
        assert world.said() == []

    def test_one_that_may_not_be_asked_for_is_told_and_stays(self, world: Annotated) -> None:
        number = world.draw(0, 10, "normal")
        world.sync()
        del world.grafana.items[number]
        world.grafana.get = lambda number: (403, {})
        world.draw(20, 30, "normal")
        report = world.sync()
        assert (report.added, report.removed) == (1, 0)
        assert report.problems[0].startswith(f"Annotation {number} is no longer listed")
        assert NORMAL in world.said()

    def test_a_dashboard_that_is_deleted_takes_no_labels_with_it(self, world: Annotated) -> None:
        world.grafana.dashboards.add("other")
        for start in range(0, 50, 10):
            world.draw(start, start + 10, "normal")
        for start in range(100, 200, 10):
            world.draw(start, start + 10, "normal", dashboardUID="other")
        world.sync()
        before = world.said()
        world.grafana.drop_dashboard("gas")
        problem = only_problem(world)
        assert problem.startswith("5 of 15 annotations with labels vanished")
        assert "--accept-deletions" in problem
        assert world.said() == before

    def test_an_empty_grafana_takes_no_labels_with_it(self, world: Annotated) -> None:
        for start in range(0, 100, 10):
            world.draw(start, start + 10, "normal", dashboardUID=["gas", None][start % 20 // 10])
        world.sync()
        world.grafana.items.clear()
        world.draw(500, 510, "anomaly")
        report = world.sync()
        assert (report.added, report.removed, len(report.problems)) == (1, 0, 1)
        assert len(world.said()) == 11

    def test_a_person_may_accept_that(self, world: Annotated) -> None:
        for start in range(0, 60, 10):
            world.draw(start, start + 10, "normal")
        world.sync()
        world.grafana.items.clear()
        world.sync()
        report = world.sync(Deletions.ACCEPT)
        assert (report.removed, report.problems) == (6, ())
        assert world.records.annotation_problems() == []
        assert world.sync().is_quiet

    def test_or_keep_the_labels_which_then_come_back(self, both_ways: Annotated) -> None:
        for start in range(0, 60, 10):
            both_ways.draw(start, start + 10, "normal")
        both_ways.sync()
        before = both_ways.said()
        both_ways.grafana.items.clear()
        report = both_ways.sync(Deletions.KEEP)
        assert (report.removed, report.problems) == (0, ())
        both_ways.sync()
        assert both_ways.said() == before
        assert both_ways.shown() == [row[:4] for row in before]
        assert both_ways.sync().is_quiet

    def test_a_few_of_many_are_believed(self, world: Annotated) -> None:
        numbers = [world.draw(start, start + 10, "normal") for start in range(0, 130, 10)]
        world.sync()
        for number in numbers[:6]:
            world.grafana.delete(number)
        assert world.sync().removed == 6

    def test_a_grafana_that_got_another_address_is_recognized(self, both_ways: Annotated) -> None:
        kept, edited = (both_ways.draw(n, n + 10, "normal") for n in (0, 20))
        both_ways.add(40, 50)
        both_ways.sync()
        before = both_ways.labelling.list(removed=True)
        both_ways.book._name = "https://grafana.example#1"
        assert both_ways.sync().is_quiet
        assert both_ways.labelling.list(removed=True) == before
        both_ways.grafana.delete(kept)
        both_ways.grafana.edit(edited, text="changed")
        report = both_ways.sync()
        assert (report.removed, report.replaced) == (1, 1)

    def test_another_organization_is_another_book(self, world: Annotated) -> None:
        world.draw(0, 10, "normal")
        world.sync()
        world.book._name = "http://grafana#2"
        world.grafana.items.clear()
        assert world.sync().removed == 0
        assert world.said() == [NORMAL]


class TestWrittenBack:
    def test_only_where_it_is_wished(self, world: Annotated) -> None:
        world.add()
        assert world.sync().is_quiet
        assert world.grafana.items == {}

    def test_a_label_appears_as_an_annotation_and_never_returns(self, both_ways: Annotated) -> None:
        both_ways.add(note="quiet", tags={"room": " a:b%"})
        assert both_ways.sync().written == 1
        (item,) = both_ways.grafana.items.values()
        assert item["dashboardUID"] is None
        assert (item["time"], item["timeEnd"]) == (NOON, NOON + 10 * MINUTE)
        assert item["text"] == "quiet (bob)"
        assert item["tags"][:-1] == ["normal", "detector:rooms", "room:%20a%3Ab%25", "normalcy"]
        assert both_ways.sync().is_quiet
        assert len(both_ways.labelling.list(removed=True)) == 1

    def test_times_between_milliseconds_are_covered(self, both_ways: Annotated) -> None:
        draft = LabelDraft("rooms", LabelKind.NORMAL, at(0) + 1, at(0) + 2)
        label = both_ways.labelling.add(draft, source="api", by="")
        both_ways.sync()
        (item,) = both_ways.grafana.items.values()
        assert (item["time"], item["timeEnd"], item["text"]) == (NOON, NOON + 1, "normal")
        both_ways.grafana.edit(item["id"], text="a note")
        both_ways.sync()
        (edited,) = both_ways.labelling.list()
        assert (edited.start, edited.stop, edited.note) == (label.start, label.stop, "a note")

    def test_a_label_taken_back_takes_its_annotation_with_it(self, both_ways: Annotated) -> None:
        label = both_ways.add()
        both_ways.sync()
        both_ways.labelling.remove([label.id], by="bob")
        assert both_ways.sync().erased == 1
        assert both_ways.grafana.items == {}
        assert both_ways.sync().is_quiet

    def test_so_does_one_that_was_drawn(self, both_ways: Annotated) -> None:
        both_ways.draw(0, 10, "normal", "room:R1", "room:R2")
        both_ways.sync()
        first = both_ways.labelling.list()[0]
        both_ways.labelling.remove([first.id], by="bob")
        both_ways.sync()
        both_ways.sync()
        assert both_ways.shown() == [row[:4] for row in both_ways.said()]
        assert len(both_ways.said()) == 1
        assert both_ways.sync().is_quiet

    def test_without_writing_back_a_label_taken_back_stays_so(self, world: Annotated) -> None:
        world.draw(0, 10, "normal")
        world.sync()
        world.labelling.remove([1], by="bob")
        assert world.sync().is_quiet
        assert world.said() == []
        assert len(world.grafana.items) == 1

    def test_a_person_may_edit_it(self, both_ways: Annotated) -> None:
        both_ways.add(note="quiet")
        both_ways.sync()
        (number,) = both_ways.grafana.items
        tags = both_ways.grafana.items[number]["tags"]
        both_ways.grafana.edit(number, tags=["anomaly", *tags[1:]])
        assert both_ways.sync().replaced == 1
        assert both_ways.said() == [("anomaly", 0.0, 10.0, (), "quiet")]
        (label,) = both_ways.labelling.list()
        assert (label.source, label.created_by) == ("grafana", "Grafana")
        assert both_ways.sync().is_quiet
        assert list(both_ways.grafana.items) == [number]

    def test_even_its_own_marks(self, both_ways: Annotated) -> None:
        both_ways.add(note="quiet")
        both_ways.sync()
        (number,) = both_ways.grafana.items
        both_ways.grafana.edit(number, tags=["normal"])
        assert both_ways.sync().is_quiet
        both_ways.grafana.edit(number, tags=[])
        both_ways.sync()
        assert both_ways.said() == []
        assert both_ways.sync().is_quiet

    def test_and_take_it_away(self, both_ways: Annotated) -> None:
        both_ways.add()
        both_ways.sync()
        both_ways.grafana.items.clear()
        assert both_ways.sync().removed == 1
        assert both_ways.said() == []
        assert both_ways.sync().is_quiet

    def test_labels_of_the_configuration_stay_as_it_says(self) -> None:
        draft = LabelDraft("rooms", LabelKind.NORMAL, at(0), at(10), note="summer")
        world = Annotated(options={"write_back": True}, configured=[draft])
        world.sync()
        (number,) = world.grafana.items
        world.grafana.edit(number, tags=["anomaly"])
        problem = only_problem(world)
        assert "stands in normalcy.yaml" in problem
        assert "normal" in world.grafana.items[number]["tags"]
        world.grafana.delete(number)
        assert "it was deleted" in only_problem(world)
        assert world.sync().is_quiet
        assert [row[0] for row in world.said()] == ["normal"]
        assert len(world.shown()) == 1
        assert len(world.labelling.list(removed=True)) == 1

    def test_an_answer_that_was_lost_makes_no_second(self, both_ways: Annotated) -> None:
        both_ways.add()
        nothing_there, lost = (200, []), (500, {"message": "database is locked"})
        both_ways.grafana.after += [nothing_there, lost]
        both_ways.sync()
        assert len(both_ways.grafana.items) == 1
        assert both_ways.sync().is_quiet

    def test_a_second_one_is_removed(self, both_ways: Annotated) -> None:
        both_ways.add()
        both_ways.sync()
        (item,) = both_ways.grafana.items.values()
        both_ways.grafana.items[99] = {**item, "id": 99}
        assert both_ways.sync().erased == 1
        assert list(both_ways.grafana.items) == [item["id"]]

    def test_those_of_another_normalcy_are_left_alone(self, both_ways: Annotated) -> None:
        both_ways.draw(0, 10, "normal", "rid:of-another", "normalcy")
        report = both_ways.sync()
        assert report.is_quiet
        assert report.problems == ()

    def test_missing_rights_are_told_once_and_pulling_goes_on(self, both_ways: Annotated) -> None:
        both_ways.grafana.role = "Viewer"
        for start in range(0, 60, 10):
            both_ways.add(start, start + 10)
        both_ways.draw(100, 110, "normal")
        report = both_ways.sync()
        assert (report.added, report.written, len(report.problems)) == (1, 0, 3)
        assert "denies the right" in report.problems[0]
        assert len([m for m in both_ways.grafana.writes() if m == "POST"]) == 3

    def test_one_that_grafana_refuses_does_not_stop_the_others(self, both_ways: Annotated) -> None:
        both_ways.add(tags={"room": "x" * 200})
        both_ways.add(20, 30)
        report = both_ways.sync()
        assert report.written == 1
        assert report.problems[0].startswith("Label 1 was not written to Grafana.")

    def test_no_right_to_read_is_an_error(self, world: Annotated) -> None:
        world.grafana.role = "None"
        with pytest.raises(GrafanaRefused, match="right"):
            world.sync()
        (run,) = world.records.runs()
        assert (run.kind, run.state) == ("sync", State.FAILED)


def event(start: int = 0, stop: int | None = 10, **values: Any) -> Event:
    made = Event(
        detector="rooms",
        series="room=R1",
        tags={"room": "R1"},
        start=at(start),
        stop=None if stop is None else at(stop),
        peak_score=4.0,
        provisional=False,
        channels=("NH3", "temp"),
        model="rooms/1",
    )
    return replace(made, **values)


class TestEvents:
    def test_they_appear_and_are_never_labels(self) -> None:
        world = Annotated(options={"write_events": True}, events=[event(), event(20, None)])
        assert world.sync().written == 1
        (item,) = world.grafana.items.values()
        assert item["text"] == "score 4: NH3, temp"
        assert item["tags"][:-1] == ["event", "detector:rooms", "room:R1", "normalcy"]
        assert world.sync().is_quiet
        world.grafana.edit(item["id"], tags=["normal"])
        assert world.sync().is_quiet
        assert world.said() == []

    def test_they_follow_a_rescoring_and_go_when_withdrawn(self) -> None:
        world = Annotated(options={"write_events": True}, events=[event()])
        world.sync()
        world.events[:] = [event(stop=12, peak_score=5.0)]
        assert world.sync().written == 1
        (item,) = world.grafana.items.values()
        assert (item["timeEnd"], item["text"]) == (NOON + 12 * MINUTE, "score 5: NH3, temp")
        assert world.sync().is_quiet
        world.events.clear()
        assert world.sync().erased == 1
        assert world.grafana.items == {}
        world.events.append(event())
        world.sync()
        assert len(world.grafana.items) == 1

    def test_one_that_a_person_removed_stays_away(self) -> None:
        world = Annotated(options={"write_events": True}, events=[event()])
        world.sync()
        world.grafana.items.clear()
        world.events[:] = [event(peak_score=5.0)]
        assert world.sync().is_quiet
        assert world.grafana.items == {}

    def test_labels_go_on_where_events_cannot_be_read(self) -> None:
        world = Annotated()
        world.draw(0, 10, "normal")

        def down(start: int, stop: int) -> list[Event]:
            raise StoreUnavailable("InfluxDB is down.")

        chosen = world.program(write_events=True)
        chosen._options = replace(chosen._options, events=down)
        report = chosen.run()
        assert report.added == 1
        assert report.problems == ("Events are not written: InfluxDB is down.",)


def a_busy_day(world: Annotated) -> None:
    """Something of everything is to be done next."""
    first, second = world.draw(0, 10, "normal"), world.draw(20, 30, "normal", "room:R1", "room:R2")
    third = world.draw(40, 50, "anomaly")
    mine, ours = world.add(60, 70), world.add(80, 90)
    world.events[:] = [event(200, 210), event(220, 230)]
    world.sync()
    world.grafana.edit(first, tags=["anomaly"])
    world.labelling.remove(
        [one.id for one in world.labelling.list() if one.tags.get("room") == "R1"], by="bob"
    )
    world.grafana.delete(third)
    world.labelling.remove([mine.id], by="bob")
    written = {x.labels: x.annotation for x in world.records.annotation_links(world.book.name())}
    world.grafana.edit(int(written[(ours.id,)]), text="changed")
    world.events[:] = [event(200, 215)]
    world.draw(100, 110, "exclude")
    world.add(120, 130)
    assert second in world.grafana.items


def outcome(world: Annotated) -> tuple[Any, ...]:
    items = sorted(
        (
            one["time"],
            one["timeEnd"],
            one["text"],
            sorted(t for t in one["tags"] if "rid:" not in t),
        )
        for one in world.grafana.items.values()
    )
    return world.said(), items


def test_ended_at_any_moment_it_goes_on_to_the_same_end() -> None:
    options = {"write_back": True, "write_events": True}
    whole = Annotated(options=options)
    a_busy_day(whole)
    before = whole.countdown.passed
    whole.sync()
    moments = whole.countdown.passed - before
    whole.sync()
    expected = outcome(whole)
    assert moments > 20
    for moment in range(moments):
        world = Annotated(options=options)
        a_busy_day(world)
        world.countdown.left = moment
        with pytest.raises(Crash):
            world.sync()
        world.countdown.left = None
        world.sync()
        world.sync()
        assert outcome(world) == expected, moment
        assert world.sync().is_quiet, moment


def test_two_at_once_do_everything_once() -> None:
    """The second reads while the first has done nothing, and works after it."""
    world = Annotated(options={"write_back": True})
    world.draw(0, 10, "normal")
    deleted = world.draw(20, 30, "normal")
    world.sync()
    world.grafana.delete(deleted)
    world.draw(40, 50, "normal")
    world.add(60, 70)
    first, second = world.program(), world.program()
    between = second._book.between

    def overtaken(*asked: Any) -> Any:
        listed = between(*asked)
        first.run()
        return listed

    second._book = type("Late", (), {"__getattr__": lambda _, n: getattr(world.book, n)})()
    second._book.between = overtaken
    second.run()
    world.sync()
    assert [row[1] for row in world.said()] == [0.0, 40.0, 60.0]
    assert world.shown() == [row[:4] for row in world.said()]
    assert world.sync().is_quiet


_MINUTES = st.integers(0, 5).map(lambda number: number * 10)
_KINDS = st.sampled_from(["normal", "anomaly", "exclude"])
_TAGS = st.sampled_from(
    [[], ["room:R1"], ["room:R1", "room:R2"], ["room:a%3Ab", "line:%20A"], ["floor"]]
)
_OPERATIONS = st.one_of(
    st.tuples(st.just("draw"), _MINUTES, _KINDS, _TAGS),
    st.tuples(st.just("edit"), st.integers(0, 5), _KINDS, _TAGS),
    st.tuples(st.just("delete"), st.integers(0, 5)),
    st.tuples(st.just("add"), _MINUTES, _KINDS, st.sampled_from([{}, {"room": " x:1"}])),
    st.tuples(st.just("remove"), st.integers(0, 5)),
    st.tuples(st.just("sync"), st.none() | st.integers(0, 12)),
    st.tuples(st.just("lose an answer")),
)


@given(st.lists(_OPERATIONS, max_size=25))
def test_whatever_happens_both_sides_become_equal_and_stay_so(
    operations: list[tuple[Any, ...]],
) -> None:
    world = Annotated(options={"write_back": True})
    for operation in operations:
        _operate(world, *operation)
    world.grafana.after.clear()
    world.sync(Deletions.ACCEPT)
    world.sync(Deletions.ACCEPT)
    assert world.sync(Deletions.ACCEPT).is_quiet
    assert world.shown() == sorted(row[:4] for row in world.said())


@given(st.lists(_OPERATIONS.filter(lambda one: one[0] not in ("delete", "remove")), max_size=25))
def test_what_nobody_took_back_is_still_there(operations: list[tuple[Any, ...]]) -> None:
    world = Annotated(options={"write_back": True})
    drawn: set[int] = set()
    for operation in operations:
        before = set(world.grafana.items)
        _operate(world, *operation)
        drawn |= set(world.grafana.items) - before if operation[0] == "draw" else set()
    world.grafana.after.clear()
    world.sync()
    assert drawn <= set(world.grafana.items)
    everything = world.labelling.list(removed=True)
    taken_back = [one for one in everything if one.source == "page" and one.removed_by]
    assert len(taken_back) <= sum(operation[0] == "edit" for operation in operations)


def _operate(world: Annotated, what: str, *how: Any) -> None:
    numbers, labels = sorted(world.grafana.items), world.labelling.list()
    match what, *how:
        case "draw", start, kind, tags:
            world.draw(start, start + 10, kind, *tags)
        case "edit", which, kind, tags if which < len(numbers):
            world.grafana.edit(numbers[which], tags=[kind, *tags])
        case "delete", which if which < len(numbers):
            del world.grafana.items[numbers[which]]
        case "add", start, kind, tags:
            _try_to_add(world, start, kind, tags)
        case "remove", which if which < len(labels):
            world.labelling.remove([labels[which].id], by="bob")
        case "sync", moment:
            _try_to_sync(world, moment)
        case ("lose an answer",):
            world.grafana.after += [(200, []), (500, {"message": "database is locked"})]


def _try_to_sync(world: Annotated, moment: int | None) -> None:
    world.countdown.left = moment
    try:
        world.sync(Deletions.ACCEPT)
    except (Crash, GrafanaUnavailable):
        world.grafana.after.clear()
    world.countdown.left = None


def _try_to_add(world: Annotated, start: int, kind: str, tags: dict[str, str]) -> None:
    try:
        world.add(start, start + 10, kind, tags=tags)
    except LabelError:
        assert world.labelling.list()


def test_a_sync_ends_at_its_limit_and_goes_on_the_next_time() -> None:
    world = Annotated()
    for start in range(0, 50, 10):
        world.draw(start, start + 10, "normal")
    program = world.program(limit=5 * 60_000_000_000)
    tie = world.records.tie

    def slowly(*arguments: Any, **named: Any) -> Any:
        world.clock.time += round(timedelta(minutes=3).total_seconds() * 1e9)
        return tie(*arguments, **named)

    world.records.tie = slowly
    report = program.run()
    assert report.added == 2
    assert "3 steps are left" in report.problems[0]
    world.records.tie = tie
    assert world.sync().added == 3
    assert {x.tie for x in world.records.annotation_links(world.book.name())} == {Tie.DRAWN}
