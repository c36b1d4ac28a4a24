"""Each process tells the record store what it counts, and the web shows what all of them told.

Processes never call each other, so that nothing has to know where the others listen. What a process
told last counts for a minute; then it is shown as down, and after ten it is forgotten.
"""

import logging
import os
import secrets
import socket
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from importlib.metadata import version
from typing import Any

import psutil
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from backend.exceptions import NormalcyError
from backend.ports import Clock, RecordStore
from backend.records import ProcessReport
from backend.services.meters import CONFIGURATION_OUTDATED, Meters

logger = logging.getLogger(__name__)

PROGRAM = version("normalcy")
"""Version of normalcy that this process runs."""

EVERY_S = 15.0
"""So often a process tells."""
STALE_NS = 60_000_000_000
"""What was told longer ago says nothing of now."""
FORGOTTEN_NS = 600_000_000_000
"""What was told longer ago is removed."""
_AHEAD_NS = 86_400_000_000_000
"""What a clock told that is ahead stays for so long: somebody has to hear that it is."""
_MISSED_NS = 30_000_000_000
_TO_END_S = 2.0

_Sample = tuple[str, tuple[tuple[str, str], ...]]
"""Its name and its labels."""

_HIGHEST = ("start_time_seconds", "open_fds", "max_fds", CONFIGURATION_OUTDATED)
"""How names end of what is not added up where several processes have one role on one host."""


class Reporter:
    """Tells the record store what this process counts, for as long as it lives."""

    def __init__(
        self,
        records: RecordStore,
        meters: Meters,
        clock: Clock,
        role: str,
        *,
        every_s: float = EVERY_S,
    ) -> None:
        self._records = records
        self._meters = meters
        self._clock = clock
        self._role = role
        self._every_s = every_s
        self._started = clock.now()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="reports", daemon=True)
        self._token = secrets.token_hex(2)

    @property
    def name(self) -> str:
        """This process among all there ever are, also where it was forked from another."""
        return f"{self._role}:{socket.gethostname()}:{os.getpid()}:{self._token}"

    def start(self) -> None:
        """Tell at once, and go on doing so beside everything else."""
        self._thread.start()

    def stop(self, *, in_order: bool = True) -> None:
        """Take back what was told, by its workers too: who ended in order is not down.

        Args:
            in_order: else it is told a last time, so that what made the process leave is heard of.
        """
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(_TO_END_S)
        with suppress(NormalcyError):
            told = self._records.process_reports(counts=False)
            here = [x for x in told if x.host == socket.gethostname()]
            ended = [x.name for x in here if not psutil.pid_exists(x.pid)]
            self._records.forget_processes([*ended, *([self.name] if in_order else [])])
            if not in_order:
                self._records.report_process(self.current())

    def current(self) -> ProcessReport:
        """What this process has to tell now."""
        return ProcessReport(
            name=self.name,
            role=self._role,
            host=socket.gethostname(),
            pid=os.getpid(),
            program=PROGRAM,
            started_at=self._started,
            at=self._clock.now(),
            families=plain(self._meters.registry),
        )

    def tell(self) -> None:
        """Tell once, and remove what processes told that are no more.

        Raises:
            StoreError: the records cannot be reached.
        """
        mine = self.current()
        self._records.report_process(mine)
        told = self._records.process_reports(counts=False)
        gone = [x.name for x in told if is_gone(x, mine)]
        if gone:
            self._records.forget_processes(gone)

    def _go_on(self) -> None:
        while True:
            try:
                self.tell()
            except NormalcyError as error:
                # whoever needs the records to work says aloud that they are away
                logger.debug("what this process counts is not told: %s", error)
            except Exception:
                logger.exception("what this process counts is not told")
            if self._ended.wait(self._every_s):
                return


def is_gone(said: ProcessReport, by: ProcessReport) -> bool:
    """Whether a process ended without a word, as seen by another.

    On its own host that is known soon, so that what its successor counts is not added to it. A
    process that tells in time is never gone: containers may share a host's name and not its pids.
    """
    if said.name == by.name:
        return False
    late = by.at - said.at
    if late > FORGOTTEN_NS or -late > _AHEAD_NS:
        return True
    if said.host != by.host or abs(late) <= _MISSED_NS:
        return False
    return said.pid == by.pid or not psutil.pid_exists(said.pid)


def age(said: ProcessReport, now: int) -> int:
    """How long ago a report was made, whichever of the clocks is ahead; nanoseconds."""
    return abs(now - said.at)


def is_stale(said: ProcessReport, now: int) -> bool:
    """Whether a process should have told again long ago."""
    return age(said, now) > STALE_NS


# -- between counters and JSON ---------------------------------------------------------------------


def plain(registry: CollectorRegistry) -> dict[str, Any]:
    """The counters of a process by name, JSON-ready."""
    return {
        family.name: {
            "type": family.type,
            "help": family.documentation,
            "samples": [
                [one.name, dict(one.labels), float(one.value)]
                for one in family.samples
                if not one.name.endswith("_created")  # when a counter began is of no use here
            ],
        }
        for family in registry.collect()
    }


def merged(reports: Iterable[ProcessReport]) -> list[Metric]:
    """What all processes count, each sample with its process and host.

    Processes of one role on one host, as the workers of a fleet's pieces, are added up: how many
    series of numbers there are then follows from what is installed, not from how often it restarts.
    """
    families: dict[str, Metric] = {}
    values: dict[str, dict[_Sample, float]] = {}
    for report in reports:
        where = {"process": report.role, "host": report.host}
        for name, told in report.families.items():
            families.setdefault(name, Metric(name, told["help"], told["type"]))
            found = values.setdefault(name, {})
            for sample, labels, value in told["samples"]:
                key = sample, tuple(sorted({**labels, **where}.items()))
                found[key] = _together(sample, found.get(key), value)
    for name, family in families.items():
        for (sample, with_labels), value in values[name].items():
            family.add_sample(sample, dict(with_labels), value)
    return list(families.values())


def _together(name: str, before: float | None, value: float) -> float:
    if before is None:
        return value
    return max(before, value) if name.endswith(_HIGHEST) else before + value


def present(reports: Sequence[ProcessReport], now: int) -> list[ProcessReport]:
    """The reports that say something of now."""
    return [one for one in reports if not is_stale(one, now)]
