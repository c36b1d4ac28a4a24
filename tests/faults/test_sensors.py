"""Sensors are renamed, get stuck, fall silent, come by the thousand, or tell their news late."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from backend.ports import Points
from backend.schema import EVENTS, SCORES
from tests.faults.site import Site
from tests.faults.tally import Facts, Outcome
from tests.services.plant import ROOMS, at, sensor

SINCE, UNTIL = 1000, 1040
"""Points of the new kind."""


def per_room(site: Site, change: Callable[[np.ndarray], np.ndarray], *names: str) -> None:
    for index, room in enumerate(ROOMS):
        site.put(room, SINCE, change(sensor(index)[SINCE:UNTIL]), *names)


def gone(site: Site) -> None:
    per_room(site, lambda values: values[:, 1:], "y")


def renamed(site: Site) -> None:
    per_room(site, lambda values: values, "x_new", "y")


def in_another_unit(site: Site) -> None:
    per_room(site, lambda values: values * np.array([1000.0, 1.0]))


def stuck(site: Site) -> None:
    per_room(site, lambda values: np.column_stack([np.full(len(values), 0.5), values[:, 1]]))


def silent(site: Site) -> None:
    """All of them."""


def told(site: Site) -> str:
    """What `normalcy check` finds wrong of the detector."""
    lines = [one for one in site.app.checking.lines() if one.what.endswith("rooms")]
    return "\n".join(f"{one.what}: {one.detail}" for one in lines if not one.ok)


def before(facts: Facts, point: int) -> Facts:
    """What is said of the time before a point, and what people said."""
    return {
        key: value
        for key, value in facts.items()
        if key[0] not in (SCORES, EVENTS) or key[2] < at(point)  # type: ignore[operator]
    }


def since(facts: Facts) -> Facts:
    return {key: value for key, value in facts.items() if key[-1] >= at(SINCE)}  # type: ignore[operator]


@pytest.mark.parametrize(
    ("change", "said", "flags"),
    [
        pytest.param(gone, "x has not reported", {0.0}, marks=pytest.mark.fault("channel gone")),
        pytest.param(
            silent, "could be judged, most often", {0.0}, marks=pytest.mark.fault("channel gone")
        ),
        pytest.param(
            renamed, "x has not reported", {0.0}, marks=pytest.mark.fault("channel renamed")
        ),
        pytest.param(
            in_another_unit,
            "x may be in another unit",
            {1.0},
            marks=pytest.mark.fault("unit of a channel changed"),
        ),
        pytest.param(stuck, "x has not changed", {1.0}, marks=pytest.mark.fault("channel stuck")),
    ],
)
def test_it_is_said_and_what_was_written_before_stays(
    site: Site,
    undisturbed: Facts,
    outcome: Outcome,
    change: Callable[[Site], None],
    said: str,
    flags: set[float],
) -> None:
    site.tick(SINCE)
    change(site)
    for point in range(SINCE + 10, UNTIL + 1, 10):
        site.tick(point)
    assert said in told(site)
    rows = since(site.rows(SCORES, ("flag", "judged", "reason")))
    assert len(rows) == 2 * (UNTIL - SINCE)
    late = [value for key, value in rows.items() if key[2] >= at(UNTIL - 10)]  # type: ignore[operator]
    assert {value[0] for value in late} == flags
    assert all(value[2] or value[1] == 1.0 for value in late)  # who does not judge says why
    outcome.compare(before(site.facts(), SINCE), undisturbed)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(gone, marks=pytest.mark.fault("channel gone")),
        pytest.param(silent, marks=pytest.mark.fault("channel gone")),
        pytest.param(renamed, marks=pytest.mark.fault("channel renamed")),
        pytest.param(stuck, marks=pytest.mark.fault("channel stuck")),
    ],
)
def test_when_it_is_mended_it_is_as_if_nothing_had_been(
    site: Site, trained: Path, tmp_path: Path, outcome: Outcome, change: Callable[[Site], None]
) -> None:
    """The right values arrive after the fact, and a backfill takes them up."""
    site.tick(SINCE)
    change(site)
    site.tick(UNTIL)
    site.measure(SINCE, 1100)
    site.tick(1100)
    site.app.scoring.backfill("rooms", at(SINCE), at(1100))
    site.restart()
    assert "x has not" not in told(site)

    shutil.copytree(trained, tmp_path / "whole")
    with Site(tmp_path / "whole") as twin:
        twin.tick(SINCE)
        twin.measure(SINCE, 1100).tick(1100)
        outcome.compare(site.facts(), twin.facts())


# -- late ------------------------------------------------------------------------------------------


@pytest.mark.fault("points a day late")
def test_a_day_that_comes_a_day_late_is_scored_by_a_backfill(
    site: Site, trained: Path, tmp_path: Path, outcome: Outcome
) -> None:
    random = np.random.default_rng(0)
    site.tick(1000)
    for point in (1072, 1144, 1288):  # two days of nothing
        site.tick(point)
    late = [(index, point) for index in range(len(ROOMS)) for point in range(1000, 1144)]
    for number in random.permutation(len(late)):
        index, point = late[number]
        if (point - 1000) % 12 == 0:  # two hours at once, each in any order
            site.put(ROOMS[index], point, sensor(index)[point : point + 12])
    site.measure(1144, 1300).tick(1300)
    site.app.scoring.backfill("rooms", at(990), at(1300))

    with Site(tmp_path / "in time") as twin:
        twin.ready().tick(700)
        twin.tick(1000)
        twin.measure(1000, 1300).tick(1300)
        outcome.compare(site.facts(), twin.facts())


# -- thousands -------------------------------------------------------------------------------------

MANY, MOST = 2_000, 1_000


def many(site: Site, start: int, stop: int, count: int = MANY) -> None:
    times = np.array([at(point) for point in range(start, stop)], dtype=np.int64)
    values = sensor(1)[start:stop]
    columns = {"x": values[:, 0], "y": values[:, 1]}
    site.app.source.write(
        "air", [Points({"room": f"n{number:04}"}, times, columns) for number in range(count)]
    )


@pytest.mark.fault("thousands of series appear")
def test_thousands_appear_at_once(site: Site, undisturbed: Facts, outcome: Outcome) -> None:
    site.tick(990)
    many(site, 990, 1000)
    report = site.tick(1000)
    assert len(report.set_aside) == MANY
    assert "retrain the detector to include it" in next(iter(report.set_aside.values()))
    coverage = site.app.results.read(site.coverage())
    assert coverage[0].fields["set_aside"][-1] == MANY
    assert len(site.app.records.series_set_aside("rooms")) == MANY
    outcome.compare(site.facts(), undisturbed)

    # told once each, and no tick is longer for them than for what is new
    report = site.tick(1001)
    assert len(report.set_aside) == MANY
    assert len(site.app.records.series_set_aside("rooms")) == MANY


@pytest.mark.fault("thousands of series vanish")
def test_all_but_one_of_thousands_vanish(tmp_path: Path, outcome: Outcome) -> None:
    little = {"schedule": {"catch_up": "3h"}, "write_expected": False}
    with Site(tmp_path / "site", model={"kind": "mahalanobis", "window": 1}, **little) as site:
        many(site, 0, 90, MOST)
        site.clock.time = at(90)
        site.label(0, 90)
        site.train()
        site.tick(90)
        scored = site.rows(SCORES, ("score",))
        assert len(scored) == 18 * MOST
        many(site, 90, 102, count=1)
        report = site.tick(102)
        assert report.due == 12 * MOST
        assert report.judged <= 12 + 3 * MOST
        (row,) = [one.fields["coverage"][-1] for one in site.app.results.read(site.coverage())]
        assert row < 0.5
        assert "could be judged, most often for the reason 'gap'" in told(site)
        found = site.rows(SCORES, ("score",))
        outcome.compare(before(found, 90), scored)

        many(site, 102, 120, MOST)
        report = site.tick(120)
        assert report.judged >= report.due - MOST  # of each but one the kernel fills anew
        assert told(site) == ""
