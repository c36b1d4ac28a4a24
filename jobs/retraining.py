"""Train a detector anew: by its schedule, and soon after its labels changed."""

import logging

from backend.exceptions import NormalcyError
from backend.specs import DetectorSpec
from jobs.workplace import Task, Workplace

logger = logging.getLogger(__name__)


def retrain(work: Workplace, spec: DetectorSpec) -> bool:
    """Train a detector; whether that succeeded."""
    limit = spec.schedule.retrain_timeout
    task = Task("retrain", "retrain", spec.name, limit, {"detector": spec.name})
    return not isinstance(work.perform(task), NormalcyError)


def retrain_if_due(work: Workplace, spec: DetectorSpec) -> None:
    """Train a detector if its labels ask for it or it has no model; patiently after failures."""
    now = work.clock.now()
    reason = work.due(spec.name, now)
    if reason is None:
        return
    attempt = f"retrain {spec.name}"
    labels = frozenset(label.id for label in work.records.labels(spec.name))
    if not work.patience.allows(attempt, labels, now):
        return
    logger.info("retrain detector=%s because: %s", spec.name, reason)
    succeeded = retrain(work, spec)
    work.patience.remember(attempt, labels, work.clock.now(), succeeded=succeeded)
