"""What model versions keep of how their limits were learned, by the name that points carry."""

from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from backend.exceptions import NotFound
from backend.ports import ArtifactStore, RecordStore
from backend.records import SeriesKey, Version
from backend.services.serving import version_named
from backend.services.threshold_in_force import same_model
from backend.services.versions import CALIBRATION, Calibrated, read_calibration

_KEPT = 8
"""Most versions of which calibration errors are remembered."""
_NUMBERS = 50_000_000
"""Most calibration errors in memory; those of the version asked for last stay, however many."""
_RECORDS = 64
"""Most versions of which is remembered what their records say."""


@dataclass(frozen=True)
class Backing:
    """What backs a limit: a sentence, hours of normal time, and how many there should be.

    Alarms are silent where there are too few.
    """

    basis: str
    hours: float
    wanted_hours: float
    silent: bool


@dataclass(frozen=True)
class _OnRecord:
    """What the record of a version says, as far as each series of an answer asks for it."""

    provisional: bool = False
    backing: Mapping[SeriesKey, Backing] = field(default_factory=dict)


class KeptErrors:
    """Reads what versions keep; what the latest keep is remembered, since versions never change."""

    def __init__(self, records: RecordStore, artifacts: ArtifactStore) -> None:
        self._records = records
        self._artifacts = artifacts
        self._ready: OrderedDict[str, Calibrated] = OrderedDict()
        self._known: OrderedDict[str, _OnRecord] = OrderedDict()

    def is_provisional(self, name: str) -> bool:
        """Whether a version learned without labels; nobody knows of one that is not on record."""
        return self._on_record(name).provisional

    def backing(self, key: SeriesKey, name: str) -> Backing | None:
        """What backed the limit of a series when a version was made; None if nobody knows."""
        return self._on_record(name).backing.get(key)

    def calibrated(self, name: str) -> Calibrated:
        """The calibration errors of a version.

        Raises:
            NotFound: no such version, or its files are gone.
            ArtifactError: its files are damaged.
        """
        found = self._ready.get(name)
        if found is None:
            artifact = version_named(self._records, name).artifact
            found = read_calibration(self._artifacts.load(artifact, CALIBRATION))
            self._ready[name] = found
            while len(self._ready) > 1 and self._holds_too_much():
                self._ready.popitem(last=False)
        return found

    def same_model(self, name: str) -> list[str]:
        """Names of a version and of those that its threshold was changed from.

        Raises:
            NotFound: there is none of this name.
        """
        version = version_named(self._records, name)
        return [one.name for one in same_model(self._records, version)]

    def _on_record(self, name: str) -> _OnRecord:
        found = self._known.get(name)
        if found is None:
            found = self._look_up(name)
            self._known[name] = found
            while len(self._known) > _RECORDS:
                self._known.popitem(last=False)
        return found

    def _look_up(self, name: str) -> _OnRecord:
        try:
            version = version_named(self._records, name)
        except NotFound:
            return _OnRecord()
        return _OnRecord(version.provisional, _backing(version))

    def _holds_too_much(self) -> bool:
        # A copy: another thread may be reading another version at the same time.
        held = sum(one.smoothed.size for one in list(self._ready.values()))
        return len(self._ready) > _KEPT or held > _NUMBERS


def _backing(version: Version) -> dict[SeriesKey, Backing]:
    """What backed each limit, as far as the training told."""
    found: dict[SeriesKey, Backing] = {}
    series = version.training.get("series")
    if not isinstance(series, Mapping):
        return found  # another version of normalcy wrote it
    for key, told in series.items():
        with suppress(KeyError, TypeError):
            found[key] = Backing(
                told["basis"], told["backing_hours"], told["wanted_hours"], told["silent"]
            )
    return found
