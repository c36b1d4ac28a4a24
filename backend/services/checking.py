"""What works and what does not: one line each, ok or what to do."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from backend.exceptions import NormalcyError
from backend.ports import Clock, Finding, RecordStore, SeriesStore
from backend.records import ProcessReport
from backend.services.backing_up import BACKUP
from backend.services.channel_changes import ChannelChanges
from backend.services.detectors import Detectors
from backend.services.freshness import data_found
from backend.services.meters import CONFIGURATION_OUTDATED
from backend.services.overview import Condition, Overview
from backend.services.process_reports import present
from backend.services.processes import living
from backend.services.queries import Queries
from backend.services.stores import Stores
from backend.specs import DetectorSpec, nanoseconds

_REMEDY = {
    Condition.BLIND: "start the jobs (normalcy up), and see that its sensors are writing",
    Condition.NO_MODEL: "train it with: normalcy retrain {detector}",
}


OLD_BACKUP_DAYS = 30
"""Older ones are taken for forgotten."""

_SHOWN = 3
"""Series that a line names."""

CheckLine = Finding
"""One thing looked at, of a store or of anything else."""


class Checking:
    """Looks at everything outside the program, and never stops at the first trouble."""

    def __init__(
        self,
        stores: Stores,
        directory: Path,
        detectors: Detectors,
        queries: Queries,
        clock: Clock,
        beyond: Callable[[Sequence[str]], Sequence[CheckLine]] = lambda detectors: (),
    ) -> None:
        """Look at `stores`, whose model files lie in `directory`.

        Args:
            stores: where everything is kept.
            directory: of the model files.
            detectors: which there are.
            queries: how they are doing.
            clock: the time.
            beyond: looks at what else there is, such as a Grafana, given the names of the
                detectors; it never raises.
        """
        self._source = stores.source
        self._written = stores.results
        self._records = stores.records
        self._files = stores.artifacts
        self._directory = directory
        self._detectors = detectors
        self._queries = queries
        self._clock = clock
        self._beyond = beyond
        self._changes = ChannelChanges(stores.source, stores.records, stores.artifacts, clock)

    def lines(self, *, scratch: bool = False) -> list[CheckLine]:
        """Everything, in the order in which one depends on the other.

        Args:
            scratch: also write a point to the results and read it back.
        """
        now = self._clock.now()
        source = _examined("source", self._source, now, writing=False, scratch=False)
        results = _examined("results", self._written, now, writing=True, scratch=scratch)
        records = _answers("records", self._records)
        lines = [*source, *results, records, self._artifacts()]
        if records.ok:
            lines.append(_jobs(self._records))
            lines += _outdated(self._records, now)
            lines.append(_backup(self._records, now))
            # a clock that is wrong does not keep rows from being read
            readable = all(line.ok for line in source if not line.what.endswith("clock"))
            lines += self._detector_lines(now, read_source=readable)
        return [*lines, *self._beyond(self._names() if records.ok else [])]

    def _names(self) -> list[str]:
        try:
            return [spec.name for spec in self._detectors.all()]
        except NormalcyError:  # told of above
            return []

    def _detector_lines(self, now: int, *, read_source: bool) -> Iterator[CheckLine]:
        try:
            specs, overviews = self._detectors.all(), self._queries.overviews()
        except NormalcyError as error:
            yield CheckLine("detectors", False, str(error))
            return
        if not specs:
            detail = "there are none: define one in normalcy.yaml, or try: normalcy demo"
            yield CheckLine("detectors", False, detail)
        for spec in specs if read_source else ():
            yield data_found(self._source, spec, now)
            yield from self._changed(spec)
        for overview in overviews:
            yield self._state(overview)

    def _changed(self, spec: DetectorSpec) -> Iterator[CheckLine]:
        """What may have happened to its channels; nothing where all is as it was."""
        keys = sorted(self._records.watermarks(spec.name))
        told = self._changes.told(spec, keys)
        if not told:
            return
        shown = [f"{key or 'its series'}: {' '.join(own)}" for key, own in told.items()][:_SHOWN]
        more = f"; {len(told) - _SHOWN} more series likewise" if len(told) > _SHOWN else ""
        yield CheckLine(f"channels {spec.name}", False, "; ".join(shown) + more)

    def _state(self, overview: Overview) -> CheckLine:
        """How a detector is, and whether the files of the version that serves can be read."""
        if overview.champion is not None:
            try:
                version = self._records.version(overview.detector, overview.champion)
                self._files.load(version.artifact)
            except NormalcyError as error:
                return CheckLine(f"detector {overview.detector}", False, str(error))
        return _told(overview)

    def _artifacts(self) -> CheckLine:
        directory = self._directory
        try:
            directory.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=directory):
                count = len(self._files.names())
        except OSError as error:
            detail = f"{directory} cannot be written to ({error.strerror}): see to its owner"
            return CheckLine("model files", False, detail)
        except NormalcyError as error:
            return CheckLine("model files", False, str(error))
        return CheckLine("model files", True, f"{directory}, versions kept: {count}")


def _told(overview: Overview) -> CheckLine:
    condition, aside = overview.condition, overview.set_aside
    words = [f"{condition}: {overview.why.rstrip('.')}" if overview.why else str(condition)]
    if remedy := _REMEDY.get(condition):
        words.append(remedy.format(detector=overview.detector))
    words += [f"{one.series or 'its series'} is set aside: {one.reason}" for one in aside]
    well = condition not in _REMEDY and not aside
    return CheckLine(f"detector {overview.detector}", well, "; ".join(words))


def _examined(
    name: str, store: SeriesStore, now: int, *, writing: bool, scratch: bool
) -> list[CheckLine]:
    found = store.examine(now, writing=writing, scratch=scratch)
    return [CheckLine(f"{name}: {look.what}", look.ok, look.detail) for look in found]


def _jobs(records: RecordStore) -> CheckLine:
    """Which processes run the timetable; that none does is no fault where it is yet to be begun."""
    try:
        alive = living(records.leases())
    except NormalcyError as error:
        return CheckLine("jobs", False, str(error))
    told = ", ".join(alive) or "no process runs the timetable: start it with normalcy up"
    return CheckLine("jobs", True, told)


def _backup(records: RecordStore, now: int) -> CheckLine:
    """How old the last backup is; that there is none may be by choice, an old one is none."""
    try:
        made = {one.name: one.at for one in records.upkeep()}.get(BACKUP)
    except NormalcyError as error:
        return CheckLine("backup", False, str(error))
    if made is None:
        return CheckLine("backup", True, "none was made yet with normalcy backup")
    days = max(0, now - made) // nanoseconds(timedelta(days=1))
    told = "today" if days < 1 else "1 day ago" if days == 1 else f"{days} days ago"
    if days > OLD_BACKUP_DAYS:
        told += ": see why there is no newer one, and make one with normalcy backup"
    return CheckLine("backup", days <= OLD_BACKUP_DAYS, f"the last one was made {told}")


def _outdated(records: RecordStore, now: int) -> Iterator[CheckLine]:
    """Processes for which normalcy.yaml as it stands is not in force."""
    try:
        reports = present(records.process_reports(), now)
    except NormalcyError:  # told of by the line before
        return
    if roles := sorted({one.role for one in reports if _is_outdated(one)}):
        detail = (
            f"{', '.join(roles)}: normalcy.yaml as it stands is not in force, for it was wrong or "
            "changes what is read at the start only; their log and the overview say which: mend "
            "it, or restart them"
        )
        yield CheckLine("running configuration", False, detail)


def _is_outdated(report: ProcessReport) -> bool:
    told = report.families.get(CONFIGURATION_OUTDATED, {}).get("samples", ())
    return any(value for _, _, value in told)


def _answers(what: str, store: RecordStore) -> CheckLine:
    try:
        return CheckLine(what, True, store.ping())
    except NormalcyError as error:
        return CheckLine(what, False, str(error))
