"""The lines of the timetable: what is done, when, where, and within which limit."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Literal

from apscheduler.triggers.base import BaseTrigger

from backend.services.cron import cron_trigger
from backend.specs import DetectorSpec
from backend.specs.times import parse_zone
from jobs.aligned import AlignedTrigger, SteadyTrigger
from jobs.chores import Chore
from jobs.places import REQUESTED, SLOTS
from jobs.retraining import retrain, retrain_if_due
from jobs.scoring import score
from jobs.serving_requests import LIMITS, serve_request
from jobs.taking_over import take_over
from jobs.workplace import Workplace

logger = logging.getLogger(__name__)

HOUSEKEEPING = "housekeeping"
CHORES = "chores"
POOLS = {"default": 1, HOUSEKEEPING: 1, CHORES: 3, **SLOTS}
"""Threads of each pool, one a worker: waiting work then waits here, where it holds nothing up."""
_LONGEST_TRAINING = timedelta(days=1)
_WRITTEN = timedelta(milliseconds=250)
"""A point that was taken at the very end of a bucket needs so long to be in the store."""


@dataclass(frozen=True)
class Entry:
    """One line of the timetable.

    Attributes:
        id: kind of job and what it is about; the name of its lease.
        action: what is done; it is given the lease where `by` is `one`.
        trigger: when.
        pool: threads it runs in; a place of `jobs.places`, `HOUSEKEEPING` or `CHORES`.
        timeout: the action's own limit; when it is overrun by a minute the service is stuck.
        coalesce: several missed times become one, which is served however late.
        max_instances: how many may run at once.
        at_once: whether its first time is now.
        by: which of several processes does it: `all` of them, since it does no harm or claims what
            it does by itself; `one`, whichever comes first to a time; or the `keeper`, one that
            goes on doing it for as long as it lives.
        makes_up: whether it is done, once, also for times that passed while nothing ran.
    """

    id: str
    action: Callable[..., object]
    trigger: BaseTrigger
    pool: str
    timeout: timedelta
    coalesce: bool = True
    max_instances: int = 1
    at_once: bool = False
    by: Literal["all", "one", "keeper"] = "all"
    makes_up: bool = False


def standing_entries(
    work: Workplace,
    refresh: Callable[[], object],
    resume: Callable[[str, int], None],
    make_up: Callable[[], object],
) -> list[Entry]:
    """What is done for the service as a whole."""
    requests = [
        Entry(
            id=f"requests:{place}",
            action=partial(serve_request, work, kinds),
            trigger=SteadyTrigger(timedelta(seconds=1)),
            pool=place,
            timeout=max(LIMITS.get(kind, _LONGEST_TRAINING) for kind in kinds),
        )
        for place, kinds in REQUESTED.items()
    ]
    timetable = Entry(
        id="timetable:",
        action=refresh,
        trigger=SteadyTrigger(timedelta(seconds=30)),
        pool=HOUSEKEEPING,
        timeout=timedelta(minutes=1),
        at_once=True,
    )
    taking_over = Entry(
        id="takeover:",
        action=partial(take_over, work, resume),
        trigger=SteadyTrigger(timedelta(seconds=5)),
        pool=HOUSEKEEPING,
        timeout=timedelta(minutes=1),
    )
    making_up = Entry(
        id="missed:",
        action=make_up,
        trigger=SteadyTrigger(timedelta(seconds=30)),
        pool=HOUSEKEEPING,
        timeout=timedelta(minutes=5),
    )
    return [timetable, taking_over, making_up, *requests]


def chore_entry(chore: Chore) -> Entry:
    """A chore as a line of the timetable."""
    return Entry(
        id=f"chore:{chore.name}",
        action=chore.action,
        trigger=SteadyTrigger(chore.every),
        pool=CHORES,
        timeout=chore.limit,
        at_once=True,
        by="keeper",
    )


def detector_entries(work: Workplace, spec: DetectorSpec) -> list[Entry]:
    """What is done for one detector."""
    plan = spec.schedule
    scoring = Entry(
        id=f"score:{spec.name}",
        action=partial(score, work, spec),
        trigger=AlignedTrigger(plan.score, spec.delay + _WRITTEN),
        pool="score",
        timeout=plan.score_timeout,
        at_once=True,
        by="one",
    )
    labels = Entry(
        id=f"labels:{spec.name}",
        action=partial(retrain_if_due, work, spec),
        trigger=SteadyTrigger(timedelta(seconds=15)),
        pool="train",
        timeout=plan.retrain_timeout,
        at_once=True,
    )
    return [scoring, labels, *_scheduled_training(work, spec)]


def _scheduled_training(work: Workplace, spec: DetectorSpec) -> list[Entry]:
    plan = spec.schedule
    if plan.retrain is None:
        return []
    try:
        trigger = cron_trigger(plan.retrain, parse_zone(plan.timezone))
    except ValueError as error:
        logger.warning("retrain detector=%s is not scheduled: %s", spec.name, error)
        return []
    entry = Entry(
        id=f"retrain:{spec.name}",
        action=partial(retrain, work, spec),
        trigger=trigger,
        pool="train",
        timeout=plan.retrain_timeout,
        by="one",
        makes_up=True,
    )
    return [entry]
