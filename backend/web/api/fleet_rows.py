"""What the API answers on series side by side."""

from pydantic import BaseModel, Field, RootModel

from backend.services.fleet_view import Together
from backend.services.series_overview import SeriesCondition, SeriesGlance, SeriesPage, Sort, Wanted
from backend.web.api.asked import Asked, RangeQuery, Text
from backend.web.fleet_words import sentence
from backend.web.instants import milliseconds

MOST_ROWS = 1000


class SeriesQuery(Asked):
    """Which series, in which order, and which page of them."""

    search: Text = Field("", description="words that detector and series contain")
    state: SeriesCondition | None = None
    detector: str | None = Field(None, max_length=63)
    sort: Sort = Sort.STATE
    page: int = Field(1, ge=1, le=10**6)
    limit: int = Field(100, ge=1, le=MOST_ROWS, description="rows a page")

    @property
    def wanted(self) -> Wanted:
        """As the use case takes it."""
        return Wanted(self.search, self.state, self.detector, self.sort, self.page, self.limit)


class SeriesGlanceRow(BaseModel):
    """How one series is doing."""

    detector: str
    series: str
    state: SeriesCondition
    why: str
    score: float | None
    open_events: int
    scored_to: int | None
    retry_at: int | None = Field(description="when a series that is set aside is tried again")

    @classmethod
    def of(cls, one: SeriesGlance) -> "SeriesGlanceRow":
        """The row of a series."""
        return cls(
            detector=one.detector,
            series=one.series,
            state=one.condition,
            why=one.why,
            score=one.score,
            open_events=one.open_events,
            scored_to=milliseconds(one.scored_to),
            retry_at=milliseconds(one.set_aside.retry_at) if one.set_aside else None,
        )


class SeriesPageAnswer(BaseModel):
    """A page of series; `found` is how many match, `total` how many there are."""

    series: list[SeriesGlanceRow]
    found: int
    total: int
    states: dict[str, int]
    page: int
    pages: int

    @classmethod
    def of(cls, page: SeriesPage) -> "SeriesPageAnswer":
        """The answer of a page."""
        return cls(
            series=[SeriesGlanceRow.of(one) for one in page.rows],
            found=page.found,
            total=page.total,
            states={one.value: page.counts[one] for one in SeriesCondition},
            page=page.page,
            pages=page.pages,
        )


class GroupsQuery(RangeQuery):
    """A range of one detector or of all."""

    detector: str | None = Field(None, max_length=63)


class MemberRow(BaseModel):
    """A series that deviates."""

    detector: str
    series: str


class ShareRow(BaseModel):
    """How many series of a detector deviate, of how many that had data."""

    detector: str
    deviating: int
    present: int


class GroupRow(BaseModel):
    """Events that began together; `time_end` is null while one goes on."""

    time: int
    time_end: int | None
    cause: str = Field(description="common, part, several, single or alone")
    sentence: str
    peak_score: float
    tag: str | None = Field(description="where the cause is a part: what they have in common")
    shares: list[ShareRow]
    series: list[MemberRow]
    channels: list[str]

    @classmethod
    def of(cls, one: Together) -> "GroupRow":
        """The row of a group."""
        return cls(
            time=milliseconds(one.start),
            time_end=milliseconds(one.stop),
            cause=one.cause.value,
            sentence=sentence(one),
            peak_score=one.peak,
            tag=one.part.name if one.part else None,
            shares=[
                ShareRow(detector=each.detector, deviating=each.deviating, present=each.present)
                for each in one.shares
            ],
            series=[MemberRow(detector=name, series=key) for name, key in one.series],
            channels=list(one.channels),
        )


class GroupRows(RootModel[list[GroupRow]]):
    """Those that go on first, then the newest first."""
