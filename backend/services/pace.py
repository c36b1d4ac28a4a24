"""Whether scoring keeps up: how far it lies behind, and whether a fleet is too large for its plan.

Each tick scores all that has come since the one before, so that ticks left out lose nothing. A
fleet is too large when its ticks take about as long as the time between two of them: every score
then comes late, and whatever else the place has to do comes later still.
"""

import logging
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from backend.ports import RecordStore
from backend.records import Run, State
from backend.specs import DetectorSpec, format_duration, nanoseconds

log = logging.getLogger(__name__)

TOO_LARGE = "too_large"
"""Says in the details of a run whether the fleet is too large for its interval, or no longer is."""

_LOOKED_AT = 3
_OVERRUN = 2
_SLOW = 0.8
_RUNS = 50


def lag_s(spec: DetectorSpec, scored_to: int, now: int) -> float:
    """Seconds for which the oldest closed bucket that is not scored has waited; 0 if there is none.

    Args:
        spec: the detector.
        scored_to: the first nanosecond that has not been scored.
        now: UTC nanoseconds.
    """
    return max(0.0, (now - scored_to - spec.step - nanoseconds(spec.delay)) / 1e9)


@dataclass(frozen=True)
class Tick:
    """A tick that has ended.

    Attributes:
        began, ended: UTC nanoseconds.
        stop: up to where it scored.
        series: how many.
        overran: whether the next one was due before it had ended.
    """

    began: int
    ended: int
    stop: int
    series: int
    overran: bool = False

    @property
    def seconds(self) -> float:
        """What it took."""
        return (self.ended - self.began) / 1e9

    @classmethod
    def of(cls, report: Mapping[str, Any], began: int, ended: int) -> "Tick":
        """By what a run of scoring reports."""
        return cls(began, ended, int(report.get("stop", ended)), int(report.get("series", 0)))


class Pace:
    """Looks at the ticks of each detector, and says once when they come too slowly, and once after.

    What it says stands in the log, and on record as a run of scoring, so that the pages and other
    processes know of it. A tick that makes up for an outage is not looked at, nor is the first one
    of a process, which reads the model.
    """

    def __init__(self) -> None:
        self._last: dict[str, Tick] = {}
        self._newest: dict[str, deque[Tick]] = {}
        self._overran: set[str] = set()
        self._lock = threading.Lock()

    def overran(self, detector: str) -> None:
        """Note that a tick was due while the one before still ran."""
        with self._lock:
            self._overran.add(detector)

    def note(self, records: RecordStore, spec: DetectorSpec, tick: Tick, worker: str) -> None:
        """Look at a tick that has ended.

        Raises:
            StoreUnavailable: what is to be said cannot be put on record.
        """
        with self._lock:
            tick = replace(tick, overran=spec.name in self._overran)
            self._overran.discard(spec.name)
            before = self._last.get(spec.name)
            self._last[spec.name] = tick
            newest = self._newest.setdefault(spec.name, deque(maxlen=_LOOKED_AT))
            if before is None or _makes_up(spec, tick, before):
                return
            newest.append(tick)
            holds = _is_too_slow(spec, newest)
        known = _on_record(records.runs(spec.name, limit=_RUNS))
        if holds and not (known and known.details[TOO_LARGE]):
            _begin(records, spec, tick, worker)
        elif not holds and known and known.details[TOO_LARGE]:
            _end(records, spec, known, tick)


def too_large(runs: Sequence[Run]) -> str:
    """What the newest runs of a detector say of a fleet that is too large; empty if it is not."""
    known = _on_record(runs)
    return known.message if known and known.details[TOO_LARGE] else ""


def _on_record(runs: Sequence[Run]) -> Run | None:
    return next((run for run in runs if run.kind == "score" and TOO_LARGE in run.details), None)


def _makes_up(spec: DetectorSpec, tick: Tick, before: Tick) -> bool:
    """Whether a tick had more to do than what came since the one before began."""
    usual = tick.began - before.began + 3 * max(nanoseconds(spec.schedule.score), spec.step)
    return tick.stop - before.stop > usual


def _is_too_slow(spec: DetectorSpec, newest: Sequence[Tick]) -> bool:
    most = _SLOW * spec.schedule.score.total_seconds()
    slow = sum(tick.seconds > most for tick in newest)
    return slow >= _LOOKED_AT or sum(tick.overran for tick in newest) >= _OVERRUN


def _begin(records: RecordStore, spec: DetectorSpec, tick: Tick, worker: str) -> None:
    every = format_duration(spec.schedule.score)
    words = (
        f"A tick of {tick.series} series took {tick.seconds:.1f} s, and one is due every {every}: "
        "choose a longer schedule.score, split the detector, or let a cluster do the work; "
        "normalcy capacity says what this machine can do."
    )
    log.warning("score detector=%s is too slow: %s", spec.name, words)
    details = {
        TOO_LARGE: True,
        "seconds": tick.seconds,
        "interval_s": spec.schedule.score.total_seconds(),
        "series": tick.series,
    }
    run = records.start_run("score", spec.name, worker=worker, at=tick.began)
    records.finish_run(run.id, State.DONE, at=tick.ended, message=words, details=details)


def _end(records: RecordStore, spec: DetectorSpec, known: Run, tick: Tick) -> None:
    every = format_duration(spec.schedule.score)
    words = (
        f"Scoring keeps up again: a tick took {tick.seconds:.1f} s, and one is due every {every}."
    )
    log.info("score detector=%s: %s", spec.name, words)
    details = {**known.details, TOO_LARGE: False}
    records.finish_run(known.id, State.DONE, at=tick.ended, message=words, details=details)
