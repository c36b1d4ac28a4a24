"""Channels that are gone, renamed, stuck or in another unit, told by what the source holds."""

from datetime import timedelta

import numpy as np
import pytest

from backend.exceptions import StoreUnavailable
from backend.ports import Points
from backend.services.channel_changes import ChannelChanges
from backend.services.checking import Checking
from backend.services.queries import Queries
from tests.services.plant import START, STEP, Plant, at, sensor


def plant_with(**late: np.ndarray) -> tuple[Plant, ChannelChanges]:
    """Trained on 600 points; room a writes these columns from point 700 to 740."""
    plant = Plant()
    for index, room in enumerate("ab"):
        values = sensor(index)[:700] + 50.0
        times = np.arange(700, dtype=np.int64) * STEP + START
        columns = {"x": values[:, 0], "y": values[:, 1]}
        plant.source.write("air", [Points({"room": room}, times, columns)])
    plant.label(0, 600)
    plant.train()
    times = np.arange(700, 740, dtype=np.int64) * STEP + START
    values = sensor(0)[700:740] + 50.0
    columns = {"x": values[:, 0], "y": values[:, 1]} | late
    columns = {name: column for name, column in columns.items() if np.isfinite(column).any()}
    plant.source.write("air", [Points({"room": "a"}, times, columns)])
    plant.now(740)
    stores = plant.stores
    return plant, ChannelChanges(stores.source, stores.records, stores.artifacts, plant.clock)


NOW = sensor(0)[700:740] + 50.0
GONE = np.full(40, np.nan)
KEYS = ("room=a", "room=b")


def told(plant: Plant, found: ChannelChanges) -> str:
    return " ".join(found.told(plant.spec, KEYS).get("room=a", ()))


@pytest.mark.parametrize(
    ("late", "words"),
    [
        ({}, ""),
        ({"x": GONE}, "x has not reported for 400 min, while others do"),
        ({"x": GONE, "x_new": NOW[:, 0]}, "x_new began then and looks like it"),
        ({"x": NOW[:, 0] * 1000}, "x may be in another unit for 400 min (a thousandth"),
        ({"x": np.full(40, 50.5)}, "x has not changed for 400 min: it may be stuck"),
    ],
    ids=["ordinary", "gone", "renamed", "unit", "stuck"],
)
def test_what_happened_to_a_channel_is_told(late, words):
    plant, found = plant_with(**late)
    assert (words in told(plant, found)) if words else told(plant, found) == ""


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (58, "x has not reported for 540 min, and x_new began then and looks like it"),
        (400, "x has not reported for 66 h, and x_new began then and looks like it"),
    ],
)
def test_a_new_name_is_told_long_after_it_was_given(points, words):
    plant, found = plant_with(x=GONE, x_new=NOW[:, 0])
    more = np.tile(sensor(0)[:700] + 50.0, (2, 1))[: points - 40]
    times = np.arange(740, 700 + points, dtype=np.int64) * STEP + START
    columns = {"x_new": more[:, 0], "y": more[:, 1]}
    plant.source.write("air", [Points({"room": "a"}, times, columns)])
    plant.now(700 + points)
    assert words in told(plant, found)


def test_a_channel_that_is_gone_for_very_long_is_gone_at_least_so_long():
    plant, found = plant_with(x=GONE)
    y = np.resize(sensor(0)[:700, 1] + 50.0, 5000)
    times = np.arange(740, 5740, dtype=np.int64) * STEP + START
    plant.source.write("air", [Points({"room": "a"}, times, {"y": y})])
    plant.now(5740)
    assert "x has not reported for at least 810 h" in told(plant, found)


def test_a_machine_that_is_off_has_no_channel_that_is_stuck():
    plant, _ = plant_with(x=np.full(40, 50.5), y=np.full(40, -50.0))
    stores = plant.stores
    found = ChannelChanges(stores.source, stores.records, stores.artifacts, plant.clock)
    assert "may be stuck" in told(plant, found)
    off = plant.spec.model_copy(update={"judge_when": "y > 0"})
    assert "room=a" not in found.told(off, KEYS)


def test_a_detector_on_another_grid_than_its_version_tells_nothing():
    plant, found = plant_with(x=GONE)
    other = plant.spec.model_copy(update={"every": timedelta(minutes=1)})
    assert found.told(other, KEYS) == {}


def test_a_series_that_is_silent_as_a_whole_has_no_channel_that_is_gone():
    plant, found = plant_with()
    assert "room=b" not in found.told(plant.spec, KEYS)


def test_a_detector_without_a_model_or_with_other_channels_tells_nothing():
    plant, found = plant_with(x=GONE)
    other = plant.spec.model_copy(update={"channels": ("y", "x")})
    assert found.told(other, KEYS) == {}
    fresh = Plant()
    stores = fresh.stores
    nothing = ChannelChanges(stores.source, stores.records, stores.artifacts, fresh.clock)
    assert nothing.told(fresh.spec, KEYS) == {}


def test_a_source_that_does_not_answer_tells_nothing(monkeypatch):
    plant, found = plant_with(x=GONE)

    def away(query):
        raise StoreUnavailable("away")

    monkeypatch.setattr(plant.source, "read", away)
    assert found.told(plant.spec, KEYS) == {}


def test_it_is_held_for_a_minute_and_looked_at_anew_then():
    plant, found = plant_with(x=GONE)
    assert told(plant, found)
    times = np.arange(700, 760, dtype=np.int64) * STEP + START
    plant.source.write("air", [Points({"room": "a"}, times, {"x": np.tile(NOW[:, 0], 2)[:60]})])
    assert told(plant, found)
    plant.clock.time = at(741)
    assert not told(plant, found)


def test_check_tells_it_in_one_line(tmp_path):
    plant, _ = plant_with(x=GONE)
    plant.scoring.tick("rooms")
    queries = Queries(plant.records, plant.source, plant.results, plant.detectors, plant.clock)
    checking = Checking(plant.stores, tmp_path, plant.detectors, queries, plant.clock)
    (line,) = [one for one in checking.lines() if one.what == "channels rooms"]
    assert not line.ok
    assert line.detail.startswith("room=a: x has not reported for 400 min")
