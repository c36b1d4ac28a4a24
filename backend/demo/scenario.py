"""What a simulated story is: sensors, ranges known to be normal, and faults known to be none."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from backend.ports import Points
from backend.specs import DetectorSpec


class FaultKind(StrEnum):
    """What was done to a sensor, in words for a reader."""

    SPIKE = "spike"
    DRIFT = "drift"
    STUCK = "stuck sensor"
    DECOUPLED = "broken correlation"
    LEAK = "slow leak"
    TANGENT = "sine turned tangent"


@dataclass(frozen=True)
class Fault:
    """A fault injected into one channel over `[start, stop)`, in nanoseconds.

    `strength` is in the channel's unit at the fault's height; kinds without a height ignore it.
    """

    start: int
    stop: int
    channel: str
    kind: FaultKind
    strength: float = 0.0


class Scenario(Protocol):
    """A story that a demo plays; pure, so that the same seed tells the same story again.

    Times are UTC nanoseconds on the grid of `spec`: `[start, trained)` is normal and labeled so,
    `[trained, stop)` holds the faults to be found, and from `stop` on points go on arriving.
    """

    @property
    def spec(self) -> DetectorSpec:
        """The detector that shall find the faults."""
        ...

    @property
    def start(self) -> int:
        """Where the story begins."""
        ...

    @property
    def trained(self) -> int:
        """Where the normal range ends."""
        ...

    @property
    def stop(self) -> int:
        """Where history ends and live points begin."""
        ...

    @property
    def tolerance(self) -> int:
        """How long after a fault an event may still begin and belong to it, in nanoseconds."""
        ...

    @property
    def units(self) -> Mapping[str, str]:
        """Channel to unit, for pictures."""
        ...

    def rows(self, start: int, stop: int) -> Points:
        """What the sensors report in `[start, stop)`; equal for any way of cutting time."""
        ...

    def faults(self, start: int, stop: int) -> list[Fault]:
        """Faults that overlap `[start, stop)`, by start."""
        ...
