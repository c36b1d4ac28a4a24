"""Train a detector anew: by its schedule, and soon after its labels changed."""

import logging

from backend.exceptions import NormalcyError
from backend.specs import DetectorSpec
from jobs.leases import Held
from jobs.workplace import Task, Workplace

logger = logging.getLogger(__name__)


def retrain(
    work: Workplace, spec: DetectorSpec, lease: Held | None = None, *, known: bool = False
) -> bool:
    """Train a detector; whether that succeeded. With `known`, only rows that are new are read."""
    limit = spec.schedule.retrain_timeout
    told = {"detector": spec.name, **({"known": True} if known else {})}
    task = Task("retrain", "retrain", spec.name, limit, told, lease)
    return not isinstance(work.perform(task), NormalcyError)


def retrain_if_due(work: Workplace, spec: DetectorSpec) -> None:
    """Train a detector if its labels ask for it or it has no model; patiently after failures."""
    now = work.clock.now()
    reason = work.due(spec.name, now)
    if reason is None:
        return
    attempt = f"retrain:{spec.name}"
    labels = frozenset(label.id for label in work.records.labels(spec.name))
    if not work.patience.allows(attempt, labels, now):
        return
    with work.leased(attempt) as lease:
        if lease is None:
            return
        # Another process may have trained it since it was looked at.
        reason = work.due(spec.name, work.clock.now())
        if reason is None:
            lease.finished = False
            return
        logger.info("retrain detector=%s because: %s", spec.name, reason)
        succeeded = retrain(work, spec, lease, known=True)
    work.patience.remember(attempt, labels, work.clock.now(), succeeded=succeeded)
