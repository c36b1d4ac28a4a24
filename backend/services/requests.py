"""Work that the web or a command asks for: recorded here, claimed by a warm worker."""

import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from backend.exceptions import Cancelled, InputError, LeaseLost, NormalcyError
from backend.ports import Clock, Progress, RecordStore
from backend.records import Request, State
from backend.services.claims import CLAIM_NS, RENEW_EVERY_S, kept_claim
from backend.services.comparing import Comparing
from backend.services.comparison_request import COMPARE, Pair
from backend.services.detectors import Detectors
from backend.services.dry_run import DRY_RUN, DryRuns
from backend.services.dry_run import Asked as AskedDryRun
from backend.services.explaining import Explaining
from backend.services.fencing import Fence, unfenced
from backend.services.label_sync import KIND as SYNC
from backend.services.label_sync import SyncReport
from backend.services.log_fields import told
from backend.services.progress import cancelled
from backend.services.rethresholding import (
    THRESHOLD,
    AskedThreshold,
    Rethresholding,
    changed,
)
from backend.services.retraining import Retraining
from backend.services.runs import worker_name
from backend.services.scoring import Scoring

logger = logging.getLogger(__name__)

Part = TypeVar("Part")

EXPLAIN = "explain"
KINDS = ("retrain", "backfill", EXPLAIN, SYNC, COMPARE, DRY_RUN, THRESHOLD)
NO_GRAFANA = (
    "No Grafana is known: set grafana.url in normalcy.yaml, or NORMALCY_GRAFANA_URL, so that "
    "labels and its annotations can be kept equal."
)


class Requests:
    """The processes meet in the store: who asks and who works never call each other."""

    def __init__(  # noqa: PLR0913 - one use case a kind of work
        self,
        records: RecordStore,
        detectors: Detectors,
        retraining: Retraining,
        scoring: Scoring,
        clock: Clock,
        sync: Callable[[Progress], SyncReport] | None = None,
        *,
        explaining: Explaining | None = None,
        comparing: Comparing | None = None,
        dry_runs: DryRuns | None = None,
        rethresholding: Rethresholding | None = None,
        renew_every_s: float = RENEW_EVERY_S,
    ) -> None:
        """`sync` lets labels and annotations say the same; none where no Grafana is configured."""
        self._records = records
        self._detectors = detectors
        self._retraining = retraining
        self._scoring = scoring
        self._clock = clock
        self._sync = sync
        self._explaining = explaining
        self._comparing = comparing
        self._dry_runs = dry_runs
        self._rethresholding = rethresholding
        self._renew_every_s = renew_every_s

    def ask(
        self, kind: str, detector: str, payload: Mapping[str, Any] | None = None, *, by: str
    ) -> Request:
        """Record a request; an equal one still waiting is returned instead of a second.

        Raises:
            NotFound: there is no such detector.
            InputError: no such kind of work, a backfill without a range, or a sync without a
                Grafana.
        """
        if kind not in KINDS:
            raise InputError(f"There is no work {kind!r}: expected one of {', '.join(KINDS)}.")
        if kind == SYNC:
            self._grafana()
        elif kind != DRY_RUN:  # it brings a detector that need not be stored
            self._detectors.get(detector)
        read = self._read(kind, detector, dict(payload or {}))
        asked = self._records.add_request(kind, detector, read, by=by, at=self._clock.now())
        extra = told("asked", kind=kind, detector=detector, request=str(asked.id))
        logger.info("asked kind=%s detector=%s request=%d", kind, detector, asked.id, extra=extra)
        return asked

    def _read(self, kind: str, detector: str, payload: dict[str, Any]) -> dict[str, Any]:
        """What a request is asked by, written alike whoever asks."""
        if kind == "backfill":
            _range(payload)
        if kind == EXPLAIN:
            _point(payload)
        if kind == COMPARE:
            payload = self._compared(detector, payload)
        if kind == DRY_RUN:
            payload = self._tried(detector, payload)
        if kind == THRESHOLD:
            asked = AskedThreshold.of(payload)
            changed(self._detectors.get(detector), asked.question)
            payload = asked.payload
        return payload

    def get(self, request: int) -> Request:
        """One request, with its state, progress and result."""
        return self._records.request(request)

    def serve_one(
        self,
        worker: str | None = None,
        kinds: Collection[str] = KINDS,
        *,
        only: int | None = None,
        fence: Fence = unfenced,
    ) -> Request | None:
        """Claim the oldest waiting request of these kinds and do its work; None if there is none.

        What goes wrong is recorded with the request, for the one who asked.

        Args:
            worker: who claims it.
            kinds: of the request.
            only: the one request to claim.
            fence: asked before anything is stored.

        Raises:
            LeaseLost, Conflict: another process has taken the work over, and will end the request.
        """
        now = self._clock.now()
        request = self._records.claim_request(
            worker=worker or worker_name(),
            at=now,
            deadline=now + CLAIM_NS,
            kinds=kinds,
            request=only,
        )
        if request is None:
            return None
        try:
            state, result, words = self._served(request, fence)
        except LeaseLost:
            raise
        except BaseException as error:
            words = f"unexpected {type(error).__name__}; see the log of the jobs"
            self._finish(request, State.FAILED, {}, words)
            raise
        self._finish(request, state, result, words)
        return self._records.request(request.id)

    def _served(self, request: Request, fence: Fence) -> tuple[State, Mapping[str, Any], str]:
        """How a request ends: its state, result and message.

        Raises:
            LeaseLost: another process has taken the work over.
        """
        try:
            if request.cancelled_by is not None:  # while its former worker was dying
                raise cancelled(f"Request {request.id}", request.cancelled_by)
            with kept_claim(self._records, self._clock, request, self._renew_every_s) as progress:
                return State.DONE, self._work(request, progress, fence), ""
        except LeaseLost:
            raise
        except Cancelled as error:
            self._records.cancel_request(request.id, by=error.by, at=self._clock.now())
            return State.CANCELLED, {}, str(error)
        except NormalcyError as error:
            return State.FAILED, {}, str(error)

    def _tried(self, detector: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """What a dry run is asked by; the stored detector, where it brings none."""
        if "spec" not in payload:
            payload = {**payload, "spec": self._detectors.get(detector).plain()}
        return AskedDryRun.of(detector, payload).payload

    def _compared(self, detector: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """What a comparison is asked by, written alike whoever asks; its versions must exist."""
        pair = Pair.of(detector, payload)
        for number in (pair.challenger, pair.champion):
            if number is not None:
                self._records.version(detector, number)
        return pair.payload

    def _grafana(self) -> Callable[[Progress], SyncReport]:
        if self._sync is None:
            raise InputError(NO_GRAFANA)
        return self._sync

    def _work(self, request: Request, progress: Progress, fence: Fence) -> dict[str, Any]:
        if request.kind == SYNC:
            return self._grafana()(progress).plain()
        if request.kind == "retrain":
            cold = request.payload.get("cold") is True
            version = self._retraining.run(request.detector, progress, cold=cold, fence=fence)
            return {"version": version.number, "verdict": str(version.verdict)}
        if request.kind == "backfill":
            start, stop = _range(request.payload)
            return self._scoring.backfill(request.detector, start, stop, progress, fence).plain()
        return self._looked(request, progress, fence)

    def _looked(self, request: Request, progress: Progress, fence: Fence) -> dict[str, Any]:
        """The work that neither trains nor scores what is due."""
        if request.kind == DRY_RUN:
            asked = AskedDryRun.of(request.detector, request.payload)
            return _wired(self._dry_runs).run(asked, progress)
        if request.kind == COMPARE:
            pair = Pair.of(request.detector, request.payload)
            return _wired(self._comparing).run(pair, progress).plain()
        if request.kind == THRESHOLD:
            return (
                _wired(self._rethresholding)
                .run(
                    request.detector,
                    AskedThreshold.of(request.payload),
                    by=request.created_by,
                    progress=progress,
                    fence=fence,
                )
                .plain()
            )
        point = _point(request.payload)
        return _wired(self._explaining).explain(request.detector, *point).plain()

    def _finish(
        self, request: Request, state: State, result: Mapping[str, Any], message: str
    ) -> None:
        self._records.finish_request(
            request.id,
            state,
            at=self._clock.now(),
            result=result,
            message=message,
            worker=request.worker,
        )


def _wired(part: Part | None) -> Part:
    assert part is not None, "a worker is wired with all kinds of work"
    return part


def _point(payload: Mapping[str, Any]) -> tuple[str | None, int]:
    series, time = payload.get("series"), payload.get("time")
    if not isinstance(time, int) or not (series is None or isinstance(series, str)):
        raise InputError("An explanation needs a time in nanoseconds, and the key of a series.")
    return series, time


def _range(payload: Mapping[str, Any]) -> tuple[int, int]:
    start, stop = payload.get("start"), payload.get("stop")
    if not isinstance(start, int) or not isinstance(stop, int) or start >= stop:
        raise InputError("A backfill needs a start before its stop, both in nanoseconds.")
    return start, stop
