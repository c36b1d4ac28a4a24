"""Train a detector on what its operator calls normal, and let the new version serve."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from backend.detection.choosing import fit
from backend.detection.detection_limits import DetectionLimit, detection_limits
from backend.detection.pipeline import Fitted
from backend.detection.progress import part_of
from backend.detection.training import Training
from backend.exceptions import ArtifactError, NotEnoughNormalData, NotFound
from backend.ports import Clock, ModelFactory, Progress
from backend.records import Label, SeriesKey, SetAside, State, Verdict, Version
from backend.schema import DETECTOR_TAG, TRAINING
from backend.services.detectors import Detectors
from backend.services.fingerprints import (
    basis_hash,
    data_hash,
    label_hash,
    learned_part,
    plain_label,
)
from backend.services.labelling import Labelling
from backend.services.material import Material, Materials
from backend.services.promotion import Promoting
from backend.services.reading import aligned, labelled_modes
from backend.services.results import one_point
from backend.services.runs import recorded
from backend.services.stores import Stores
from backend.services.training_record import training_record
from backend.services.versions import to_files
from backend.specs import DetectorSpec, nanoseconds

_DAY = 86_400_000_000_000
_RETRY_NS = 3_600_000_000_000
_FIT_SHARE = 0.9
"""Of a training's time; what it can see is looked for in the rest."""


class Retraining:
    """A new version each time; nothing that serves is ever changed in place."""

    def __init__(
        self,
        stores: Stores,
        detectors: Detectors,
        labelling: Labelling,
        promoting: Promoting,
        make_model: ModelFactory,
        clock: Clock,
    ) -> None:
        self._results = stores.results
        self._records = stores.records
        self._artifacts = stores.artifacts
        self._materials = Materials(stores, clock)
        self._detectors = detectors
        self._labelling = labelling
        self._promoting = promoting
        self._make_model = make_model
        self._clock = clock

    def run(
        self,
        detector: str,
        progress: Progress = lambda share, words: None,
        *,
        again: bool = True,
    ) -> Version:
        """Train a detector anew, or finish what a run that was cut off left to do.

        Without any normal label it learns, robustly, from recent data; such a version is
        provisional: its flags are written, its alarms are silent.

        Args:
            detector: its name.
            progress: told the share done.
            again: train also where labels, definition and data are those of the newest version;
                a timetable says no, so that a quiet week does not make seven equal versions.

        Raises:
            NotFound: there is no such detector.
            NoData: nothing is stored where it should learn from, or under the names it is told.
            NotEnoughNormalData: no series has enough to learn from; the message says which and why.
        """
        spec = self._detectors.get(detector)
        left = self._left_behind(detector)
        with recorded(self._records, self._clock, "retrain", detector) as details:
            labels = tuple(self._labelling.list(detector))
            details["basis"] = basis_hash(spec, labels)
            if left is not None and _outdated(left, spec, labels, self._clock.now()) is None:
                version = self._bring_in(spec, left)
            else:
                version = self._train(spec, labels, progress, again=again)
            details.update(version=version.number, seconds=version.training["seconds"])
        return version

    def due(self, detector: str, now: int) -> str | None:
        """Why a detector should be trained now, beside its timetable; None if it need not be."""
        spec = self._detectors.get(detector)
        labels = self._labelling.list(detector, removed=True)
        touched = max((max(x.created_at, x.removed_at or 0) for x in labels), default=0)
        if now - touched < nanoseconds(spec.schedule.retrain_after_labels):
            return None
        present = tuple(label for label in labels if label.removed_at is None)
        reason = self._reason(spec, present, now)
        return None if reason and self._failed_lately(spec, present, now) else reason

    def _reason(self, spec: DetectorSpec, labels: Sequence[Label], now: int) -> str | None:
        newest = next(iter(self._records.versions(spec.name, limit=1)), None)
        if newest is None:
            return "there is no model yet"
        if reason := _outdated(newest, spec, labels, now):
            return reason
        if self._left_behind(spec.name):
            return "the last training was cut off before its version was brought in"
        return None

    def _left_behind(self, detector: str) -> Version | None:
        """The newest version, if the run that made it ended before all was done for it."""
        trainings = (run for run in self._records.runs(detector) if run.kind == "retrain")
        last = next(trainings, None)
        if last is None or last.state not in (State.INTERRUPTED, State.FAILED):
            return None
        made = self._records.versions(detector, limit=1)
        return made[0] if made and made[0].created_at >= last.started_at else None

    def _failed_lately(self, spec: DetectorSpec, labels: Sequence[Label], now: int) -> bool:
        """Whether the same training failed within the last hour: new data may make it succeed."""
        basis = basis_hash(spec, labels)
        return any(
            run.kind == "retrain"
            and run.state == "failed"
            and run.details.get("basis") == basis
            and not run.details.get("retry")
            and now - run.started_at < _RETRY_NS
            for run in self._records.runs(spec.name, limit=20)
        )

    def _train(
        self, spec: DetectorSpec, labels: tuple[Label, ...], progress: Progress, *, again: bool
    ) -> Version:
        began = time.monotonic()
        progress(0.0, "reading")
        material = self._materials.gather(spec, labels)
        if not again and (equal := self._made_already(material)):
            return equal
        outcome = fit(
            spec,
            material.rows,
            material.normal,
            self._make_model,
            labelled=material.labelled,
            anomalous=material.anomalous,
            modes=labelled_modes(material.rows, labels),
            progress=part_of(progress, 0.0, _FIT_SHARE if spec.detection_limits else 1.0),
        )
        self._set_aside(spec, outcome.rejected)
        if outcome.fitted is None or outcome.training is None:
            raise NotEnoughNormalData(_why_nothing(spec.name, outcome.rejected))
        fitted, training = outcome.fitted, outcome.training
        limits = self._look_for_limits(material, fitted, training, progress)
        record = {
            **training_record(fitted, training, material.warnings, limits),
            "labels": [plain_label(label) for label in material.labels],
            "set_aside": dict(outcome.rejected),
            "seconds": round(time.monotonic() - began, 3),
        }
        return self._bring_in(spec, self._store(material, fitted, training, record))

    def _look_for_limits(
        self, material: Material, fitted: Fitted, training: Training, progress: Progress
    ) -> tuple[DetectionLimit, ...]:
        if not material.spec.detection_limits:
            return ()
        rows = aligned(material.rows, fitted.keys)
        part = part_of(progress, _FIT_SHARE, 1.0)
        return detection_limits(fitted, rows, training.normal, self._make_model, part)

    def _made_already(self, material: Material) -> Version | None:
        """The newest version, if it was made from the very same labels, definition and data."""
        newest = next(iter(self._records.versions(material.spec.name, limit=1)), None)
        if newest is None or newest.data_hash != data_hash(material.rows, material.normal):
            return None
        if _redefined(newest, material.spec, material.labels):
            return None
        try:
            self._artifacts.load(newest.artifact)
        except (ArtifactError, NotFound):
            return None  # its files are damaged or gone: an equal version heals that
        return newest

    # -- writing -----------------------------------------------------------------------------------

    def _store(
        self,
        material: Material,
        fitted: Fitted,
        training: Training,
        record: Mapping[str, Any],
    ) -> Version:
        """Files first, then the record: a version that is on record can always be read.

        A crash in between leaves files that nothing refers to, and a number that is never used.
        """
        spec, now = material.spec, self._clock.now()
        kept = aligned(material.rows, fitted.keys)
        number = self._records.next_number(spec.name)
        artifact = f"{spec.name}/{number}"
        self._artifacts.save(artifact, to_files(fitted, training, kept))
        return self._records.add_version(
            Version(
                detector=spec.name,
                number=number,
                created_at=now,
                artifact=artifact,
                spec=spec.plain(),
                label_hash=label_hash(material.labels),
                data_hash=data_hash(material.rows, material.normal),
                provisional=not material.labelled,
                verdict=Verdict.CHALLENGER,
                training=record,
            )
        )

    def _bring_in(self, spec: DetectorSpec, version: Version) -> Version:
        """Let a version on record serve where it should, and write how its training went.

        Both may be done again: a crash in between is made good by the next run.
        """
        verdict = self._decide(spec, version)
        self._write_training(spec, version, verdict)
        return replace(version, verdict=verdict)

    def _decide(self, spec: DetectorSpec, version: Version) -> Verdict:
        """Promote by itself where the operator wished so.

        The first version always serves; a champion that learned from labels is not given up for a
        version that learned without.
        """
        if version.verdict is not Verdict.CHALLENGER:
            return version.verdict  # decided before a crash
        made = self._records.promotions(spec.name)
        if made and (spec.promote == "review" or self._steps_back(made[-1].number, version)):
            return Verdict.CHALLENGER
        self._promoting.promote(spec.name, version.number, by="retraining")
        return Verdict.CHAMPION

    def _steps_back(self, champion: int, version: Version) -> bool:
        serving = self._records.version(version.detector, champion)
        return version.provisional and not serving.provisional

    def _write_training(self, spec: DetectorSpec, version: Version, verdict: Verdict) -> None:
        series = version.training["series"].values()
        losses = [entry["loss"] for entry in series]
        held_out = [entry["val_loss"] for entry in series if entry["val_loss"] is not None]
        loss = float(np.mean(losses))
        values = {
            "loss": loss,
            # Where nothing was set apart for early stopping, training loss is all there is.
            "val_loss": float(np.mean(held_out)) if held_out else loss,
            "threshold": float(np.mean([entry["threshold"] for entry in series])),
            "rows": float(version.training["rows"]),
            "seconds": float(version.training["seconds"]),
            "model": version.name,
            "verdict": str(verdict),
        }
        tags = {DETECTOR_TAG: spec.name}
        self._results.write(TRAINING, [one_point(tags, version.created_at, values)])

    def _set_aside(self, spec: DetectorSpec, rejected: Mapping[SeriesKey, str]) -> None:
        """Put aside what could not be trained; all others are taken back, also those now gone."""
        now = self._clock.now()
        for key, reason in rejected.items():
            self._records.set_aside(SetAside(spec.name, key, reason, now, now + _RETRY_NS))
        aside = {one.series for one in self._records.series_set_aside(spec.name)}
        for key in aside - set(rejected):
            self._records.readmit(spec.name, key)


def _redefined(version: Version, spec: DetectorSpec, labels: Sequence[Label]) -> str | None:
    """What of labels and definition is no longer as it was when a version was made."""
    if version.label_hash != label_hash(labels):
        return "labels changed"
    if learned_part(version.spec) != learned_part(spec.plain()):
        return "the detector's definition changed"
    return None


def _outdated(
    version: Version, spec: DetectorSpec, labels: Sequence[Label], now: int
) -> str | None:
    """Why a version is no longer what a training would aim at."""
    if reason := _redefined(version, spec, labels):
        return reason
    if version.provisional and now - version.created_at > _DAY:
        return "the model is provisional and a day old"
    return None


def _why_nothing(detector: str, rejected: Mapping[SeriesKey, str]) -> str:
    first = next(iter(rejected.items()))
    more = f" ({len(rejected) - 1} more series likewise)" if len(rejected) > 1 else ""
    return f"{detector!r} could not be trained: {first[0] or 'its series'}: {first[1]}{more}."
