"""Would this program score as the one did that made the versions? Asked before it serves."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.detection.progress import part_of
from backend.exceptions import InputError, NormalcyError, NotFound
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
from backend.services.versions import TO_SCORE, from_files, made_by

_SHARE_READ = 0.3
_LONGEST_WORDS = 200
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
            NotFound: there is no such file, or no such detector in it.
            InputError, StoreRefused: it cannot be read.
        """
        with self._backups.open(path, part_of(progress, 0.0, _SHARE_READ)) as backup:
            artifacts = _artifacts_in(backup.records(), every=every)
            found = {
                model: _from_backup(backup, artifact)
                for model, artifact in artifacts.items()
                if detector in (None, model.rpartition("/")[0])
            }
            if detector is not None and not found:
                raise NotFound(f"{path} holds no version of a detector {detector!r} to verify.")
            return list(self._verified(found, part_of(progress, _SHARE_READ, 1.0)))

    def _names(self, detector: str | None) -> Sequence[str]:
        if detector is None:
            return self._records.versioned()
        if detector not in (versioned := self._records.versioned()):
            self._detectors.get(detector)
        return [detector] if detector in versioned else []

    def _loads(self, artifact: str) -> Loads:
        return lambda: self._artifacts.load(artifact, TO_SCORE)

    def _verified(self, found: Mapping[str, Loads], progress: Progress) -> Iterator[Verified]:
        for place, (model, loads) in enumerate(found.items()):
            progress(place / len(found), f"verifying {model}")
            yield self._verify(model, loads)

    def _verify(self, model: str, loads: Loads) -> Verified:
        try:
            files = loads()
            from_files(files, self._make_model)
        except NormalcyError as error:
            return Verified(model, False, str(error))
        except Exception as error:  # whatever other libraries raise is what is asked for here
            words = " ".join(str(error).split())[:_LONGEST_WORDS]
            return Verified(model, False, f"It cannot be loaded ({type(error).__name__}: {words}).")
        return Verified(model, True, changed=tuple(changed_since(made_by(files))))


def _from_backup(backup: Backup, artifact: str) -> Loads:
    return lambda: backup.artifact(artifact, TO_SCORE)


def _artifacts_in(records: RecordDump, *, every: bool) -> dict[str, str]:
    """The artifacts of versions that serve, or of all, by their names.

    Raises:
        InputError: the records are none of normalcy's.
    """
    try:
        named = {_name(row): str(row["artifact"]) for row in records.rows("versions")}
        if every:
            return named
        # in the order in which they were made
        serving = {str(row["detector"]): _name(row) for row in records.rows("promotions")}
    except KeyError as error:
        raise InputError(
            f"A version in the backup has no {error}: no normalcy that this one knows made it."
        ) from error
    return {model: named[model] for model in serving.values() if model in named}


def _name(row: Mapping[str, Any]) -> str:
    return f"{row['detector']}/{row['number']}"
