"""What the API takes and answers on comparisons and reviews of versions."""

from typing import Any

from pydantic import BaseModel, Field

from backend.records import Request
from backend.services.comparison_request import MOST_WEEKS, WEEKS, Pair
from backend.services.comparison_results import retold
from backend.services.comparison_verdict import sentences, verdict_of
from backend.web.api.asked import Asked, Strict, Text
from backend.web.api.work_rows import RequestRow
from backend.web.instants import milliseconds

_TIMES = ("start", "stop", "at", "mark", "from", "created_at")
_MS = 1e6
_WAYS = {**dict.fromkeys(_TIMES, milliseconds), "step": lambda step: step / _MS}


class ComparedQuery(Asked):
    """Which comparison: by default with the version that serves, over four weeks."""

    champion: int | None = Field(None, ge=1, le=2**31)
    weeks: int = Field(WEEKS, ge=1, le=MOST_WEEKS)


class ComparedBody(Strict):
    """Which comparison: by default with the version that serves, over four weeks."""

    champion: int | None = Field(None, ge=1, le=2**31)
    weeks: int = Field(WEEKS, ge=1, le=MOST_WEEKS)


class ReviewQuery(Asked):
    """Whose curves and errors; by default those of the first series."""

    series: Text | None = None


class ComparisonAnswer(BaseModel):
    """The newest comparison of two versions.

    `request` is the newest that was asked for, `result` what the newest one that was done came to:
    the time it covers, the figures of both, alerts gone, new and kept, labelled anomalies, input
    against reconstruction. Times are epoch milliseconds.
    """

    detector: str
    challenger: int
    champion: int | None
    weeks: int
    request: RequestRow | None
    sentence: str
    result: dict[str, Any] | None

    @classmethod
    def of(cls, pair: Pair, newest: Request | None, done: Request | None) -> "ComparisonAnswer":
        """The answer by what is on record."""
        result = None if done is None else done.result
        return cls(
            detector=pair.detector,
            challenger=pair.challenger,
            champion=pair.champion,
            weeks=pair.weeks,
            request=None if newest is None else RequestRow.of(newest),
            sentence="" if result is None else sentences(verdict_of(result)),
            result=None if result is None else in_milliseconds(result),
        )


class ReviewAnswer(BaseModel):
    """How a version was trained: figures, curves, held-out errors, labels; times in epoch ms."""

    detector: str
    number: int
    created_at: int
    verdict: str
    provisional: bool
    served: list[dict[str, Any]]
    champion: int | None
    rows: int | None
    seconds: float | None
    folds: int | None
    keys: list[str]
    series: dict[str, Any] | None
    champion_series: dict[str, Any] | None
    trimmed: list[dict[str, Any]]
    warnings: list[str]
    set_aside: dict[str, str]
    labels: dict[str, Any]


def in_milliseconds(value: Any) -> Any:
    """Nested values with their times, and steps between times, in epoch milliseconds."""
    return retold(value, _WAYS)
