"""Several jobs processes over one record store, killed at random: each piece of work is done once.

Processes, record stores and series are real. Who is to be killed is drawn by lot; that it is in the
middle of its work is looked up in the record store.
"""

import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from backend.bootstrap import Application, bootstrap
from backend.ports import Points, Query
from backend.records import Lease, Run, State
from backend.schema import EVENT_FIELDS, EVENTS, SCORE_FIELDS, SCORES
from backend.settings import load
from jobs.leases import Leases
from tests.servers.postgres import PostgresServer, binaries_or_skip, running_postgres

pytestmark = [pytest.mark.slow, pytest.mark.timeout(580)]

ROOT = Path(__file__).parents[2]
MINUTE = 60_000_000_000
DAY = 1440 * MINUTE
RECORDED = 1200
WATCHED = 700
"""Minutes before the end of what was recorded; what lies before is normal."""
DEADLINE_S = 150.0
LOOK_EVERY_S = 0.1
CATCH_EVERY_S = 0.005
"""What is to be caught may go on for a few hundredths of a second."""
NAMED = r"started worker=(\S+) "
NAMES = ("one", "two", "three")

DETECTOR = """
  {name}:
    measurement: air
    channels: [x, y]
    group_by: [room]
    every: 1m
    model: {{kind: pca, window: 4}}
    threshold: {{kind: quantile, q: 1, margin: 1.2}}
    folds: 2
    detection_limits: false
    schedule: {{score: 1s, catch_up: 4d, lateness: 0s, retrain_after_labels: "0",
      retrain: {retrain}, score_timeout: 5m}}
    labels:
      - {{kind: normal, from: "{start}", to: "{stop}"}}
"""
EACH_MINUTE = '"* * * * *"'

# What was served is written down by the database itself.
LOG_OF_SERVED = """
CREATE TABLE log_of_served (id {id} PRIMARY KEY, name TEXT, served BIGINT);
"""
TRIGGER = {
    "sqlite": """
CREATE TRIGGER note_served AFTER UPDATE ON leases WHEN NEW.served IS NOT OLD.served
BEGIN INSERT INTO log_of_served (name, served) VALUES (NEW.name, NEW.served); END
""",
    "postgresql": """
CREATE FUNCTION note_served() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO log_of_served (name, served) VALUES (NEW.name, NEW.served); RETURN NEW; END $$;
CREATE TRIGGER note_served AFTER UPDATE ON leases FOR EACH ROW
WHEN (NEW.served IS DISTINCT FROM OLD.served) EXECUTE FUNCTION note_served()
""",
}


@dataclass
class Plant:
    """Two rooms whose sensors were recorded until a day ago, and the processes that watch them."""

    home: Path
    records: str
    now: int
    detectors: tuple[str, ...]
    running: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)
    logs: list[Path] = field(default_factory=list)

    @property
    def end(self) -> int:
        return self.now // MINUTE * MINUTE - DAY

    @property
    def environ(self) -> dict[str, str]:
        known = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        ours = {"NORMALCY_HOME": str(self.home), "NORMALCY_RECORDS_URL": self.records}
        return {**known, **ours, "NORMALCY_CONFIG": str(self.home / "normalcy.yaml")}

    @property
    def several(self) -> bool:
        return len(self.detectors) > 1

    def retrain_of(self, name: str) -> str:
        """The last of several is trained by the clock too, which takes up to a minute to see."""
        return EACH_MINUTE if self.several and name == self.detectors[-1] else "null"

    def open(self) -> Application:
        return bootstrap(load(self.environ))

    def build(self) -> None:
        """Write its configuration, and let the sensors have written."""
        self.home.mkdir()
        start, stop = (_text(self.end - m * MINUTE) for m in (RECORDED, WATCHED))
        places = [f"{what}: embedded://{self.home}/{what}" for what in ("store", "results")]
        entries = [
            DETECTOR.format(name=name, start=start, stop=stop, retrain=self.retrain_of(name))
            for name in self.detectors
        ]
        lines = [*places, "detectors:", *entries]
        (self.home / "normalcy.yaml").write_text("\n".join(lines))
        with closing(self.open()) as application:
            application.records.ping()  # makes its tables
            times = self.end - RECORDED * MINUTE + MINUTE * np.arange(RECORDED, dtype=np.int64)
            for number, room in enumerate("ab"):
                x, y = _sensors(number).T
                application.source.write("air", [Points({"room": room}, times, {"x": x, "y": y})])

    # -- processes

    def start(self, count: int = 1) -> None:
        """Start more processes, and wait until each has said its name."""
        logs = [self.home / f"jobs-{len(self.logs) + number}.log" for number in range(count)]
        self.logs += logs
        for log in logs:
            with log.open("wb") as told:
                # Known by its log at once, so that it is ended whatever happens.
                self.running[str(log)] = subprocess.Popen(
                    [sys.executable, "-m", "jobs"],
                    cwd=ROOT,
                    env=self.environ,
                    stderr=told,
                    start_new_session=True,
                )
        for log in logs:
            until(lambda log=log: re.search(NAMED, log.read_text()), log.read_text)
            name = re.findall(NAMED, log.read_text())[0]
            self.running[name] = self.running.pop(str(log))

    def kill(self, name: str) -> None:
        """End a process at once, with its workers, which end by themselves when it is gone."""
        process = self.running.pop(name)
        process.kill()
        process.wait()

    def stop(self) -> list[int]:
        """Tell all processes to stop; their exit codes."""
        for process in self.running.values():
            process.terminate()
        codes = [process.wait(60) for process in self.running.values()]
        self.running.clear()
        return codes

    def end_all(self) -> None:
        """Whatever is left is killed."""
        for process in self.running.values():
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def told(self) -> str:
        return "".join(log.read_text() for log in self.logs)


def until(
    happened: Callable[[], object], words: Callable[[], object], every_s: float = LOOK_EVERY_S
) -> None:
    """Look again and again whether something can be seen."""
    deadline = time.monotonic() + DEADLINE_S
    while not happened():
        assert time.monotonic() < deadline, words()
        time.sleep(every_s)


def _text(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns // 10**9, UTC).strftime("%Y-%m-%d %H:%M")


def _sensors(number: int) -> np.ndarray:
    """(RECORDED, 2) waves with noise, and a fault in room a."""
    t = np.arange(RECORDED)
    values = np.stack([np.sin(t / 20), np.cos(t / 20)], axis=1)
    values += 0.05 * np.random.default_rng(number).normal(size=values.shape)
    if number == 0:
        fault = slice(RECORDED - 300, RECORDED - 280)
        values[fault, 1] += np.where(t[fault] % 2, 1.5, -1.5)
    return values


# -- what can be seen ------------------------------------------------------------------------------


def lease_of(application: Application, name: str) -> Lease | None:
    held = [one for one in application.records.leases() if one.name == name and one.holder]
    return held[0] if held else None


def scored_to_the_end(plant: Plant, application: Application) -> bool:
    """Whether both rooms of every detector are scored as far as anything was recorded."""
    marks = [application.records.watermarks(name) for name in plant.detectors]
    return all(len(one) == 2 and min(one.values()) >= plant.end for one in marks)


def written(plant: Plant, application: Application) -> dict[str, list[Points]]:
    """Scores and valid events of all that was recorded, but for the version's name."""
    start, found = plant.end - RECORDED * MINUTE, {}
    for name, fields in ((SCORES, SCORE_FIELDS), (EVENTS, EVENT_FIELDS)):
        wanted = tuple(one for one in fields if one != "model")
        parts = application.results.read(
            Query(name, wanted, start, plant.end, {}, ("detector", "room"))
        )
        found[name] = [part for part in map(_valid, parts) if len(part)]
    return found


def _valid(part: Points) -> Points:
    if "valid" not in part.fields:
        return part
    kept = part.fields["valid"].astype(np.float64) > 0.5
    fields = {name: column[kept] for name, column in part.fields.items()}
    return Points(part.tags, part.times[kept], fields)


def assert_same(found: dict[str, list[Points]], expected: dict[str, list[Points]]) -> None:
    """Same rows, alike to the last digit."""
    for name, parts in expected.items():
        assert [part.tags for part in found[name]] == [part.tags for part in parts], name
        for ours, theirs in zip(found[name], parts, strict=True):
            np.testing.assert_array_equal(ours.times, theirs.times, err_msg=name)
            for field_name, column in theirs.fields.items():
                where = f"{name}.{field_name} {ours.tags}"
                np.testing.assert_array_equal(ours.fields[field_name], column, err_msg=where)


def assert_one_at_a_time(runs: list[Run]) -> None:
    """No run of a kind and detector begins before the one before it has ended."""
    for kind, detector in {(run.kind, run.detector) for run in runs}:
        same = [run for run in runs if (run.kind, run.detector) == (kind, detector)]
        for before, after in pairwise(sorted(same, key=lambda run: run.started_at)):
            assert before.finished_at is not None
            assert before.finished_at <= after.started_at, (before, after)


@contextmanager
def engine_of(url: str) -> Iterator[Engine]:
    driver = "sqlite" if url.startswith("sqlite") else "postgresql+psycopg"
    engine = create_engine(make_url(url).set(drivername=driver))
    yield engine
    engine.dispose()


def log_served(url: str) -> None:
    with engine_of(url) as engine, engine.begin() as connection:
        kind = engine.dialect.name
        number = "INTEGER" if kind == "sqlite" else "SERIAL"
        connection.exec_driver_sql(LOG_OF_SERVED.format(id=number))
        connection.exec_driver_sql(TRIGGER[kind])


def served(url: str) -> dict[str, list[int]]:
    """The scheduled times of each piece of work in the order in which they were served."""
    found: dict[str, list[int]] = {}
    with engine_of(url) as engine, engine.begin() as connection:
        rows = connection.execute(text("SELECT name, served FROM log_of_served ORDER BY id"))
        for name, time_ns in rows:
            found.setdefault(name, []).append(time_ns)
    return found


# -- the tests -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres(binaries_or_skip()) as server:
        yield server


@pytest.fixture
def plant(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Plant]:
    kind, detectors = request.param
    if kind == "sqlite":
        url = f"sqlite:///{tmp_path}/records.sqlite3"
    else:
        url = request.getfixturevalue("postgres").new_database()
    made = Plant(tmp_path / "home", url, time.time_ns(), detectors)
    made.build()
    log_served(url)
    yield made
    made.end_all()


def undisturbed(plant: Plant, directory: Path) -> dict[str, list[Points]]:
    """What one process writes that nobody disturbs."""
    quiet = Plant(directory, f"sqlite:///{directory}/records.sqlite3", plant.now, plant.detectors)
    quiet.build()
    with closing(quiet.open()) as application:
        for name in quiet.detectors:
            application.retraining.run(name)
            application.scoring.tick(name)
        return written(quiet, application)


def start_together(plant: Plant, application: Application, count: int) -> None:
    """Start the first processes; none begins to train before all of them are there."""
    mine = Leases(application.records, "test")
    mine.start()
    with ExitStack() as until_all_are_there:
        for name in plant.detectors:
            assert until_all_are_there.enter_context(mine.held(f"retrain:{name}")) is not None
        plant.start(count)
    mine.stop()


def kill_in_the_middle(plant: Plant, application: Application, name: str) -> Lease:
    """Kill the process that is at a piece of work now; the lease that it leaves."""
    found: list[Lease] = []

    def caught() -> bool:
        lease = lease_of(application, name)
        if lease is None or lease.holder not in plant.running:
            return False
        os.kill(plant.running[lease.holder].pid, signal.SIGSTOP)
        if lease_of(application, name) == lease:
            found.append(lease)
            plant.kill(lease.holder)
            return True
        os.kill(plant.running[lease.holder].pid, signal.SIGCONT)
        return False

    until(caught, plant.told, CATCH_EVERY_S)
    return found[0]


def bury(application: Application, dead: Lease) -> None:
    """Let all leases of a dead process end now, as they do by themselves after a while."""
    left = [one.token for one in application.records.leases() if one.holder == dead.holder]
    application.records.renew_leases(left, length=0)


def taken_over(application: Application, dead: Lease) -> bool:
    return all(one.holder != dead.holder for one in application.records.leases())


CASES = [
    pytest.param(("postgresql", NAMES), id="three-over-postgresql"),
    pytest.param(("sqlite", NAMES[:1]), id="two-over-sqlite"),
]


@pytest.mark.parametrize("plant", CASES, indirect=True)
def test_each_piece_of_work_is_done_once_whoever_dies(plant: Plant, tmp_path: Path) -> None:
    expected = undisturbed(plant, tmp_path / "quiet")
    with closing(plant.open()) as application:
        dead = disturbed(plant, application, random.Random(7))
        codes = plant.stop()
        runs = application.records.runs(limit=10_000)
        versions = {name: len(application.records.versions(name)) for name in plant.detectors}
        left = application.records.leases()
        found = written(plant, application)

    assert expected[EVENTS]
    assert_same(found, expected)
    assert set(codes) == {0}
    # what the last one to be killed held has run out; those that were stopped gave theirs back
    killed = {lease.holder for lease in dead}
    assert [lease for lease in left if lease.holder and lease.holder not in killed] == []
    assert versions == dict.fromkeys(plant.detectors, 1)
    assert_runs_are_whole(runs, dead)
    assert_each_time_is_served_once(plant, len(dead))


def disturbed(plant: Plant, application: Application, lots: random.Random) -> list[Lease]:
    """Let the processes do all there is, and kill some; what those had in hand."""
    start_together(plant, application, 3 if plant.several else 2)
    # In its first training; what it held runs out by itself, which takes a while to see.
    dead = [kill_in_the_middle(plant, application, f"retrain:{plant.detectors[0]}")]
    if plant.several:
        bury(application, dead[0])
    until(lambda: taken_over(application, dead[0]), plant.told)
    plant.start()
    for _ in range(2 if plant.several else 1):
        name = f"score:{lots.choice(plant.detectors)}"
        dead.append(kill_in_the_middle(plant, application, name))
        bury(application, dead[-1])
        until(lambda: taken_over(application, dead[-1]), plant.told)
        plant.start()
    until(lambda: scored_to_the_end(plant, application), plant.told)
    # What somebody asks for, and the process that is at it dies.
    whole = {"start": plant.end - WATCHED * MINUTE, "stop": plant.end}
    asked = application.requests.ask("backfill", plant.detectors[0], whole, by="operator")
    dead.append(kill_in_the_middle(plant, application, f"backfill:{plant.detectors[0]}"))
    bury(application, dead[-1])
    until(lambda: application.requests.get(asked.id).state is State.DONE, plant.told)
    if plant.several:
        until(lambda: f"retrain:{plant.detectors[-1]}" in served(plant.records), plant.told)
    return dead


def assert_runs_are_whole(runs: list[Run], dead: list[Lease]) -> None:
    """Every run ended, one at a time; those of the dead, and no others, were interrupted."""
    assert {run.state for run in runs} <= {State.DONE, State.INTERRUPTED}
    assert_one_at_a_time(runs)
    interrupted = {run.worker for run in runs if run.state is State.INTERRUPTED}
    assert interrupted <= {lease.holder for lease in dead}


def assert_each_time_is_served_once(plant: Plant, deaths: int) -> None:
    """By the database's own log of it, and by what the processes have said that they did."""
    told, times = plant.told(), served(plant.records)
    assert "is gone: its work is taken over" in told
    assert (f"retrain:{plant.detectors[-1]}" in times) is plant.several
    for name, which in times.items():
        assert which == sorted(set(which)), name
    for name in plant.detectors:
        done = len(re.findall(rf" score detector={name} ", told))
        assert done <= len(times[f"score:{name}"]) + deaths


@pytest.mark.parametrize("plant", [pytest.param(("sqlite", NAMES[:1]))], indirect=True)
def test_one_that_was_paused_adds_nothing_to_what_another_has_done(plant: Plant) -> None:
    """As a machine is that is moved: process and workers stand still, and then go on."""
    name = plant.detectors[0]
    with closing(plant.open()) as application:
        start_together(plant, application, 2)
        paused = pause_in_a_training(plant, application)
        (lease,) = [one for one in application.records.leases() if one.name == f"retrain:{name}"]
        bury(application, lease)
        until(lambda: scored_to_the_end(plant, application), plant.told)
        group = plant.running[paused.worker].pid
        os.killpg(group, signal.SIGCONT)
        until(lambda: f"[{group}] retrain detector={name}" in plant.told(), plant.told)
        codes = plant.stop()
        versions = application.records.versions(name)
        runs = {run.id: run.state for run in application.records.runs()}

    assert set(codes) == {0}
    assert len(versions) == 1
    assert runs[paused.id] is State.INTERRUPTED


def may_be_written(plant: Plant) -> bool:
    """Whether nobody was stopped in the middle of writing a record: no other could write then."""
    path = plant.records.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, timeout=0)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        connection.rollback()
        return True


def pause_in_a_training(plant: Plant, application: Application) -> Run:
    """Stop a process and its workers while the first version is made."""
    found: list[Run] = []

    def caught() -> bool:
        for run in application.records.open_runs():
            group = plant.running[run.worker].pid
            os.killpg(group, signal.SIGSTOP)
            goes_on = run.id in {one.id for one in application.records.open_runs()}
            if goes_on and not application.records.versions("one") and may_be_written(plant):
                found.append(run)
                return True
            os.killpg(group, signal.SIGCONT)
        return False

    until(caught, plant.told, CATCH_EVERY_S)
    return found[0]
