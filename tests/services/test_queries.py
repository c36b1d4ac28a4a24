"""Questions to the stores, on fakes."""

from dataclasses import replace

import numpy as np
import pytest

from backend import schema
from backend.exceptions import InputError, NotFound, StoreRefused, StoreUnavailable
from backend.ports import Points, Query
from backend.records import Label, LabelKind, SetAside, State, series_key
from backend.services.drawing import Span
from backend.services.overview import Condition
from tests.fakes.series import MemorySeriesStore
from tests.web.worlds import (
    MINUTE,
    NOW,
    START,
    World,
    add_version,
    make_world,
    two_rooms,
    write_event,
    write_scores,
    write_values,
)

ALL = Span(START, NOW, 1000)


class Failing(MemorySeriesStore):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error
        self.calls = 0

    def ping(self) -> str:
        raise self.error

    def read(self, query: Query) -> list[Points]:
        self.calls += 1
        raise self.error


@pytest.fixture
def world() -> World:
    return two_rooms()


class TestOverview:
    def test_scored_to_now_without_alarm_is_normal(self, world):
        one = world.queries.overview("gas-room")
        assert (one.condition, one.score, one.series) == (Condition.NORMAL, 0.5, 2)
        assert (one.scored_to, one.champion, one.trained_at) == (NOW, 1, NOW - 120 * MINUTE)

    def test_an_open_event_is_anomalous(self, world):
        write_event(world, "R1", row=595, open_=True)
        one = world.queries.overview("gas-room")
        assert (one.condition, one.open_events) == (Condition.ANOMALOUS, 1)

    def test_a_withdrawn_event_counts_for_nothing(self, world):
        write_event(world, "R1", row=595, open_=True, valid=0.0)
        assert world.queries.overview("gas-room").open_events == 0

    def test_an_alarm_is_anomalous_and_named(self, world):
        fields = {"score": np.array([3.0]), "alarm": np.array([1.0])}
        tags = {"detector": "gas-room", "room": "R2"}
        world.results.write(schema.SCORES, [Points(tags, np.array([NOW - MINUTE]), fields)])
        one = world.queries.overview("gas-room")
        assert (one.condition, one.why, one.score) == (Condition.ANOMALOUS, "room=R2", 3.0)

    def test_scoring_that_lies_behind_is_blind(self, world):
        world.clock.time = NOW + 60 * MINUTE
        one = world.queries.overview("gas-room")
        assert one.condition is Condition.BLIND
        assert "behind" in one.why

    def test_scoring_that_fails_says_of_what(self, world):
        now = world.clock.time = NOW + 60 * MINUTE
        run = world.records.start_run("score", "gas-room", worker="vm:1", at=now)
        world.records.finish_run(
            run.id, State.FAILED, at=now, message="Artifact gas-room/1 is damaged.", details={}
        )
        one = world.queries.overview("gas-room")
        assert (one.condition, one.why) == (Condition.BLIND, "Artifact gas-room/1 is damaged.")

    def test_every_series_set_aside_is_blind(self, world):
        for key in ("room=R1", "room=R2"):
            world.records.set_aside(SetAside("gas-room", key, "no data", NOW, NOW))
        one = world.queries.overview("gas-room")
        assert (one.condition, len(one.set_aside)) == (Condition.BLIND, 2)

    def test_a_model_learned_without_labels_is_still_learning(self):
        world = make_world()
        write_scores(world, "R1")
        add_version(world, provisional=True)
        world.records.set_watermarks("gas-room", {"room=R1": NOW})
        assert world.queries.overview("gas-room").condition is Condition.LEARNING

    def test_before_the_first_training_there_is_no_model(self):
        assert make_world().queries.overview("pump").condition is Condition.NO_MODEL

    def test_a_first_training_under_way_is_learning(self):
        world = make_world()
        world.records.start_run("retrain", "pump", worker="w", at=NOW)
        assert world.queries.overview("pump").condition is Condition.LEARNING

    def test_a_first_training_that_failed_says_why(self):
        world = make_world()
        run = world.records.start_run("retrain", "pump", worker="w", at=NOW)
        world.records.finish_run(run.id, State.FAILED, at=NOW, message="too little", details={})
        one = world.queries.overview("pump")
        assert (one.condition, one.why) == (Condition.NO_MODEL, "too little")

    def test_a_version_nobody_promoted_is_said(self):
        world = make_world()
        add_version(world, "pump", promoted=False)
        assert "promotion" in world.queries.overview("pump").why

    def test_coverage_is_the_newest_of_the_last_days(self, world):
        for time, value in ((NOW - 5 * MINUTE, 0.5), (NOW - MINUTE, 0.75)):
            fields = {"coverage": np.array([value])}
            point = Points({"detector": "gas-room"}, np.array([time]), fields)
            world.results.write(schema.COVERAGE, [point])
        assert world.queries.overview("gas-room").coverage == 0.75

    def test_a_store_that_is_down_is_told_and_asked_once(self, world):
        failing = Failing(StoreUnavailable("InfluxDB does not answer."))
        add_version(world, "pump")
        world.records.set_watermarks("pump", {"": NOW})
        overviews = world.with_results(failing).overviews()
        assert {one.condition for one in overviews} == {Condition.BLIND}
        assert {one.why for one in overviews} == {"InfluxDB does not answer."}
        assert failing.calls == 1

    def test_a_store_that_refuses_one_detector_is_asked_for_the_next(self, world):
        failing = Failing(StoreRefused("No rights."))
        add_version(world, "pump")
        world.records.set_watermarks("pump", {"": NOW})
        world.with_results(failing).overviews()
        assert failing.calls == 2


class TestSeries:
    def test_scored_and_set_aside_series_are_listed(self, world):
        world.records.set_aside(SetAside("gas-room", "room=R3", "flat", NOW, NOW + MINUTE))
        states = {one.series: one for one in world.queries.series("gas-room")}
        assert states["room=R1"].score == 0.5
        assert states["room=R1"].scored_to == NOW
        assert states["room=R3"].set_aside.reason == "flat"
        assert states["room=R3"].score is None

    def test_before_scoring_the_source_tells_the_keys(self):
        world = make_world()
        write_values(world, "R7")
        assert world.queries.series_keys("gas-room") == ["room=R7"]

    def test_an_unknown_detector_names_the_known(self, world):
        with pytest.raises(NotFound, match="gas-room, pump"):
            world.queries.series("nope")


class TestDrawn:
    def test_channels_come_apart_with_their_tags(self, world):
        tables = world.queries.channels("gas-room", ALL)
        found = [(one.tags["room"], *one.columns) for one in tables]
        assert found == [("R1", "temp"), ("R1", "NH3"), ("R2", "temp"), ("R2", "NH3")]

    def test_a_context_channel_can_be_asked_for(self, world):
        tables = world.queries.channels("gas-room", ALL, channels=["load"], series=["room=R1"])
        assert [list(one.columns) for one in tables] == [["load"]]

    def test_values_elsewhere_are_not_of_the_detector(self, world):
        fields = {"temp": np.array([999.0])}
        world.source.write(
            "air", [Points({"site": "other", "room": "R1"}, np.array([START]), fields)]
        )
        tables = world.queries.channels("gas-room", ALL, channels=["temp"])
        assert max(one.columns["temp"].max() for one in tables) < 100

    def test_scores_stay_consistent_when_thinned(self, world):
        table = world.queries.scores("gas-room", Span(START, NOW, 40), series=["room=R1"])[0]
        columns = table.columns
        assert len(table) <= 40
        assert columns["score"].max() == 4.0
        np.testing.assert_array_equal(columns["flag"], columns["score"] > 1)
        np.testing.assert_allclose(columns["smoothed"] / columns["threshold"], columns["score"])

    def test_every_field_is_drawn_on_the_same_times(self, world):
        span = Span(START, NOW, 40)
        score = world.queries.scores("gas-room", span, fields=["score"])
        threshold = world.queries.scores("gas-room", span, fields=["threshold"])
        np.testing.assert_array_equal(score[0].times, threshold[0].times)

    def test_numbers_of_a_very_long_range_are_outlined_and_text_never_is(self, world):
        times = START + MINUTE * np.arange(12_000, dtype=np.int64)
        score = np.full(12_000, 0.5)
        score[9_876] = 9.0
        fields = dict.fromkeys(("score", "error", "flag", "alarm"), score)
        model = np.full(12_000, "m", dtype=object)
        tags = {"detector": "gas-room", "room": "R9"}
        world.results.write(schema.SCORES, [Points(tags, times, {**fields, "model": model})])
        world.results.reduces = True
        asked = []
        read = world.results.read
        world.results.read = lambda query: asked.append(query) or read(query)
        span = Span(START, START + 12_000 * MINUTE, 100)
        for names in (["score"], ["alarm", "score"], ["score", "model"]):
            (table,) = world.queries.scores("gas-room", span, fields=names, series=["room=R9"])
            assert table.columns["score"].max() == 9.0
            assert len(table) <= 100
            outlined = {query.aggregate for query in asked if query.every}
            assert outlined == (set() if "model" in names else {"min", "max", "count"})
            asked.clear()

    def test_values_of_a_very_long_range_are_outlined_where_the_store_reduces_them(self, world):
        times = START + MINUTE * np.arange(12_000, dtype=np.int64)
        value = np.full(12_000, 0.5)
        value[9_876] = 9.0
        fields = {"temp": value, "NH3": value / 2}
        tags = {"detector": "gas-room", "room": "R9"}
        source = {"site": "plant-1", "room": "R9"}
        world.source.write("air", [Points(source, times, fields)])
        for name in (schema.EXPECTED, schema.CONTRIBUTIONS):
            world.results.write(name, [Points(tags, times, fields)])
        span = Span(START, START + 12_000 * MINUTE, 100)
        asked = []
        for store in (world.source, world.results):
            store.reduces = True
            store.read = lambda query, read=store.read: asked.append(query) or read(query)
        queries = world.queries
        for ask in (queries.channels, queries.expected, queries.contributions):
            asked.clear()
            tables = ask("gas-room", span, series=["room=R9"])
            found = {name: values for one in tables for name, values in one.columns.items()}
            assert (found["temp"].max(), found["NH3"].max()) == (9.0, 4.5)
            assert max(map(len, tables)) <= 100
            assert {query.aggregate for query in asked if query.every} == {"min", "max", "count"}
            assert len(tables) == (1 if ask == queries.contributions else 2)

    def test_one_number_of_each_bucket_can_be_asked_for(self, world):
        span = Span(START, NOW, 10)
        (table,) = world.queries.scores(
            "gas-room", span, fields=["score", "flag"], series=["room=R1"], aggregate="max"
        )
        assert list(table.columns) == ["score", "flag"]
        assert len(table) <= 10
        assert table.columns["score"].max() == 4.0

    def test_contributions_share_their_times(self, world):
        share = np.linspace(0, 1, 600)
        tags = {"detector": "gas-room", "room": "R1"}
        times = START + MINUTE * np.arange(600)
        fields = {"temp": share, "NH3": 1 - share}
        world.results.write(schema.CONTRIBUTIONS, [Points(tags, times, fields)])
        table = world.queries.contributions("gas-room", Span(START, NOW, 50))[0]
        np.testing.assert_allclose(table.columns["temp"] + table.columns["NH3"], 1.0)

    def test_expected_values_come_from_the_results(self, world):
        tags = {"detector": "gas-room", "room": "R1"}
        fields = {"temp": np.array([21.0]), "NH3": np.array([1.0])}
        world.results.write(schema.EXPECTED, [Points(tags, np.array([START]), fields)])
        tables = world.queries.expected("gas-room", ALL, channels=["temp"])
        assert tables[0].columns["temp"].tolist() == [21.0]

    def test_nothing_there_is_an_empty_list(self, world):
        assert world.queries.scores("pump", ALL) == []

    @pytest.mark.parametrize("name", ["nope", "", 'temp"; DROP MEASUREMENT air', "'"])
    def test_an_unknown_channel_is_refused(self, world, name):
        with pytest.raises(NotFound, match="temp, NH3, load"):
            world.queries.channels("gas-room", ALL, channels=[name])

    @pytest.mark.parametrize(
        "key", ["R1", "room", "site=plant-1", "room=R1,site=x", "room=R1,x", "="]
    )
    def test_a_key_of_another_form_is_refused(self, world, key):
        with pytest.raises(NotFound, match=r"room=…"):
            world.queries.scores("gas-room", ALL, series=[key])

    @pytest.mark.parametrize("room", ["R9", "R1' OR ''='", 'R1" OR ""="', "R1; DROP SERIES", "é\\"])
    def test_a_series_nobody_has_seen_is_empty(self, world, room):
        assert world.queries.scores("gas-room", ALL, series=[series_key({"room": room})]) == []

    @pytest.mark.parametrize("span", [Span(NOW, START), Span(NOW, NOW)])
    def test_an_empty_range_is_refused(self, world, span):
        for ask in (world.queries.scores, world.queries.channels, world.queries.events):
            with pytest.raises(InputError, match="empty"):
                ask("gas-room", span)


class TestEvents:
    def test_an_event_says_what_where_and_when(self, world):
        write_event(world, "R1", 300)
        event = world.queries.events("gas-room", ALL)[0]
        assert (event.start, event.stop) == (START + 300 * MINUTE, START + 310 * MINUTE)
        assert (event.series, event.peak_score) == ("room=R1", 4.0)
        assert event.channels == ("NH3", "temp")
        assert event.id == f"gas-room/room=R1/{(START + 300 * MINUTE) // 1_000_000}"

    def test_a_withdrawn_event_is_passed_over(self, world):
        write_event(world, "R1", 300, valid=0.0)
        assert world.queries.events("gas-room", ALL) == []

    def test_an_event_that_reaches_into_the_range_is_in_it(self, world):
        write_event(world, "R1", 300)
        inside = Span(START + 305 * MINUTE, NOW)
        after = Span(START + 310 * MINUTE, NOW)
        assert len(world.queries.events("gas-room", inside)) == 1
        assert world.queries.events("gas-room", after) == []

    def test_an_open_event_has_no_end(self, world):
        write_event(world, "R1", 300, open_=True)
        late = Span(NOW - MINUTE, NOW)
        assert [one.stop for one in world.queries.events("gas-room", late)] == [None]

    def test_of_too_many_the_newest_stay(self, world):
        for row in (100, 200, 300):
            write_event(world, "R1", row)
        starts = [one.start for one in world.queries.events("gas-room", ALL, limit=2)]
        assert starts == [START + 200 * MINUTE, START + 300 * MINUTE]

    def test_one_series_can_be_chosen(self, world):
        write_event(world, "R1", 100)
        write_event(world, "R2", 100)
        found = world.queries.events("gas-room", ALL, series=["room=R2"])
        assert [one.series for one in found] == ["room=R2"]

    def test_of_one_series_no_other_is_read(self, world, monkeypatch):
        asked: list[Query] = []
        read = world.results.read

        def noted(query: Query) -> list[Points]:
            asked.append(query)
            return read(query)

        monkeypatch.setattr(world.results, "read", noted)
        world.queries.events("gas-room", ALL, series=["room=R2"])
        assert [query.series for query in asked] == [("room=R2",)]


class TestRemembered:
    def test_labels_that_overlap_a_range(self, world):
        early = Label(0, "gas-room", LabelKind.NORMAL, START, START + MINUTE)
        world.records.add_labels([early, replace(early, start=NOW - MINUTE, stop=NOW)])
        assert len(world.queries.labels("gas-room")) == 2
        late = world.queries.labels("gas-room", span=Span(START + MINUTE, NOW))
        assert [one.start for one in late] == [NOW - MINUTE]

    def test_versions_newest_first(self, world):
        add_version(world, promoted=False)
        assert [one.number for one in world.queries.versions("gas-room")] == [2, 1]
        assert world.queries.version("gas-room", 2).number == 2

    def test_runs_and_requests(self, world):
        run = world.records.start_run("score", "pump", worker="w", at=NOW)
        asked = world.requests.ask("retrain", "pump", {}, by="ann")
        assert [one.id for one in world.queries.runs("pump")] == [run.id]
        assert world.queries.runs("gas-room") == []
        assert world.queries.request(asked.id).created_by == "ann"
        assert [one.id for one in world.queries.requests()] == [asked.id]

    @pytest.mark.parametrize("ask", ["labels", "versions", "runs", "overview", "series_keys"])
    def test_an_unknown_detector_is_refused(self, world, ask):
        with pytest.raises(NotFound):
            getattr(world.queries, ask)("nope")


def test_parts_tell_which_store_fails(world):
    broken = world.with_results(Failing(StoreUnavailable("InfluxDB does not answer.")))
    parts = {part.name: part for part in broken.parts()}
    assert parts["records"].ok
    assert parts["source"].ok
    assert (parts["results"].ok, parts["results"].detail) == (False, "InfluxDB does not answer.")
