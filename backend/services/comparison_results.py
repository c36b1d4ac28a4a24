"""What comes of a comparison of two versions, as it is stored with its request."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from backend.detection.alert_difference import Alert, Caught, Kept
from backend.records import SeriesKey
from backend.services.comparison_request import Pair

MOST_LISTED = 200
"""Most alerts that are listed of each sort; the highest, in the order of time."""
_SECOND = 1e9


@dataclass(frozen=True)
class Met:
    """An alert of one series with the label that it meets: `anomaly`, `normal` or none."""

    series: SeriesKey
    alert: Alert
    label: str

    def plain(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {
            "series": self.series,
            "start": self.alert.start,
            "stop": self.alert.stop,
            "peak": _digits(self.alert.peak),
            "channels": list(self.alert.channels),
            "label": self.label,
        }


@dataclass(frozen=True)
class KeptMet:
    """Alerts of both that overlap, with the label that those of the challenger meet."""

    series: SeriesKey
    kept: Kept
    label: str

    def plain(self) -> dict[str, Any]:
        """As JSON-ready values: the challenger's alerts as one, beside the champion's."""
        before, after = self.kept.before, self.kept.after
        peak = max(after, key=lambda alert: alert.peak)
        return {
            "series": self.series,
            "start": after[0].start,
            "stop": after[-1].stop,
            "peak": _digits(peak.peak),
            "channels": list(peak.channels),
            "label": self.label,
            "before": {
                "start": before[0].start,
                "stop": before[-1].stop,
                "peak": _digits(max(alert.peak for alert in before)),
                "alerts": len(before),
            },
            "alerts": len(after),
        }


@dataclass(frozen=True)
class Anomaly:
    """A labelled anomaly of the time that was looked at, and how both met it.

    `watched` tells whether any version judged any of it; else it counts for neither.
    """

    label: int
    start: int
    stop: int
    tags: Mapping[str, str]
    note: str
    watched: bool
    challenger: Caught
    champion: Caught | None

    def plain(self) -> dict[str, Any]:
        """As JSON-ready values; times that passed in seconds."""
        return {
            "label": self.label,
            "start": self.start,
            "stop": self.stop,
            "tags": dict(self.tags),
            "note": self.note,
            "watched": self.watched,
            "challenger": _caught(self.challenger),
            "champion": None if self.champion is None else _caught(self.champion),
        }


@dataclass(frozen=True)
class Side:
    """The figures of one version.

    Attributes:
        number: of the version.
        alerts: how many it would have told.
        alerts_per_week: by time in which anything was judged; None where nothing was.
        silent_alerts: alarms that would have been shown and told to nobody.
        judged_hours: of all series together.
        normal_hours: of them, labelled normal.
        false_share: share of that normal time in which an alert was on; None without any.
        false_alerts: alerts that meet a normal label and no anomaly.
        anomalies: labelled anomalies of which it judged anything.
        caught: of them, those that an alert overlaps.
        forewarned: of them, those that an alert came before.
        forewarning_seconds: the median of how long before; None where none did.
        delay_seconds: the median of how long after the start of those caught; None without any.
        trained_share: share of the judged time that it learned from.
        provisional: whether it learned without labels, so that its alarms are silent.
        series: how many it knows.
    """

    number: int
    alerts: int
    alerts_per_week: float | None
    silent_alerts: int
    judged_hours: float
    normal_hours: float
    false_share: float | None
    false_alerts: int
    anomalies: int
    caught: int
    forewarned: int
    forewarning_seconds: float | None
    delay_seconds: float | None
    trained_share: float
    provisional: bool
    series: int


@dataclass(frozen=True)
class Shown:
    """One channel of a look: what was measured, and what each version expected.

    None where nothing is there, or for all of it where the version expects no values.
    """

    channel: str
    input: list[float | None]
    challenger: list[float | None] | None
    champion: list[float | None] | None


@dataclass(frozen=True)
class Look:
    """Input against reconstruction over a short time.

    Attributes:
        why: `held_out` the worst held-out normal time, `newest`, or `new` or `gone` the highest
            such alert.
        series: its key.
        start: of the first point, nanoseconds.
        step: from one point to the next.
        mark: the point that it is about.
        channels: those that add most to the challenger's error there.
    """

    why: str
    series: SeriesKey
    start: int
    step: int
    mark: int
    channels: tuple[Shown, ...]


@dataclass(frozen=True)
class Comparison:
    """What a challenger would change, over `[start, stop)`.

    Attributes:
        pair: who is compared.
        at: when it was looked at.
        start, stop: the time that both replayed.
        challenger, champion: their figures.
        gone, new, kept: every alert, by series and time.
        anomalies: labelled ones, by their start.
        looks: a few pictures.
        notes: what else to know, a sentence each.
    """

    pair: Pair
    at: int
    start: int
    stop: int
    challenger: Side
    champion: Side | None
    gone: Sequence[Met]
    new: Sequence[Met]
    kept: Sequence[KeptMet]
    anomalies: Sequence[Anomaly]
    looks: Sequence[Look]
    notes: Sequence[str]

    def plain(self) -> dict[str, Any]:
        """As JSON-ready values; lists are bounded, and counts say how many there are."""
        return {
            "detector": self.pair.detector,
            "weeks": self.pair.weeks,
            "at": self.at,
            "start": self.start,
            "stop": self.stop,
            "challenger": asdict(self.challenger),
            "champion": None if self.champion is None else asdict(self.champion),
            "counts": {
                "gone": len(self.gone),
                "new": len(self.new),
                "kept": len(self.kept),
                "anomalies": len(self.anomalies),
            },
            "gone": _listed([one.plain() for one in self.gone]),
            "new": _listed([one.plain() for one in self.new]),
            "kept": _listed([one.plain() for one in self.kept]),
            "anomalies": [one.plain() for one in self.anomalies[:MOST_LISTED]],
            "looks": [asdict(one) for one in self.looks],
            "notes": list(self.notes),
        }


def retold(value: Any, ways: Mapping[str, Callable[[int], Any]], name: str = "") -> Any:
    """Nested values in which whole numbers of some names are told in another way, such as times.

    Args:
        value: JSON-ready.
        ways: how, by name.
        name: of the value itself.
    """
    if isinstance(value, Mapping):
        return {key: retold(one, ways, key) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [retold(one, ways) for one in value]
    way = ways.get(name)
    return value if way is None or not isinstance(value, int) else way(value)


def _listed(told: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The highest of them, in the order of time."""
    highest = sorted(told, key=lambda one: -one["peak"])[:MOST_LISTED]
    return sorted(highest, key=lambda one: (one["start"], one["series"]))


def _caught(one: Caught) -> dict[str, Any]:
    return {
        "caught": one.caught,
        "forewarning_seconds": None if one.forewarning is None else one.forewarning / _SECOND,
        "delay_seconds": None if one.delay is None else one.delay / _SECOND,
    }


def _digits(value: float) -> float:
    return float(f"{value:.6g}")
