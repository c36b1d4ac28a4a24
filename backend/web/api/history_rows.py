"""What the API answers on detectors over time."""

from pydantic import BaseModel, RootModel

from backend.web.api.rows import ScoreRow


class WorstRow(BaseModel):
    """The worst series of a detector at a time."""

    time: int
    detector: str
    score: float | None
    flag: float | None
    alarm: float | None


class CoverageRow(BaseModel):
    """How much of what was due was judged, and how late."""

    time: int
    detector: str
    coverage: float | None
    lag_s: float | None
    series: float | None
    set_aside: float | None
    drifting: float | None


class TrainingRow(BaseModel):
    """One training."""

    time: int
    detector: str
    loss: float | None
    val_loss: float | None
    threshold: float | None
    rows: float | None
    seconds: float | None
    model: str | None
    verdict: str | None


class WorstRows(RootModel[list[WorstRow]]):
    """By time and detector."""


class CoverageRows(RootModel[list[CoverageRow]]):
    """By time and detector."""


class TrainingRows(RootModel[list[TrainingRow]]):
    """By time and detector."""


class TopRows(RootModel[list[ScoreRow]]):
    """Flagged points, newest first."""
