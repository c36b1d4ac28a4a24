"""Runs that ended are written beside the results, for Grafana's panels and alert rules to see."""

from collections.abc import Iterable

from backend.ports import Points, RecordStore, SeriesStore
from backend.records import Run, State
from backend.schema import DETECTOR_TAG, KIND_TAG, RUNS
from backend.services.results import one_point

LOOKED_AT = 500
"""Of the newest runs; after a restart they are written again, which changes nothing."""

_ENDED = (State.DONE, State.FAILED, State.INTERRUPTED, State.CANCELLED)
_AS_WISHED = (State.DONE, State.CANCELLED)


class RunPublishing:
    """Copies runs from the records to the results, each once unless it changes."""

    def __init__(self, records: RecordStore, results: SeriesStore) -> None:
        self._records = records
        self._results = results
        self._written: dict[int, Run] = {}

    def publish(self) -> int:
        """Write the runs that ended since the last call; how many.

        Raises:
            StoreError: a store is down or refuses; the next call tries the same runs again.
        """
        ended = [run for run in self._records.runs(limit=LOOKED_AT) if run.state in _ENDED]
        fresh = [run for run in ended if self._written.get(run.id) != run]
        if fresh:
            self._results.write(RUNS, [_point(run) for run in _apart(fresh)])
        self._written = {run.id: run for run in ended}
        return len(fresh)


def _apart(runs: Iterable[Run]) -> list[Run]:
    """The runs in order; of two that would be the same point the later one stays."""
    kept = {(run.detector, run.kind, _end(run)): run for run in sorted(runs, key=lambda r: r.id)}
    return list(kept.values())


def _end(run: Run) -> int:
    return run.finished_at or run.started_at


def _point(run: Run) -> Points:
    values = {
        "failed": float(run.state not in _AS_WISHED),
        "seconds": (_end(run) - run.started_at) / 1e9,
        "message": run.message,
    }
    tags = {DETECTOR_TAG: run.detector} if run.detector else {}
    return one_point({**tags, KIND_TAG: run.kind}, _end(run), values)
