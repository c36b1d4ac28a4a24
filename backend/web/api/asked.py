"""What may be asked of the API: strict schemas at the door."""

from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, RootModel, field_validator

from backend.ports import Clock
from backend.records import LabelDraft, LabelKind, State
from backend.services.drawing import Span
from backend.web.api.described import Described
from backend.web.instants import Instant
from backend.web.numbers import LARGEST

DAY_NS = 86_400_000_000_000
MOST_POINTS = 10_000

LONGEST_KEY = 2000

Text = Annotated[str, Field(max_length=LONGEST_KEY)]
Number = Annotated[int, Field(ge=1, le=LARGEST)]
"""Of a record."""
Flag = Annotated[bool, Field(strict=True)]
"""In a body: true or false, and nothing that might mean one of them."""


class Asked(Described, BaseModel):  # the second for linters, which see one file
    """Base of all: fields by their outside names only."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Strict(Asked):
    """Base of bodies: an unknown key is an error, or a misspelt one would be lost silently."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DetectorPath(Asked):
    """Which detector."""

    name: str = Field(max_length=63)


class VersionPath(DetectorPath):
    """Which version of which detector."""

    number: int = Field(ge=1, le=2**31)


class LabelPath(Asked):
    """Which label."""

    id: Number


class RunPath(Asked):
    """Which run."""

    id: Number


class RequestPath(Asked):
    """Which request."""

    id: Number


class RangeQuery(Asked):
    """A range `[from, to)`, by default the last day."""

    from_: Instant | None = Field(None, alias="from")
    to: Instant | None = Field(None)
    series: list[Annotated[str, Field(max_length=200_000)]] = Field(
        [], description="keys such as room=R1, or one JSON list of them; none means all"
    )

    @field_validator("series", mode="after")
    @classmethod
    def _listed(cls, series: list[str]) -> list[str]:
        """A variable of Grafana with several values arrives as one JSON list."""
        return [key for text in series for key in _keys(text)]

    def span(self, clock: Clock, points: int = 1000) -> Span:
        """The range asked for."""
        stop = clock.now() if self.to is None else self.to
        start = max(stop - DAY_NS, 0) if self.from_ is None else self.from_
        return Span(start, stop, points)


def _keys(text: str) -> list[str]:
    keys = _listed(text) if text.startswith("[") else [text]
    if any(len(key) > LONGEST_KEY for key in keys):
        raise ValueError(f"expected keys of at most {LONGEST_KEY} characters")
    return keys


def _listed(text: str) -> list[str]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValueError("expected a key such as room=R1, or a JSON list of such keys") from error
    if not all(isinstance(one, str) for one in found):
        raise ValueError("expected a JSON list of texts")
    return list(found)


class PointsQuery(RangeQuery):
    """A range of which so many points for each series are wanted."""

    max_data_points: int = Field(1000, ge=1, le=MOST_POINTS, alias="maxDataPoints")


class ChannelsQuery(PointsQuery):
    """Channels of a range; none named means all that are judged."""

    channel: list[Text] = []


class EventsQuery(RangeQuery):
    """Events of a range, the newest if there are more than `limit`."""

    limit: int = Field(1000, ge=1, le=10_000)


class HistoryQuery(PointsQuery):
    """A range of one detector or of all; with `newest` only the last row of each."""

    detector: str | None = Field(None, max_length=63)
    newest: bool = False


class TopsQuery(RangeQuery):
    """Flagged points of a range, the newest."""

    limit: int = Field(200, ge=1, le=1000)


class AllEventsQuery(Asked):
    """Events that go on, of one detector or of all."""

    detector: str | None = Field(None, max_length=63)


class LabelsQuery(Asked):
    """Labels of one detector or of all, of one kind or any; with both ends those in a range."""

    detector: str | None = Field(None, max_length=63)
    kind: LabelKind | None = None
    from_: Instant | None = Field(None, alias="from")
    to: Instant | None = None

    @property
    def span(self) -> Span | None:
        """The range asked for, if both ends are told."""
        if self.from_ is None or self.to is None:
            return None
        return Span(self.from_, self.to)


class RunsQuery(Asked):
    """Runs of one detector or of all, in one state or in any."""

    detector: str | None = Field(None, max_length=63)
    state: State | None = None
    ascending: bool = Field(False, description="the oldest of them first")
    limit: int = Field(100, ge=1, le=1000)


class LimitQuery(Asked):
    """How many."""

    limit: int = Field(100, ge=1, le=1000)


class SpecBody(RootModel[dict[str, Any]]):
    """A detector as it would stand in normalcy.yaml."""


class LabelBody(Strict):
    """A statement on `[from, to)`; empty `tags` speak for the whole detector."""

    detector: str = Field(max_length=63)
    kind: LabelKind
    from_: Instant = Field(alias="from")
    to: Instant
    tags: dict[str, Text] = {}
    note: Text = ""

    def draft(self) -> LabelDraft:
        """The label as the use case takes it."""
        return LabelDraft(self.detector, self.kind, self.from_, self.to, self.tags, self.note)


class LabelsBody(
    RootModel[LabelBody | Annotated[list[LabelBody], Field(min_length=1, max_length=1000)]]
):
    """One label or many, stored all or none."""

    @property
    def drafts(self) -> list[LabelDraft]:
        """The labels as the use case takes them."""
        many = self.root if isinstance(self.root, list) else [self.root]
        return [one.draft() for one in many]


class StoreQuery(Asked):
    """Which of the two stores to look into."""

    store: Literal["source", "results"] = "source"


class MeasurementQuery(StoreQuery):
    """Which measurement."""

    measurement: Text


class SeriesOfQuery(MeasurementQuery):
    """The series of a measurement."""

    by: list[Text] = Field([], description="tags that part rows into series; none means all")
    limit: int = Field(500, ge=1, le=5000)


class RetrainBody(Strict):
    """Train a new version now."""

    kind: Literal["retrain"]
    detector: str = Field(max_length=63)
    cold: Flag = Field(
        default=False, description="begin anew, not with the weights of the version that serves"
    )

    @property
    def payload(self) -> dict[str, Any]:
        """What the worker is told."""
        return {"cold": True} if self.cold else {}


class BackfillBody(Strict):
    """Score `[from, to)` again."""

    kind: Literal["backfill"]
    detector: str = Field(max_length=63)
    from_: Instant = Field(alias="from")
    to: Instant

    @property
    def payload(self) -> dict[str, Any]:
        """What the worker is told: the range in nanoseconds."""
        return {"start": self.from_, "stop": self.to}


class ExplainBody(Strict):
    """Say why a point is scored as it is; `series` may be left out where there is only one."""

    kind: Literal["explain"]
    detector: str = Field(max_length=63)
    time: Instant
    series: Text | None = None

    @property
    def payload(self) -> dict[str, Any]:
        """What the worker is told: the time in nanoseconds."""
        return {"time": self.time, "series": self.series}


class RangeBody(Strict):
    """`[from, to)`."""

    from_: Instant = Field(alias="from")
    to: Instant


class DryRunBody(Strict):
    """Train on ranges that would be called normal, and keep nothing.

    `spec` is a detector as it would stand in normalcy.yaml; without it the stored one is tried.
    """

    kind: Literal["dry_run"]
    detector: str = Field(max_length=63)
    spec: dict[str, Any] | None = None
    ranges: list[RangeBody] = Field(min_length=1, max_length=50)

    @property
    def payload(self) -> dict[str, Any]:
        """What the worker is told: the ranges in nanoseconds."""
        told: dict[str, Any] = {} if self.spec is None else {"spec": self.spec}
        return {**told, "ranges": [[part.from_, part.to] for part in self.ranges]}


class RequestBody(
    RootModel[
        Annotated[
            RetrainBody | BackfillBody | ExplainBody | DryRunBody, Field(discriminator="kind")
        ]
    ]
):
    """Work for the jobs."""
