"""The smallest faults that a version finds, in the unit of each sensor."""

from dataclasses import replace

import numpy as np
import pytest

from backend.detection.detection_limits import (
    MOST_SERIES,
    DetectionLimit,
    detection_limits,
    not_looked_at,
    sentences,
)
from backend.detection.faults import Fault, inject
from backend.detection.members import members_of
from backend.detection.pipeline import score
from tests.detection.fleets import STEP, rows_of, train, waves
from tests.fakes.models import LinearModel


def looked_for(values, trained=900, **changes):
    outcome = train(values, slice(0, trained), **changes)
    assert outcome.fitted is not None, outcome.rejected
    assert outcome.training is not None
    found = detection_limits(outcome.fitted, rows_of(values), outcome.training.normal, LinearModel)
    return outcome.fitted, found


def one(found, channel="x", kind="bias", series="room=a"):
    (limit,) = (x for x in found if (x.channel, x.kind, x.series) == (channel, kind, series))
    return limit


def test_a_step_of_the_stated_size_is_found_in_the_stated_time_on_new_rows():
    values = waves(1200)
    fitted, found = looked_for(values, threshold={"kind": "quantile", "q": 1, "margin": 1.2})
    limit = one(found)
    assert limit.found
    points = round(limit.seconds * 1e9 / STEP)
    fault = Fault("bias", 0, 2 * limit.size, 1000, 200)
    broken = inject(values[0], fault, np.ones(2))[None]
    scored = score(fitted, rows_of(broken), first=900)
    assert not scored.alarm[0, :100].any()
    assert scored.alarm[0, 100 : 100 + points].any()


def test_what_is_found_grows_with_the_sensor_and_its_noise():
    values = waves(900)
    _, quiet = looked_for(values)
    _, larger = looked_for(values * 10)
    _, noisy = looked_for(waves(900, noise=0.4))
    for kind in ("bias", "drift", "noise"):
        assert one(larger, kind=kind).size == pytest.approx(10 * one(quiet, kind=kind).size)
    assert one(noisy).size > 1.5 * one(quiet).size


def test_it_says_the_same_each_time():
    values = waves(900)
    assert looked_for(values)[1] == looked_for(values)[1]


def test_a_limit_that_nothing_passes_is_said_as_such():
    _, found = looked_for(
        waves(900),
        threshold={"kind": "fixed", "value": 1e9},
        checks={"flatline": 0, "range": 0, "rate": 0},
    )
    assert found
    assert not any(limit.found for limit in found)
    (words, _) = sentences(found)
    assert words.startswith("x: cannot see a step of up to ")
    assert words.count("within") == 4


def test_context_is_never_blamed_so_nothing_is_said_of_it():
    _, found = looked_for(waves(900), channels=["x"], context=["y"])
    assert {limit.channel for limit in found} == {"x"}


def test_normal_time_in_snatches_gives_no_tries():
    values = waves(900)
    fitted, _ = looked_for(values)
    snatches = np.arange(900) % 20 < 10
    assert detection_limits(fitted, rows_of(values), snatches[None], LinearModel) == ()


def test_of_a_large_fleet_some_series_are_looked_at():
    fitted, found = looked_for(waves(400, series=MOST_SERIES + 4), trained=400)
    keys = {limit.series for limit in found}
    assert len(keys) == MOST_SERIES
    assert {"room=a", "room=l"} <= keys
    (told,) = not_looked_at(found, fitted)
    assert told.startswith(f"known for {MOST_SERIES} of {MOST_SERIES + 4} series only")
    few = [limit for limit in found if limit.channel == "x"]
    (told,) = not_looked_at(few, fitted)
    assert f"{MOST_SERIES + 4} series and 1 of 2 channels only" in told


def test_nothing_is_left_out_of_a_small_fleet_nor_where_nothing_was_looked_for():
    fitted, found = looked_for(waves(900), channels=["x"], context=["y"])
    assert not_looked_at(found, fitted) == not_looked_at((), fitted) == ()


def test_some_members_score_as_they_do_among_all():
    values = waves(600, series=4)
    outcome = train(
        values, slice(0, 500), preprocessing={"profile": "day", "transform": {"x": "power"}}
    )
    fitted = outcome.fitted
    assert fitted is not None
    rows = rows_of(values)
    all_scores = score(fitted, rows).score
    few = members_of(fitted, [3, 1], LinearModel)
    assert few.keys == ("room=d", "room=b")
    np.testing.assert_array_equal(score(few, rows.select([3, 1])).score, all_scores[[3, 1]])


def test_the_sentence_of_a_channel():
    limit = DetectionLimit("", "NH3", "bias", 2.1, 40.0, 2400.0, 4)
    drift = replace(limit, kind="drift", size=None, largest=3.0, seconds=28800.0)
    stuck = replace(limit, kind="stuck", size=1.0, seconds=3600.0)
    assert sentences([limit, drift, stuck]) == (
        "NH3: finds a step of 2.1 within 40m and a stuck value within 1h; cannot see a drift of up "
        "to 3 an hour within 8h",
    )
