"""How long to wait before work that failed is tried again."""

from collections.abc import Hashable
from dataclasses import dataclass

_FIRST_S = 30
_LONGEST_S = 600


@dataclass(frozen=True)
class _Failure:
    circumstances: Hashable
    wait_s: int
    until: int


class Patience:
    """Doubles the wait after each failure, from 30 s to 10 min.

    New circumstances, such as another label, end the wait at once.
    """

    def __init__(self) -> None:
        self._failures: dict[str, _Failure] = {}

    def allows(self, name: str, circumstances: Hashable, now: int) -> bool:
        """Whether it is time to try again; `now` in nanoseconds."""
        failure = self._failures.get(name)
        if failure is None or failure.circumstances != circumstances:
            return True
        # Before it began, the clock was set back.
        return not failure.until - failure.wait_s * 1_000_000_000 <= now < failure.until

    def remember(self, name: str, circumstances: Hashable, now: int, *, succeeded: bool) -> None:
        """Note how a try ended."""
        before = self._failures.pop(name, None)
        if succeeded:
            return
        same = before is not None and before.circumstances == circumstances
        wait_s = min(before.wait_s * 2, _LONGEST_S) if before and same else _FIRST_S
        self._failures[name] = _Failure(circumstances, wait_s, now + wait_s * 1_000_000_000)
