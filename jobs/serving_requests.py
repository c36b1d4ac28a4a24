"""Do what the pages, the API or a command asked for."""

from collections.abc import Sequence
from datetime import timedelta

from backend.exceptions import NormalcyError
from backend.records import Request, State
from jobs.workplace import Task, Workplace

BACKFILL_LIMIT = timedelta(hours=6)
EXPLAIN_LIMIT = timedelta(minutes=1)


def serve_request(work: Workplace, kinds: Sequence[str]) -> None:
    """Have the oldest request of these kinds served, if one waits."""
    now = work.clock.now()
    request = _oldest(work, kinds, now)
    attempt = f"requests {' '.join(kinds)}"
    if request is None or not work.patience.allows(attempt, request.id, now):
        return
    arguments = {"worker": work.worker, "kinds": list(kinds)}
    task = Task("serve_request", request.kind, request.detector, _limit(work, request), arguments)
    result = work.perform(task)
    failed = isinstance(result, NormalcyError)
    if isinstance(result, NormalcyError) and not work.stopping.is_set():
        _give_up(work, kinds, str(result))
    work.patience.remember(attempt, request.id, work.clock.now(), succeeded=not failed)


def _oldest(work: Workplace, kinds: Sequence[str], now: int) -> Request | None:
    """The request that a worker would take: a cheap look each second that wakes nobody."""
    free = (r for r in work.records.open_requests() if r.kind in kinds and _is_free(r, now))
    return next(free, None)


def _is_free(request: Request, now: int) -> bool:
    abandoned = request.deadline is not None and request.deadline <= now
    return request.state is State.WAITING or abandoned


def _limit(work: Workplace, request: Request) -> timedelta:
    if request.kind == "retrain":
        for spec in work.detectors():
            if spec.name == request.detector:
                return spec.schedule.retrain_timeout
    return EXPLAIN_LIMIT if request.kind == "explain" else BACKFILL_LIMIT


def _give_up(work: Workplace, kinds: Sequence[str], message: str) -> None:
    """Fail the request that was in hand when its worker was lost: it might cost the next one too.

    While the service stops it is left as it is, and taken up again once its deadline has passed.
    """
    for request in work.records.open_requests():
        in_hand = request.state is State.RUNNING and request.worker == work.worker
        if in_hand and request.kind in kinds:
            at = work.clock.now()
            work.records.finish_request(request.id, State.FAILED, at=at, result={}, message=message)
