"""The record store in memory: the same contract, nothing kept."""

import json
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from backend.exceptions import Conflict, NotFound, StoreRefused
from backend.records import (
    Label,
    Promotion,
    Request,
    Run,
    SeriesKey,
    SetAside,
    State,
    StoredDetector,
    Verdict,
    Version,
)

Row = TypeVar("Row")
OPEN = (State.WAITING, State.RUNNING)


class MemoryRecordStore:
    """Twin of `SqlRecordStore` for tests of the rooms above."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._labels: dict[int, Label] = {}
        self._detectors: dict[str, StoredDetector] = {}
        self._numbers: dict[str, int] = {}
        self._versions: dict[tuple[str, int], Version] = {}
        self._promotions: list[Promotion] = []
        self._marks: dict[tuple[str, SeriesKey], int] = {}
        self._aside: dict[tuple[str, SeriesKey], SetAside] = {}
        self._runs: dict[int, Run] = {}
        self._requests: dict[int, Request] = {}

    def ping(self) -> str:
        return "memory"

    # -- labels

    def add_labels(self, labels: Sequence[Label]) -> list[Label]:
        with self._lock:
            first = len(self._labels) + 1
            added = [
                replace(label, id=first + offset, tags=_plain(label.tags))
                for offset, label in enumerate(labels)
            ]
            self._labels.update({label.id: label for label in added})
            return added

    def labels(self, detector: str | None = None, *, removed: bool = False) -> list[Label]:
        with self._lock:
            found = [
                label
                for label in self._labels.values()
                if detector in (None, label.detector) and (removed or label.removed_at is None)
            ]
        return sorted(found, key=lambda label: (label.start, label.id))

    def remove_labels(self, ids: Sequence[int], *, by: str, at: int) -> list[Label]:
        with self._lock:
            for number in ids:
                if number not in self._labels or self._labels[number].removed_at is not None:
                    raise NotFound(f"There is no label {number}, or it was removed already.")
            taken = [replace(self._labels[i], removed_by=by, removed_at=at) for i in set(ids)]
            self._labels.update({label.id: label for label in taken})
        return sorted(taken, key=lambda label: (label.start, label.id))

    # -- detectors

    def save_detector(self, detector: StoredDetector) -> None:
        with self._lock:
            self._detectors[detector.name] = replace(detector, spec=_plain(detector.spec))

    def delete_detector(self, name: str) -> None:
        with self._lock:
            if self._detectors.pop(name, None) is None:
                raise NotFound(f"There is no stored detector {name!r}.")

    def detectors(self) -> list[StoredDetector]:
        with self._lock:
            return [self._detectors[name] for name in sorted(self._detectors)]

    # -- versions

    def next_number(self, detector: str) -> int:
        with self._lock:
            self._numbers[detector] = self._numbers.get(detector, 0) + 1
            return self._numbers[detector]

    def add_version(self, version: Version) -> Version:
        key = (version.detector, version.number)
        with self._lock:
            if key in self._versions:
                raise Conflict(f"Version {version.name} is stored already.")
            spec, training = _plain(version.spec), _plain(version.training)
            self._versions[key] = replace(version, spec=spec, training=training)
            return self._versions[key]

    def versions(self, detector: str, *, limit: int | None = None) -> list[Version]:
        with self._lock:
            found = [one for one in self._versions.values() if one.detector == detector]
        return sorted(found, key=lambda version: -version.number)[:limit]

    def version(self, detector: str, number: int) -> Version:
        with self._lock:
            return _found(self._versions, (detector, number), "version")

    def set_verdict(self, detector: str, number: int, verdict: Verdict) -> None:
        with self._lock:
            changed = replace(self.version(detector, number), verdict=verdict)
            self._versions[detector, number] = changed

    def promote(self, promotion: Promotion) -> None:
        with self._lock:
            self.version(promotion.detector, promotion.number)
            for version in self.versions(promotion.detector):
                if version.verdict is Verdict.CHAMPION:
                    self.set_verdict(version.detector, version.number, Verdict.RETIRED)
            self.set_verdict(promotion.detector, promotion.number, Verdict.CHAMPION)
            self._promotions.append(promotion)

    def promotions(self, detector: str) -> list[Promotion]:
        with self._lock:
            return [one for one in self._promotions if one.detector == detector]

    # -- scoring

    def watermarks(self, detector: str) -> dict[SeriesKey, int]:
        with self._lock:
            return {key: mark for (name, key), mark in self._marks.items() if name == detector}

    def set_watermarks(self, detector: str, marks: Mapping[SeriesKey, int]) -> None:
        with self._lock:
            for series, mark in marks.items():
                key = (detector, series)
                self._marks[key] = max(mark, self._marks.get(key, mark))

    def set_aside(self, series: SetAside) -> None:
        with self._lock:
            self._aside[series.detector, series.series] = series

    def series_set_aside(self, detector: str) -> list[SetAside]:
        with self._lock:
            return [self._aside[key] for key in sorted(self._aside) if key[0] == detector]

    def readmit(self, detector: str, series: SeriesKey) -> None:
        with self._lock:
            self._aside.pop((detector, series), None)

    # -- runs

    def start_run(self, kind: str, detector: str, *, worker: str, at: int) -> Run:
        with self._lock:
            run = Run(len(self._runs) + 1, kind, detector, State.RUNNING, at, worker)
            self._runs[run.id] = run
            return run

    def finish_run(
        self, run: int, state: State, *, at: int, message: str = "", details: Mapping[str, Any]
    ) -> None:
        with self._lock:
            self._runs[run] = replace(
                _found(self._runs, run, "run"),
                state=state,
                finished_at=at,
                message=message,
                details=_plain(details),
            )

    def runs(self, detector: str | None = None, *, limit: int = 100) -> list[Run]:
        with self._lock:
            found = [run for run in self._runs.values() if detector in (None, run.detector)]
        return found[::-1][:limit]

    def interrupt_runs(self, *, worker: str, at: int) -> int:
        with self._lock:
            running = [
                run
                for run in self._runs.values()
                if run.state is State.RUNNING and run.worker.startswith(worker)
            ]
            for run in running:
                self._runs[run.id] = replace(run, state=State.INTERRUPTED, finished_at=at)
            return len(running)

    # -- requests

    def add_request(
        self, kind: str, detector: str, payload: Mapping[str, Any], *, by: str, at: int
    ) -> Request:
        wanted = (kind, detector, _plain(payload))
        with self._lock:
            for request in self._requests.values():
                waits = request.state is State.WAITING
                if waits and (request.kind, request.detector, request.payload) == wanted:
                    return request
            request = Request(len(self._requests) + 1, *wanted, by, at)
            self._requests[request.id] = request
            return request

    def claim_request(
        self, *, worker: str, at: int, deadline: int, kinds: Collection[str] | None = None
    ) -> Request | None:
        with self._lock:
            for request in self._requests.values():
                if kinds is not None and request.kind not in kinds:
                    continue
                running = request.state is State.RUNNING
                expired = running and request.deadline is not None and request.deadline <= at
                if request.state is State.WAITING or expired:
                    return self._change(
                        request.id,
                        state=State.RUNNING,
                        worker=worker,
                        claimed_at=at,
                        deadline=deadline,
                        progress=0.0,
                    )
        return None

    def update_request(self, request: int, *, progress: float, deadline: int) -> None:
        with self._lock:
            if (state := self.request(request).state) is not State.RUNNING:
                raise Conflict(f"Request {request} is {state}, not running.")
            self._change(request, progress=progress, deadline=deadline)

    def finish_request(
        self, request: int, state: State, *, at: int, result: Mapping[str, Any], message: str = ""
    ) -> None:
        with self._lock:
            if (now := self.request(request).state) not in (State.WAITING, State.RUNNING):
                raise Conflict(f"Request {request} is {now} already.")
            result = _plain(result)
            self._change(request, state=state, finished_at=at, result=result, message=message)

    def request(self, request: int) -> Request:
        with self._lock:
            return _found(self._requests, request, "request")

    def requests(self, *, limit: int = 100) -> list[Request]:
        with self._lock:
            return list(self._requests.values())[::-1][:limit]

    def open_requests(self) -> list[Request]:
        with self._lock:
            return [one for one in self._requests.values() if one.state in OPEN]

    def _change(self, request: int, **values: Any) -> Request:
        self._requests[request] = replace(self._requests[request], **values)
        return self._requests[request]

    def close(self) -> None:
        """Nothing to release."""


def _found(rows: Mapping[Any, Row], key: Any, what: str) -> Row:
    try:
        return rows[key]
    except KeyError:
        raise NotFound(f"There is no {what} {key}.") from None


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    try:
        result: dict[str, Any] = json.loads(json.dumps(dict(value), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise StoreRefused(f"A record holds what JSON cannot express ({error}).") from error
    return result
