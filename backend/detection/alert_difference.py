"""What another version would change: alerts gone, new and kept, and what each of the two caught.

Times are nanoseconds, ranges half-open; an alert is one stretch of time in which the alarm is on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from backend.detection.runs import Mask, spans
from backend.ports import Floats, Times

Range = tuple[int, int]

TOP = 3
"""Most channels that are named with an alert."""


@dataclass(frozen=True)
class Alert:
    """One alert of a series.

    Attributes:
        start: when the alarm turned on.
        stop: end of the last grid step in which it was on.
        peak: highest score.
        channels: those with the largest shares of the error there, the largest first.
    """

    start: int
    stop: int
    peak: float
    channels: tuple[str, ...]


@dataclass(frozen=True)
class Kept:
    """Alerts of both that overlap each other, directly or by another of them.

    Attributes:
        before: of the champion, at least one.
        after: of the challenger, at least one.
    """

    before: tuple[Alert, ...]
    after: tuple[Alert, ...]

    @property
    def start(self) -> int:
        """When the first of them begins."""
        return min(self.before[0].start, self.after[0].start)


@dataclass(frozen=True)
class Difference:
    """What becomes of the alerts of one series, each in the order of time."""

    gone: tuple[Alert, ...] = ()
    new: tuple[Alert, ...] = ()
    kept: tuple[Kept, ...] = ()


@dataclass(frozen=True)
class Caught:
    """How one version met a labelled anomaly.

    Attributes:
        caught: an alert overlaps it.
        forewarning: from the first alert that began within the horizon before it to its start,
            nanoseconds; None where none did.
        delay: from its start to the first alert that overlaps it, 0 if that was on already; None
            where it was not caught.
    """

    caught: bool
    forewarning: int | None
    delay: int | None


@dataclass(frozen=True)
class Part:
    """What one version said of one series in a stretch of time: T grid points.

    Attributes:
        times: (T,) starts of the buckets.
        score: (T,).
        alarm: (T,) told to people.
        shares: (T, F) of the error.
    """

    times: Times
    score: Floats
    alarm: Mask
    shares: Floats


def alerts_in(part: Part, names: Sequence[str], step: int) -> list[Alert]:
    """The alerts in a stretch of time.

    Args:
        part: the stretch.
        names: the F channels.
        step: of the grid.
    """
    found = []
    for first, last in spans(part.alarm):
        peak = first + int(np.argmax(part.score[first:last]))
        order = np.argsort(-part.shares[peak], kind="stable")[:TOP]
        top = tuple(names[f] for f in order if part.shares[peak, f] > 0)
        start, stop = int(part.times[first]), int(part.times[last - 1]) + step
        found.append(Alert(start, stop, float(part.score[peak]), top))
    return found


def extend(alerts: list[Alert], later: Sequence[Alert]) -> None:
    """Add the alerts of the stretch that follows: one that goes on across the edge stays one."""
    for alert in later:
        last = alerts[-1] if alerts else None
        if last is None or last.stop != alert.start:
            alerts.append(alert)
        else:
            stronger = alert if alert.peak > last.peak else last
            alerts[-1] = replace(stronger, start=last.start, stop=alert.stop)


def match(before: Sequence[Alert], after: Sequence[Alert]) -> Difference:
    """What becomes of the alerts of one series, told by which of them overlap.

    Args:
        before: of the champion, in the order of time, none overlapping another.
        after: of the challenger, likewise.
    """
    told = sorted(
        [(alert, True) for alert in before] + [(alert, False) for alert in after],
        key=lambda one: (one[0].start, one[0].stop),
    )
    gone: list[Alert] = []
    new: list[Alert] = []
    kept: list[Kept] = []
    for group in _groups(told):
        own = tuple(alert for alert, old in group if old)
        other = tuple(alert for alert, old in group if not old)
        if own and other:
            kept.append(Kept(own, other))
        else:
            gone += own
            new += other
    return Difference(tuple(gone), tuple(new), tuple(kept))


def _groups(told: Sequence[tuple[Alert, bool]]) -> list[list[tuple[Alert, bool]]]:
    """Alerts by start, those that overlap together."""
    groups: list[list[tuple[Alert, bool]]] = []
    end = 0
    for one in told:
        if groups and one[0].start < end:
            groups[-1].append(one)
        else:
            groups.append([one])
        end = max(end, one[0].stop) if len(groups[-1]) > 1 else one[0].stop
    return groups


def meets(alert: Alert, ranges: Sequence[Range]) -> bool:
    """Whether an alert overlaps any of some ranges."""
    return any(alert.start < stop and start < alert.stop for start, stop in ranges)


def catch(anomaly: Range, alerts: Sequence[Alert], horizon: int) -> Caught:
    """How alerts met a labelled anomaly; one that was on before the horizon announces nothing.

    Args:
        anomaly: its range.
        alerts: of all series that it is of, in any order.
        horizon: how long before it an alert counts, nanoseconds.
    """
    start, stop = anomaly
    before = [alert.start for alert in alerts if start - horizon <= alert.start < start]
    within = [alert.start for alert in alerts if alert.start < stop and start < alert.stop]
    return Caught(
        caught=bool(within),
        forewarning=start - min(before) if before else None,
        delay=max(0, min(within) - start) if within else None,
    )
