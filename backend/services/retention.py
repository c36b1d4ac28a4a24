"""For how long things are kept."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Keep:
    """What is kept, and for how long.

    Attributes:
        versions: so many of the newest of each detector, beside those that are needed.
        runs: runs and requests, after their end.
        results: scores and what else is written of them; None for ever.
    """

    versions: int = 20
    runs: timedelta = timedelta(days=90)
    results: timedelta | None = None
