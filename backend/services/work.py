"""What goes on, what waits and what ended lately; and its end, when a person wants it."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from backend.exceptions import Conflict
from backend.ports import Clock, RecordStore
from backend.records import LogLine, Request, Run, State
from backend.services.progress import seconds_left

MOST = 200
"""Newest requests or runs of a detector that are looked through for one that belongs to another."""
OPEN = (State.WAITING, State.RUNNING)


class Advice(StrEnum):
    """What to do next about work that did not end as wished, beside what its message says."""

    AGAIN = "It is tried again by itself; nothing needs to be done unless it fails for long."
    LOOK = (
        "Look at the log of the jobs, where the details stand above its last line, and let "
        "normalcy check look at the stores; then begin it again."
    )
    TAKEN_UP = (
        "Its process ended. What was scheduled or asked for is taken up by itself once the jobs "
        "run; what a command began has to be begun again."
    )
    BEGIN = (
        "What served before goes on. A training is not begun by itself before labels change or its "
        "next scheduled time: begin it again when you want it."
    )
    MEND = "Mend what the message says, then begin it again."


@dataclass(frozen=True)
class RunView:
    """A run as people look at it.

    Attributes:
        run: as it stands on record.
        left_s: how long it will go on; None where that cannot be said.
        advice: what to do next, where it did not end as wished.
        log: what it told of itself, oldest first.
        request: what it was asked by, if it was.
    """

    run: Run
    left_s: float | None
    advice: Advice | None
    log: Sequence[LogLine]
    request: Request | None

    @property
    def version(self) -> int | None:
        """The number of the version that a training made."""
        made = self.run.details.get("version")
        return made if isinstance(made, int) else None


@dataclass(frozen=True)
class RequestView:
    """A request as people look at it, with the run that serves it if there is one."""

    request: Request
    run: RunView | None
    advice: Advice | None


class Work:
    """Looks at work, and notes that it is to end; its worker ends it."""

    def __init__(self, records: RecordStore, clock: Clock) -> None:
        self._records = records
        self._clock = clock

    def going_on(self, detector: str | None = None) -> list[Run]:
        """Every run that goes on by the record, newest first."""
        found = self._records.open_runs()[::-1]
        return [run for run in found if detector in (None, run.detector)]

    def waiting(self, detector: str | None = None) -> list[Request]:
        """Every request that waits, oldest first."""
        found = self._records.open_requests()
        waits = (one for one in found if one.state is State.WAITING)
        return [one for one in waits if detector in (None, one.detector)]

    def look(self, run: int) -> RunView:
        """A run with all that is known of it.

        Raises:
            NotFound: there is no such run.
        """
        return self._view(self._records.run(run))

    def look_at_request(self, request: int) -> RequestView:
        """A request with the run that serves it.

        Raises:
            NotFound: there is no such request.
        """
        found = self._records.request(request)
        run = self._run_of(found)
        view = None if run is None else self._view(run, found)
        return RequestView(found, view, advice(found))

    def left_s(self, run: Run) -> float | None:
        """How long a run will go on; None where that cannot be said."""
        return seconds_left(run, self._clock.now()) if run.state is State.RUNNING else None

    def cancel_run(self, run: int, *, by: str) -> RunView:
        """Ask for the end of a run; its worker stops within seconds.

        Raises:
            NotFound: there is no such run.
            Conflict: it has ended already.
        """
        return self._view(self._records.cancel_run(run, by=by))

    def cancel_request(self, request: int, *, by: str) -> RequestView:
        """End a request that waits at once, and ask for the end of one that is worked on.

        Raises:
            NotFound: there is no such request.
            Conflict: it has ended already.
        """
        found = self._records.cancel_request(request, by=by, at=self._clock.now())
        run = self._run_of(found)
        if run is not None and run.state is State.RUNNING:
            with suppress(Conflict):  # it has just ended
                self._records.cancel_run(run.id, by=by)
        return self.look_at_request(request)

    def _view(self, run: Run, request: Request | None = None) -> RunView:
        return RunView(
            run,
            self.left_s(run),
            advice(run),
            self._records.run_log(run.id),
            request or self._request_of(run),
        )

    def _run_of(self, request: Request) -> Run | None:
        if request.claimed_at is None:
            return None
        runs = self._records.runs(request.detector, limit=MOST)
        return next((run for run in runs if _serves(run, request)), None)

    def _request_of(self, run: Run) -> Request | None:
        requests = self._records.requests(kind=run.kind, detector=run.detector, limit=MOST)
        return next((one for one in requests if _serves(run, one)), None)


def advice(ended: Run | Request) -> Advice | None:
    """What to do next about a run or a request; None where nothing needs to be done."""
    if ended.state is State.CANCELLED:
        return Advice.BEGIN
    if ended.state is State.INTERRUPTED:
        return Advice.TAKEN_UP
    if ended.state is not State.FAILED:
        return None
    if isinstance(ended, Run) and ended.details.get("retry"):
        return Advice.AGAIN
    return Advice.LOOK if _is_unforeseen(ended.message) else Advice.MEND


def _is_unforeseen(message: str) -> bool:
    """Whether a message only tells an error that nobody foresaw, not what to do about it."""
    by_executor = message.startswith("The task ") and " failed with " in message
    return not message or message.startswith("unexpected ") or by_executor


def _serves(run: Run, request: Request) -> bool:
    """Whether a run is that which served a request: by the same worker, while it had it."""
    same = (run.kind, run.detector, run.worker) == (request.kind, request.detector, request.worker)
    if not same or request.claimed_at is None:
        return False
    until = request.finished_at
    return request.claimed_at <= run.started_at and (until is None or run.started_at <= until)
