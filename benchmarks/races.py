"""Timing contestants that take turns, so that what else the machine does hits them alike."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Contestant = Callable[[int], Callable[[], object]]
"""Given the round, makes ready what is then timed."""


@dataclass
class Measured:
    """Seconds of one contestant at one thing."""

    action: str
    contestant: str
    rows: int
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The middle one of all rounds."""
        return statistics.median(self.seconds)


def race(
    action: str,
    rows: int,
    repeat: int,
    contestants: Mapping[str, Contestant],
    clock: Callable[[], float] = time.perf_counter,
) -> list[Measured]:
    """Time `repeat` rounds; one before them only warms up.

    Every second round goes backwards: a server that still works on what it was given slows down
    whoever comes next, and that should not always be the same one.
    """
    measured = {name: Measured(action, name, rows) for name in contestants}
    for number in range(repeat + 1):
        turns = [*contestants.items()]
        for name, ready in reversed(turns) if number % 2 else turns:
            took = _timed(ready(number), clock)
            if number:
                measured[name].seconds.append(took)
    return list(measured.values())


def _timed(run: Callable[[], object], clock: Callable[[], float]) -> float:
    """Seconds; what others left behind is cleared away before."""
    gc.collect()
    begin = clock()
    run()
    return clock() - begin
