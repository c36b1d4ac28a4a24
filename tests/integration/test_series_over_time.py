"""What time does to series in a real InfluxDB: late points, retention, new names, clocks set."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import yaml

from backend.bootstrap import bootstrap
from backend.exceptions import NoData
from backend.ports import Points, Query
from backend.records import Label, LabelDraft, LabelKind
from backend.schema import EVENT_FIELDS, EVENTS, SCORE_FIELDS, SCORES
from backend.services.checking import CheckLine
from backend.services.cron import cron_trigger
from backend.services.versions import read_archive
from backend.settings import load
from tests.fakes.clock import StillClock
from tests.fakes.models import LinearModel
from tests.servers.influxdb import InfluxServer
from tests.services.plant import NORMAL, ROOMS, STEP, at, same_rows, sensor

pytestmark = [pytest.mark.influx]

HOUR = 6  # grid points
DETECTOR: dict[str, Any] = {
    "measurement": "air",
    "channels": ["x", "y"],
    "group_by": ["room"],
    "every": "10m",
    "model": {"kind": "dense_autoencoder", "window": 5},
    "threshold": {"kind": "quantile", "q": 1, "margin": 1.3},
    "detection_limits": False,
}
READINGS = 5
"""Of each sensor in a grid step, where a test looks at single ones."""
Reading = tuple[int, int]
"""Of which room, and the how manieth."""


class World:
    """The use cases over a database of their own; times are grid points.

    The database keeps each day in a shard of its own: that is what retention takes away, and within
    what a field has one type.
    """

    def __init__(self, server: InfluxServer, directory: Path, **detector: Any) -> None:
        self._server = server
        self.url = server.new_database()
        self._database = self.url.rsplit("/", 1)[1]
        server.query(f'ALTER RETENTION POLICY "autogen" ON "{self._database}" SHARD DURATION 1d')
        path = directory / f"{self._database}.yaml"
        stated = {"store": self.url, "results": f"{self.url}_results"}
        path.write_text(
            yaml.safe_dump({**stated, "detectors": {"rooms": {**DETECTOR, **detector}}})
        )
        environ = {
            "NORMALCY_HOME": str(directory / self._database),
            "NORMALCY_CONFIG": str(path),
        }
        self.clock = StillClock(at(NORMAL))
        self.app = bootstrap(load(environ), clock=self.clock, make_model=LinearModel)

    def now(self, point: int) -> None:
        self.clock.time = at(point)

    def measure(self, start: int, stop: int, *, tag: str = "room", text: bool = False) -> None:
        """Let the sensors write a value a grid point; `text` makes those of x strings."""
        quote = '"' if text else ""
        self.write(
            f"air,{tag}={room} x={quote}{x}{quote},y={y} {at(point)}"
            for index, room in enumerate(ROOMS)
            for point, (x, y) in enumerate(sensor(index)[start:stop].tolist(), start)
        )

    def deliver(self, readings: Iterable[Reading], *, wrong: bool = False) -> None:
        """Let readings arrive in the order given; `wrong` ones are to be corrected later."""
        self.write(_line(*reading, wrong=wrong) for reading in readings)

    def write(self, lines: Iterable[str]) -> None:
        self._server.write_lines(self.url, "\n".join(lines))

    def retention(self, before: int) -> None:
        """Take the days away that ended before a grid point, as the server itself would do."""
        found: Any = self._server.query("SHOW SHARDS")
        (shards,) = [x for x in found["results"][0]["series"] if x["name"] == self._database]
        named = [dict(zip(shards["columns"], row, strict=True)) for row in shards["values"]]
        gone = [x["id"] for x in named if datetime.fromisoformat(x["end_time"]) <= moment(before)]
        assert gone
        for shard in gone:
            self._server.query(f"DROP SHARD {shard}")

    def label(self, start: int, stop: int, note: str = "") -> Label:
        draft = LabelDraft("rooms", LabelKind.NORMAL, at(start), at(stop), {}, note)
        return self.app.labelling.add(draft, source="command", by="operator")

    def trained(self) -> "World":
        """Trained on the first 600 points, at point 700."""
        self.label(0, 600)
        self.app.retraining.run("rooms")
        return self

    def scores(self) -> dict[str, Points]:
        found = self._results(SCORES, SCORE_FIELDS)
        return {part.tags["room"]: part for part in found}

    def events(self) -> list[tuple[Any, ...]]:
        """Those that no rescoring has withdrawn: series, start and fields."""
        return [
            (part.tags["room"], int(time), *(column[row] for column in part.fields.values()))
            for part in self._results(EVENTS, EVENT_FIELDS)
            for row, time in enumerate(part.times)
            if part.fields["valid"][row]
        ]

    def _results(self, measurement: str, fields: tuple[str, ...]) -> list[Points]:
        everything = (0, at(500_000))
        query = Query(measurement, fields, *everything, {"detector": "rooms"}, ("room",))
        return self.app.results.read(query)

    def check(self) -> CheckLine:
        """What `normalcy check` says of the detector's data."""
        return {line.what: line for line in self.app.checking.lines()}["data of rooms"]


Make = Callable[..., World]


@pytest.fixture
def make(influxdb_server: InfluxServer, tmp_path: Path) -> Iterator[Make]:
    """Builds worlds, of which a test may want two."""
    with ExitStack() as made:

        def one(**detector: Any) -> World:
            world = World(influxdb_server, tmp_path, **detector)
            made.callback(world.app.close)
            return world

        yield one


def moment(point: int) -> datetime:
    return datetime.fromtimestamp(at(point) / 10**9, UTC)


def _line(room: int, number: int, *, wrong: bool) -> str:
    """One reading; those of a grid point differ, so that a mean tells which of them it saw."""
    point, place = divmod(number, READINGS)
    x, y = sensor(room)[point] + 0.3 * (place - READINGS // 2)
    if wrong:
        x, y = 9 - x, 9 + y
    return f"air,room={ROOMS[room]} x={x},y={y} {at(point) + place * STEP // READINGS}"


def readings(start: int, stop: int) -> list[Reading]:
    numbers = range(start * READINGS, stop * READINGS)
    return [(room, number) for number in numbers for room in range(len(ROOMS))]


def differ(first: Mapping[str, Points], second: Mapping[str, Points]) -> bool:
    """Whether rows of the same time hold other scores."""
    for room, part in first.items():
        _, here, there = np.intersect1d(part.times, second[room].times, return_indices=True)
        if (part.fields["score"][here] != second[room].fields["score"][there]).any():
            return True
    return False


def assert_once_each(scores: Mapping[str, Points], start: int, stop: int, step: int) -> None:
    """Every grid point of a range has one row, and there are no others."""
    assert scores
    for part in scores.values():
        np.testing.assert_array_equal(part.times, np.arange(start, stop, step))


# -- late, doubled, disordered and corrected -------------------------------------------------------


def test_late_doubled_disordered_and_corrected_points_end_as_a_clean_run_does(make: Make) -> None:
    plan = {"schedule": {"lateness": "3h"}}
    worlds = [make(**plan) for _ in range(2)]
    for world in worlds:
        world.deliver(readings(0, NORMAL))
        world.trained()
    clean, messy = worlds
    random = np.random.default_rng(7)
    late: dict[int, list[Reading]] = {}
    seen = []

    for start in range(NORMAL, 882, HOUR):
        due = readings(start, start + HOUR) if start < 864 else []
        clean.deliver(due)
        luck = random.choice(4, size=len(due), p=(0.5, 0.2, 0.15, 0.15))
        by_luck = [
            [due[i] for i in random.permutation(np.flatnonzero(luck == k))] for k in range(4)
        ]
        in_time, wrong, one_late, two_late = by_luck
        messy.deliver([*in_time, *late.get(start, []), *in_time])
        messy.deliver(wrong, wrong=True)
        late.setdefault(start + HOUR, []).extend([*wrong, *one_late])
        late.setdefault(start + 2 * HOUR, []).extend(two_late)
        for world in worlds:
            world.now(start + HOUR)
            world.app.scoring.tick("rooms")
        seen.append(messy.scores())

    final = messy.scores()
    assert same_rows(final, clean.scores())
    assert messy.events() == clean.events()
    assert all(differ(before, final) for before in seen[1:20])
    assert [room for room, *_ in messy.events()] == ["a"]
    messy.app.scoring.tick("rooms")
    assert same_rows(final, messy.scores())


# -- retention ------------------------------------------------------------------------------------


def test_what_retention_took_of_a_labelled_range_comes_from_the_archive(make: Make) -> None:
    world = make()
    world.measure(0, 1000)
    world.trained()
    first = world.app.records.version("rooms", 1)

    for point in (300, 740):  # a part of it, then all
        world.retention(point)
        again = world.app.retraining.run("rooms")
        assert (again.data_hash, again.training["rows"]) == (first.data_hash, 2 * 600)
        assert again.training["warnings"] == []


def test_a_label_of_which_nothing_is_left_stops_the_training_until_it_is_taken_back(
    make: Make,
) -> None:
    world = make()
    world.measure(0, 1000)
    world.trained()
    world.retention(740)
    world.now(750)
    label = world.label(610, 640, "after the repair")

    with pytest.raises(NoData) as caught:
        world.app.retraining.run("rooms")

    message = str(caught.value)
    assert f"normal label {label.id} ({moment(610):%Y-%m-%d %H:%M:%S} UTC to " in message
    assert "'after the repair') holds no data" in message
    assert "retention" in message
    assert [version.number for version in world.app.records.versions("rooms")] == [1]
    world.app.labelling.remove([label.id], by="operator")
    assert world.app.retraining.run("rooms").number == 2


def test_a_shortage_that_no_archive_fills_is_told_and_stops_nothing(make: Make) -> None:
    world = make()
    world.measure(0, 1000)
    world.retention(300)
    world.label(0, 600)

    training = world.app.retraining.run("rooms").training

    (warning,) = training["warnings"]
    assert "normal label 1" in warning
    assert "holds no data before 2023-11-17 00:00:00 UTC" in warning
    assert training["rows"] == 2 * 302


# -- new types and new names ----------------------------------------------------------------------


def test_a_field_that_became_text_is_named_and_the_rest_is_scored(make: Make) -> None:
    midnight = 730
    assert (moment(midnight).hour, moment(midnight).minute) == (0, 0)
    world = make()
    world.measure(0, midnight)
    world.trained()
    world.measure(midnight, 800, text=True)
    world.now(800)

    report = world.app.scoring.tick("rooms")

    told = "the channel 'x' is stored as float and string in different times"
    line = world.check()
    assert not line.ok
    assert line.detail.startswith(told)
    assert any(told in x for x in world.app.retraining.run("rooms").training["warnings"])
    assert report.stop == at(800)
    channels = world.scores()["a"].fields["channels_used"]
    assert channels[-90:-70].tolist() == [2.0] * 20  # up to midnight
    assert channels[-60:].max() < 2  # when the last number is no longer bridged


def test_a_renamed_tag_is_named_by_check_and_by_scoring(make: Make) -> None:
    world = make()
    world.measure(0, NORMAL)
    world.trained()
    world.app.scoring.tick("rooms")
    assert world.check().ok
    world.measure(NORMAL, 760, tag="raum")
    world.now(760)

    report = world.app.scoring.tick("rooms")

    assert "lack the tag 'room'" in report.set_aside["room="]
    assert report.judged == report.bridged  # by nothing but the last values before
    line = world.check()
    assert not line.ok
    assert "lack the tag 'room'" in line.detail
    assert "raum" in line.detail
    (overview,) = world.app.queries.overviews()
    assert [one.series for one in overview.set_aside] == ["room="]


def test_a_renamed_tag_of_a_filter_is_named_by_check_and_by_scoring(make: Make) -> None:
    world = make(where={"room": "a"}, group_by=[])
    world.measure(0, NORMAL)
    world.trained()
    assert world.app.scoring.tick("rooms").note == ""
    assert world.check().ok
    world.measure(NORMAL, 860, tag="raum")
    for point in (760, 860):
        world.now(point)
        report = world.app.scoring.tick("rooms")

    assert "no point of 'air', room=a" in report.note
    line = world.check()
    assert not line.ok
    assert "lack the tag 'room'" in line.detail
    assert "raum" in line.detail


# -- clocks ---------------------------------------------------------------------------------------


def test_a_clock_that_leaps_and_points_from_the_future_change_no_score_and_lose_none(
    make: Make,
) -> None:
    worlds = [make(schedule={"lateness": "2h"}) for _ in range(2)]
    for world in worlds:
        world.measure(0, NORMAL)
        world.trained()
    steady, leaping = worlds
    leaping.measure(900, 906)  # stamped by a sensor whose clock is ahead

    for start in range(NORMAL, 898, HOUR):
        for world in worlds:
            world.measure(start, start + HOUR)
            world.now(start + HOUR)
            world.app.scoring.tick("rooms")
        if start == NORMAL + 5 * HOUR:
            leaping.now(850)
            leaping.app.scoring.tick("rooms")
            assert leaping.scores()["a"].times[-1] == at(849)
        if start == NORMAL + 20 * HOUR:
            before = leaping.scores()
            leaping.now(start - 15 * HOUR)
            leaping.app.scoring.tick("rooms")
            assert same_rows(before, leaping.scores())

    assert leaping.scores()["a"].times[-1] == at(897)  # no point is scored before its time
    for world in worlds:
        world.measure(898, 906)
        world.now(906)
        world.app.scoring.tick("rooms")
    scores = leaping.scores()
    assert same_rows(scores, steady.scores())
    first = int(scores["a"].times[0])
    assert_once_each(scores, first, at(906), STEP)
    assert scores["a"].fields["judged"][-200:].all()


BERLIN = ZoneInfo("Europe/Berlin")
HALF_HOUR = 1800 * 10**9
WEEKS = {
    # a week of Berlin's days in which clocks are set, and its half hours
    datetime(2026, 3, 26, tzinfo=BERLIN): 7 * 48 - 2,
    datetime(2026, 10, 22, tzinfo=BERLIN): 7 * 48 + 2,
}


def nanoseconds(time: datetime) -> int:
    return int(time.timestamp()) * 10**9


def local_days(first: datetime, days: int) -> list[dict[str, str]]:
    """A label of each day, as written in normalcy.yaml: in the detector's time zone."""
    dates = [(first + timedelta(days=day)).strftime("%Y-%m-%dT00:00") for day in range(days + 1)]
    return [{"kind": "normal", "from": start, "to": stop} for start, stop in pairwise(dates)]


def test_no_hour_is_lost_or_doubled_where_clocks_are_set(make: Make) -> None:
    labels = [label for thursday in WEEKS for label in local_days(thursday, 7)]
    schedule = {"timezone": "Europe/Berlin"}
    world = make(every="30m", group_by=[], schedule=schedule, labels=labels)
    for thursday in WEEKS:
        lines = [
            f"air x={x},y={y} {nanoseconds(thursday) + (number - 48) * HALF_HOUR}"
            for number, (x, y) in enumerate(sensor(0)[: 9 * 48].tolist())
        ]
        world.write(lines)
    spring, autumn = WEEKS
    world.clock.time = nanoseconds(autumn + timedelta(days=8))

    version = world.app.retraining.run("rooms")

    assert version.training["rows"] == sum(WEEKS.values())
    archived = read_archive(world.app.artifacts.load(version.artifact))
    known = archived["times"][np.isfinite(archived["values"][0]).all(axis=1)]
    expected = [
        nanoseconds(thursday) + number * HALF_HOUR
        for thursday, count in WEEKS.items()
        for number in range(count)
    ]
    np.testing.assert_array_equal(known, expected)

    begin, end = nanoseconds(spring), nanoseconds(spring + timedelta(days=7))
    world.app.scoring.backfill("rooms", begin, end)
    assert_once_each(world.scores(), begin, begin + WEEKS[spring] * HALF_HOUR, HALF_HOUR)


@pytest.mark.parametrize(("thursday", "longest_or_shortest"), [*zip(WEEKS, (23, 25), strict=True)])
def test_a_nightly_run_in_local_time_scores_every_point_once_where_clocks_are_set(
    make: Make, thursday: datetime, longest_or_shortest: int
) -> None:
    labels = local_days(thursday - timedelta(days=9), 8)
    world = make(
        every="30m",
        group_by=[],
        schedule={"timezone": "Europe/Berlin", "lateness": "0s"},
        labels=labels,
    )
    first = nanoseconds(thursday - timedelta(days=9))
    lines = [
        f"air x={x},y={y} {first + number * HALF_HOUR}"
        for number, (x, y) in enumerate(sensor(0)[: 20 * 48].tolist())
    ]
    world.write(lines)
    world.clock.time = nanoseconds(thursday)
    world.app.retraining.run("rooms")
    begin = world.app.scoring.tick("rooms").start
    trigger = cron_trigger("30 2 * * *", BERLIN)

    stops, run = [], thursday
    for _ in range(7):
        run = trigger.get_next_fire_time(None, run.astimezone(UTC) + timedelta(seconds=1))
        world.clock.time = nanoseconds(run)
        stops.append(world.app.scoring.tick("rooms").stop)

    hours = {int(gap) // 3_600_000_000_000 for gap in np.diff(stops)}
    assert hours == {24, longest_or_shortest}
    assert_once_each(world.scores(), begin, stops[-1], HALF_HOUR)
