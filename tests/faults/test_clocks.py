"""Clocks are set: forth and back, by people, by NTP, and by law twice a year."""

import shutil
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from backend.schema import SCORES
from jobs.patience import Patience
from tests.faults.site import MEASURED, Site
from tests.faults.tally import Facts, Outcome
from tests.services.plant import ROOMS, at, sensor

HOUR, DAY = 6, 144
"""In grid points."""


def until(facts: Facts, point: int) -> Facts:
    """What lies before a point; what was written ahead of its time is overwritten when it comes."""
    return {
        key: value
        for key, value in facts.items()
        if key[0] != SCORES or key[2] < at(point)  # type: ignore[operator]
    }


@pytest.mark.fault("clock stepped forth")
@pytest.mark.parametrize("ahead", [2, HOUR, DAY])
def test_it_was_ahead_and_is_set_right(
    site: Site, trained: Path, tmp_path: Path, outcome: Outcome, ahead: int
) -> None:
    """Points that came while it was ahead looked late, most of them too late to be scored again."""
    site.tick(MEASURED)
    for point in (1010, 1020, 1030):
        site.measure(point - 10, point).tick(point + ahead)
    for start, point in ((1030, 1031), (1031, 1032), (1032, 1060), (1060, 1100)):
        site.measure(start, point).tick(point)

    shutil.copytree(trained, tmp_path / "right")
    with Site(tmp_path / "right") as right:
        right.tick(MEASURED)
        right.measure(MEASURED, 1100).tick(1100)
        outcome.compare(until(site.facts(), 1100), right.facts())
    assert site.app.records.watermarks("rooms") == {f"room={room}": at(1100) for room in ROOMS}


@pytest.mark.fault("clock stepped forth")
def test_it_is_said(site: Site, outcome: Outcome, caplog: pytest.LogCaptureFixture) -> None:
    site.tick(MEASURED)  # all that is due; the leap leaves out what `catch_up` does not reach
    site.tick(MEASURED + DAY)
    before = site.facts()
    site.tick(MEASURED)
    (said,) = [record.message for record in caplog.records if "scored anew" in record.message]
    assert "86400 s ahead" in said
    outcome.compare(site.facts(), before)


@pytest.mark.fault("clock stepped back")
@pytest.mark.parametrize("back", [1, HOUR, DAY])
def test_it_is_set_back_and_goes_on(
    site: Site, undisturbed: Facts, outcome: Outcome, back: int
) -> None:
    site.tick(900)
    for point in (900 - back, 901 - back, 900, 960):
        site.tick(point)
    site.restart()
    site.tick(1000)
    outcome.compare(site.facts(), undisturbed)


@pytest.mark.fault("clock stepped back")
def test_clocks_of_two_hosts_that_differ_a_little_move_nothing_back(
    site: Site, undisturbed: Facts, outcome: Outcome, caplog: pytest.LogCaptureFixture
) -> None:
    for point in (900, 899, 901, 900, 1000):
        site.tick(point)
    assert not [record for record in caplog.records if "scored anew" in record.message]
    outcome.compare(site.facts(), undisturbed)


@pytest.mark.fault("clock stepped back")
def test_work_that_failed_is_tried_again_although_the_clock_was_set_back(outcome: Outcome) -> None:
    now, hour = 10**18, 3600 * 10**9
    patience = Patience()
    patience.remember("retrain:rooms", (), now, succeeded=False)
    allowed = {
        ("at once",): (patience.allows("retrain:rooms", (), now + 1),),
        ("set back",): (patience.allows("retrain:rooms", (), now - hour),),
        ("later",): (patience.allows("retrain:rooms", (), now + hour),),
    }
    outcome.compare(allowed, {("at once",): (False,), ("set back",): (True,), ("later",): (True,)})


@pytest.mark.fault("summer and winter time")
@pytest.mark.parametrize("day", [(2026, 3, 29), (2026, 10, 25)])
def test_points_of_an_hour_that_comes_twice_or_not_at_all(
    site: Site, outcome: Outcome, day: tuple[int, int, int]
) -> None:
    """Buckets are UTC: on the wall's clock an hour is missing, or comes twice."""
    zone = ZoneInfo("Europe/Berlin")
    midnight = datetime(*day, tzinfo=zone)
    instants = [midnight.astimezone(UTC) + timedelta(minutes=10 * step) for step in range(36)]
    walls = [moment.astimezone(zone).replace(tzinfo=None, fold=0) for moment in instants]
    assert any(later - earlier != timedelta(minutes=10) for earlier, later in pairwise(walls))
    start = (int(instants[0].timestamp()) * 10**9 - at(0)) // (at(1) - at(0))
    for index, room in enumerate(ROOMS):
        site.put(room, start, sensor(index)[:36])
    site.tick(start + 36)
    times = [key[2] for key in site.rows(SCORES, ("score",)) if key[1] == "a"]
    wanted = [int(moment.timestamp()) * 10**9 for moment in instants]
    found = {(time,): () for time in times if time >= wanted[0]}
    outcome.compare(found, {(time,): () for time in wanted})
