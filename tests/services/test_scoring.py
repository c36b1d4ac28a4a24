import numpy as np
import pytest

from backend.exceptions import InputError, NoData, NotFound, StoreUnavailable
from backend.ports import Points, Query
from backend.records import LabelKind, State
from backend.schema import (
    CONTRIBUTIONS,
    COVERAGE,
    COVERAGE_FIELDS,
    EXPECTED,
    SCORE_FIELDS,
    SCORE_NUMBERS,
)
from tests.fakes.series import MemorySeriesStore
from tests.services.plant import START, STEP, Plant, at, same_rows


class Failing(MemorySeriesStore):
    """Breaks down at the n-th write, before or after the rows were stored."""

    def __init__(self, at_write: int = -1, *, stored: bool = False) -> None:
        super().__init__()
        self.left, self.stored = at_write, stored

    def write(self, measurement, batches):
        self.left -= 1
        if self.left == -1 and not self.stored:
            raise StoreUnavailable("the store went away")
        super().write(measurement, batches)
        if self.left == -1:
            raise StoreUnavailable("the store went away after it had stored the rows")


def run(plant: Plant, *points: int) -> Plant:
    """Score at each of these times."""
    for point in points:
        plant.now(point)
        plant.scoring.tick("rooms")
    return plant


def written(plant: Plant) -> dict[str, Points]:
    return plant.scores()


def test_every_closed_bucket_is_scored_once_and_every_field_is_there():
    plant = run(Plant().ready(), 900)
    for part in written(plant).values():
        assert part.times[-1] == at(899)
        assert (np.diff(part.times) == STEP).all()
        for name in SCORE_NUMBERS:
            assert np.isfinite(part.fields[name].astype(float)).all(), name
        for name in set(SCORE_FIELDS) - set(SCORE_NUMBERS):
            assert all(isinstance(value, str) for value in part.fields[name]), name


def test_the_fault_becomes_one_event_of_the_right_series_and_channel():
    plant = run(Plant().ready(), 900)
    (event,) = plant.events()
    assert event["room"] == "a"
    assert 800 <= event["start"] <= 803
    assert event["top1"] == "y"
    assert event["open"] == 0.0
    assert event["model"] == "rooms/1"
    assert event["peak_score"] > 1.0
    assert event["duration_s"] == (event["stop_ms"] / 1000 - at(event["start"]) / 1e9)


def test_a_repeat_changes_nothing():
    plant = run(Plant().ready(), 900)
    before, events = written(plant), plant.events()
    run(plant, 900, 900)
    assert same_rows(before, written(plant))
    assert plant.events() == events


CATCH_UP = {"catch_up": "30d"}


@pytest.fixture(scope="module")
def whole():
    """Scored in one go."""
    return run(Plant(schedule=CATCH_UP).ready(), 701, 900)


@pytest.mark.parametrize("step", [1, 7, 53])
def test_ticks_of_any_length_write_the_same_rows_and_events(whole, step):
    pieces = run(Plant(schedule=CATCH_UP).ready(), *range(701, 900, step), 900)
    a, b = written(whole), written(pieces)
    assert same_rows(a, b)
    assert whole.events() == pieces.events()


def test_a_backfill_in_pieces_of_prime_length_equals_one():
    whole, pieces = Plant().ready(), Plant().ready()
    for plant in (whole, pieces):
        plant.now(1000)
    whole.scoring.backfill("rooms", at(650), at(950))
    for start in range(650, 950, 37):
        pieces.scoring.backfill("rooms", at(start), at(min(start + 37, 950)))
    assert same_rows(written(whole), written(pieces))
    assert whole.events() == pieces.events()


def test_an_event_that_goes_on_is_open_and_then_closed():
    plant = run(Plant().ready(), 815)
    (event,) = plant.events()
    assert event["open"] == 1.0
    run(plant, 900)
    (closed,) = plant.events()
    assert closed["start"] == event["start"]
    assert closed["open"] == 0.0
    assert closed["duration_s"] > event["duration_s"]


@pytest.fixture(scope="module")
def good():
    """Scored without a breakdown."""
    return run(Plant(results=Failing()).ready(), 820, 900)


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("broken", range(6))
def test_a_breakdown_at_any_write_is_made_good_by_the_next_run(good, broken, stored):
    results = Failing()
    plant = Plant(results=results).ready()
    run(plant, 820)
    results.left, results.stored = broken, stored
    plant.now(900)
    try:
        plant.scoring.tick("rooms")
    except StoreUnavailable:
        assert plant.records.runs("rooms")[0].state is State.FAILED
    results.left = -1
    plant.wire()
    run(plant, 900)
    assert same_rows(written(good), written(plant))
    assert good.events() == plant.events()


def test_late_data_inside_lateness_is_scored_again():
    plant = Plant()
    plant.measure(0, 798)
    plant.measure(799, 1000)
    plant.label(0, 600)
    plant.train()
    run(plant, 800)
    before = written(plant)["b"]
    values = {"x": np.array([9.0]), "y": np.array([9.0])}
    plant.source.write("air", [Points({"room": "b"}, np.array([at(798)]), values)])
    run(plant, 800)
    after = written(plant)["b"]
    assert after.fields["score"][-2] > before.fields["score"][-2]
    assert after.fields["score"][-3] == before.fields["score"][-3]


def damage(plant: Plant, number: int) -> None:
    """Lose the files of a version, as a process sees it that starts afterwards."""
    del plant.artifacts._artifacts[f"rooms/{number}"]
    plant.wire()


def test_a_lost_version_that_served_before_does_not_keep_the_next_from_scoring():
    plant = run(Plant().ready(), 710)
    before = written(plant)["a"]
    damage(plant, 1)
    plant.now(730)
    with pytest.raises(NotFound):
        plant.scoring.tick("rooms")
    plant.train()  # what the message asks for
    run(plant, 740)
    rows = written(plant)["a"]
    assert rows.times[-1] == at(739)
    old = rows.times < at(710)
    assert (rows.fields["model"][old] == before.fields["model"]).all()
    assert set(rows.fields["model"][~old]) == {"rooms/2"}


def test_a_lost_version_that_serves_is_an_error_and_moves_nothing():
    plant = run(Plant().ready(), 710)
    damage(plant, 1)
    plant.now(730)
    with pytest.raises(NotFound, match="rooms/1"):
        plant.scoring.tick("rooms")
    assert set(plant.records.watermarks("rooms").values()) == {at(710)}


def test_points_written_before_a_promotion_keep_their_threshold():
    plant = run(Plant().ready(), 750)
    before = written(plant)["a"]
    plant.label(600, 700)
    plant.train()
    run(plant, 770)
    after = written(plant)["a"]
    old = after.times < at(750)
    np.testing.assert_array_equal(after.fields["threshold"][old], before.fields["threshold"])
    assert set(after.fields["model"][old]) == {"rooms/1"}
    assert set(after.fields["model"][~old]) == {"rooms/2"}
    assert after.fields["threshold"][-1] != before.fields["threshold"][-1]


def test_a_backfill_scores_with_the_version_that_serves_now():
    plant = run(Plant().ready(), 750)
    plant.label(600, 700)
    plant.train()
    report = plant.scoring.backfill("rooms", at(710), at(740))
    assert report.points == 2 * 30
    models = written(plant)["a"]
    inside = (models.times >= at(710)) & (models.times < at(740))
    assert set(models.fields["model"][inside]) == {"rooms/2"}
    assert "rooms/1" in set(models.fields["model"][~inside])
    (run_record,) = [r for r in plant.records.runs("rooms") if r.kind == "backfill"]
    assert run_record.state is State.DONE


def test_a_backfill_does_not_move_the_live_scoring():
    plant = run(Plant().ready(), 750)
    marks = plant.records.watermarks("rooms")
    plant.scoring.backfill("rooms", at(100), at(200))
    assert plant.records.watermarks("rooms") == marks


def test_an_event_that_a_rescoring_moves_away_is_withdrawn():
    plant = run(Plant().ready(), 900)
    assert len(plant.events()) == 1
    plant.measure(0, 1000, rooms=("b", "a"))  # room a now measures what b did
    plant.scoring.backfill("rooms", at(780), at(880))
    starts = [event["room"] for event in plant.events()]
    assert "a" not in starts


def test_a_provisional_version_flags_but_raises_no_alarm():
    plant = Plant(learn_from="4d")
    plant.measure()
    plant.train()
    run(plant, 900)
    scores = written(plant)["a"]
    assert scores.fields["flag"].sum() > 0
    assert scores.fields["alarm"].sum() == 0
    assert {event["provisional"] for event in plant.events()} == {1.0}


def test_a_labelled_version_raises_alarms():
    plant = run(Plant().ready(), 900)
    assert written(plant)["a"].fields["alarm"].sum() > 0
    assert {event["provisional"] for event in plant.events()} == {0.0}


def test_excluded_time_is_written_as_not_judged():
    plant = Plant().ready()
    plant.label(650, 690, LabelKind.EXCLUDE, {"room": "a"})
    run(plant, 760)
    rooms = written(plant)
    inside = (rooms["a"].times >= at(650)) & (rooms["a"].times < at(690))
    assert set(rooms["a"].fields["reason"][inside]) == {"excluded"}
    assert rooms["a"].fields["judged"][inside].sum() == 0
    assert rooms["b"].fields["judged"][inside].sum() == 40


def test_a_series_that_goes_silent_is_written_as_not_judged_and_the_rest_goes_on():
    plant = Plant()
    plant.measure(0, 1000, rooms=("a",))
    plant.measure(0, 720)
    plant.label(0, 600)
    plant.train()
    run(plant, 760)
    rooms = written(plant)
    assert rooms["b"].times[-1] == at(759)
    assert rooms["b"].fields["judged"][-1] == 0
    assert rooms["b"].fields["reason"][-1] == "gap"
    assert rooms["a"].fields["judged"][-1] == 1


def test_a_series_without_a_model_is_set_aside_and_visible():
    plant = Plant().ready()
    plant.measure(690, 1000, rooms=("a", "b", "c"))
    report = run_and_report(plant, 760)
    assert "retrain" in report.set_aside["room=c"]
    assert set(written(plant)) == {"a", "b"}
    assert [s.series for s in plant.records.series_set_aside("rooms")] == ["room=c"]


def run_and_report(plant: Plant, point: int):
    plant.now(point)
    return plant.scoring.tick("rooms")


def test_points_that_lost_their_tag_are_told_by_its_name():
    plant = Plant().ready()
    values = {"x": np.array([1.0]), "y": np.array([1.0])}
    plant.source.write("air", [Points({"raum": "a"}, np.array([at(650)]), values)])
    report = plant.scoring.tick("rooms")
    assert "lack the tag 'room'" in report.set_aside["room="]


def test_the_first_run_begins_with_the_first_data():
    plant = run(Plant(schedule={"lateness": "0s"}).ready(), 705)
    assert {part.times[0] for part in written(plant).values()} == {at(0)}


def test_the_first_run_without_data_looks_at_the_newest_point_alone():
    plant = Plant(schedule={"lateness": "0s"}).ready()
    plant.source.expire("air", {}, 0, at(5000))
    run(plant, 706)
    assert {tuple(part.times) for part in written(plant).values()} == {(at(705),)}
    (row,) = plant.results.read(Query(COVERAGE, ("coverage",), 0, at(5000)))
    assert list(row.fields["coverage"]) == [0]


def test_a_run_that_finds_no_point_says_so():
    plant = Plant(where={"site": "1"}).ready()
    plant.source.expire("air", {}, 0, at(5000))
    report = plant.scoring.tick("rooms")
    assert "no point of 'air', site=1" in report.note
    assert report.judged == 0


def test_coverage_says_how_much_of_what_was_due_was_judged():
    plant = Plant()
    plant.measure(0, 1000, rooms=("a",))
    plant.measure(0, 720)
    plant.label(0, 600)
    plant.train()
    run(plant, 740)
    run(plant, 760)
    (row,) = plant.results.read(
        Query(COVERAGE, COVERAGE_FIELDS, 0, at(5000), {"detector": "rooms"})
    )
    assert row.fields["coverage"][-1] == 0.5
    assert row.fields["series"][-1] == 2
    assert row.fields["lag_s"][-1] == 0


def test_before_there_is_a_model_a_tick_says_so_and_writes_nothing():
    plant = Plant()
    plant.measure()
    report = plant.scoring.tick("rooms")
    assert report.note == "no model serves yet"
    assert plant.results.measurements() == []


def test_after_an_outage_scoring_catches_up_within_its_bound():
    plant = run(Plant(schedule={"catch_up": "10h"}).ready(), 705)
    run(plant, 900)
    times = (written(plant)["a"].times - START) // STEP
    assert 840 in times
    assert 839 not in times


def test_expected_and_contributions_are_written_as_the_detector_says():
    plant = run(Plant(write_expected=False, write_contributions=True).ready(), 760)
    assert EXPECTED not in plant.results.measurements()
    (a, _) = plant.results.read(
        Query(CONTRIBUTIONS, ("x", "y"), 0, at(5000), {"detector": "rooms"}, ("room",))
    )
    judged = written(plant)["a"].fields["judged"] > 0
    np.testing.assert_allclose((a.fields["x"] + a.fields["y"])[judged], 1)


def test_a_range_without_a_closed_bucket_is_refused():
    plant = Plant().ready()
    with pytest.raises(InputError, match="no closed bucket"):
        plant.scoring.backfill("rooms", at(800), at(900))
    with pytest.raises(InputError, match="no closed bucket"):
        plant.scoring.backfill("rooms", at(100), at(50))


def test_a_long_backfill_begins_where_there_is_something():
    plant = run(Plant().ready(), 710)
    before = written(plant)
    report = plant.scoring.backfill("rooms", 0, at(700))
    assert at(-5_000) < report.start <= at(0)
    assert report.stop == at(700)
    rows = written(plant)["a"]
    assert at(0) in rows.times
    assert rows.times[-1] == before["a"].times[-1]


def test_a_long_backfill_of_nothing_is_refused_and_writes_nothing():
    plant = Plant().ready()
    with pytest.raises(NoData, match="holds no data of 'rooms'"):
        plant.scoring.backfill("rooms", 0, at(-1))
    assert plant.scores() == {}


def test_a_backfill_needs_a_model():
    with pytest.raises(NotFound, match="retrain it first"):
        Plant().scoring.backfill("rooms", at(100), at(200))


def test_a_series_dropped_by_a_new_version_does_not_hold_the_others_back():
    plant = run(Plant().ready(), 750)
    (label,) = plant.labelling.list()
    plant.labelling.remove([label.id], by="operator")
    plant.label(0, 650, tags={"room": "a"})
    plant.train()
    run(plant, 760)
    report = run_and_report(plant, 800)
    assert report.series == 1
    assert report.start == at(757)
