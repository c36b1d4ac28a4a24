"""Which alert rules fire in Grafana; asked for now and then, since every page shows it."""

import threading
from dataclasses import dataclass

from backend.exceptions import GrafanaError, NotFound
from backend.ports import Clock, RuleBook, RuleState

FRESH_NS = 10_000_000_000
"""So long an answer is given again."""


@dataclass(frozen=True)
class RuleStates:
    """What Grafana said of its rules, or why it said nothing.

    Attributes:
        rules: those of ours.
        problem: what is wrong; empty where all is well.
        asked_at: when.
    """

    rules: tuple[RuleState, ...]
    problem: str
    asked_at: int

    @property
    def firing(self) -> list[RuleState]:
        """Rules that are not quiet, or could not be evaluated."""
        return [one for one in self.rules if one.state != "inactive" or one.health == "error"]


class RuleWatch:
    """Asks Grafana, and remembers for a short while."""

    def __init__(self, book: RuleBook | None, clock: Clock) -> None:
        """Ask `book`; without one there is no Grafana to ask."""
        self._book = book
        self._clock = clock
        self._lock = threading.Lock()
        self._known: RuleStates | None = None

    @property
    def is_watching(self) -> bool:
        """Whether a Grafana is known."""
        return self._book is not None

    def states(self) -> RuleStates:
        """What the rules say now; a Grafana that fails is told, not raised."""
        now = self._clock.now()
        # Pages that come together wait for one answer instead of asking each.
        with self._lock:
            known = self._known
            if known is None or not 0 <= now - known.asked_at < FRESH_NS:
                known = self._known = self._ask(now)
            return known

    def _ask(self, now: int) -> RuleStates:
        if self._book is None:
            return RuleStates((), "", now)
        try:
            return RuleStates(tuple(self._book.states()), "", now)
        except (GrafanaError, NotFound) as error:
            return RuleStates((), str(error), now)
