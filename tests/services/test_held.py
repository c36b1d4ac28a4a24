"""Answers that are held for a while."""

import threading

import pytest

from backend.services.held import Held
from tests.fakes.clock import StillClock


class Finder:
    """Gives numbers, each once."""

    def __init__(self) -> None:
        self.found = 0

    def __call__(self) -> int:
        self.found += 1
        return self.found


@pytest.fixture
def clock() -> StillClock:
    return StillClock(0)


def test_an_answer_is_found_once_and_again_on_another_basis(clock):
    held, find = Held(clock, lambda _: 10), Finder()
    assert [held.get("a", basis, find) for basis in (1, 1, 2, 2, 1)] == [1, 1, 2, 2, 3]


def test_each_name_has_an_answer_of_its_own(clock):
    held, find = Held(clock, lambda _: 10), Finder()
    assert [held.get(name, 1, find) for name in "abab"] == [1, 2, 1, 2]


def test_an_answer_ends_when_its_own_time_is_over(clock):
    held, find = Held(clock, lambda value: 5 if value == 1 else 50), Finder()
    assert held.get("a", 1, find) == 1
    clock.time = 5
    assert held.get("a", 1, find) == 2
    clock.time = 54
    assert held.get("a", 1, find) == 2


def test_an_error_is_not_held(clock):
    held: Held[int] = Held(clock, lambda _: 10)

    def fail() -> int:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        held.get("a", 1, fail)
    assert held.get("a", 1, lambda: 7) == 7


def test_whoever_asks_meanwhile_waits_for_the_same_answer(clock):
    held: Held[int] = Held(clock, lambda _: 10)
    begun, go, find = threading.Event(), threading.Event(), Finder()

    def slow() -> int:
        begun.set()
        assert go.wait(10)
        return find()

    answers: list[int] = []
    ask = [threading.Thread(target=lambda: answers.append(held.get("a", 1, slow))) for _ in "12"]
    ask[0].start()
    assert begun.wait(10)
    ask[1].start()
    go.set()
    for thread in ask:
        thread.join(10)
    assert (answers, find.found) == ([1, 1], 1)
