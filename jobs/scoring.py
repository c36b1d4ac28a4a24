"""Score what is new of one detector."""

from backend.exceptions import NormalcyError
from backend.services.pace import Tick
from backend.specs import DetectorSpec
from jobs.leases import Held
from jobs.workplace import Task, Workplace


def score(work: Workplace, spec: DetectorSpec, lease: Held | None = None) -> None:
    """Score a detector up to now, if a model of it serves, and see whether that keeps up."""
    if not work.records.promotions(spec.name):
        return
    began, limit = work.clock.now(), spec.schedule.score_timeout
    task = Task("score", "score", spec.name, limit, {"detector": spec.name}, lease)
    report = work.perform(task)
    if not isinstance(report, NormalcyError):
        tick = Tick.of(report, began, work.clock.now())
        work.pace.note(work.records, spec, tick, work.worker)
