"""Do what the pages, the API or a command asked for."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from backend.exceptions import Cancelled, LeaseLost, NormalcyError
from backend.records import Request, State
from jobs.leases import Held
from jobs.workplace import Task, Workplace

BACKFILL_LIMIT = timedelta(hours=6)
LIMITS: Mapping[str, timedelta] = {
    "explain": timedelta(minutes=1),
    "threshold": timedelta(minutes=15),
    "dry_run": timedelta(minutes=15),
    "compare": timedelta(hours=1),
    "backfill": BACKFILL_LIMIT,
}
"""How long a request of each kind may take; that of a training is its detector's."""
_ANY_NUMBER = ("explain", "compare", "dry_run")
"""What several processes may do for one detector at once: it changes nothing."""


def serve_request(work: Workplace, kinds: Sequence[str]) -> None:
    """Have the oldest request of these kinds served, if one waits.

    One whose detector another process trains or backfills at the moment waits for that.
    """
    now = work.clock.now()
    attempt = f"requests {' '.join(kinds)}"
    for request in _free(work, kinds, now):
        if not work.patience.allows(attempt, request.id, now) or _serve(work, request, attempt):
            return


def _free(work: Workplace, kinds: Sequence[str], now: int) -> list[Request]:
    """The requests that a worker would take: a cheap look each second that wakes nobody."""
    return [r for r in work.records.open_requests() if r.kind in kinds and _is_free(r, now)]


def _serve(work: Workplace, request: Request, attempt: str) -> bool:
    """Have a request served; False if another process is at work on the same."""
    if request.kind in _ANY_NUMBER:
        _have_done(work, request, attempt, None)
        return True
    # another threshold makes a version, as a training does: one after the other
    kind = "retrain" if request.kind == "threshold" else request.kind
    with work.leased(f"{kind}:{request.detector}") as lease:
        if lease is not None:
            _have_done(work, request, attempt, lease)
        return lease is not None


def _have_done(work: Workplace, request: Request, attempt: str, lease: Held | None) -> None:
    arguments = {"kinds": [request.kind], "request": request.id, "detector": request.detector}
    limit = _limit(work, request)
    task = Task("serve_request", request.kind, request.detector, limit, arguments, lease)
    result = work.perform(task)
    failed = isinstance(result, NormalcyError)
    lost = isinstance(result, LeaseLost)
    if isinstance(result, NormalcyError) and not lost and not work.stopping.is_set():
        _give_up(work, request, result)
    work.patience.remember(attempt, request.id, work.clock.now(), succeeded=not failed)


def _is_free(request: Request, now: int) -> bool:
    abandoned = request.deadline is not None and request.deadline <= now
    return request.state is State.WAITING or abandoned


def _limit(work: Workplace, request: Request) -> timedelta:
    if request.kind == "retrain":
        for spec in work.detectors():
            if spec.name == request.detector:
                return spec.schedule.retrain_timeout
    return LIMITS.get(request.kind, BACKFILL_LIMIT)


def _give_up(work: Workplace, request: Request, error: NormalcyError) -> None:
    """Fail the request that was in hand when its worker was lost: it might cost the next one too.

    One whose worker was ended because a person cancelled it ends so.
    While the service stops it is left as it is, and taken up again once its deadline has passed.
    One that was not claimed, or by another process meanwhile, is left alone.
    """
    now = work.records.request(request.id)
    if now.state is State.RUNNING and now.worker == work.worker:
        at, state = work.clock.now(), State.FAILED
        if isinstance(error, Cancelled):
            work.records.cancel_request(request.id, by=error.by, at=at)
            state = State.CANCELLED
        work.records.finish_request(
            request.id, state, at=at, result={}, message=str(error), worker=work.worker
        )
