"""What a question about another threshold is answered with, and how it is counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.detection.counted import Counted, of_counts
from backend.detection.multiples import ANOMALOUS, NORMAL
from backend.detection.runs import Mask
from backend.ports import Floats
from backend.services.downsampling import Table
from backend.services.kept_errors import Backing

_HOUR_NS = 3.6e12
_WEEK_HOURS = 168.0


@dataclass(frozen=True)
class Side:
    """What one of two thresholds gives of a series, or of several together.

    Attributes:
        alerts: how often an alarm turned on.
        a_week: alerts a week of judged time; NaN where there is none.
        flagged: points above the threshold.
        hits, false: those of them that are labelled anomalies, and normal.
        caught: labelled anomalies with a flagged point.
        limit: the newest threshold of the range, NaN where nobody knows it.
        backing: what backs it; None where nothing has to, or nobody knows.
    """

    alerts: int = 0
    a_week: float = float("nan")
    flagged: int = 0
    hits: int = 0
    false: int = 0
    caught: int = 0
    limit: float = float("nan")
    backing: Backing | None = None


@dataclass(frozen=True)
class Alerts:
    """One series: how often an alarm turned on, and how many points were flagged, now and then.

    Points of which nobody knows the other threshold count in neither.

    Attributes:
        tags: the series; empty for several together.
        now, then: by the threshold that was, and by the other one.
        judged: points that count.
        normal, anomalous: those of them that labels call so.
        events: labelled anomalies with a judged point.
    """

    tags: Mapping[str, str]
    now: Side = Side()
    then: Side = Side()
    judged: int = 0
    normal: int = 0
    anomalous: int = 0
    events: int = 0

    @property
    def alerts_now(self) -> int:
        """Alerts by the threshold that was."""
        return self.now.alerts

    @property
    def alerts_then(self) -> int:
        """Alerts by the other one."""
        return self.then.alerts

    @property
    def flagged_now(self) -> int:
        """Points flagged by the threshold that was."""
        return self.now.flagged

    @property
    def flagged_then(self) -> int:
        """Points flagged by the other one."""
        return self.then.flagged

    def quality(self, side: Side) -> Counted:
        """Precision, recall, F1 and share of false alarms against labels, point by point."""
        return of_counts(side.hits, side.false, self.anomalous, self.normal)

    def figures(self, side: Side) -> dict[str, Any]:
        """What one of both sides gives, JSON-ready: None where nobody knows."""
        quality = self.quality(side)
        return {
            "alerts": side.alerts,
            "alerts_a_week": known(side.a_week),
            "flagged": side.flagged,
            "precision": known(quality.precision),
            "recall": known(quality.recall),
            "f1": known(quality.f1),
            "false_alarm_share": known(quality.far),
            "events_caught": side.caught,
            "limit": known(side.limit),
        }


@dataclass(frozen=True)
class Answer:
    """What would have been.

    Attributes:
        tables: (T,) `COLUMNS` for each series, thinned like any chart.
        alerts: one entry a series.
        notices: sentences on what is not known, or otherwise than it seems.
    """

    tables: Sequence[Table]
    alerts: Sequence[Alerts]
    notices: Sequence[str]

    @property
    def together(self) -> Alerts:
        """All series as one."""
        alerts = self.alerts
        return Alerts(
            {},
            _sum([one.now for one in alerts]),
            _sum([one.then for one in alerts]),
            sum(one.judged for one in alerts),
            sum(one.normal for one in alerts),
            sum(one.anomalous for one in alerts),
            sum(one.events for one in alerts),
        )


def _sum(sides: Sequence[Side]) -> Side:
    rates = [one.a_week for one in sides if not np.isnan(one.a_week)]
    return Side(
        alerts=sum(one.alerts for one in sides),
        a_week=sum(rates) if rates else float("nan"),
        flagged=sum(one.flagged for one in sides),
        hits=sum(one.hits for one in sides),
        false=sum(one.false for one in sides),
        caught=sum(one.caught for one in sides),
    )


def known(value: Any) -> float | None:
    """A number as JSON has it: None in place of one that is not finite."""
    number = float(value)
    return number if isfinite(number) else None


def a_week(alerts: Any, judged: int, step: int) -> Any:
    """Alerts a week of judged time; NaN where there is none.

    Args:
        alerts: how many, of one threshold or of several.
        judged: points.
        step: nanoseconds of the grid.
    """
    weeks = judged * step / _HOUR_NS / _WEEK_HOURS
    return alerts / weeks if weeks else alerts * float("nan")


@dataclass
class Tally:
    """Counts of one series so far, by the threshold that was and by the other one.

    Attributes:
        events: how many labelled anomalies there are.
        alerts: of both.
    """

    events: int
    alerts: list[int] = field(default_factory=lambda: [0, 0])

    def __post_init__(self) -> None:
        self._judged = self._normal = self._anomalous = 0
        self._flagged, self._hits, self._false = [0, 0], [0, 0], [0, 0]
        self._seen = np.zeros(self.events, dtype=bool)
        self._caught = np.zeros((2, self.events), dtype=bool)
        self._limits = [float("nan"), float("nan")]

    def add(
        self,
        said: NDArray[np.int8],
        event: NDArray[np.int64],
        *,
        counted: Mask,
        flags: tuple[Mask, Mask],
        limits: tuple[Floats, Floats],
    ) -> None:
        """The next rows.

        Args:
            said: (T,) what labels say of them.
            event: (T,) which labelled anomaly they belong to, -1 for none.
            counted: (T,) judged rows that count.
            flags: (T,) flagged rows that count, of both thresholds.
            limits: (T,) both thresholds, NaN where not known.
        """
        normal, anomalous = counted & (said == NORMAL), counted & (said == ANOMALOUS)
        self._judged += int(counted.sum())
        self._normal += int(normal.sum())
        self._anomalous += int(anomalous.sum())
        self._seen[event[anomalous]] = True
        for side, (flag, limit) in enumerate(zip(flags, limits, strict=True)):
            self._flagged[side] += int(flag.sum())
            self._hits[side] += int((flag & anomalous).sum())
            self._false[side] += int((flag & normal).sum())
            self._caught[side, event[flag & anomalous]] = True
            if not np.isnan(limit[-1]):
                self._limits[side] = float(limit[-1])

    def finished(
        self, tags: Mapping[str, str], step: int, backing: tuple[Backing | None, Backing | None]
    ) -> Alerts:
        """The counts.

        Args:
            tags: the series.
            step: nanoseconds of the grid.
            backing: what backs both limits.
        """
        now, then = (
            Side(
                alerts=self.alerts[side],
                a_week=float(a_week(self.alerts[side], self._judged, step)),
                flagged=self._flagged[side],
                hits=self._hits[side],
                false=self._false[side],
                caught=int(self._caught[side].sum()),
                limit=self._limits[side],
                backing=backing[side],
            )
            for side in (0, 1)
        )
        return Alerts(
            tags,
            now,
            then,
            judged=self._judged,
            normal=self._normal,
            anomalous=self._anomalous,
            events=int(self._seen.sum()),
        )
