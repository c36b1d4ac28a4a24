"""A claimed request stays claimed for as long as its worker lives, however silent the work is."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from backend.exceptions import Conflict, NormalcyError
from backend.ports import Clock, Progress, RecordStore
from backend.records import Request
from backend.services.progress import Pacing, cancelled

CLAIM_NS = 120_000_000_000
"""A claim not renewed for so long belongs to a dead worker, and is free again."""
RENEW_EVERY_S = 40.0


@contextmanager
def kept_claim(
    records: RecordStore, clock: Clock, request: Request, every_s: float = RENEW_EVERY_S
) -> Iterator[Progress]:
    """Renew a claim from a thread until the block ends; gives what takes the work's progress.

    Progress that is told raises `Conflict` where another worker has claimed the request, and
    `Cancelled` where a person has ended it.
    """
    claim = _Claim(records, clock, request)
    ended = threading.Event()

    def go_on() -> None:
        while not ended.wait(every_s):
            try:
                claim.renew()
            except Conflict:
                return  # it is another's now; the work hears of it when it tells or ends
            except NormalcyError:
                continue  # the store is away: that the claim holds so long is for this

    thread = threading.Thread(target=go_on, name="keep claim", daemon=True)
    thread.start()
    try:
        yield claim.tell
    finally:
        ended.set()
        thread.join()


class _Claim:
    """What is known of a claim, and told from two threads in turn."""

    def __init__(self, records: RecordStore, clock: Clock, request: Request) -> None:
        self._records = records
        self._clock = clock
        self._request = request
        self._share, self._words = 0.0, ""
        self._by = request.cancelled_by
        self._pacing = Pacing()
        self._one_at_a_time = threading.Lock()

    def tell(self, share: float, words: str) -> None:
        """Tell of progress, and hear of a cancel; a store that is away stops nothing."""
        self._share, self._words = max(self._share, min(share, 1.0)), words
        if self._by is None and self._pacing.is_due(words):
            try:
                self.renew()
            except Conflict:
                raise
            except NormalcyError:
                self._pacing.nobody_listened()
        if self._by is not None:
            raise cancelled(f"Request {self._request.id}", self._by)

    def renew(self) -> None:
        """Extend the claim, with the newest progress."""
        with self._one_at_a_time:
            told = self._records.update_request(
                self._request.id,
                progress=self._share,
                deadline=self._clock.now() + CLAIM_NS,
                worker=self._request.worker,
                words=self._words,
            )
            self._by = told.cancelled_by
