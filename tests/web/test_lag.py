"""How far scoring lies behind, and that a fleet is too large, on the page and in the API."""

import pytest

from backend.records import State
from tests.web.worlds import MINUTE, NOW

ROWS = "/api/v1/detectors"
WORDS = "A tick of 900 series took 71.0 s, and one is due every 1m: choose a longer one."


def gas_room(client):
    return next(row for row in client.get(ROWS).json if row["detector"] == "gas-room")


def tell(world, too_large: bool) -> None:
    run = world.records.start_run("score", "gas-room", worker="here:1", at=NOW - MINUTE)
    details = {"too_large": too_large}
    world.records.finish_run(run.id, State.DONE, at=NOW, message=WORDS, details=details)


def test_scored_to_now_has_no_lag(client):
    assert gas_room(client)["lag_s"] == 0.0
    assert "<dt>Lag</dt><dd>0 s</dd>" in client.get("/").text


@pytest.mark.parametrize("minutes", [30, 90])
def test_lag_is_how_long_a_closed_bucket_waits(client, world, minutes):
    step = world.detectors.get("gas-room").step
    world.clock.time = NOW + step + minutes * MINUTE
    assert gas_room(client)["lag_s"] == minutes * 60.0


def test_before_anything_is_scored_there_is_none(client):
    pump = next(row for row in client.get(ROWS).json if row["detector"] == "pump")
    assert pump["lag_s"] is None
    assert pump["too_large"] is None


def test_a_fleet_that_is_too_large_is_told_until_it_is_not(client, world):
    assert gas_room(client)["too_large"] is None
    tell(world, True)
    assert gas_room(client)["too_large"] == WORDS
    assert f'<p class="problem">{WORDS}</p>' in client.get("/").text
    tell(world, False)
    assert gas_room(client)["too_large"] is None
    assert '<p class="problem">' not in client.get("/").text
