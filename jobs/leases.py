"""Of several jobs processes over one record store, one does each piece of work.

A piece is claimed by a lease before it begins and given back when it ends. While this process
lives a thread renews what it holds; what a dead one held runs out and is taken over.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from backend.exceptions import NormalcyError
from backend.ports import RecordStore
from backend.records import Lease
from backend.services.processes import PROCESS
from backend.services.runs import worker_name

logger = logging.getLogger(__name__)

LENGTH = timedelta(seconds=30)
"""How long a lease outlives its holder: renewed each third, so that two renewals may fail."""
_TO_END_S = 2.0


def process_name() -> str:
    """This process among all there ever are: a pid is given again, in containers at each start."""
    return f"{worker_name()}:{secrets.token_hex(2)}"


@dataclass
class Held:
    """A lease while its work goes on.

    Attributes:
        lease: as it was taken.
        finished: set to False where the work was cut short, for another process to take it up.
    """

    lease: Lease
    finished: bool = True

    def plain(self) -> dict[str, str]:
        """What a worker needs to ask whether it still holds."""
        return {"name": self.lease.name, "token": self.lease.token}


class Leases:
    """The leases of this process."""

    def __init__(
        self,
        records: RecordStore,
        holder: str,
        *,
        length: timedelta = LENGTH,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.holder = holder
        self._records = records
        self._length_s = length.total_seconds()
        self._length_ns = round(self._length_s * 1e9)
        self._monotonic = monotonic
        self._held: dict[str, _Mine] = {}
        self._kept: set[str] = set()
        self._changing = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="leases", daemon=True)

    def start(self) -> None:
        """Show that this process lives, and go on doing so.

        Raises:
            StoreError: the records cannot be reached.
        """
        self.keeps(PROCESS + self.holder)
        self._thread.start()

    def stop(self) -> None:
        """Give everything back, so that others need not wait for it to run out."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(_TO_END_S)
        for mine in self._list():
            self._give_back(mine.lease, done=False)

    @contextmanager
    def held(self, name: str, due: int | None = None) -> Iterator[Held | None]:
        """Hold a lease while the block runs; None where another process does or did the work.

        Args:
            name: the piece of work.
            due: the scheduled time to serve.

        Raises:
            StoreError: the records cannot be reached.
        """
        lease = self._take(name, due)
        if lease is None:
            yield None
            return
        held = Held(lease)
        try:
            yield held
        finally:
            self._give_back(lease, done=held.finished)

    def keeps(self, name: str) -> bool:
        """Whether this process is the one that does a small piece again and again.

        It keeps the lease of such a piece until it ends; others try for it as often as they renew
        theirs. Costs nothing but when it is asked for the first time.

        Raises:
            StoreError: the records cannot be reached.
        """
        if name not in self._kept:
            self._take(name, None)
            self._kept.add(name)
        mine = self._held.get(name)
        return mine is not None and self._monotonic() - mine.renewed < self._length_s

    def renew(self) -> None:
        """Renew what is held, notice what was lost, and try for what is kept and not held.

        Raises:
            StoreError: the records cannot be reached.
        """
        began, held = self._monotonic(), self._list()
        if held:
            tokens = [mine.lease.token for mine in held]
            still = self._records.renew_leases(tokens, length=self._length_ns)
            for mine in held:
                if mine.lease.token in still:
                    mine.renewed = began
                else:
                    self._lose(mine)
        for name in sorted(self._kept - set(self._held)):
            self._take(name, None)

    def _take(self, name: str, due: int | None) -> Lease | None:
        began = self._monotonic()
        lease = self._records.take_lease(name, self.holder, length=self._length_ns, due=due)
        if lease is not None:
            with self._changing:
                self._held[name] = _Mine(lease, began)
        return lease

    def _give_back(self, lease: Lease, *, done: bool) -> None:
        self._forget(lease)
        try:
            self._records.drop_lease(lease.name, lease.token, done=done)
        except NormalcyError as error:
            logger.warning("the lease %s is left to run out: %s", lease.name, error)

    def _lose(self, mine: "_Mine") -> None:
        if self._forget(mine.lease):
            logger.warning(
                "%s was taken over by another process: this one was held up for more than %g s",
                mine.lease.name,
                self._length_s,
            )

    def _list(self) -> "list[_Mine]":
        with self._changing:
            return list(self._held.values())

    def _forget(self, lease: Lease) -> bool:
        """Whether it was still known: between two steps it may have been given back."""
        with self._changing:
            mine = self._held.get(lease.name)
            if mine is None or mine.lease.token != lease.token:
                return False
            del self._held[lease.name]
            return True

    def _go_on(self) -> None:
        told = ""
        while not self._ended.wait(self._length_s / 3):
            try:
                self.renew()
                told = ""
            except NormalcyError as error:
                if str(error) != told:
                    logger.warning("leases are not renewed: %s", error)
                told = str(error)
            except Exception:
                logger.exception("leases are not renewed")


@dataclass
class _Mine:
    """A lease, and when it was last known to hold."""

    lease: Lease
    renewed: float
