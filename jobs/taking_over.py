"""What a jobs process that died had in hand is closed, freed, and done by another."""

import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import psutil

from backend.exceptions import Conflict
from backend.records import Lease, Request, State
from backend.services.processes import PROCESS, living
from jobs.workplace import Workplace

logger = logging.getLogger(__name__)

_CLOCKS_DIFFER_NS = 600_000_000_000
"""By so much the start of a process, as the system tells it, moves when the clock is set."""

Resume = Callable[[str, int], None]
"""Begin the piece of work of this name for this scheduled time."""


def take_over(work: Workplace, resume: Resume = lambda name, due: None) -> int:
    """Look for what dead processes left; how many runs were found interrupted.

    A process is dead when its lease has run out, on whichever host it was, or when it gave it back.
    A process without one, such as a command, is dead when this host has no such process, or has it
    only since later: ids are given again, in a container with each start.

    Args:
        work: with the records.
        resume: called for each scheduled time that nobody has finished.
    """
    # Before the leases: who begins a run holds its own by then.
    runs, requests = work.records.open_runs(), work.records.open_requests()
    leases = work.records.leases()
    alive = _Alive.among(leases, work.worker)
    at_work: dict[str, int] = {}
    for run in runs:
        at_work[run.worker] = max(at_work.get(run.worker, 0), run.started_at)
    dead = {worker for worker, when in at_work.items() if not alive.was_alive(worker, when)}
    interrupted = _interrupt(work, dead)
    for request in requests:
        when = request.claimed_at or request.created_at
        if request.state is State.RUNNING and not alive.was_alive(request.worker or "", when):
            _free(work, request)
    for lease in leases:
        _take_up(work, lease, resume)
    return interrupted


def _interrupt(work: Workplace, dead: set[str]) -> int:
    now = work.clock.now()
    return sum(work.records.interrupt_runs(worker=worker, at=now) for worker in dead)


def _free(work: Workplace, request: Request) -> None:
    """Let a claim end now, so that it need not run out."""
    now = work.clock.now()
    if request.deadline is not None and request.deadline > now:
        with suppress(Conflict):  # another one has freed and claimed it
            work.records.update_request(
                request.id, progress=request.progress, deadline=now, worker=request.worker
            )


def _take_up(work: Workplace, lease: Lease, resume: Resume) -> None:
    if lease.holder and (not lease.expired or lease.holder == work.worker):
        return  # its own would be renewed the next moment
    if lease.due is not None:
        resume(lease.name, lease.due)
        return
    if lease.name.startswith(PROCESS):
        logger.warning("process %s is gone: its work is taken over", lease.holder)
    work.records.drop_lease(lease.name, lease.token, done=False)


@dataclass(frozen=True)
class _Alive:
    """Who lives, by the leases."""

    holders: frozenset[str]
    host: str

    @classmethod
    def among(cls, leases: list[Lease], itself: str) -> "_Alive":
        return cls(frozenset({itself, *living(leases)}), socket.gethostname())

    def was_alive(self, worker: str, when: int) -> bool:
        """Whether a process that was at work then still lives; one that nobody can judge does.

        Args:
            worker: as it signs its work.
            when: nanoseconds, at which it was at work.
        """
        host, *rest = worker.split(":")
        if worker in self.holders or not rest or not rest[0].isdecimal():
            return True
        if len(rest) > 1:
            return False
        return host != self.host or _runs_since(int(rest[0]), when)


def _runs_since(pid: int, when: int) -> bool:
    try:
        started: float = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return False
    except (psutil.Error, OverflowError):
        return True
    return started * 1e9 <= when + _CLOCKS_DIFFER_NS
