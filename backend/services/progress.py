"""How far work is: told to the record store now and then, which answers whether it is wanted.

A person asks for the end of work on record, where its worker looks with each thing that it tells.
"""

import logging
import math
import time
from collections.abc import Callable

from backend.exceptions import Cancelled, NormalcyError
from backend.ports import Clock, Progress, RecordStore
from backend.records import Run

log = logging.getLogger(__name__)

EVERY_S = 1.0
"""Steps of one stage are told no closer together."""
_AWAY_S = 30.0
"""A record store that did not answer is left alone for so long: the work goes on without it."""
_SOONEST = 0.05
"""Before this share is done nothing is said of the time left."""
_DIGITS = str.maketrans("", "", "0123456789")


class Pacing:
    """Whether it is time to tell of a step: the first one of a stage, or a while after the last.

    A stage is what the same words tell of, but for their numbers.
    """

    def __init__(
        self, every_s: float = EVERY_S, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._every_s = every_s
        self._monotonic = monotonic
        self._stage: str | None = None
        self._next = -math.inf
        self._away_until = -math.inf

    def is_due(self, words: str) -> bool:
        """Whether to tell of it now; counts as told then."""
        now, stage = self._monotonic(), words.translate(_DIGITS)
        if now < self._away_until or (stage == self._stage and now < self._next):
            return False
        self._stage, self._next = stage, now + self._every_s
        return True

    def nobody_listened(self) -> None:
        """Leave the record store alone for a while; then even an old stage is told again."""
        self._stage, self._away_until = None, self._monotonic() + _AWAY_S


class Telling:
    """Takes the progress of a run, keeps it on record and hears there that it was cancelled."""

    def __init__(
        self, records: RecordStore, clock: Clock, run: Run, pacing: Pacing | None = None
    ) -> None:
        self._records = records
        self._clock = clock
        self._run = run
        self._pacing = pacing or Pacing()
        self._share = 0.0
        self._by: str | None = None

    def __call__(self, share: float, words: str) -> None:
        """Tell the share done and what is done now; it never goes back.

        Raises:
            Cancelled: a person asked for its end; again with every call.
        """
        self._share = max(self._share, min(share, 1.0))
        if self._by is None and self._pacing.is_due(words):
            self._tell(words)
        if self._by is not None:
            raise cancelled(f"Run {self._run.id}", self._by)

    def _tell(self, words: str) -> None:
        try:
            now = self._clock.now()
            run = self._records.tell_run(self._run.id, share=self._share, words=words, at=now)
        except NormalcyError as error:
            self._pacing.nobody_listened()
            log.warning("run %d goes on untold: %s", self._run.id, error)
        else:
            self._by = run.cancelled_by


def cancelled(what: str, by: str) -> Cancelled:
    """That a person ended some work, said to others."""
    return Cancelled(f"{what} was cancelled by {by} before it was done.", by)


def both(first: Progress, second: Progress) -> Progress:
    """Tell two at once."""

    def tell(share: float, words: str) -> None:
        first(share, words)
        second(share, words)

    return tell


def seconds_left(run: Run, now: int) -> float | None:
    """How long a run will go on, if it goes on as it did; None where that cannot be said yet.

    Between two tellings the estimate melts away, the slower the longer nothing is heard, so that
    it is never negative and never says that work is done which is not.

    Args:
        run: one that goes on.
        now: nanoseconds.
    """
    if run.told_at is None or not _SOONEST <= run.progress < 1.0:
        return None
    took = (run.told_at - run.started_at) / 1e9
    silent = max(now - run.told_at, 0) / 1e9
    left = took * (1.0 - run.progress) / run.progress
    return left * math.exp(-silent / left) if left > 0 else 0.0
