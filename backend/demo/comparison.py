"""Injected faults against the events that were found."""

from collections.abc import Sequence
from dataclasses import dataclass

from backend.demo.scenario import Fault
from backend.services.events import Event


@dataclass(frozen=True)
class Comparison:
    """Which faults were found, with the first event that did; which were not; which events lie."""

    found: tuple[tuple[Fault, Event], ...]
    missed: tuple[Fault, ...]
    false: tuple[Event, ...]

    @property
    def injected(self) -> int:
        """How many faults there were."""
        return len(self.found) + len(self.missed)


def compare(faults: Sequence[Fault], events: Sequence[Event], tolerance: int) -> Comparison:
    """Match events to faults.

    An event belongs to every fault that it overlaps, or after which it begins within `tolerance`
    nanoseconds: a smoothed error may rise late. An event that belongs to none is false.
    """
    ordered = sorted(events, key=lambda event: event.start)
    hits = [(f, [event for event in ordered if _belongs(event, f, tolerance)]) for f in faults]
    explained = {event.id for _, matching in hits for event in matching}
    return Comparison(
        found=tuple((fault, matching[0]) for fault, matching in hits if matching),
        missed=tuple(fault for fault, matching in hits if not matching),
        false=tuple(event for event in ordered if event.id not in explained),
    )


def _belongs(event: Event, fault: Fault, tolerance: int) -> bool:
    goes_on = event.stop is None or fault.start < event.stop
    return goes_on and event.start < fault.stop + tolerance
