"""Long ranges are read in pieces, so that memory stays bounded and a clock can be looked at."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from backend.detection.grid import floor_to
from backend.exceptions import InputError
from backend.ports import Clock, Points, Query, SeriesStore

FIRST_PIECE_STEPS = 5_000
"""Grid steps of the first piece; the next ones follow the number of rows found."""

ROWS_A_PIECE = 400_000
"""Rows aimed at in one read, all series together."""

REDUCED = 20
"""So many times as many where the store answers numbers of buckets in their place."""

TIME_LIMIT_NS = 15_000_000_000
"""Grafana gives up after 30 s, and a person before."""


@dataclass(frozen=True)
class Deadline:
    """Until when a range has to be read, and whether anyone still waits for it."""

    clock: Clock
    at: int
    wanted: Callable[[], bool] = lambda: True

    @classmethod
    def of(cls, clock: Clock, wanted: Callable[[], bool] = lambda: True) -> "Deadline":
        """The time limit from now on."""
        return cls(clock, clock.now() + TIME_LIMIT_NS, wanted)

    def check(self) -> None:
        """End a read that takes too long, or that nobody wants any more.

        Raises:
            InputError: the time is over, or whoever asked has gone.
        """
        if not self.wanted():
            raise InputError("Whoever asked for the range has gone on: it was not read to its end.")
        if self.clock.now() > self.at:
            raise InputError(
                "The range holds more than can be read within 15 s: choose a shorter range or "
                "fewer series."
            )


def pieces(
    store: SeriesStore, query: Query, step: int, deadline: Deadline
) -> Iterator[list[Points]]:
    """What a query brings, in pieces that follow each other in time and cut no bucket.

    Args:
        store: where to read.
        query: with or without buckets.
        step: nanoseconds of the grid, which rows are at most as dense as, mostly.
        deadline: looked at behind each piece.
    """
    bucket, reduced = query.every or step, REDUCED if query.every else 1
    start, length = query.start, FIRST_PIECE_STEPS * reduced * step
    while start < query.stop:
        end = start + max(length, bucket)
        stop = min(floor_to(end, bucket) if query.every else end, query.stop)
        found = store.read(replace(query, start=start, stop=stop))
        yield found
        deadline.check()
        rows = sum(len(points) for points in found) * (bucket // step)
        # Empty time is crossed in growing strides, dense time in smaller ones.
        growth = min(8.0, ROWS_A_PIECE * reduced / max(rows, 1))
        length = max(int(length * growth), step)
        start = stop
