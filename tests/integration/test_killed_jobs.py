"""Killed by SIGKILL at any moment and started again, the jobs write what they would have anyway.

The networks, the stores and the processes are real. Where a process dies at a step of its work,
its clock stands still, so that all its results can be compared to the last digit.
"""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from backend.bootstrap import Application
from backend.records import State, Verdict
from backend.schema import EVENTS, SCORES
from tests.integration.crash.mortal import Moment
from tests.integration.crash.rooms import (
    MINUTE,
    POINTS,
    RECORDED,
    TRIED,
    Place,
    Written,
    assert_same,
    measure,
    models,
    renamed,
    work,
    written,
)
from tests.servers.influxdb import InfluxServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[2]
SCORE, RETRAIN = ("score", {"detector": "rooms"}), ("retrain", {"detector": "rooms"})

DAY = 1440 * MINUTE

IN_A_RETRAIN = [
    Moment("start run"),
    Moment("fit networks"),
    Moment("fit networks", 2),
    # the piece, then the version, and then the piece is taken away
    Moment("save artifact"),
    Moment("rename"),
    Moment("next number"),
    Moment("save artifact", 2),
    Moment("rename", 2),
    Moment("add version"),
    Moment("rename", 3),
    Moment("promote"),
    Moment("write normalcy_training"),
    Moment("store one series"),
    Moment("finish run"),
]
NUMBER_IS_LOST = {Moment("save artifact", 2), Moment("rename", 2), Moment("add version")}
"""Numbers are never given twice: one that was reserved before the kill stays unused."""

IN_A_SCORE = [
    # the newest part ahead of the rest, then both in order
    *(
        Moment(step, part)
        for part in (1, 2, 3)
        for step in ("write normalcy_scores", "write normalcy_expected", "write normalcy_events")
    ),
    Moment("set watermarks"),
    Moment("set watermarks", 2),
    Moment("write normalcy_coverage"),
]
WITHIN_A_WRITE = [Moment("store one series", 2), Moment("store one series", 4)]
TO_A_MARK = [*IN_A_SCORE[:3], Moment("set watermarks")]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return measure(Place.embedded(tmp_path_factory.mktemp("measured") / "home"))


@pytest.fixture(scope="module")
def trained(measured: Place, tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = measured.copied(tmp_path_factory.mktemp("trained") / "home")
    work(place, RETRAIN)
    return place


@pytest.fixture(scope="module")
def undisturbed(measured: Place, tmp_path_factory: pytest.TempPathFactory) -> Written:
    place = measured.copied(tmp_path_factory.mktemp("undisturbed") / "home")
    work(place)
    return written(place)


@pytest.fixture(scope="module")
def points(undisturbed: Written) -> Written:
    """Scores, expected values and events of the undisturbed run."""
    return {name: undisturbed[name] for name in POINTS}


def test_every_step_outside_the_process_is_a_moment_to_die(measured: Place, tmp_path: Path) -> None:
    counts, taken = Counter[str](), set()
    for step in work(measured.copied(tmp_path / "home")):
        counts[step] += 1
        taken.add(Moment(step, counts[step]))
    within = {moment for moment in taken if moment.step == "store one series"}
    assert taken - within == {*IN_A_RETRAIN, *IN_A_SCORE} - within


def test_an_undisturbed_run_finds_the_faults(undisturbed: Written) -> None:
    starts = [int(start) for part in undisturbed[EVENTS] for start in part.times]
    late = [round((Place.end - start) / MINUTE) for start in starts]
    assert [part.tags["room"] for part in undisturbed[EVENTS]] == ["a"]
    assert len(late) == 2
    assert 770 <= late[0] <= 775
    assert 295 <= late[1] <= 300
    assert [len(part) for part in undisturbed[SCORES]] == [TRIED] * 2


# -- retrain ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("death", IN_A_RETRAIN, ids=str)
def test_killed_in_a_retrain(
    death: Moment, measured: Place, undisturbed: Written, tmp_path: Path
) -> None:
    place = measured.copied(tmp_path / "home")
    work(place, death=death)
    work(place)

    found, lost = written(place), death in NUMBER_IS_LOST
    assert models(found) == {"rooms/2" if lost else "rooms/1"}
    assert_same(renamed(found, "rooms/2", "rooms/1") if lost else found, undisturbed)
    with closing(place.open()) as application:
        (version,) = application.records.versions("rooms")
        states = [run.state for run in application.records.runs("rooms")]
    assert version.verdict is Verdict.CHAMPION
    assert states[0] is State.DONE
    assert set(states[1:]) <= {State.INTERRUPTED}


@pytest.mark.parametrize("step", ["fit networks", "promote", "write normalcy_training"])
def test_killed_when_a_version_takes_over_from_another(
    step: str, measured: Place, tmp_path: Path
) -> None:
    first = measured.copied(tmp_path / "first")
    work(first, now=first.ago(400))
    places = [first.copied(tmp_path / name) for name in ("undisturbed", "killed")]
    for place in places:
        place.settled(normal_until=790)  # the operator says more of what is normal
        if place is places[-1]:
            work(place, now=place.ago(300), death=Moment(step))
        work(place, now=place.ago(300))
        work(place)

    expected, found = (written(place) for place in places)
    assert models(found) == {"rooms/1", "rooms/2"}
    assert_same(found, expected)


def test_killed_before_a_version_serves_and_the_labels_have_changed_since(
    measured: Place, tmp_path: Path
) -> None:
    place = measured.copied(tmp_path / "home")
    work(place, death=Moment("promote"))
    place.settled(normal_until=790)
    work(place)

    assert models(written(place)) == {"rooms/2"}
    with closing(place.open()) as application:
        verdicts = [version.verdict for version in application.records.versions("rooms")]
    assert verdicts == [Verdict.CHAMPION, Verdict.CHALLENGER]


def test_killed_in_a_retrain_that_was_asked_for(
    measured: Place, undisturbed: Written, tmp_path: Path
) -> None:
    place = measured.copied(tmp_path / "home")
    with closing(place.open()) as application:
        asked = application.requests.ask("retrain", "rooms", by="operator")
    work(place, death=Moment("update request", 3))
    work(place)

    assert_same(written(place), undisturbed)
    work(place, now=place.end + 3 * MINUTE)  # its claim has run out
    with closing(place.open()) as application:
        assert application.requests.get(asked.id).state is State.DONE


# -- score -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("death", [*IN_A_SCORE, *WITHIN_A_WRITE], ids=str)
def test_killed_in_a_score(death: Moment, trained: Place, points: Written, tmp_path: Path) -> None:
    place = trained.copied(tmp_path / "home")
    work(place, SCORE, death=death)
    work(place)

    assert_same(written(place, POINTS), points)


def test_killed_again_and_again(trained: Place, points: Written, tmp_path: Path) -> None:
    place = trained.copied(tmp_path / "home")
    behind = [*IN_A_SCORE[:5:2], TO_A_MARK[-1], WITHIN_A_WRITE[0]]
    for death in [*behind, Moment("write normalcy_scores", 3), *TO_A_MARK]:
        work(place, death=death)
    work(place)

    assert_same(written(place, POINTS), points)


@pytest.mark.parametrize(
    "step", ["write normalcy_scores", "write normalcy_events", "finish request"]
)
def test_killed_in_a_backfill_that_was_asked_for(
    step: str, trained: Place, points: Written, tmp_path: Path
) -> None:
    place = trained.copied(tmp_path / "home")
    work(place)
    with closing(place.open()) as application:
        limits = {"start": place.ago(900), "stop": place.ago(200)}
        asked = application.requests.ask("backfill", "rooms", limits, by="operator")
    work(place, death=Moment(step))
    work(place, now=place.end + 3 * MINUTE)  # its claim has run out

    with closing(place.open()) as application:
        assert application.requests.get(asked.id).state is State.DONE
    assert_same(written(place, POINTS, stop=place.end), points)


@pytest.mark.influx
@pytest.mark.parametrize(
    "death",
    [
        Moment("send lines"),
        Moment("send lines", 2),
        Moment("send lines", 3),
        Moment("write normalcy_events"),
        Moment("set watermarks"),
        Moment("write normalcy_events", 2),
    ],
    ids=str,
)
def test_killed_in_a_score_over_influxdb(
    death: Moment,
    trained_in_influxdb: Place,
    influxdb_server: InfluxServer,
    points: Written,
    tmp_path: Path,
) -> None:
    place = trained_in_influxdb.copied(tmp_path / "home", influxdb_server.new_database())
    work(place, SCORE, death=death)
    work(place)

    assert_same(written(place, POINTS), points)


@pytest.fixture(scope="module")
def trained_in_influxdb(
    influxdb_server: InfluxServer, tmp_path_factory: pytest.TempPathFactory
) -> Place:
    home = tmp_path_factory.mktemp("influxdb") / "home"
    home.mkdir()
    store, results = influxdb_server.new_database(), influxdb_server.new_database()
    place = measure(Place(home, store, results).settled())
    work(place, RETRAIN)
    return place


# -- the same range more than once -----------------------------------------------------------------


def test_scoring_a_range_twice_gives_identical_numbers(trained: Place, tmp_path: Path) -> None:
    place = trained.copied(tmp_path / "home")
    whole = backfill(place.ago(RECORDED), place.end)
    work(place, whole)
    first = written(place, POINTS)
    work(place, whole, whole)

    assert len(first[SCORES]) == 2
    assert_same(written(place, POINTS), first)


@pytest.mark.parametrize("length", [7, 97, 211])
def test_scoring_in_pieces_of_prime_length_gives_the_same(
    length: int, trained: Place, tmp_path: Path
) -> None:
    start, stop = 840, 840 - 60 * length if length == 7 else 0
    places = [trained.copied(tmp_path / name) for name in ("whole", "pieces")]
    whole, pieces = places
    work(whole, backfill(whole.ago(start), whole.ago(stop)))
    parts = range(start, stop, -length)
    work(pieces, *(backfill(pieces.ago(m), pieces.ago(max(m - length, stop))) for m in parts))

    expected, found = (written(place, POINTS) for place in places)
    assert expected[EVENTS]
    assert_same(found, expected)


def test_scoring_at_prime_intervals_gives_the_same(trained: Place, tmp_path: Path) -> None:
    places = [trained.copied(tmp_path / name) for name in ("once", "often")]
    once, often = places
    for minutes in range(1255, 0, -251):
        work(often, SCORE, now=often.ago(minutes))
    work(often, SCORE)
    work(once, SCORE)

    expected, found = (written(place, POINTS, start=place.ago(RECORDED)) for place in places)
    assert_same(found, expected)


def backfill(start: int, stop: int) -> tuple[str, dict[str, object]]:
    return "backfill", {"detector": "rooms", "start": start, "stop": stop}


# -- the service itself ----------------------------------------------------------------------------

_DEADLINE_S = 120.0
_LOOK_EVERY_S = 0.05


@contextmanager
def jobs(place: Place) -> Iterator["subprocess.Popen[bytes]"]:
    """`python -m jobs` with its workers; whatever is left of them in the end is killed."""
    with (place.home / "jobs.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jobs"],
            cwd=ROOT,
            env=place.environ,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def until(application: Application, happened: Callable[[Application], bool]) -> None:
    """Look again and again whether something can be seen in the stores."""
    deadline = time.monotonic() + _DEADLINE_S
    while not happened(application):
        assert time.monotonic() < deadline, application.records.runs()
        time.sleep(_LOOK_EVERY_S)


def bury(application: Application) -> None:
    """Let what the dead held run out now, as it does by itself after a while."""
    tokens = [lease.token for lease in application.records.leases()]
    application.records.renew_leases(tokens, length=0)


def a_retrain_runs(application: Application) -> bool:
    runs = application.records.runs("rooms", limit=1)
    return bool(runs) and runs[0].kind == "retrain" and runs[0].state is State.RUNNING


def a_version_exists(application: Application) -> bool:
    return bool(application.records.versions("rooms", limit=1))


@pytest.mark.timeout(400)
def test_the_service_is_killed_in_a_retrain_and_before_its_version_has_scored(
    tmp_path: Path,
) -> None:
    """The time is the machine's; what was recorded ended a day ago, so that all of it is due."""
    now = time.time_ns()
    measured = measure(Place.embedded(tmp_path / "measured", now // MINUTE * MINUTE - DAY))
    quiet, killed = (measured.copied(tmp_path / name) for name in ("quiet", "killed"))
    work(quiet, now=now)

    def at_rest(application: Application) -> bool:
        # a version serves a moment before the run that made it has ended
        return scored(application, killed.end) and not application.records.open_runs()

    with closing(killed.open()) as application:
        for happened in (a_retrain_runs, a_version_exists, at_rest):
            with jobs(killed):
                until(application, happened)
            bury(application)
        runs = [run for run in application.records.runs("rooms") if run.kind == "retrain"]
        (version,) = application.records.versions("rooms")

    found, expected = (
        written(place, POINTS, start=place.ago(RECORDED), stop=place.end)
        for place in (killed, quiet)
    )
    (served,) = models(found)
    assert len(expected[EVENTS][0]) == 2
    # a number that was reserved before the kill stays unused
    assert_same(renamed(found, served, "rooms/1"), expected)
    assert served == f"rooms/{version.number}"
    assert runs[-1].state is State.INTERRUPTED
    # killed after its version began to serve and before its run ended, nothing is left to be done
    assert {run.state for run in runs} <= {State.DONE, State.INTERRUPTED}
    assert version.verdict is Verdict.CHAMPION


def scored(application: Application, until_when: int) -> bool:
    marks = application.records.watermarks("rooms")
    return len(marks) == 2 and min(marks.values()) >= until_when
