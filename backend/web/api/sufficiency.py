"""Whether there is enough labelled normal time: in short of all series, and whole of one."""

from typing import Any

from pydantic import BaseModel, Field, RootModel

from backend.services.sufficiency import LIVE, Brief, Sufficient
from backend.web.api.asked import DAY_NS, LONGEST_KEY, Asked, DetectorPath
from backend.web.api.blueprints import part
from backend.web.application import application
from backend.web.instants import milliseconds

api = part("sufficiency", "Whether there is enough labelled normal time.")


class SufficiencyQuery(Asked):
    """Which series, and how much recent data is compared with its labels."""

    series: str = Field("", max_length=LONGEST_KEY)
    days: float = Field(LIVE / DAY_NS, gt=0, le=366)


class BriefRow(BaseModel):
    """What labels alone say of a series; no data are read."""

    detector: str
    series: str
    verdict: str
    sentence: str
    hours: float
    learned_hours: float | None

    @classmethod
    def of(cls, detector: str, one: Brief) -> "BriefRow":
        """The row of a series."""
        return cls(
            detector=detector,
            series=one.series,
            verdict=one.verdict,
            sentence=one.sentence,
            hours=one.hours,
            learned_hours=one.learned_hours,
        )


class BriefRows(RootModel[list[BriefRow]]):
    """Verdicts by series."""


class LevelsRow(BaseModel):
    """Levels of a channel: edges, and the share of live and of labelled values in each."""

    channel: str
    edges: list[float]
    live: list[float]
    normal: list[float]
    uncovered: list[bool]


class OutsideRow(BaseModel):
    """A range of live data like nothing that was called normal."""

    time: int
    time_end: int
    channel: str


class ContradictionRow(BaseModel):
    """What speaks against a normal label: overlap, flagged or trimmed; the label comes first."""

    kind: str
    time: int
    time_end: int
    labels: list[int]
    share: float
    channel: str


class EmptyRow(BaseModel):
    """A range in a normal label that holds no data."""

    time: int
    time_end: int


class SufficiencyAnswer(BaseModel):
    """The verdict on one series and the figures behind it; weeks are 7 days of 24 hours."""

    detector: str
    series: str
    verdict: str = Field(description="enough, thin, not enough or contradictory")
    sentence: str
    hours: float
    days: int
    needed_hours: float
    wanted_hours: float
    outside_share: float | None
    contradicted_hours: float
    timezone: str
    normal_week: list[list[float]]
    live_week: list[list[float]]
    absent_hours: list[tuple[int, int]]
    absent_days: list[tuple[int, int]]
    live_from: int | None
    live_to: int | None
    levels: list[LevelsRow]
    outside: list[OutsideRow]
    outside_count: int
    contradictions: list[ContradictionRow]
    gaps: list[EmptyRow]
    gap_hours: float
    step_s: float

    @classmethod
    def of(cls, one: Sufficient) -> "SufficiencyAnswer":
        """Everything on a series."""
        figures = one.figures
        return cls(
            detector=one.detector,
            series=one.series,
            verdict=one.verdict,
            sentence=one.sentence,
            hours=figures.hours,
            days=one.days,
            needed_hours=one.needed_hours,
            wanted_hours=figures.wanted_hours,
            outside_share=figures.outside_share,
            contradicted_hours=figures.contradicted_hours,
            timezone=one.timezone,
            normal_week=one.normal_week.tolist(),
            live_week=one.live_week.tolist(),
            absent_hours=one.absent_hours,
            absent_days=one.absent_days,
            live_from=None if one.live is None else milliseconds(one.live[0]),
            live_to=None if one.live is None else milliseconds(one.live[1]),
            outside_count=one.outside_count,
            gap_hours=one.gap_hours,
            step_s=one.step / 1e9,
            **_lists(one),
        )


def _lists(one: Sufficient) -> dict[str, Any]:
    return {
        "levels": [
            LevelsRow(
                channel=name,
                edges=levels.edges.tolist(),
                live=levels.live.tolist(),
                normal=levels.normal.tolist(),
                uncovered=levels.uncovered.tolist(),
            )
            for name, levels in one.levels.items()
        ],
        "outside": [
            OutsideRow(time=milliseconds(x.start), time_end=milliseconds(x.stop), channel=x.channel)
            for x in one.outside
        ],
        "contradictions": [
            ContradictionRow(
                kind=x.kind,
                time=milliseconds(x.start),
                time_end=milliseconds(x.stop),
                labels=list(x.labels),
                share=x.share,
                channel=x.channel,
            )
            for x in one.contradictions
        ],
        "gaps": [EmptyRow(time=milliseconds(a), time_end=milliseconds(b)) for a, b in one.gaps],
    }


@api.get("/detectors/<string:name>/sufficiency", responses={"200": BriefRows})
def list_sufficiency(path: DetectorPath) -> list[BriefRow]:
    """What labels alone say of every series; one question to the source for all of them."""
    found = application().sufficiency.overview(path.name)
    return [BriefRow.of(path.name, one) for one in found]


@api.get("/detectors/<string:name>/sufficiency/series", responses={"200": SufficiencyAnswer})
def get_sufficiency(path: DetectorPath, query: SufficiencyQuery) -> dict[str, Any]:
    """The verdict on one series, with its hours, levels, uncovered ranges and contradictions."""
    last = round(query.days * DAY_NS)
    found = application().sufficiency.judge(path.name, query.series, last=last)
    return SufficiencyAnswer.of(found).model_dump()
