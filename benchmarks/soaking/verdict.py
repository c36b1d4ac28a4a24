"""What is stored against what had to be: point by point, label by label, version by version.

The undisturbed computation is the product itself, in one process over an embedded store that is
given the sensors' whole course, with the versions that served and the times from which they did.
"""

import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backend.bootstrap import Application, bootstrap
from backend.exceptions import NormalcyError
from backend.ports import Points, Query, SeriesStore
from backend.records import State
from backend.schema import DETECTOR_TAG, EVENT_FIELDS, EVENTS, EXPECTED, SCORE_FIELDS, SCORES
from backend.settings import load
from benchmarks.hand_clock import HandClock
from benchmarks.soaking.course import BEFORE_S, SECOND, Course
from benchmarks.soaking.people import Told
from benchmarks.soaking.plant import CATCH_UP, Plant

SAME = 1e-6
"""Relative difference of numbers that are the same: scoring in other pieces may differ by it."""
_TINY = 1e-9
_SHOWN = 12
_COPY = """
store: embedded://{folder}/store
results: embedded://{folder}/results
detectors:
"""


@dataclass
class Tally:
    """Rows of one kind.

    Attributes:
        rows: that had to be stored.
        lost: of those, not stored.
        wrong: stored with other values.
        doubled: stored beside those that had to be, or twice.
        examples: the first that are not as they should be.
    """

    rows: int = 0
    lost: int = 0
    wrong: int = 0
    doubled: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether all is as it had to be."""
        return not (self.lost or self.wrong or self.doubled)

    def note(self, text: str) -> None:
        """Keep an example, if there are few yet."""
        if len(self.examples) < _SHOWN:
            self.examples.append(text)


Table = Sequence[Points]


# -- comparison ----------------------------------------------------------------------------------


def compare(found: Table, expected: Table) -> Tally:
    """Rows by series and time; a row of a series that should not be there counts as doubled."""
    tally = Tally(rows=sum(map(len, expected)))
    ours = _by_series(found, tally)
    theirs = {_key(part): part for part in expected}
    for key in sorted(ours.keys() | theirs.keys()):
        _compare_series(key, ours.get(key), theirs.get(key), tally)
    return tally


def _by_series(parts: Table, tally: Tally) -> dict[str, Points]:
    """By series; rows at a time that is there already are counted."""
    found: dict[str, Points] = {}
    for part in parts:
        first = _at(part, np.unique(part.times, return_index=True)[1])
        again = len(part) - len(first)
        if _key(part) in found:
            again += len(first)
        tally.doubled += again
        if again:
            tally.note(f"{_key(part)} holds {again} rows twice")
        found.setdefault(_key(part), first)
    return found


def _compare_series(key: str, ours: Points | None, theirs: Points | None, tally: Tally) -> None:
    if ours is None or theirs is None:
        for part, what in ((theirs, "lost"), (ours, "doubled")):
            count = 0 if part is None else len(part)
            setattr(tally, what, getattr(tally, what) + count)
            if count:
                tally.note(f"{key}: all {count} rows {what}")
        return
    lost = np.setdiff1d(theirs.times, ours.times)
    more = np.setdiff1d(ours.times, theirs.times)
    tally.lost += len(lost)
    tally.doubled += len(more)
    for times, what in ((lost, "lost"), (more, "not expected")):
        if len(times):
            tally.note(f"{key}: {len(times)} rows {what}, the first at {times[0]}")
    _, left, right = np.intersect1d(ours.times, theirs.times, return_indices=True)
    _compare_rows(key, _at(ours, left), _at(theirs, right), tally)


def _compare_rows(key: str, ours: Points, theirs: Points, tally: Tally) -> None:
    wrong = np.zeros(len(theirs), dtype=bool)
    for name, column in theirs.fields.items():
        other = ~alike(ours.fields[name], column)
        if other.any():
            at = int(np.flatnonzero(other)[0])
            tally.note(
                f"{key}: {int(other.sum())} rows with another {name}, the first at "
                f"{theirs.times[at]}: {ours.fields[name][at]!r} in place of {column[at]!r}"
            )
        wrong |= other
    tally.wrong += int(wrong.sum())


def alike(ours: NDArray[np.generic], theirs: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Which values are the same; text exactly, numbers within what another order of sums makes."""
    if object in (theirs.dtype, ours.dtype):
        return np.array([a == b for a, b in zip(ours, theirs, strict=True)], dtype=bool)
    left, right = ours.astype(np.float64), theirs.astype(np.float64)
    same: NDArray[np.bool_] = np.isclose(left, right, rtol=SAME, atol=_TINY, equal_nan=True)
    return same


def _key(points: Points) -> str:
    return ",".join(f"{name}={value}" for name, value in sorted(points.tags.items()))


def _at(points: Points, rows: NDArray[np.int64]) -> Points:
    fields = {name: column[rows] for name, column in points.fields.items()}
    return Points(points.tags, points.times[rows], fields)


# -- what had to be ------------------------------------------------------------------------------


def judge(plant: Plant, courses: Sequence[Course], folder: Path) -> Mapping[str, Tally]:
    """Compare everything that is stored; the service has ended by now."""
    _copy(plant, courses, folder)
    found: dict[str, Tally] = {}
    with application(plant.environ) as ours:
        for course in courses:
            found[f"{course.fleet.measurement}: readings"] = _judge_readings(ours, course)
        with application(_environ(folder), HandClock(courses[0].stop + 600 * SECOND)) as quiet:
            for course in courses:
                _compute(quiet, course)
                for measurement in (SCORES, EXPECTED, EVENTS):
                    name = f"{course.fleet.name}: {measurement}"
                    found[name] = compare(
                        *(_written(app, measurement, course) for app in (ours, quiet))
                    )
    return found


def _judge_readings(ours: Application, course: Course) -> Tally:
    """The readings themselves, as the server has kept them."""
    fleet = course.fleet
    query = Query(fleet.measurement, fleet.channels, course.start, course.stop, {}, (fleet.tag,))
    return compare(_kept(ours.source, query), course.all())


def _copy(plant: Plant, courses: Sequence[Course], folder: Path) -> None:
    """An installation with the same records and versions, and nothing scored yet."""
    home = folder / "home"
    home.mkdir(parents=True)
    below = plant.text.split("detectors:\n", 1)[1].replace(f"catch_up: {CATCH_UP}", "catch_up: 30d")
    config = _COPY.format(folder=folder).lstrip() + below
    (folder / "normalcy.yaml").write_text(config, encoding="utf-8")
    shutil.copytree(plant.home / "artifacts", home / "artifacts")
    with (
        closing(sqlite3.connect(plant.records)) as theirs,
        closing(sqlite3.connect(home / "records.sqlite3")) as own,
    ):
        theirs.backup(own)
        own.execute("DELETE FROM watermarks")
        own.execute("DELETE FROM runs")
        own.commit()


def _environ(folder: Path) -> Mapping[str, str]:
    return {
        "NORMALCY_CONFIG": str(folder / "normalcy.yaml"),
        "NORMALCY_HOME": str(folder / "home"),
    }


@contextmanager
def application(
    environ: Mapping[str, str], clock: HandClock | None = None
) -> Iterator[Application]:
    """The product in this process."""
    more = {} if clock is None else {"clock": clock}
    made = bootstrap(load(environ), **more)
    try:
        yield made
    finally:
        made.close()


def _compute(quiet: Application, course: Course) -> None:
    """Score the whole course at once, from where the first version began to serve."""
    fleet = course.fleet
    name = fleet.name
    quiet.source.write(fleet.measurement, course.all())
    first = quiet.records.promotions(name)[0]
    series = [f"{fleet.tag}={fleet.key(number)}" for number in range(fleet.series)]
    quiet.records.set_watermarks(name, dict.fromkeys(series, first.serves_from))
    quiet.scoring.tick(name)


def _written(app: Application, measurement: str, course: Course) -> list[Points]:
    """Results of a run and a while before it, without events that were withdrawn."""
    fleet = course.fleet
    fields = {SCORES: SCORE_FIELDS, EXPECTED: fleet.channels, EVENTS: EVENT_FIELDS}[measurement]
    start = course.live_from - BEFORE_S * SECOND
    own = {DETECTOR_TAG: fleet.name}
    tags = (DETECTOR_TAG, fleet.tag)
    query = Query(measurement, tuple(fields), start, course.stop, own, tags)
    return [part for part in map(_in_force, _kept(app.results, query)) if len(part)]


def _kept(store: SeriesStore, query: Query) -> list[Points]:
    return [part for part in store.read(query) if len(part)]


def _in_force(part: Points) -> Points:
    if "valid" not in part.fields:
        return part
    return _at(part, np.flatnonzero(part.fields["valid"].astype(np.float64) > 0.5))


# -- what was acknowledged -----------------------------------------------------------------------


def judge_labels(app: Application, told: Told) -> Tally:
    """Every label that was acknowledged is there once, and out of force where that was, too."""
    tally = Tally(rows=len(told.added))
    stored = {one.id: one for one in app.records.labels(removed=True)}
    in_force = {one.id for one in app.records.labels()}
    for number, note in told.added.items():
        if number not in stored:
            tally.lost += 1
            tally.note(f"label {number} is lost")
        elif stored[number].note != note:
            tally.wrong += 1
            tally.note(f"label {number} says {stored[number].note!r} in place of {note!r}")
        elif number in told.removed and number in in_force:
            tally.wrong += 1
            tally.note(f"label {number} was taken back and is in force")
        elif number not in told.removing and number not in in_force:
            tally.wrong += 1
            tally.note(f"label {number} was not taken back and is not in force")
    notes = Counter(one.note for one in stored.values() if one.note.startswith("soak"))
    tally.doubled = sum(count - 1 for count in notes.values())
    known = {*told.added.values(), *told.unanswered}
    tally.doubled += len(notes.keys() - known)
    return tally


def judge_versions(app: Application, fleets: Sequence[str], told: Told) -> Tally:
    """Every version that is on record or has served can be loaded, and has its number once.

    What was rolled back has served again.
    """
    tally = Tally()
    for name in fleets:
        versions = app.records.versions(name)
        served = [one.number for one in app.records.promotions(name)]
        promised = set(served)
        if (missing := told.rolled_back[name] - (len(served) - len(promised))) > 0:
            tally.lost += missing
            tally.note(f"{missing} times {name} was rolled back and is not")
        numbers = [one.number for one in versions]
        tally.rows += len(versions)
        tally.doubled += len(numbers) - len(set(numbers))
        tally.lost += len(promised - set(numbers))
        for one in versions:
            try:
                app.artifacts.load(one.artifact)
            except NormalcyError as error:
                tally.lost += 1
                tally.note(str(error))
    return tally


def judge_requests(app: Application, told: Told) -> Tally:
    """All work that was accepted came to an end, and is on record."""
    tally = Tally(rows=len(told.requests))
    for number, kind in told.requests.items():
        try:
            one = app.records.request(number)
        except NormalcyError:
            tally.lost += 1
            tally.note(f"request {number} is lost")
            continue
        if one.kind != kind or one.state in (State.WAITING, State.RUNNING):
            tally.wrong += 1
            tally.note(f"request {number}, {kind}, is {one.kind} {one.state}: {one.message}")
    return tally
