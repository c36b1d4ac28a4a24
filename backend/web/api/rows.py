"""What the API answers: flat rows with every key, times in epoch milliseconds, null for gaps."""

from typing import Any

from pydantic import BaseModel, Field, RootModel

from backend.records import Label, series_key
from backend.services.catalogue import MeasurementFacts, SeriesFound
from backend.services.events import Event
from backend.services.overview import Overview, SeriesState
from backend.services.series_facts import SeriesFacts
from backend.web.api.described import Described
from backend.web.instants import milliseconds


class ProblemDetail(BaseModel):
    """One mistake in a request."""

    where: str
    message: str


class ProblemAnswer(Described):
    """Why a request was not answered."""

    message: str
    error: str
    id: str | None = Field(None, description="what the log has more under")
    problems: list[ProblemDetail] | None = None


class DetectorRow(BaseModel):
    """A detector at a glance."""

    detector: str
    state: str
    why: str
    score: float | None
    scored_to: int | None
    trained_at: int | None
    version: int | None
    coverage: float | None
    lag_s: float | None = Field(description="how long the oldest unscored bucket has waited")
    too_large: str | None = Field(description="what to do where a tick takes about its interval")
    open_events: int
    series: int
    set_aside: int
    read_only: bool

    @classmethod
    def of(cls, one: Overview, read_only: bool) -> "DetectorRow":
        """The row of an overview."""
        return cls(
            detector=one.detector,
            state=one.condition.value,
            why=one.why,
            score=one.score,
            scored_to=milliseconds(one.scored_to),
            trained_at=milliseconds(one.trained_at),
            version=one.champion,
            coverage=one.coverage,
            lag_s=one.lag_s,
            too_large=one.too_large or None,
            open_events=one.open_events,
            series=one.series,
            set_aside=len(one.set_aside),
            read_only=read_only,
        )


class DetectorAnswer(BaseModel):
    """A detector's definition."""

    name: str
    read_only: bool
    spec: dict[str, Any]


class SeriesRow(BaseModel):
    """How one series is doing."""

    detector: str
    series: str
    scored_to: int | None
    score: float | None
    alarm: bool
    set_aside: str | None = Field(description="why it is neither trained nor scored")
    retry_at: int | None

    @classmethod
    def of(cls, one: SeriesState) -> "SeriesRow":
        """The row of a series."""
        return cls(
            detector=one.detector,
            series=one.series,
            scored_to=milliseconds(one.scored_to),
            score=one.score,
            alarm=one.alarm,
            set_aside=one.set_aside.reason if one.set_aside else None,
            retry_at=milliseconds(one.set_aside.retry_at) if one.set_aside else None,
        )


class ScoreRow(BaseModel):
    """One scored point; all null marks a gap."""

    time: int
    series: str
    error: float | None
    smoothed: float | None
    threshold: float | None
    score: float | None
    flag: float | None
    alarm: float | None
    judged: float | None
    outside: float | None = Field(description="1 where the input is beyond what training saw")
    channels_used: float | None
    top1: str | None
    top1_share: float | None
    top2: str | None
    top2_share: float | None
    top3: str | None
    top3_share: float | None
    top1_index: float | None
    top2_index: float | None
    top3_index: float | None
    reason: str | None
    model: str | None


class ChannelRow(BaseModel):
    """One value of one channel; null marks a gap."""

    time: int
    series: str
    channel: str
    value: float | None


class EventRow(BaseModel):
    """A merged run of flagged points; `time_end` is null while it goes on."""

    time: int
    time_end: int | None
    id: str
    detector: str
    series: str
    peak_score: float
    open: bool
    provisional: bool
    top1: str | None
    top2: str | None
    top3: str | None
    model: str

    @classmethod
    def of(cls, one: Event) -> "EventRow":
        """The row of an event."""
        tops = [*one.channels, None, None, None]
        return cls(
            time=milliseconds(one.start),
            time_end=milliseconds(one.stop),
            id=one.id,
            detector=one.detector,
            series=one.series,
            peak_score=one.peak_score,
            open=one.stop is None,
            provisional=one.provisional,
            top1=tops[0],
            top2=tops[1],
            top3=tops[2],
            model=one.model,
        )


class LabelRow(BaseModel):
    """A statement on a range; an empty `series` speaks for the whole detector."""

    time: int
    time_end: int
    id: int
    detector: str
    kind: str
    series: str
    note: str
    source: str
    created_by: str
    created_at: int

    @classmethod
    def of(cls, one: Label) -> "LabelRow":
        """The row of a label."""
        return cls(
            time=milliseconds(one.start),
            time_end=milliseconds(one.stop),
            id=one.id,
            detector=one.detector,
            kind=one.kind.value,
            series=series_key(one.tags),
            note=one.note,
            source=one.source,
            created_by=one.created_by,
            created_at=milliseconds(one.created_at),
        )


class DetectorRows(RootModel[list[DetectorRow]]):
    """Detectors by name."""


class SeriesRows(RootModel[list[SeriesRow]]):
    """Series by key."""


class ScoreRows(RootModel[list[ScoreRow]]):
    """Scores by time and series."""


class ChannelRows(RootModel[list[ChannelRow]]):
    """Values by time, series and channel."""


class EventRows(RootModel[list[EventRow]]):
    """Events by start."""


class LabelRows(RootModel[list[LabelRow]]):
    """Labels by start."""


class MeasurementRow(BaseModel):
    """A measurement of a store."""

    measurement: str


class FieldRow(BaseModel):
    """A field of a measurement; `kinds` has several where it changed, first the one read."""

    measurement: str
    field: str
    kind: str
    kinds: str

    @classmethod
    def all_of(cls, facts: MeasurementFacts) -> "list[FieldRow]":
        """The rows of a measurement."""
        return [
            cls(
                measurement=facts.name,
                field=name,
                kind=kind,
                kinds=", ".join(facts.mixed.get(name, (kind,))),
            )
            for name, kind in facts.fields.items()
        ]


class TagRow(BaseModel):
    """A value of a tag; `more` says that the tag has values that are not listed."""

    measurement: str
    tag: str
    value: str
    more: bool

    @classmethod
    def all_of(cls, facts: MeasurementFacts) -> "list[TagRow]":
        """The rows of a measurement."""
        return [
            cls(measurement=facts.name, tag=tag, value=value, more=tag in facts.cut)
            for tag, values in facts.tags.items()
            for value in values
        ]


class StoredSeriesRow(BaseModel):
    """A series as it is stored, and its rhythm; `more` says that not all series are listed."""

    measurement: str
    series: str
    first: int
    last: int
    cadence_s: float | None = Field(description="usual distance of two rows")
    gaps: int = Field(description="among the newest rows, which were looked at")
    newest_gap_from: int | None
    newest_gap_to: int | None
    rows: int = Field(description="how many were looked at")
    more: bool

    @classmethod
    def all_of(cls, measurement: str, found: SeriesFound) -> "list[StoredSeriesRow]":
        """The rows of a measurement."""
        return [cls._of(measurement, one, found.more) for one in found.described]

    @classmethod
    def _of(cls, measurement: str, one: SeriesFacts, more: bool) -> "StoredSeriesRow":
        start, stop = one.gaps[-1] if one.gaps else (None, None)
        return cls(
            measurement=measurement,
            series=one.key,
            first=milliseconds(one.first),
            last=milliseconds(one.last),
            cadence_s=None if one.step is None else one.step / 1e9,
            gaps=one.gap_count,
            newest_gap_from=milliseconds(start),
            newest_gap_to=milliseconds(stop),
            rows=one.rows,
            more=more,
        )


class MeasurementRows(RootModel[list[MeasurementRow]]):
    """Measurements of a store."""


class FieldRows(RootModel[list[FieldRow]]):
    """Fields of a measurement."""


class TagRows(RootModel[list[TagRow]]):
    """Tags of a measurement."""


class StoredSeriesRows(RootModel[list[StoredSeriesRow]]):
    """Series of a measurement."""
