"""Keep labels and Grafana's annotations equal: by the clock, and at once when asked."""

import logging
from collections.abc import Callable
from datetime import timedelta

from backend.exceptions import NormalcyError
from backend.ports import Clock, RecordStore
from backend.records import Request, State
from backend.services.label_sync import KIND, SyncReport
from backend.services.requests import Requests
from jobs.patience import Patience

logger = logging.getLogger(__name__)

LOOK_EVERY = timedelta(seconds=1)
LIMIT = timedelta(minutes=10)


class LabelSyncing:
    """One sync at a time; `look` is called each second and does what is due."""

    def __init__(
        self,
        run: Callable[[], SyncReport],
        requests: Requests,
        records: RecordStore,
        clock: Clock,
        every: timedelta,
        *,
        worker: str | None = None,
    ) -> None:
        self._run = run
        self._requests = requests
        self._records = records
        self._clock = clock
        self._every = round(every.total_seconds() * 1e9)
        self._worker = worker
        self._next = 0
        self._patience = Patience()
        self._told = ""

    def look(self) -> None:
        """Serve a request that waits, else do the sync whose time has come."""
        now = self._clock.now()
        if any(_is_free(request, now) for request in self._records.open_requests()):
            self._requests.serve_one(self._worker, (KIND,))
            self._next = self._clock.now() + self._every
        elif now >= self._next and self._patience.allows(KIND, "", now):
            self._next = now + self._every
            self._sync()

    def _sync(self) -> None:
        try:
            report = self._run()
        except NormalcyError as error:
            self._remember(succeeded=False)
            if str(error) != self._told:
                self._told = str(error)
                logger.warning("labels are not synced with Grafana: %s", error)
            return
        self._remember(succeeded=True)
        if self._told:
            self._told = ""
            logger.info("labels are synced with Grafana again")
        if not report.is_quiet:
            logger.info("labels synced with Grafana %s", _figures(report))

    def _remember(self, *, succeeded: bool) -> None:
        self._patience.remember(KIND, "", self._clock.now(), succeeded=succeeded)


def _is_free(request: Request, now: int) -> bool:
    abandoned = request.deadline is not None and request.deadline <= now
    return request.kind == KIND and (request.state is State.WAITING or abandoned)


def _figures(report: SyncReport) -> str:
    figures = report.plain().items()
    return " ".join(f"{name}={value}" for name, value in figures if isinstance(value, int))
