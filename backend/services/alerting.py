"""Grafana tells of alerts; they are kept with the detector and the series they are about."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from backend.ports import Clock, RecordStore
from backend.records import Alert, AlertState, Message, SeriesKey, series_key
from backend.schema import DETECTOR_TAG
from backend.services.detectors import Detectors
from backend.specs import DetectorSpec

RULE_LABEL = "__alert_rule_uid__"

KIND_LABEL = "normalcy"
"""The label by which our own rules say what they watch."""

_NO_TAGS = (DETECTOR_TAG, KIND_LABEL, "alertname", "grafana_folder")
_NO_TAG_PREFIXES = ("__", "normalcy_")
_RULE_IN_ADDRESS = re.compile(r"/alerting/(?:grafana/)?([A-Za-z0-9_-]{1,40})/(?:view|edit)\b")
_TEACHING = ("alarm", "fleet")
"""What our own rules that fire on alarms watch; that a detector is blind teaches it nothing."""
_KIND_IN_RULE = re.compile(r"normalcy-([a-z]+)")


@dataclass(frozen=True)
class Told:
    """An alert as Grafana's webhook tells it."""

    fingerprint: str
    state: AlertState
    start: int
    stop: int | None
    labels: Mapping[str, str]
    annotations: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)
    panel_url: str = ""
    rule_url: str = ""


@dataclass(frozen=True)
class Received:
    """How many alerts of a delivery were new, and how many were known already."""

    stored: int
    known: int


@dataclass(frozen=True)
class AlertView:
    """An alert as pages and messages show it.

    Attributes:
        alert: as it was told.
        spec: its detector; None where there is none of that name.
        stop: when it was over; None while it fires.
        label_range: what a label on it would cover; None without a detector.
        message: what told people of it, if any.
    """

    alert: Alert
    spec: DetectorSpec | None
    stop: int | None
    label_range: tuple[int, int] | None
    message: Message | None = None

    @property
    def series(self) -> SeriesKey:
        """The series it is about; empty for the whole detector."""
        return series_key(self.alert.tags)

    @property
    def teaches(self) -> bool:
        """Whether the detector learns from being told what this was."""
        if self.spec is None:
            return False
        kind = self.alert.labels.get(KIND_LABEL)
        if kind is None and (found := _KIND_IN_RULE.match(self.alert.rule)):
            kind = found[1]
        return kind is None or kind in _TEACHING


class Alerting:
    """Alerts are stored once, however often and in whatever order they are told."""

    def __init__(
        self, records: RecordStore, detectors: Detectors, clock: Clock, *, telling: bool
    ) -> None:
        """Take `telling`: whether people are told of what is new."""
        self._records = records
        self._detectors = detectors
        self._clock = clock
        self._telling = telling

    def receive(self, told: Sequence[Told]) -> Received:
        """Store what is new, all or none; what is new together is told people together."""
        now = self._clock.now()
        specs = {spec.name: spec for spec in self._detectors.all()}
        alerts = {
            (a.fingerprint, a.start, a.state): a for a in (_alert(t, specs, now) for t in told)
        }
        new = self._records.add_alerts(list(alerts.values()), at=now, telling=self._telling)
        return Received(stored=len(new), known=len(alerts) - len(new))

    def listed(
        self, detector: str | None = None, *, state: AlertState | None = None, limit: int = 100
    ) -> list[AlertView]:
        """Alerts by start, newest first, each in the state it is in."""
        alerts = self._records.alerts(detector, state=state, limit=limit)
        messages = self._records.messages({one.message for one in alerts if one.message})
        specs = {spec.name: spec for spec in self._detectors.all()}
        now = self._clock.now()
        return [
            _view(one, specs.get(one.detector), one.stop, now, messages.get(one.message or 0))
            for one in alerts
        ]

    def view(self, alert: int) -> AlertView:
        """One alert as it is now.

        Raises:
            NotFound: it is not on record, or not any more.
        """
        one, now = self._records.alert(alert), self._clock.now()
        specs = {spec.name: spec for spec in self._detectors.all()}
        said = self._records.alerts_of_fingerprint(one.fingerprint)
        ends = [other.stop for other in said if other.stop and other.stop >= one.start]
        stop = min(ends, default=None) if one.stop is None else one.stop
        return _view(one, specs.get(one.detector), stop, now, None)


def _view(
    alert: Alert, spec: DetectorSpec | None, stop: int | None, now: int, message: Message | None
) -> AlertView:
    if spec is None:
        return AlertView(alert, None, stop, None, message)
    # The alarm came on at the last of so many flagged points.
    start = alert.start - spec.alarm.points * spec.step
    end = max(now if stop is None else stop, alert.start)
    return AlertView(alert, spec, stop, (max(start, 0), end), message)


def _alert(told: Told, specs: Mapping[str, DetectorSpec], now: int) -> Alert:
    labels, annotations = _clean(told.labels), _clean(told.annotations)
    detector = labels.get(DETECTOR_TAG, "")
    is_over = told.state is AlertState.RESOLVED
    return Alert(
        id=0,
        fingerprint=told.fingerprint,
        state=told.state,
        start=told.start,
        stop=max(told.start, told.stop or now) if is_over else None,
        detector=detector,
        tags=_tags(labels, specs.get(detector)),
        rule=labels.get(RULE_LABEL) or _rule_of(told.rule_url),
        title=labels.get("alertname", ""),
        summary=annotations.get("summary", ""),
        description=annotations.get("description", ""),
        labels=labels,
        annotations=annotations,
        values=told.values,
        panel_url=told.panel_url,
        received_at=now,
        heard_at=now,
    )


def _tags(labels: Mapping[str, str], spec: DetectorSpec | None) -> dict[str, str]:
    """The tags of the series; of an unknown detector everything that may be one."""
    if spec is not None:
        return {tag: labels[tag] for tag in spec.group_by if labels.get(tag)}
    return {
        name: value
        for name, value in labels.items()
        if value and name not in _NO_TAGS and not name.startswith(_NO_TAG_PREFIXES)
    }


def _rule_of(address: str) -> str:
    found = _RULE_IN_ADDRESS.search(address)
    return found[1] if found else ""


def _clean(texts: Mapping[str, str]) -> dict[str, str]:
    """Texts that any database can hold."""
    return {name.replace("\0", ""): value.replace("\0", "") for name, value in texts.items()}
