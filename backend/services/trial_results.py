"""What is asked of a trial, and what comes of it."""

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from backend.records import SeriesKey
from backend.services.trial_failures import Failure
from backend.services.trial_tally import Span
from backend.services.trial_verdict import Verdict
from backend.services.trial_weighing import Weighed


@dataclass(frozen=True)
class Plan:
    """What is to be tried.

    Attributes:
        detector: its name.
        start: of the trial; data before it are only learned from, if labelled.
        retrain_every: distance of retrain moments; by the detector's timetable if not given, a week
            where it has none.
        failures: what broke.
        horizon: how long before a failure an alarm counts as its announcement, nanoseconds.
        most_alarms: false alarms a week, of one series, that an operator would stand.
    """

    detector: str
    start: int
    retrain_every: timedelta | None = None
    failures: tuple[Failure, ...] = ()
    horizon: int = 2 * 86_400_000_000_000
    most_alarms: float = 1.0


@dataclass(frozen=True)
class Trained:
    """One retrain moment: what came of it, or why nothing did."""

    at: int
    series: int = 0
    hours: float = 0.0
    labels: int = 0
    provisional: bool = False
    failed: str = ""


@dataclass(frozen=True)
class SeriesTrial:
    """How one series fared.

    Attributes:
        verdict: go or no-go, and why.
        weighed: its figures and its alarms, each with what explains it.
        curve: highest score in each of the equal parts of the trial; NaN where not judged.
        detection_limits: what the newest version can see, in sensor units, a sentence each.
    """

    verdict: Verdict
    weighed: Weighed
    curve: tuple[float, ...]
    detection_limits: tuple[str, ...]

    def plain(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {
            "go": self.verdict.go,
            "reason": self.verdict.reason,
            **self.weighed.figures.plain(),
            "detection_limits": list(self.detection_limits),
            "alarm_list": [asdict(told) for told in self.weighed.alarms],
            "failure_list": [asdict(one) for one in self.weighed.failures],
        }


@dataclass(frozen=True)
class TrialReport:
    """What would have happened.

    Attributes:
        detector: its name.
        span: the time that was replayed.
        trained: every retrain moment at which there was something new to learn.
        series: key to how it fared.
        notes: what else to know.
    """

    detector: str
    span: Span
    trained: tuple[Trained, ...]
    series: dict[SeriesKey, SeriesTrial]
    notes: tuple[str, ...]

    def plain(self) -> dict[str, Any]:
        """As JSON-ready values; times in nanoseconds."""
        return {
            "detector": self.detector,
            "start": self.span.start,
            "stop": self.span.stop,
            "trained": [asdict(one) for one in self.trained],
            "series": {key: one.plain() for key, one in self.series.items()},
            "notes": list(self.notes),
        }
