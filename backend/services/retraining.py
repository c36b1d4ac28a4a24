"""Train a detector on what its operator calls normal, and let the new version serve."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backend.detection.choosing import Choice, pick, tried_on
from backend.detection.detection_limits import DetectionLimit, detection_limits, looked_at
from backend.detection.enough import what_is_lacking
from backend.detection.pipeline import counted_channels
from backend.detection.progress import part_of
from backend.exceptions import NotEnoughNormalData, NotFound, TaskError
from backend.ports import Clock, Progress
from backend.records import Label, LabelKind, SeriesKey, SetAside, State, Verdict, Version
from backend.schema import DETECTOR_TAG, TRAINING
from backend.services.comparison_request import BY_TRAINING, COMPARE, Pair
from backend.services.detectors import Detectors
from backend.services.drift import open_proposals
from backend.services.fencing import Fence, unfenced
from backend.services.fingerprints import (
    basis_hash,
    data_hash,
    label_hash,
    learned_part,
    plain_label,
)
from backend.services.fleet_pieces import Asked, FleetPieces, Trained
from backend.services.former_version import saved
from backend.services.heap import give_back_memory
from backend.services.joining import joined, selected
from backend.services.labelling import Labelling
from backend.services.material import Outline
from backend.services.progress import both
from backend.services.promotion import Promoting
from backend.services.results import one_point
from backend.services.runs import recorded
from backend.services.serving import champion_of
from backend.services.stores import Stores
from backend.services.threshold_in_force import applied_to, in_force, is_waiting
from backend.services.training_record import joined_record, with_limits
from backend.services.unchanged import Unchanged, look_back
from backend.services.versions import read_archive, read_fitted, save_new, unpack
from backend.specs import DetectorSpec, nanoseconds

_DAY = 86_400_000_000_000
_RETRY_NS = 3_600_000_000_000
_CHOICE_SHARE = 0.3
"""Of a training's time, where the model is to be chosen first."""
_UNREAD = ("folds", "probe")
"""How the names of those files of a version begin that its detection limits do not need."""
_FIT_SHARE = 0.9
"""When the fleet is trained; what it can see is looked for in the rest."""


@dataclass(frozen=True)
class _How:
    """How a training goes; see `Retraining.run`."""

    again: bool
    cold: bool
    known: bool


class Retraining:
    """A new version each time; nothing that serves is ever changed in place."""

    def __init__(
        self,
        stores: Stores,
        detectors: Detectors,
        labelling: Labelling,
        promoting: Promoting,
        pieces: FleetPieces,
        clock: Clock,
    ) -> None:
        self._results = stores.results
        self._records = stores.records
        self._artifacts = stores.artifacts
        self._materials = pieces.materials
        self._detectors = detectors
        self._labelling = labelling
        self._promoting = promoting
        self._make_model = pieces.make_model
        self._pieces = pieces
        self._clock = clock

    def fit_piece(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Train a piece of a fleet: what an executor is asked to do somewhere."""
        return self._pieces.fit(arguments)

    def run(
        self,
        detector: str,
        progress: Progress = lambda share, words: None,
        *,
        again: bool = True,
        cold: bool = False,
        known: bool = False,
        fence: Fence = unfenced,
    ) -> Version:
        """Train a detector anew, or finish what a run that was cut off left to do.

        Without any normal label it learns, robustly, from recent data; such a version is
        provisional: its flags are written, its alarms are silent.

        Args:
            detector: its name.
            progress: told the share done.
            again: train also where labels, definition and data are those of the newest version;
                a timetable says no, so that a quiet week does not make seven equal versions.
            cold: begin anew, in place of with the weights of the version that serves.
            known: rows that were learned from before are not read again from the source, which may
                have corrected them since: for what follows a label, not for each night.
            fence: asked before anything is stored.

        Raises:
            NotFound: there is no such detector.
            NoData: nothing is stored where it should learn from, or under the names it is told.
            NotEnoughNormalData: no series has enough to learn from; the message says which and why.
            LeaseLost: another process has taken the training over; nothing was stored.
            Cancelled: a person ended it; nothing was stored, and what served goes on.
        """
        spec = in_force(self._records, self._detectors.get(detector))
        left = self._left_behind(detector)
        labels = tuple(self._labelling.list(detector))
        known_before = {"basis": basis_hash(spec, labels)}
        with recorded(self._records, self._clock, "retrain", detector, known_before) as going:
            if left is not None and _outdated(left, spec, labels, self._clock.now()) is None:
                version = self._bring_in(spec, left, fence)
            else:
                told = both(going.tell, progress)
                version = self._train(spec, labels, told, _How(again, cold, known), fence)
            going.details.update(version=version.number, seconds=version.training["seconds"])
        return version

    def due(self, detector: str, now: int) -> str | None:
        """Why a detector should be trained now, beside its timetable; None if it need not be."""
        spec = in_force(self._records, self._detectors.get(detector))
        labels = self._labelling.list(detector, removed=True)
        touched = max((max(x.created_at, x.removed_at or 0) for x in labels), default=0)
        # after a clock was set back nothing waits for what was touched in the future
        if 0 <= now - touched < nanoseconds(spec.schedule.retrain_after_labels):
            return None
        present = tuple(label for label in labels if label.removed_at is None)
        reason = self._reason(spec, present, now)
        if reason and (self._failed_lately(spec, present, now) or self._called_off(spec, present)):
            return None
        return reason

    def _reason(self, spec: DetectorSpec, labels: Sequence[Label], now: int) -> str | None:
        newest = next(iter(self._records.versions(spec.name, limit=1)), None)
        if newest is None:
            return "there is no model yet"
        if reason := _outdated(newest, spec, labels, now):
            return reason
        if self._left_behind(spec.name):
            return "the last training was cut off before its version was brought in"
        if reason := self._drifted(spec, newest, labels):
            return reason
        if waiting := self._waiting(newest, now):
            return f"to be tried again, as its worker was lost: {', '.join(waiting)}"
        return None

    def _drifted(self, spec: DetectorSpec, newest: Version, labels: Sequence[Label]) -> str | None:
        """What is said of its drift, where it is to be trained by itself because of it.

        With normal labels the same would be learned once more: a person has to mark newer time.
        """
        spoken = any(label.kind is LabelKind.NORMAL for label in labels)
        if not spec.schedule.retrain_on_drift or spoken:
            return None
        waiting = open_proposals(self._records.drift_proposals(spec.name), newest.number)
        return waiting[0].reason if waiting else None

    def _waiting(self, newest: Version, now: int) -> list[SeriesKey]:
        """Series that the newest version lacks for no reason of their own, and may be tried now."""
        lost = set(newest.training.get("to_try_again", ()))
        aside = self._records.series_set_aside(newest.detector) if lost else []
        return sorted(
            one.series
            for one in aside
            # one that was set aside in the future was so before the clock was set back
            if one.series in lost and not one.since <= now < one.retry_at
        )

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
            and 0 <= now - run.started_at < _RETRY_NS  # else the clock was set back since
            for run in self._records.runs(spec.name, limit=20)
        )

    def _called_off(self, spec: DetectorSpec, labels: Sequence[Label]) -> bool:
        """Whether a person cancelled the last training: the same is not begun by itself again."""
        last = next((r for r in self._records.runs(spec.name) if r.kind == "retrain"), None)
        return (
            last is not None
            and last.state is State.CANCELLED
            and last.details.get("basis") == basis_hash(spec, labels)
        )

    def _train(
        self,
        spec: DetectorSpec,
        labels: tuple[Label, ...],
        progress: Progress,
        how: _How,
        fence: Fence,
    ) -> Version:
        began = time.monotonic()
        progress(0.0, "reading")
        outline = self._materials.outline(spec, labels, known=how.known)
        fleet = outline.asked()
        rejected = _not_asked(outline, fleet)
        former = None if how.again or not fleet else self._look_back(outline, fleet, progress)
        if former is not None and former.is_all:
            return former.version
        choice = self._choose(outline, progress) if fleet else None
        serving = None if how.cold else champion_of(self._records, spec.name)
        asked = Asked(
            outline,
            spec if choice is None else choice.spec,
            len(fleet),
            None if serving is None else serving.artifact,
        )
        if former is not None and not former.has_model(asked.spec):
            former = None
        missing = fleet if former is None else former.missing
        share = (_CHOICE_SHARE if choice else 0.0), (_FIT_SHARE if spec.detection_limits else 1.0)
        trained = self._pieces.run(asked, missing, part_of(progress, *share))
        rejected |= trained.rejected
        rejected |= {} if former is None else former.rejected
        fence()
        self._set_aside(spec, rejected)
        made = [part for part in trained.parts if part.artifact is not None]
        if former is not None and not made and former.is_enough:
            return former.version
        if former is None and not made:
            raise _nothing(spec.name, rejected, trained)
        files, record = self._join(asked, trained, former)
        record = {
            **saved(record, serving, {key for part in made for key in part.keys}),
            **self._with_limits(asked, files, record, part_of(progress, _FIT_SHARE, 1.0)),
            **({} if choice is None else {"choice": choice.plain()}),
            "labels": [plain_label(label) for label in labels],
            "ranges": [list(part) for part in outline.ranges],
            "fleet": asked.fleet if former is None else former.fleet,
            "set_aside": rejected,
            "to_try_again": sorted(trained.lost),
            "rows_known": sum(part.known for part in trained.parts),
            "seconds": round(time.monotonic() - began, 3),
            **applied_to(self._records, self._still_there(spec.name)),
        }
        digests = json.loads(files["version.json"])["digests"]
        progress(1.0, "storing the version")  # the last moment at which it may be cancelled
        fence()
        version = self._store(outline, files, data_hash(digests), record)
        self._pieces.clear(spec.name)
        return self._bring_in(spec, version, fence)

    def _still_there(self, detector: str) -> DetectorSpec:
        try:
            return self._detectors.get(detector)
        except NotFound as error:
            raise NotFound(
                f"The training of {detector!r} ends without a version: the detector has been "
                "removed meanwhile."
            ) from error

    def _look_back(
        self, outline: Outline, fleet: Sequence[SeriesKey], progress: Progress
    ) -> Unchanged | None:
        """What of the newest version need not be trained again."""
        newest = next(iter(self._records.versions(outline.spec.name, limit=1)), None)
        if newest is None:
            return None
        parts = self._pieces.sizing.parts(outline.spec, outline.points, fleet)
        return look_back(newest, outline, parts, self._materials, self._artifacts, progress)

    def _choose(self, outline: Outline, progress: Progress) -> Choice | None:
        """Which model the fleet is to have, by some of its series; None where it is told."""
        if outline.spec.model.kind != "auto":
            return None
        keys = [outline.keys[place] for place in tried_on(len(outline.keys))]
        material = self._materials.read(outline, keys)
        tried = part_of(progress, 0.0, _CHOICE_SHARE)
        return pick(
            outline.spec,
            material.rows,
            material.normal,
            self._make_model,
            tried,
            **material.said,
        )

    def _join(
        self, asked: Asked, trained: Trained, former: Unchanged | None
    ) -> tuple[dict[str, bytes], dict[str, Any]]:
        """The files of the version and its record: what was kept, then what was trained."""
        give_back_memory()  # what the last piece took, before all of them are held at once
        files, records = [], []
        if former is not None and former.kept:
            files.append(selected(former.files, former.kept))
            records.append(former.record)
        for part in trained.parts:
            if part.artifact is not None:
                own, record = self._pieces.load(asked, part)
                files.append(own)
                records.append(record)
        digests = {} if former is None else dict(former.digests)
        digests |= {key: own for part in trained.parts for key, own in part.digests.items()}
        seen = [part.seen for part in trained.parts]
        warnings = self._materials.warnings(
            asked.outline, seen if former is None else [*seen, former.seen]
        )
        fleet = asked.fleet if former is None else former.fleet
        return joined(files, asked.spec, digests, fleet), joined_record(records, warnings)

    def _with_limits(
        self, asked: Asked, files: Mapping[str, bytes], record: dict[str, Any], progress: Progress
    ) -> dict[str, Any]:
        """The record with the smallest faults that some of the series show."""
        limits: tuple[DetectionLimit, ...] = ()
        if asked.spec.detection_limits:
            keys = list(record["series"])
            keys = [keys[place] for place in looked_at(len(keys))]
            few = selected({n: f for n, f in files.items() if not n.startswith(_UNREAD)}, keys)
            fitted = read_fitted(few, self._make_model)
            rows = self._materials.read(asked.outline, keys).rows
            normal = read_archive(few, ["normal"])["normal"]
            limits = detection_limits(fitted, rows, normal, self._make_model, progress)
        active = unpack(files["version.npz"], ["active"])["active"]
        channels = int(counted_channels(asked.spec, active).any(axis=0).sum())
        return with_limits(record, limits, channels)

    # -- writing -----------------------------------------------------------------------------------

    def _store(
        self,
        outline: Outline,
        files: Mapping[str, bytes],
        data: str,
        record: Mapping[str, Any],
    ) -> Version:
        spec, now = outline.spec, self._clock.now()
        number, artifact = save_new(self._records, self._artifacts, spec.name, files)
        return self._records.add_version(
            Version(
                detector=spec.name,
                number=number,
                created_at=now,
                artifact=artifact,
                spec=spec.plain(),
                label_hash=label_hash(outline.labels),
                data_hash=data,
                provisional=not outline.labelled,
                verdict=Verdict.CHALLENGER,
                training=record,
            )
        )

    def _bring_in(self, spec: DetectorSpec, version: Version, fence: Fence) -> Version:
        """Let a version on record serve where it should, and write how its training went.

        Both may be done again: a crash in between is made good by the next run.
        """
        fence()
        verdict = self._decide(spec, version)
        self._write_training(spec, version, verdict)
        if verdict is Verdict.CHALLENGER:
            self._ask_what_differs(version)
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

    def _ask_what_differs(self, version: Version) -> None:
        """Have it compared with the one that serves, so that who reviews it finds that ready."""
        detector, serving = version.detector, self._records.promotions(version.detector)[-1].number
        payload = Pair(detector, version.number, serving).payload
        self._records.add_request(COMPARE, detector, payload, by=BY_TRAINING, at=self._clock.now())

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
    same = learned_part(version.spec) == learned_part(spec.plain())
    if not same and not is_waiting(version, spec):
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


def _not_asked(outline: Outline, fleet: Sequence[SeriesKey]) -> dict[SeriesKey, str]:
    """Series that nobody called normal at any time, with what to do."""
    nothing = np.zeros(0, dtype=bool)
    bare = np.empty((0, len(outline.spec.inputs)))
    reason = what_is_lacking(outline.spec, bare, nothing, nothing) or ""
    known = set(fleet)
    return {key: reason for key in outline.keys if key not in known}


def _nothing(
    detector: str, rejected: Mapping[SeriesKey, str], trained: Trained
) -> NotEnoughNormalData | TaskError:
    told = _why_nothing(detector, rejected)
    return TaskError(told) if trained.lost else NotEnoughNormalData(told)


def _why_nothing(detector: str, rejected: Mapping[SeriesKey, str]) -> str:
    first = next(iter(rejected.items()))
    more = f" ({len(rejected) - 1} more series likewise)" if len(rejected) > 1 else ""
    return f"{detector!r} could not be trained: {first[0] or 'its series'}: {first[1]}{more}."
