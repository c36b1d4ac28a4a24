"""How far a copy came, so that the next run can go on, and can tell whether it may."""

from dataclasses import dataclass, replace
from typing import Protocol


@dataclass(frozen=True)
class Reached:
    """How far a measurement was copied.

    Attributes:
        begin: time of the source's first row when the copy began.
        until: the first nanosecond not yet copied.
        last_start: start of the last window that had rows, for another look at the target.
        last_stop: its stop.
        last_rows: rows that the target took of it.
    """

    begin: int
    until: int
    last_start: int = 0
    last_stop: int = 0
    last_rows: int = 0

    def after(self, stop: int, rows: int) -> "Reached":
        """The same once the window from `until` to `stop` is copied whole."""
        if not rows:
            return replace(self, until=stop)
        return Reached(self.begin, stop, last_start=self.until, last_stop=stop, last_rows=rows)


class Checkpoints(Protocol):
    """Remembers how far a copy came, so that it survives the process."""

    def last(self, measurement: str) -> Reached | None:
        """How far an earlier run came; None where there is nothing to go on from."""
        ...

    def reached(self, measurement: str, reached: Reached) -> None:
        """Another window is copied whole."""
        ...

    def forget(self, measurement: str) -> None:
        """The next copy begins anew."""
        ...
