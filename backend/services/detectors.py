"""Which detectors there are: those of the configuration, read-only here, and those in the store."""

import logging
from collections.abc import Mapping

from pydantic import ValidationError

from backend.detection.expressions import parse
from backend.exceptions import Conflict, InputError, NotFound
from backend.ports import Clock, RecordStore
from backend.records import StoredDetector
from backend.services.cron import cron_trigger
from backend.specs import DetectorSpec
from backend.specs.times import parse_zone

log = logging.getLogger(__name__)


class Detectors:
    """A detector's name lives in one place: the configuration wins over the store."""

    def __init__(
        self, configured: Mapping[str, DetectorSpec], records: RecordStore, clock: Clock
    ) -> None:
        self._configured = dict(configured)
        self._records = records
        self._clock = clock

    @property
    def configured(self) -> Mapping[str, DetectorSpec]:
        """Those of normalcy.yaml, by name."""
        return self._configured

    def configure(self, configured: Mapping[str, DetectorSpec]) -> None:
        """Let those of normalcy.yaml be others from now on."""
        self._configured = dict(configured)

    def all(self) -> list[DetectorSpec]:
        """Every detector that can be read, by name; one that cannot does not stop the others."""
        stored = {}
        for kept in self._records.detectors():
            try:
                stored[kept.name] = _read(kept)
            except InputError as error:
                log.warning("%s", error)
        return [spec for _, spec in sorted({**stored, **self._configured}.items())]

    def get(self, name: str) -> DetectorSpec:
        """One detector.

        Raises:
            NotFound: there is none of that name; the message says which there are.
            InputError: it was stored by another version of normalcy and cannot be read.
        """
        if name in self._configured:
            return self._configured[name]
        for kept in self._records.detectors():
            if kept.name == name:
                return _read(kept)
        known = [spec.name for spec in self.all()]
        names = ", ".join(known) or "none yet; define one in normalcy.yaml"
        raise NotFound(f"There is no detector {name!r}. Known: {names}.")

    def is_configured(self, name: str) -> bool:
        """Whether the detector stands in normalcy.yaml, and so cannot be changed elsewhere."""
        return name in self._configured

    def save(self, spec: DetectorSpec, *, by: str) -> None:
        """Store a detector or replace one.

        Raises:
            Conflict: the name belongs to normalcy.yaml.
            InputError: its timetable or its `judge_when` cannot be read.
        """
        self._refuse_configured(spec.name)
        _refuse_unreadable(spec)
        self._records.save_detector(StoredDetector(spec.name, spec.plain(), by, self._clock.now()))

    def delete(self, name: str) -> None:
        """Remove a stored detector; its labels, versions and results stay.

        Raises:
            Conflict: the name belongs to normalcy.yaml.
            NotFound: there is no such detector.
        """
        self._refuse_configured(name)
        if name not in [kept.name for kept in self._records.detectors()]:
            self.get(name)
        self._records.delete_detector(name)

    def _refuse_configured(self, name: str) -> None:
        if self.is_configured(name):
            raise Conflict(f"The detector {name!r} stands in normalcy.yaml: change it there.")


def _refuse_unreadable(spec: DetectorSpec) -> None:
    """Texts with a grammar of their own, which the specification itself does not know."""
    try:
        zone = parse_zone(spec.schedule.timezone)
    except ValueError as error:
        raise InputError(
            f"schedule.timezone: {spec.schedule.timezone!r} is not a time zone: "
            "expected a name such as Europe/Berlin"
        ) from error
    try:
        if spec.schedule.retrain is not None:
            cron_trigger(spec.schedule.retrain, zone)
        if spec.judge_when is not None:
            parse(spec.judge_when, spec.inputs)
    except ValueError as error:
        raise InputError(f"The detector {spec.name!r} was not saved: {error}") from error


def _read(stored: StoredDetector) -> DetectorSpec:
    try:
        return DetectorSpec.model_validate({**stored.spec, "name": stored.name})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"The stored detector {stored.name!r} cannot be read: {where}: {first['msg']}. "
            "It was made by another version of normalcy; save it again."
        ) from error
