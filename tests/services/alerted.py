"""A small plant of which Grafana tells alerts, and people who are told of them."""

from datetime import timedelta
from typing import Any

from backend.records import AlertState, LabelKind
from backend.services.alert_text import Style
from backend.services.alerting import Alerting, Told
from backend.services.detectors import Detectors
from backend.services.labelling import Labelling
from backend.services.links import Links, Statement
from backend.services.notifying import Notifying
from backend.services.saying import Saying
from backend.specs import DetectorSpec
from tests.fakes.clock import StillClock
from tests.fakes.messenger import KeepingMessenger
from tests.fakes.records import MemoryRecordStore

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
NOW = 1_780_000_020 * SECOND
START = NOW - HOUR
ADDRESS = "https://normalcy.example"

SPEC = DetectorSpec(
    name="gas-room",
    measurement="air",
    channels=("temp",),
    group_by=("room",),
    every=timedelta(minutes=1),
)


class Alerted:
    """The use cases around alerts, over stores in memory."""

    def __init__(
        self, messenger: KeepingMessenger | None = None, style: Style = "plain", days: float = 7
    ) -> None:
        self.clock, self.records = StillClock(NOW), MemoryRecordStore()
        self.messenger = messenger or KeepingMessenger()
        self.configured = {SPEC.name: SPEC}
        self.style = style
        self.links = Links(lambda: "k" * 64, ADDRESS, timedelta(days=days))
        self.start()

    def start(self) -> None:
        """Build the use cases anew, as processes that start do."""
        detectors = Detectors(self.configured, self.records, self.clock)
        self.labelling = Labelling(self.records, detectors, self.clock)
        self.alerting = Alerting(self.records, detectors, self.clock, telling=True)
        self.saying = Saying(self.records, self.alerting, self.labelling, self.links, self.clock)
        self.notifying = self.jobs(self.messenger)

    def jobs(self, messenger: KeepingMessenger | None) -> Notifying:
        """A process that sends messages."""
        return Notifying(
            self.records, self.alerting, self.links, messenger, self.clock, style=self.style
        )

    def tell(self, *told: Told) -> None:
        """Let Grafana tell of alerts in one delivery."""
        self.alerting.receive(told)

    def token(self, kind: LabelKind = LabelKind.NORMAL, alert: int | None = None) -> str:
        """The end of a link on the newest alert, or on another one."""
        number = self.alerting.listed()[0].alert.id if alert is None else alert
        return self.links.to_say(Statement(number, kind), self.clock.now()).rpartition("/")[2]

    def wait(self, nanoseconds: int) -> None:
        """Turn the clock on."""
        self.clock.time += nanoseconds


def firing(room: str = "R1", **more: Any) -> Told:
    """An alert that began an hour ago."""
    labels = {"alertname": "Anomaly", "detector": "gas-room", "room": room}
    values = {
        "fingerprint": f"f-{room}",
        "state": AlertState.FIRING,
        "start": START,
        "stop": None,
        "labels": labels,
        "annotations": {"summary": "unlike normal"},
        **more,
    }
    return Told(**values)


def resolved(room: str = "R1", stop: int = NOW - 10 * MINUTE, **more: Any) -> Told:
    """Its end."""
    return firing(room, state=AlertState.RESOLVED, stop=stop, **more)
