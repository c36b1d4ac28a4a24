"""What is counted of a piece of work that has ended, from what came of it."""

from collections.abc import Mapping
from typing import Any

from backend.exceptions import (
    Cancelled,
    LeaseLost,
    NormalcyError,
    OutOfMemory,
    TaskTimeout,
    WorkerDied,
)
from backend.services.meters import Meters

_OUTCOMES: tuple[tuple[type[NormalcyError], str], ...] = (
    (Cancelled, "cancelled"),
    (LeaseLost, "taken_over"),
    (TaskTimeout, "timed_out"),
    (OutOfMemory, "out_of_memory"),
    (WorkerDied, "lost"),
)
"""First match wins."""
_TRAINING = "retrain"
_POINTS = ("due", "judged", "points", "flagged")


def count(
    meters: Meters,
    kind: str,
    detector: str,
    answer: Mapping[str, Any] | NormalcyError,
    seconds: float,
) -> None:
    """Count a piece of work.

    Args:
        meters: of this process.
        kind: of the work.
        detector: that it was about.
        answer: what the worker gave back, or why it did not.
        seconds: that it took.
    """
    outcome = outcome_of(answer)
    meters.job_ended(kind, outcome, seconds)
    if outcome == "timed_out":
        meters.timed_out(kind)
    if kind == _TRAINING:
        verdict = "" if isinstance(answer, NormalcyError) else answer.get("verdict")
        meters.trained(detector, str(verdict or outcome), seconds)
    if kind == "score" and not isinstance(answer, NormalcyError):
        meters.scored(detector, **{name: int(answer.get(name, 0)) for name in _POINTS})


def outcome_of(answer: Mapping[str, Any] | NormalcyError) -> str:
    """How a piece of work ended, in one word.

    A request that failed in the worker was served all the same: its answer says how it ended.
    """
    if isinstance(answer, NormalcyError):
        known = (word for error, word in _OUTCOMES if isinstance(answer, error))
        return next(known, "failed")
    return str(answer.get("state", "done"))
