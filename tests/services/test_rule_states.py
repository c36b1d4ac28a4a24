"""Grafana's rules as pages show them: asked now and then, and never in their way."""

from backend.exceptions import GrafanaUnavailable
from backend.ports import RuleState
from backend.services.rule_states import FRESH_NS, RuleWatch
from tests.fakes.clock import StillClock


def state(kind: str, word: str, health: str = "ok") -> RuleState:
    return RuleState("gas-room", kind, kind, word, health, "", None, ())


class Book:
    """Answers as told, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked, self.down = 0, False

    def states(self) -> list[RuleState]:
        self.asked += 1
        if self.down:
            raise GrafanaUnavailable("Grafana does not answer.")
        return [
            state("alarm", "firing"),
            state("blind", "inactive"),
            state("x", "inactive", "error"),
        ]


def test_what_is_not_quiet_is_told() -> None:
    found = RuleWatch(Book(), StillClock(0)).states()

    assert [one.kind for one in found.firing] == ["alarm", "x"]
    assert len(found.rules) == 3


def test_an_answer_is_given_again_for_a_short_while() -> None:
    book, clock = Book(), StillClock(0)
    watch = RuleWatch(book, clock)

    for at in (0, FRESH_NS - 1, FRESH_NS):
        clock.time = at
        watch.states()

    assert book.asked == 2


def test_a_clock_that_was_set_back_asks_anew() -> None:
    book, clock = Book(), StillClock(FRESH_NS)
    watch = RuleWatch(book, clock)
    watch.states()
    clock.time = 0

    watch.states()

    assert book.asked == 2


def test_a_grafana_that_is_down_is_told_and_forgotten_again() -> None:
    book, clock = Book(), StillClock(0)
    watch = RuleWatch(book, clock)
    book.down = True
    assert watch.states().problem == "Grafana does not answer."

    book.down, clock.time = False, FRESH_NS
    assert watch.states().problem == ""


def test_without_a_grafana_nothing_is_asked() -> None:
    watch = RuleWatch(None, StillClock(0))

    assert not watch.is_watching
    assert watch.states().rules == ()
