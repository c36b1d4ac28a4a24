"""Score what is new of one detector."""

from backend.specs import DetectorSpec
from jobs.workplace import Task, Workplace


def score(work: Workplace, spec: DetectorSpec) -> None:
    """Score a detector up to now, if a model of it serves."""
    if work.records.promotions(spec.name):
        limit = spec.schedule.score_timeout
        work.perform(Task("score", "score", spec.name, limit, {"detector": spec.name}))
