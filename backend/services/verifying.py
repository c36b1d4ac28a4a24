"""Would this program score as the one did that made the versions? Asked before it serves."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.exceptions import ArtifactError, InputError, NotFound
from backend.ports import (
    ArtifactStore,
    Backup,
    BackupFiles,
    ModelFactory,
    Progress,
    RecordDump,
    RecordStore,
)
from backend.services.detectors import Detectors
from backend.services.program import changed_since
from backend.services.serving import champion_of
from backend.services.versions import from_files, made_by

_NEEDED = ("version", "weights", "probe")
_SILENT: Progress = lambda share, words: None  # noqa: E731


@dataclass(frozen=True)
class Verified:
    """What came of one version.

    Attributes:
        model: its name, `detector/number`.
        ok: whether it gives the scores here that it gave when it was made.
        words: why not.
        changed: what computes now in another version than when it was made.
    """

    model: str
    ok: bool
    words: str = ""
    changed: tuple[str, ...] = ()


Loads = Callable[[], Mapping[str, bytes]]


class Verifying:
    """Scores the probes of versions and compares; nothing is written."""

    def __init__(
        self,
        records: RecordStore,
        artifacts: ArtifactStore,
        detectors: Detectors,
        make_model: ModelFactory,
        backups: BackupFiles,
    ) -> None:
        self._records = records
        self._artifacts = artifacts
        self._detectors = detectors
        self._make_model = make_model
        self._backups = backups

    def run(
        self, detector: str | None = None, *, every: bool = False, progress: Progress = _SILENT
    ) -> list[Verified]:
        """Verify the versions that serve, or every one that is kept.

        Args:
            detector: only its versions.
            every: also those that do not serve.
            progress: told the share done.

        Raises:
            NotFound: there is no such detector.
        """
        found = {
            version.name: self._loads(version.artifact)
            for name in self._names(detector)
            for version in (
                self._records.versions(name) if every else [champion_of(self._records, name)]
            )
            if version is not None
        }
        return list(self._verified(found, progress))

    def in_backup(
        self,
        path: Path,
        detector: str | None = None,
        *,
        every: bool = False,
        progress: Progress = _SILENT,
    ) -> list[Verified]:
        """The same of the versions in a backup: the records of an older program are left alone.

        Raises:
            NotFound, InputError, StoreRefused: the backup cannot be read.
        """
        with self._backups.open(path, _SILENT) as backup:
            artifacts = _artifacts_in(backup.records(), every=every)
            found = {
                model: _from_backup(backup, artifact)
                for model, artifact in artifacts.items()
                if detector in (None, model.rpartition("/")[0])
            }
            return list(self._verified(found, progress))

    def _names(self, detector: str | None) -> Sequence[str]:
        if detector is None:
            return self._records.versioned()
        if detector not in (versioned := self._records.versioned()):
            self._detectors.get(detector)
        return [detector] if detector in versioned else []

    def _loads(self, artifact: str) -> Loads:
        return lambda: self._artifacts.load(artifact, _NEEDED)

    def _verified(self, found: Mapping[str, Loads], progress: Progress) -> Iterator[Verified]:
        for place, (model, loads) in enumerate(found.items()):
            progress(place / len(found), f"verifying {model}")
            yield self._verify(model, loads)

    def _verify(self, model: str, loads: Loads) -> Verified:
        try:
            files = loads()
            from_files(files, self._make_model)
        except (ArtifactError, InputError, NotFound) as error:
            return Verified(model, False, str(error))
        return Verified(model, True, changed=tuple(changed_since(made_by(files))))


def _from_backup(backup: Backup, artifact: str) -> Loads:
    return lambda: backup.artifact(artifact)


def _artifacts_in(records: RecordDump, *, every: bool) -> dict[str, str]:
    """The artifacts of versions that serve, or of all, by their names."""
    named = {
        f"{row['detector']}/{row['number']}": str(row["artifact"])
        for row in records.rows("versions")
    }
    if every:
        return named
    serving: dict[str, str] = {}
    for row in records.rows("promotions"):  # in the order in which they were made
        serving[str(row["detector"])] = f"{row['detector']}/{row['number']}"
    return {model: named[model] for model in serving.values() if model in named}
