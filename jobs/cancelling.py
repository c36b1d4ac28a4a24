"""Work that a person cancelled is ended where it does not end by itself.

A worker looks at each step whether its run or request was cancelled, and stops there cleanly. One
in the middle of a long step looks at nothing: its process is ended, and a fresh one takes over.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from backend.exceptions import NormalcyError
from backend.ports import RecordStore

GRACE_S = 5.0
"""So long a worker may take to come to its next step."""


@dataclass(frozen=True)
class Work:
    """What is done, as it stands on record.

    Attributes:
        kind: of the run.
        detector: of the run.
        worker: who signs it.
        request: that it was asked by, if any.
    """

    kind: str
    detector: str
    worker: str
    request: int | None = None


class Watch:
    """Whether some work is still wanted; asked each second while it goes on."""

    def __init__(
        self,
        records: RecordStore,
        work: Work,
        *,
        grace_s: float = GRACE_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._records = records
        self._work = work
        self._grace_s = grace_s
        self._monotonic = monotonic
        self._since: float | None = None
        self.ended_for: str | None = None
        """Who cancelled the work that was no longer waited for."""

    def is_wanted(self) -> bool:
        """False once a person has cancelled it and it has not come to a step for a while."""
        try:
            by = self._cancelled_by()
        except NormalcyError:
            return True  # nobody can be heard while the records are away
        if by is None:
            return True
        now = self._monotonic()
        self._since = now if self._since is None else self._since
        if now - self._since < self._grace_s:
            return True
        self.ended_for = by
        return False

    def _cancelled_by(self) -> str | None:
        work = self._work
        if work.request is not None:
            request = self._records.request(work.request)
            if request.worker == work.worker and request.cancelled_by is not None:
                return request.cancelled_by
        mine = (work.kind, work.detector, work.worker)
        for run in self._records.open_runs():
            if (run.kind, run.detector, run.worker) == mine and run.cancelled_by is not None:
                return run.cancelled_by
        return None
