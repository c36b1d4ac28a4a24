"""A claimed request stays claimed for as long as its worker lives, however silent the work is."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from backend.exceptions import Conflict, NormalcyError
from backend.ports import Clock, Progress, RecordStore
from backend.records import Request

CLAIM_NS = 120_000_000_000
"""A claim not renewed for so long belongs to a dead worker, and is free again."""
RENEW_EVERY_S = 40.0


@contextmanager
def kept_claim(
    records: RecordStore, clock: Clock, request: Request, every_s: float = RENEW_EVERY_S
) -> Iterator[Progress]:
    """Renew a claim from a thread until the block ends; gives what takes the work's progress.

    Progress that is told raises `Conflict` where another worker has claimed the request.
    """
    share, ended, one_at_a_time = 0.0, threading.Event(), threading.Lock()

    def renew() -> None:
        deadline = clock.now() + CLAIM_NS
        records.update_request(request.id, progress=share, deadline=deadline, worker=request.worker)

    def tell(done: float, words: str) -> None:
        nonlocal share
        with one_at_a_time:
            share = done
            renew()

    def go_on() -> None:
        while not ended.wait(every_s):
            try:
                with one_at_a_time:
                    renew()
            except Conflict:
                return  # it is another's now; the work hears of it when it tells or ends
            except NormalcyError:
                continue  # the store is away: that the claim holds so long is for this

    thread = threading.Thread(target=go_on, name="keep claim", daemon=True)
    thread.start()
    try:
        yield tell
    finally:
        ended.set()
        thread.join()
