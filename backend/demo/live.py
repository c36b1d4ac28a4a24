"""Simulated sensors that go on reporting: points arrive, are scored, and events are told."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from backend.demo.comparison import compare
from backend.demo.loop import Stage
from backend.demo.scenario import Fault, Scenario
from backend.ports import Clock
from backend.services.drawing import Span
from backend.services.events import Event, read_events

SPEED = 3600.0
"""Seconds of the story in a second, until the story has caught up with the present."""


class StoryClock:
    """Stands at the end of the history until begun, then runs fast until it meets the present.

    Until then it goes in steps, one with each `move`: who looks at the pages between two steps sees
    a detector that has scored all there is, not one that lies behind.

    Args:
        start: where it stands, UTC nanoseconds.
        present: the real time, which the story never overtakes.
        elapsed: monotonic seconds.
        speed: seconds of the story in a second.
    """

    def __init__(
        self,
        start: int,
        present: Clock,
        elapsed: Callable[[], float] = time.monotonic,
        speed: float = SPEED,
    ) -> None:
        self._start = self._shown = start
        self._present = present
        self._elapsed = elapsed
        self.speed = speed
        self._begun: float | None = None
        self.caught_up = False
        """Whether the story has met the present and goes on in real time."""

    def begin(self) -> None:
        """Let time run."""
        self._begun = self._elapsed()

    def now(self) -> int:
        """UTC nanoseconds of the story."""
        return self._present.now() if self.caught_up else self._shown

    def move(self) -> int:
        """Take the next step, to where the story is by now, and return it."""
        if self._begun is not None and not self.caught_up:
            passed = (self._elapsed() - self._begun) * self.speed
            present = self._present.now()
            self._shown = min(self._start + int(passed * 1e9), present)
            self.caught_up = self._shown == present
        return self.now()


@dataclass(frozen=True)
class News:
    """An event seen for the first time, and the fault behind it, if one was injected there."""

    event: Event
    fault: Fault | None


@dataclass
class Live:
    """The story after its history; every `advance` brings it up to a moment."""

    stage: Stage
    scenario: Scenario
    _arrived: int = field(init=False)
    _told: set[str] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self._arrived = self.scenario.stop

    def advance(self, now: int) -> list[News]:
        """Let the points up to `now` arrive, score them, and return the events that are new."""
        spec = self.scenario.spec
        now -= now % spec.step
        if now <= self._arrived:
            return []
        rows = self.scenario.rows(self._arrived, now)
        if len(rows):
            self.stage.source.write(spec.measurement, [rows])
        before, self._arrived = self._arrived, now
        self.stage.scoring.tick(spec.name)
        return self._news(before, now)

    def _news(self, start: int, stop: int) -> list[News]:
        events = read_events(self.stage.results, self.scenario.spec, Span(start, stop))
        fresh = [event for event in events if event.id not in self._told]
        self._told |= {event.id for event in fresh}
        return [News(event, self._behind(event)) for event in fresh]

    def _behind(self, event: Event) -> Fault | None:
        reach = self.scenario.tolerance
        faults = self.scenario.faults(event.start - reach, event.start + reach)
        found = compare(faults, [event], reach).found
        return found[0][0] if found else None
