"""Answers that are dear to find and stay right for a while."""

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from backend.ports import Clock

T = TypeVar("T")


@dataclass(frozen=True)
class _Answer(Generic[T]):
    """What was found, by what it rests on, and until when it is handed out."""

    basis: Hashable
    until: int
    value: T


class Held(Generic[T]):
    """Holds the newest answer of each name; whoever asks meanwhile waits for the same one.

    Args:
        clock: the time.
        lasts: for how many nanoseconds an answer is handed out.
    """

    def __init__(self, clock: Clock, lasts: Callable[[T], int]) -> None:
        self._clock = clock
        self._lasts = lasts
        self._answers: dict[str, _Answer[T]] = {}
        self._finding: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, name: str, basis: Hashable, find: Callable[[], T]) -> T:
        """The answer held, or a new one if there is none, another basis, or the time is over."""
        with self._lock:
            finding = self._finding.setdefault(name, threading.Lock())
        with finding:
            known = self._answers.get(name)
            if known and known.basis == basis and self._clock.now() < known.until:
                return known.value
            value = find()
            until = self._clock.now() + self._lasts(value)
            self._answers[name] = _Answer(basis, until, value)
            return value
