"""Scheduled times that nobody served: counted, told, and made up for once.

A time is missed because nothing ran, the machine slept, its clock leapt, or the work before it took
too long. That is seen from what the record store knows of the time served last, so that it holds
for all processes together and over a restart.
"""

import logging
from datetime import datetime, timedelta

from backend.records import State
from backend.specs.times import format_time, since_epoch
from jobs.entries import Entry
from jobs.times import last_between, moment, times_between
from jobs.workplace import Workplace

logger = logging.getLogger(__name__)

MISSED = "missed"
"""The kind of run that tells of such times."""
_WORTH_TELLING = timedelta(minutes=5)
"""Scoring that was held up for less is only counted: the next run makes up for it unnoticed."""
_LATE = timedelta(minutes=2)
"""A time that has passed by so much and was not served was missed."""


class Missed:
    """What this process knows of the times that were served."""

    def __init__(self, work: Workplace) -> None:
        self._work = work
        self._served: dict[str, int] = {}
        self._done: dict[str, datetime] = {}
        self._in_force: dict[str, int] = {}

    def begins(self, entry: Entry, at: int) -> None:
        """Note that the times of an entry are these from now on.

        Before, they were others, or none: what lies between them was not missed.
        """
        self._in_force[entry.id] = at

    def forget(self, entry: Entry) -> None:
        """Know nothing of an entry any more."""
        for known in (self._served, self._done, self._in_force):
            known.pop(entry.id, None)

    def serves(self, entry: Entry, due: int, before: int | None) -> None:
        """Note that a time is about to be served, and count those since the one before.

        It is put on record, too, so that the pages and Grafana show it: what makes up for them is
        one run, of which nobody could tell otherwise that it stands for many.

        Args:
            entry: what is done.
            due: the time.
            before: the time served last, by whichever process.
        """
        if before is None:
            return
        before = self._counts_from(entry, before)
        times = times_between(entry.trigger, moment(before), moment(due))
        if not times:
            return
        kind, _, detector = entry.id.partition(":")
        self._work.meters.misfired(kind, times)
        self._work.meters.caught_up(kind, (due - before) / 1e9)
        if entry.makes_up or moment(due) - moment(before) >= _WORTH_TELLING:
            words = _words(times, before)
            logger.warning("%s detector=%s: %s", kind, detector, words)
            self._put_on_record(kind, detector, words, times)

    def served(self, entry: Entry, due: int) -> None:
        """Note that a time was served."""
        self._served[entry.id] = due

    def does(self, entry: Entry, fired: datetime | None) -> None:
        """Count the times of a chore that passed since this process did it last."""
        if fired is None:
            return
        before, self._done[entry.id] = self._done.get(entry.id), fired
        if before is not None and (times := times_between(entry.trigger, before, fired)):
            self._work.meters.misfired("chore", times)

    def left(self, entry: Entry) -> int | None:
        """The last time that passed and that nobody served or is serving, if there is one.

        Raises:
            StoreError: the records cannot be reached.
        """
        until = moment(self._work.clock.now()) - _LATE
        known = self._served.get(entry.id)
        if known is not None and self._last(entry, known, until) is None:
            return None
        served = self._learn(entry)
        due = None if served is None else self._last(entry, served, until)
        return None if due is None else since_epoch(due)

    def _last(self, entry: Entry, served: int, until: datetime) -> datetime | None:
        return last_between(entry.trigger, moment(self._counts_from(entry, served)), until)

    def _counts_from(self, entry: Entry, served: int) -> int:
        """Since when times that nobody served were missed."""
        return max(served, self._in_force.get(entry.id, served))

    def _learn(self, entry: Entry) -> int | None:
        """Ask the records which time was served last; None while somebody is at one."""
        leases, now = self._work.leases, self._work.clock.now()
        with leases.held(entry.id) as held:
            if held is None:
                return None
            # Given back as it was: a time that somebody left unfinished stays on record.
            held.finished, served = False, held.lease.served
        if served is None:
            # Nobody can tell what was before; from now on a time that is missed is known.
            served = now
            with leases.held(entry.id, now):
                pass
        self._served[entry.id] = served
        return served

    def _put_on_record(self, kind: str, detector: str, words: str, times: int) -> None:
        records, now = self._work.records, self._work.clock.now()
        details = {"kind": kind, "missed": times}
        run = records.start_run(MISSED, detector, worker=self._work.worker, at=now)
        message = f"{kind}: {words}."
        records.finish_run(run.id, State.DONE, at=now, message=message, details=details)


def _words(times: int, before: int) -> str:
    since = format_time(before)
    if times == 1:
        return f"one scheduled time was missed since {since}; this run makes up for it"
    return f"{times} scheduled times were missed since {since}; this run makes up for them"
