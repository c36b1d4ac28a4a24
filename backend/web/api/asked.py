"""What may be asked of the API: strict schemas at the door."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from backend.ports import Clock
from backend.records import LabelDraft, LabelKind
from backend.services.drawing import Span
from backend.web.instants import Instant

DAY_NS = 86_400_000_000_000
MOST_POINTS = 10_000

Text = Annotated[str, Field(max_length=2000)]


class Asked(BaseModel):
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

    id: int = Field(ge=1, le=2**63 - 1)


class RequestPath(Asked):
    """Which request."""

    id: int = Field(ge=1, le=2**63 - 1)


class RangeQuery(Asked):
    """A range `[from, to)`, by default the last day."""

    from_: Instant | None = Field(None, alias="from")
    to: Instant | None = Field(None)
    series: list[Text] = Field([], description="keys such as room=R1; none means all")

    def span(self, clock: Clock, points: int = 1000) -> Span:
        """The range asked for."""
        stop = clock.now() if self.to is None else self.to
        start = max(stop - DAY_NS, 0) if self.from_ is None else self.from_
        return Span(start, stop, points)


class PointsQuery(RangeQuery):
    """A range of which so many points for each series are wanted."""

    max_data_points: int = Field(1000, ge=1, le=MOST_POINTS, alias="maxDataPoints")


class ChannelsQuery(PointsQuery):
    """Channels of a range; none named means all that are judged."""

    channel: list[Text] = []


class EventsQuery(RangeQuery):
    """Events of a range, the newest if there are more than `limit`."""

    limit: int = Field(1000, ge=1, le=10_000)


class LabelsQuery(Asked):
    """Labels of one detector or of all."""

    detector: str | None = Field(None, max_length=63)


class RunsQuery(Asked):
    """Runs of one detector or of all."""

    detector: str | None = Field(None, max_length=63)
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

    @property
    def payload(self) -> dict[str, Any]:
        """What the worker is told."""
        return {}


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


class RequestBody(RootModel[Annotated[RetrainBody | BackfillBody, Field(discriminator="kind")]]):
    """Work for the jobs."""
