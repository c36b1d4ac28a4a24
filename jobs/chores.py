"""What is done for the service as a whole, beside scoring and training: small and often."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Chore:
    """Something small that is done again and again in this process.

    Attributes:
        name: as the log tells it.
        every: time from one beginning to the next; a time that is missed is left out.
        action: what is done; it raises what it cannot do, and is told of it once.
        limit: when it takes longer, this process is stuck.
    """

    name: str
    every: timedelta
    action: Callable[[], object]
    limit: timedelta = timedelta(minutes=5)
