"""Whether normalcy's own house is in order: disk, memory, files, processes, work."""

import os
import shutil
import stat
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from errno import ENOENT
from pathlib import Path

import psutil

from backend.exceptions import NormalcyError
from backend.ports import Clock, Finding, RecordStore
from backend.records import ProcessReport, State
from backend.services.freshness import lasting
from backend.services.process_reports import PROGRAM, age, is_stale, present
from backend.specs.sizes import format_size

_SECOND = 1_000_000_000
_HOUR = 3600 * _SECOND

LEAST_DISK = 500_000_000
"""With less left than these bytes, what is written next may not find room."""
LEAST_SHARE = 0.03
"""The same as a share of the disk."""
LEAST_MEMORY = 300_000_000
"""With less left, a worker that starts may be ended by the kernel."""
CLOCKS_APART = 60 * _SECOND
STANDS_STILL = 900 * _SECOND
"""A request that has waited for so long while nothing goes on is forgotten by whoever should."""
SILENT = 2 * _HOUR
"""A run that has told nothing for so long may hang."""


@dataclass(frozen=True)
class House:
    """Where this installation keeps what it has on disk.

    Attributes:
        folders: what is written to, by what it is called.
        keys: files that only their owner may read.
    """

    folders: Mapping[str, Path]
    keys: Sequence[Path]


class OwnCondition:
    """Looks at the machine and at the records, and never raises."""

    def __init__(self, records: RecordStore, places: House, clock: Clock) -> None:
        self._records = records
        self._places = places
        self._clock = clock

    def lines(self) -> list[Finding]:
        """Everything, one line each."""
        return [
            *disk_lines(self._places.folders),
            memory_line(psutil.virtual_memory().available),
            *key_lines(self._places.keys),
            *self._remembered(),
        ]

    def _remembered(self) -> list[Finding]:
        now = self._clock.now()
        try:
            reports = self._records.process_reports()
            return [
                *process_lines(reports, now),
                times_line(present(reports, now)),
                self._queue(now),
                self._runs(now),
            ]
        except NormalcyError as error:
            return [Finding("processes", False, str(error))]

    def _queue(self, now: int) -> Finding:
        found = self._records.open_requests()
        waiting = [one.created_at for one in found if one.state is State.WAITING]
        running = len(found) - len(waiting)
        told = f"requests that wait: {len(waiting)}, worked on: {running}"
        oldest = now - min(waiting, default=now)
        if oldest > STANDS_STILL and not running and not self._records.open_runs():
            told = (
                f"{told}; the oldest has waited for {lasting(oldest)} and nothing goes on: see "
                "that normalcy jobs runs, and its log"
            )
            return Finding("queue", False, told)
        return Finding("queue", True, told)

    def _runs(self, now: int) -> Finding:
        found = self._records.open_runs()
        silent = [one for one in found if now - (one.told_at or one.started_at) > SILENT]
        if silent:
            names = ", ".join(f"{one.kind} of {one.detector} ({one.id})" for one in silent[:3])
            told = (
                f"nothing has been told for more than {lasting(SILENT)} by {names}: look with "
                f"normalcy runs show {silent[0].id}, and end it with normalcy runs cancel"
            )
            return Finding("runs", False, told)
        return Finding("runs", True, f"that go on: {len(found)}")


# -- the machine -----------------------------------------------------------------------------------


def disk_lines(folders: Mapping[str, Path]) -> Iterator[Finding]:
    """How much room is left where something is written."""
    for name, folder in folders.items():
        try:
            there, free, total = _room(folder)
        except OSError as error:
            told = f"{folder} cannot be looked at: {error.strerror}"
            yield Finding(f"disk of {name}", False, told)
            continue
        share = free / total if total else 0.0
        told = f"{format_size(free)} of {format_size(total)} free at {there}"
        if free < LEAST_DISK or share < LEAST_SHARE:
            told += ": make room, or let less be kept (keep in normalcy.yaml)"
            yield Finding(f"disk of {name}", False, told)
        else:
            yield Finding(f"disk of {name}", True, told)


def _room(folder: Path) -> tuple[Path, int, int]:
    """Bytes that are free, and all of them, where a folder lies or where it would be made."""
    for there in (folder, *folder.parents):
        with suppress(FileNotFoundError, NotADirectoryError):
            usage = shutil.disk_usage(there)
            return there, usage.free, usage.total
    raise FileNotFoundError(ENOENT, os.strerror(ENOENT))


def memory_line(available: int) -> Finding:
    """Whether a worker that starts finds memory."""
    told = f"{format_size(available)} available"
    if available < LEAST_MEMORY:
        told += ": a training may be ended for want of it; stop something else, or add memory"
        return Finding("memory", False, told)
    return Finding("memory", True, told)


def key_lines(keys: Sequence[Path]) -> Iterator[Finding]:
    """Whether nobody else may read the files that sign and open things."""
    told = {key.name: trouble for key in keys if (trouble := _trouble(key)) is not None}
    wrong = {name: trouble for name, trouble in told.items() if trouble}
    for name, trouble in wrong.items():
        yield Finding(f"key {name}", False, trouble)
    if not wrong:
        yield Finding("keys", True, ", ".join(told) or "there are none yet")


def _trouble(key: Path) -> str | None:
    """What is wrong with a key's file; None where there is none yet."""
    try:
        mode = key.stat().st_mode
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"{key} cannot be looked at: {error.strerror}"
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        return f"{key} can be read by others ({stat.filemode(mode)}): chmod 600 {key}"
    return ""


# -- processes -------------------------------------------------------------------------------------


def process_lines(reports: Sequence[ProcessReport], now: int) -> Iterator[Finding]:
    """Whether each process that told something of itself still does, and runs this program."""
    for one in reports:
        name = f"process {one.role} on {one.host}"
        if one.at - now > CLOCKS_APART:
            told = f"its clock is {lasting(one.at - now)} ahead of this machine's: set both right"
            yield Finding(name, False, told)
        elif is_stale(one, now):
            told = (
                f"it told something of itself {lasting(age(one, now))} ago and no more: it was "
                "killed, hangs, or its clock is behind; see its log"
            )
            yield Finding(name, False, told)
        elif one.program != PROGRAM:
            told = f"it runs normalcy {one.program}, this is {PROGRAM}: start it again"
            yield Finding(name, False, told)
        else:
            told = f"up for {lasting(max(now - one.started_at, 0))}, {_memory(one)} of memory"
            yield Finding(name, True, told)


def times_line(reports: Sequence[ProcessReport]) -> Finding:
    """Which scheduled times were missed, by what the processes counted since they began."""
    missed: Counter[str] = Counter()
    for report in reports:
        for name, labels, value in _samples(report, "normalcy_jobs_misfired"):
            if name.endswith("_total"):
                missed[labels["kind"]] += int(value)
    if not missed:
        return Finding("timetable", True, "no scheduled time was missed")
    told = ", ".join(f"{kind}: {number}" for kind, number in sorted(missed.items()))
    return Finding("timetable", True, f"scheduled times missed since the jobs began: {told}")


def _memory(report: ProcessReport) -> str:
    found = _samples(report, "normalcy_process_resident_memory_bytes")
    return format_size(next((value for _, _, value in found), 0))


def _samples(report: ProcessReport, family: str) -> list[tuple[str, dict[str, str], float]]:
    found = report.families.get(family, {"samples": []})["samples"]
    return [(name, labels, value) for name, labels, value in found]
