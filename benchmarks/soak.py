"""Let the service run among faults, and compare what it stored with what it had to, point by point.

    python -m benchmarks.soak [--minutes 30] [--seed 1] [--json FILE] [--keep FOLDER]

`normalcy up`, with the pages, the jobs and their workers, runs over a real InfluxDB 1.x on
loopback. Two fleets of sensors write a row a second, and every interval of the configuration is a
hundredth of what a plant has: a point each 100 s, rescored for 100 minutes, is here a point each
second, rescored for one. So half an hour holds as many points, ticks, trainings and late rows as
two days of a plant do, while the clock stays that of the machine, for the product reads no other.

Meanwhile faults happen at random moments, in an order that the seed decides. An operator labels
over the API, a maintainer trains, backfills and rolls back, visitors look at pages and panels.
Sensors fall silent, come late, correct themselves, appear and vanish. For the last third nothing
of ours is killed, so that memory can be watched for longer.

In the end the faults cease and the service has to catch up by itself. Then all that is stored is
compared with one undisturbed pass over the whole course with the same versions. The exit code is 1
where a row is lost, wrong or doubled, an acknowledged change is gone, or memory grows.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from backend.bootstrap import Application
from backend.records import LabelDraft, LabelKind
from benchmarks.soaking import verdict, watching
from benchmarks.soaking.course import SECOND, Course, Fleet, course
from benchmarks.soaking.faults import Scene, Troubles
from benchmarks.soaking.people import Maintainer, Operator, Told, Visitor
from benchmarks.soaking.plant import Plant, configuration, end_orderly, free_port, until
from benchmarks.soaking.sensors import Sensors
from benchmarks.soaking.server import MortalServer, Weather
from benchmarks.soaking.verdict import Tally, application
from benchmarks.soaking.watching import Growth, Watch

FLEETS = (
    Fleet("rooms", "air", "room", ("temp", "moist", "gas"), 40, "{kind: pca, window: 4}"),
    Fleet(
        "halls",
        "vibration",
        "hall",
        ("x", "y", "z"),
        6,
        "{kind: dense_autoencoder, window: 4, units: [4, 2], epochs: 3}",
    ),
)
HISTORY_S = 1200
VISITORS = 3
CALM_SHARE = 2 / 3
"""Of the time, after which nothing of ours is killed any more."""
BEHIND_S = 20
"""The service has to score so far beyond the last reading: then every event has ended."""
PATIENCE_S = 600.0


@dataclass
class Soak:
    """What came of a run."""

    minutes: float
    seed: int
    readings: int = 0
    refused: int = 0
    met_by: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    fault_log: list[tuple[float, str]] = field(default_factory=list)
    restarts: dict[str, int] = field(default_factory=dict)
    told: Told = field(default_factory=Told)
    caught_up_s: float | None = None
    exit_code: int | None = None
    served: dict[str, int] = field(default_factory=dict)
    """How often one version took over from another, by detector."""
    tallies: dict[str, Tally] = field(default_factory=dict)
    growths: list[Growth] = field(default_factory=list)

    @property
    def failures(self) -> list[str]:
        """What is not as it has to be."""
        found = [
            f"{name}: not as it has to be" for name, one in self.tallies.items() if not one.is_clean
        ]
        found += [
            f"{name}: there is nothing to compare"
            for name, one in self.tallies.items()
            if ": " in name and not one.rows
        ]
        found += [f"memory of {one.role} grows" for one in self.growths if one.grows]
        if self.caught_up_s is None:
            found.append(f"it did not catch up within {PATIENCE_S:.0f} s")
        if self.exit_code != 0:
            found.append(f"normalcy up ended with {self.exit_code} when told to stop")
        if self.told.bad:
            found.append(f"{len(self.told.bad)} answers with status 500")
        return found


# -- the run -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Ground:
    """Where it runs: the server, the weather before it, and the plant with its records."""

    server: MortalServer
    weather: Weather
    plant: Plant
    app: Application


@contextmanager
def _ground(folder: Path) -> Iterator[_Ground]:
    (folder / "influxdb").mkdir(parents=True)
    server = MortalServer(folder / "influxdb")
    weather = Weather(lambda: server.port)
    with server, weather:
        for database in ("sensors", "normalcy"):
            server.query(f'CREATE DATABASE "{database}"')
        web = free_port()
        plant = Plant(folder / "plant", configuration(FLEETS, weather.port, web), web)
        with application(plant.environ) as app:
            yield _Ground(server, weather, plant, app)


def soak(folder: Path, minutes: float, seed: int) -> tuple[Soak, list[watching.Sample]]:
    """Run it.

    Args:
        folder: for everything that is kept.
        minutes: how long faults happen.
        seed: of what is drawn by lot.
    """
    found = Soak(minutes, seed)
    with _ground(folder) as ground:
        app, plant = ground.app, ground.plant
        courses = _begun(ground, minutes, seed)
        sensors = _sensors(ground, courses)
        sensors.write_history()
        troubles = Troubles(Scene(plant, ground.server, ground.weather, Random(seed)))
        watch = Watch(plant)
        with plant, watch, sensors:
            _run(found, app, plant, courses, troubles)
            found.caught_up_s = _catch_up(app, courses, sensors)
        found.exit_code = plant.exit_code
        found.readings, found.refused = sensors.acknowledged, sensors.refused
        found.faults, found.met_by = dict(sorted(troubles.counts.items())), ground.weather.met_by
        found.fault_log = troubles.log
        found.restarts = {**watching.restarts(watch.samples), "up": plant.restarts}
        found.growths = watching.growths(watch.samples)
        found.served = {
            one.fleet.name: len(app.records.promotions(one.fleet.name)) for one in courses
        }
        found.tallies = _judge(app, plant, courses, found.told, folder / "undisturbed")
    return found, watch.samples


def _sensors(ground: _Ground, courses: Sequence[Course]) -> Sensors:
    return Sensors(lambda: ground.server.url, "sensors", courses)


def _begun(ground: _Ground, minutes: float, seed: int) -> list[Course]:
    """The courses of a run that begins now; the first versions are taught before."""
    start = (int(time.time()) - HISTORY_S) * SECOND
    before = [course(fleet, start, HISTORY_S, 0, seed) for fleet in FLEETS]
    _sensors(ground, before).write_history()
    _teach(ground.app, before)
    # The teaching took a while: what the sensors measured meanwhile is history as well.
    gone = int(time.time()) - start // SECOND
    return [course(fleet, start, gone, round(minutes * 60), seed) for fleet in FLEETS]


def _teach(app: Application, courses: Sequence[Course]) -> None:
    """Call the history normal, and train the first versions."""
    for one in courses:
        draft = LabelDraft(one.fleet.name, LabelKind.NORMAL, one.start, one.live_from)
        app.labelling.add(draft, source="command", by="soak")
        app.retraining.run(one.fleet.name)
        _say(f"{one.fleet.name}: the first version serves")


def _run(
    found: Soak, app: Application, plant: Plant, courses: Sequence[Course], troubles: Troubles
) -> None:
    """Faults, people and sensors, until the course is over."""
    lots = Random(found.seed)
    told = found.told
    maintainer = Maintainer(
        plant,
        told,
        Random(lots.random()),
        courses,
        lambda name: app.records.promotions(name)[-1].serves_from,
    )
    operator = Operator(plant, told, Random(lots.random()), courses)
    visitors = [Visitor(plant, told, Random(lots.random()), courses) for _ in range(VISITORS)]
    _wait_for_pages(plant)
    began, last = time.time(), courses[0].stop / SECOND
    calm_from = began + (last - began) * CALM_SHARE
    with ExitStack() as people:
        for one in (*visitors, operator, maintainer):
            people.enter_context(one)
        people.enter_context(troubles)
        while (now := time.time()) < last:
            if troubles.fatal and now >= calm_from:
                troubles.fatal = False
                _say("from here on nothing of ours is killed")
            time.sleep(min(1.0, last - now))
    _say(f"{sum(troubles.counts.values())} faults are over")


def _wait_for_pages(plant: Plant) -> None:
    for _ in until(PATIENCE_S):
        if plant.listens():
            return
    raise RuntimeError(f"the pages did not come; see {plant.log}")


def _catch_up(app: Application, courses: Sequence[Course], sensors: Sensors) -> float | None:
    """Seconds until all is handed in, scored and done that was asked for; None for never."""
    for gone in until(PATIENCE_S, 0.5):
        marks = [app.records.watermarks(one.fleet.name).values() for one in courses]
        scored = [max(one, default=0) for one in marks]
        far = min(scored) >= courses[0].stop + BEHIND_S * SECOND
        if sensors.done and far and not app.records.open_requests():
            return gone
    return None


def _judge(
    app: Application, plant: Plant, courses: Sequence[Course], told: Told, folder: Path
) -> dict[str, Tally]:
    _say("comparing with an undisturbed pass")
    return {
        **verdict.judge(plant, courses, folder),
        "labels": verdict.judge_labels(app, told),
        "versions": verdict.judge_versions(app, [one.fleet.name for one in courses], told),
        "requests": verdict.judge_requests(app, told),
    }


def _say(text: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


# -- the report ----------------------------------------------------------------------------------


def report(found: Soak) -> list[str]:
    """What came of it, as lines."""
    told = found.told
    lines = [
        f"{found.minutes:g} minutes, seed {found.seed}, {found.readings} readings handed in "
        f"({found.refused} tries refused), {found.met_by} requests to InfluxDB met bad weather",
        f"faults: {sum(found.faults.values())} ({_counted(found.faults)})",
        f"processes that took the place of another: {_counted(found.restarts)}",
        f"answers to operator, maintainer and {VISITORS} visitors: {_counted(told.answers)}",
        f"labels: {len(told.added)} acknowledged, {len(told.removed)} taken back, "
        f"{len(told.unanswered)} without an answer; work: {_counted(told.ends)}",
        f"versions that began to serve: {_counted(found.served)}; "
        f"rolled back: {_counted(told.rolled_back)}",
        "",
        f"{'':<28} {'rows':>9} {'lost':>7} {'wrong':>7} {'doubled':>7}",
    ]
    for name, one in found.tallies.items():
        lines.append(f"{name:<28} {one.rows:>9} {one.lost:>7} {one.wrong:>7} {one.doubled:>7}")
        lines += [f"    {example}" for example in one.examples]
    lines += ["", f"{'memory, MB':<10} {'processes':>9} {'median':>8} {'most':>8} {'a minute':>9}"]
    for row in found.growths:
        slope = "-" if row.slope is None else f"{row.slope:+.2f}"
        lines.append(
            f"{row.role:<10} {row.processes:>9} {row.median:>8.0f} {row.most:>8.0f} {slope:>9}"
        )
    caught = "never" if found.caught_up_s is None else f"{found.caught_up_s:.0f} s"
    lines += ["", f"caught up after the last reading: {caught}; exit code {found.exit_code}"]
    lines += [f"    {answer}" for answer in told.bad]
    return [*lines, *(f"FAILED: {failure}" for failure in found.failures)]


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"


def plain(found: Soak) -> dict[str, Any]:
    """The same, JSON-ready."""
    told = found.told
    return {
        "minutes": found.minutes,
        "seed": found.seed,
        "readings": found.readings,
        "refused": found.refused,
        "bad_weather": found.met_by,
        "faults": found.faults,
        "fault_log": found.fault_log,
        "restarts": found.restarts,
        "answers": dict(told.answers),
        "labels": len(told.added),
        "work": dict(told.ends),
        "served": found.served,
        "rolled_back": dict(told.rolled_back),
        "caught_up_s": found.caught_up_s,
        "exit_code": found.exit_code,
        "tallies": {name: asdict(one) for name, one in found.tallies.items()},
        "memory": [asdict(one) for one in found.growths],
        "failures": found.failures,
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the counts here, and memory beside it")
    parser.add_argument("--keep", type=Path, help="keep everything in this new folder")
    given = parser.parse_args(arguments)
    end_orderly()
    with tempfile.TemporaryDirectory(prefix="soak-") as passing:
        found, samples = soak(given.keep or Path(passing), given.minutes, given.seed)
    sys.stdout.write("\n".join(report(found)) + "\n")
    if given.json:
        given.json.write_text(json.dumps(plain(found), indent=2) + "\n", encoding="utf-8")
        watching.write_csv(given.json.with_suffix(".csv"), samples)
        watching.draw(given.json.with_suffix(".png"), samples)
    return 1 if found.failures else 0


if __name__ == "__main__":
    sys.exit(main())
