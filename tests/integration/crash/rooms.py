"""Two rooms whose sensors were recorded, the jobs that watch them, and what those have written."""

import multiprocessing
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from backend.bootstrap import Application, bootstrap
from backend.ports import Points, Query
from backend.schema import (
    COVERAGE,
    COVERAGE_FIELDS,
    EVENT_FIELDS,
    EVENTS,
    EXPECTED,
    SCORE_FIELDS,
    SCORES,
    TRAINING,
    TRAINING_FIELDS,
)
from backend.settings import load
from tests.integration.crash.mortal import Moment, Orders, live

MINUTE = 60_000_000_000
END = 1_772_668_800 * 10**9  # 2026-03-05 00:00 UTC
RECORDED = 1500
"""How many minutes the sensors were recorded."""

TRIED = 4 * 1440
"""Minutes before the end at which a sensor was tried: scoring begins there, in several parts."""

CONFIGURATION = """
store: {store}
results: {results}
detectors:
  rooms:
    measurement: air
    channels: [x, y]
    group_by: [room]
    every: 1m
    model: {{kind: dense_autoencoder, window: 4, units: [4, 2], epochs: 3}}
    threshold: {{kind: quantile, q: 1, margin: 1.2}}
    folds: 2
    detection_limits: false
    schedule: {{score: 1s, catch_up: {tried}m, retrain_after_labels: "0", score_timeout: 5m}}
    labels:
      - {{kind: normal, from: "{normal[0]}", to: "{normal[1]}"}}
"""

POINTS: Mapping[str, tuple[str, ...]] = {
    SCORES: SCORE_FIELDS,
    EXPECTED: ("x", "y"),
    EVENTS: EVENT_FIELDS,
}
RESULTS = {
    **POINTS,
    COVERAGE: COVERAGE_FIELDS,
    # Another run takes another time.
    TRAINING: tuple(name for name in TRAINING_FIELDS if name != "seconds"),
}

Written = dict[str, list[Points]]


@dataclass(frozen=True)
class Place:
    """Where one installation of the product lives.

    Attributes:
        home: its directory.
        store: URL of what the sensors wrote.
        results: URL of what the jobs write.
        end: when the sensors were recorded last.
    """

    home: Path
    store: str
    results: str
    end: int = END

    @classmethod
    def embedded(cls, home: Path, end: int = END) -> "Place":
        """With all series in files of its own."""
        home.mkdir()
        return cls(home, f"embedded://{home}/store", f"embedded://{home}/results", end).settled()

    def settled(self, normal_until: int = 800) -> "Place":
        """Write its configuration; normal time ends so many minutes before the end."""
        normal = [_text(self.ago(minutes)) for minutes in (RECORDED, normal_until)]
        text = CONFIGURATION.format(
            store=self.store, results=self.results, normal=normal, tried=TRIED
        )
        (self.home / "normalcy.yaml").write_text(text)
        return self

    def copied(self, home: Path, results: str | None = None) -> "Place":
        """The same installation a second time, with results of its own."""
        shutil.copytree(self.home, home)
        store, own = (url.replace(str(self.home), str(home)) for url in (self.store, self.results))
        return replace(self, home=home, store=store, results=results or own).settled()

    def ago(self, minutes: int) -> int:
        """A time before the end."""
        return self.end - minutes * MINUTE

    @property
    def environ(self) -> dict[str, str]:
        """The whole environment that its processes are started with."""
        known = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        config = self.home / "normalcy.yaml"
        return {**known, "NORMALCY_HOME": str(self.home), "NORMALCY_CONFIG": str(config)}

    def open(self) -> Application:
        """The product over this place, in the process of the test."""
        return bootstrap(load(self.environ))


def measure(place: Place) -> Place:
    """Let the sensors have written: waves with noise, two faults in room a, a gap in room b."""
    application = place.open()
    times = place.ago(RECORDED) + MINUTE * np.arange(RECORDED, dtype=np.int64)
    for number, room in enumerate("ab"):
        values = _sensors(number)
        there = np.isfinite(values[:, 0])
        columns = {"x": values[there, 0], "y": values[there, 1]}
        application.source.write("air", [Points({"room": room}, times[there], columns)])
    tried = {"x": np.zeros(1), "y": np.zeros(1)}
    application.source.write("air", [Points({"room": "a"}, np.array([place.ago(TRIED)]), tried)])
    application.close()
    return place


def _sensors(number: int) -> np.ndarray:
    """(RECORDED, 2) what a room's sensors measure."""
    t = np.arange(RECORDED)
    values = np.stack([np.sin(t / 20), np.cos(t / 20)], axis=1)
    values += 0.05 * np.random.default_rng(number).normal(size=values.shape)
    if number == 0:
        # The first fault lies across the end of the first part that is scored at once.
        for fault in (slice(RECORDED - 775, RECORDED - 750), slice(RECORDED - 300, RECORDED - 280)):
            values[fault, 1] += np.where(t[fault] % 2, 1.5, -1.5)
    else:
        values[RECORDED - 500 : RECORDED - 490] = np.nan
    return values


def _text(time: int) -> str:
    return datetime.fromtimestamp(time // 10**9, UTC).strftime("%Y-%m-%d %H:%M")


# -- processes -------------------------------------------------------------------------------------

# TensorFlow takes long to load: once is enough, in the server that forks all these processes.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["tests.integration.crash.mortal", "backend.models.dense_autoencoder"]
)
_PATIENCE_S = 110


def work(
    place: Place,
    *tasks: tuple[str, dict[str, Any]],
    now: int | None = None,
    death: Moment | None = None,
) -> list[str]:
    """Run the jobs, or only some tasks, in a process of their own; the steps it took, in order.

    It is made sure that with a `death` the process is killed there, and without does not fail.
    """
    ours, theirs = _FORKS.Pipe(duplex=False)
    orders = Orders(place.environ, place.end if now is None else now, tasks, death)
    process = _FORKS.Process(target=live, args=(orders, theirs))
    process.start()
    theirs.close()
    try:
        process.join(_PATIENCE_S)
        expected = -signal.SIGKILL if death else 0
        assert process.exitcode == expected, f"it ended with {process.exitcode}, {death=}"
        return [] if death else ours.recv()
    finally:
        process.kill()
        process.join()
        ours.close()


# -- what was written ------------------------------------------------------------------------------


def written(
    place: Place,
    wanted: Mapping[str, Sequence[str]] = RESULTS,
    *,
    start: int = 0,
    stop: int = 2 * END,
) -> Written:
    """All results in a range, without events that were withdrawn."""
    application = place.open()
    found = {}
    for name, fields in wanted.items():
        query = Query(name, tuple(fields), start, stop, {}, ("detector", "room"))
        parts = [_valid(part) for part in application.results.read(query)]
        found[name] = [part for part in parts if len(part)]
    application.close()
    return found


def _valid(part: Points) -> Points:
    if "valid" not in part.fields:
        return part
    kept = part.fields["valid"].astype(np.float64) > 0.5
    fields = {name: column[kept] for name, column in part.fields.items()}
    return Points(part.tags, part.times[kept], fields)


def models(found: Written) -> set[str]:
    """The versions that scored."""
    return {str(name) for part in found[SCORES] for name in part.fields["model"]}


def renamed(found: Written, old: str, new: str) -> Written:
    """The same, had one version another name."""
    return {name: [_renamed(part, old, new) for part in parts] for name, parts in found.items()}


def _renamed(part: Points, old: str, new: str) -> Points:
    if "model" not in part.fields:
        return part
    names = np.where(part.fields["model"] == old, new, part.fields["model"]).astype(np.object_)
    return replace(part, fields={**part.fields, "model": names})


def assert_same(found: Written, expected: Written) -> None:
    """Same rows, alike to the last digit."""
    assert found.keys() == expected.keys()
    for name, parts in expected.items():
        assert [part.tags for part in found[name]] == [part.tags for part in parts], name
        for ours, theirs in zip(found[name], parts, strict=True):
            np.testing.assert_array_equal(ours.times, theirs.times, err_msg=name)
            for field, column in theirs.fields.items():
                where = f"{name}.{field} {ours.tags}"
                np.testing.assert_array_equal(ours.fields[field], column, err_msg=where)
