"""Another threshold for the model that serves: a new version, made without training.

Its limits are learned anew from the errors of held-out normal time that the version keeps; network,
scaling and archive are taken over as they are. Points written before keep their threshold.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from backend.detection.grid import Rows
from backend.detection.judging import prepare
from backend.detection.pipeline import Fitted
from backend.exceptions import Conflict, InputError, NotFound
from backend.ports import Clock, ModelFactory, Progress
from backend.records import SeriesKey, Verdict, Version
from backend.services.detector_yaml import body_as_yaml, body_of
from backend.services.detectors import Detectors
from backend.services.fencing import Fence, unfenced
from backend.services.labelling import Labelling
from backend.services.progress import both
from backend.services.promotion import Promoting
from backend.services.runs import recorded
from backend.services.serving import champion_of
from backend.services.stored_anomalies import StoredAnomalies
from backend.services.stores import Stores
from backend.services.threshold_in_force import APPLIED, FROM, PARTS, parts_of, same_model
from backend.services.training_record import limit_record
from backend.services.versions import (
    Arrays,
    from_files,
    read_archive,
    read_calibration,
    save_new,
    with_limits,
)
from backend.services.what_if import Question, read_question
from backend.services.what_if_limits import Learned, learn_again
from backend.specs import DetectorSpec, LimitThreshold

THRESHOLD = "threshold"
"""The kind of the request, and of the run."""
_STALE = (
    "The threshold was changed after the training: the smallest faults that this version shows "
    "were not looked for again."
)


@dataclass(frozen=True)
class AskedThreshold:
    """What a request for another threshold carries.

    Attributes:
        question: threshold, and alarm if another one is wished.
        promote: let the new version serve at once; else it waits for a person.
    """

    question: Question
    promote: bool = True

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> "AskedThreshold":
        """Read it.

        Raises:
            InputError: it is something else; the message says where and what was expected.
        """
        promote = payload.get("promote", True)
        if not isinstance(promote, bool):
            raise InputError("promote must be true or false.")
        told = {name: value for name, value in payload.items() if name != "promote"}
        return cls(read_question(told), promote)

    @property
    def payload(self) -> dict[str, Any]:
        """The same as JSON-ready values, written alike whoever asks."""
        alarm = self.question.alarm
        return {
            "threshold": self.question.threshold.model_dump(mode="json", by_alias=True),
            **({} if alarm is None else {"alarm": alarm.model_dump(mode="json", by_alias=True)}),
            "promote": self.promote,
        }


@dataclass(frozen=True)
class Applied:
    """What came of it.

    Attributes:
        version: the new one.
        lines: what to write into normalcy.yaml, so that it says what serves; empty where the
            definition was changed alike, or is left as it is since the version only waits.
        sentence: what happened, for a person.
    """

    version: Version
    lines: str
    sentence: str

    def plain(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {
            "version": self.version.number,
            "verdict": str(self.version.verdict),
            "lines": self.lines,
            "sentence": self.sentence,
        }


class Rethresholding:
    """Makes versions of another threshold; nothing that serves is ever changed in place."""

    def __init__(
        self,
        stores: Stores,
        detectors: Detectors,
        labelling: Labelling,
        promoting: Promoting,
        make_model: ModelFactory,
        clock: Clock,
    ) -> None:
        self._stores = stores
        self._records = stores.records
        self._detectors = detectors
        self._labelling = labelling
        self._promoting = promoting
        self._make_model = make_model
        self._clock = clock

    def run(
        self,
        detector: str,
        asked: AskedThreshold,
        *,
        by: str,
        progress: Progress = lambda share, words: None,
        fence: Fence = unfenced,
    ) -> Applied:
        """Give the version that serves another threshold, as a new version.

        Args:
            detector: its name.
            asked: the threshold, and whether it is to serve at once.
            by: who wishes it.
            progress: told the share done.
            fence: asked before anything is stored.

        Raises:
            NotFound: no such detector, or no version of it serves yet.
            Conflict: the version that serves has this threshold already.
            InputError: the threshold needs labelled anomalies, and a series has none.
            ArtifactError: the files of the version are damaged.
            LeaseLost: another process works on the detector now; nothing was stored.
        """
        spec = self._detectors.get(detector)
        champion = self._champion(detector)
        told = {FROM: champion.number, "by": by}
        with recorded(self._records, self._clock, THRESHOLD, detector, told) as going:
            version = self._make(spec, champion, asked, by, both(going.tell, progress), fence)
            going.details["version"] = version.number
            applied = self._bring_in(version, asked, by=by)
        return applied

    def _champion(self, detector: str) -> Version:
        champion = champion_of(self._records, detector)
        if champion is None:
            raise NotFound(
                f"No model of {detector!r} serves yet: train it first, with the threshold wished."
            )
        return champion

    def _make(
        self,
        spec: DetectorSpec,
        champion: Version,
        asked: AskedThreshold,
        by: str,
        progress: Progress,
        fence: Fence,
    ) -> Version:
        began = time.monotonic()
        progress(0.0, "reading the version that serves")
        files = self._stores.artifacts.load(champion.artifact)
        fitted = from_files(files, self._make_model)
        new = changed(fitted.spec, asked.question)
        if new == fitted.spec:
            raise Conflict(
                f"Version {champion.number} of {spec.name!r} has this threshold and alarm already."
            )
        progress(0.3, "learning the limits")
        learned = self._learn(spec, champion, new, fitted, files)
        progress(0.7, "proving the new version")
        made = with_limits(files, fitted, new, learned.limits)
        record = _record(champion, learned, {
            "by": by,
            "at": self._clock.now(),
            FROM: champion.number,
            "was": parts_of(champion.spec),
            "defined": parts_of(spec.plain()),
        })  # fmt: skip
        record["seconds"] = round(time.monotonic() - began, 3)
        progress(1.0, "storing the version")  # the last moment at which it may be cancelled
        fence()
        return self._store(champion, new, made, record)

    def _learn(
        self,
        spec: DetectorSpec,
        champion: Version,
        new: DetectorSpec,
        fitted: Fitted,
        files: Mapping[str, bytes],
    ) -> Learned:
        """The limits of all series, by the labels in force where anomalies are asked for."""
        kept = read_calibration(files, _modes(new, fitted, files))
        labels = tuple(self._labelling.list(spec.name))
        anomalies = StoredAnomalies(self._stores.results, spec, labels)
        names = [version.name for version in same_model(self._records, champion)]
        learned = learn_again(new.threshold, new.alarm, kept, lambda: anomalies.of(*names))
        bare = [key for key in kept.keys if key not in learned.places]
        if bare:
            raise InputError(
                f"The threshold {new.threshold.kind} needs labelled anomalies of each series, and "
                f"there are none of {_listed(bare)}: label some, or choose another threshold."
            )
        return learned

    def _store(
        self,
        champion: Version,
        spec: DetectorSpec,
        files: Mapping[str, bytes],
        record: Mapping[str, Any],
    ) -> Version:
        """A version of the labels and data of the one that served."""
        artifacts = self._stores.artifacts
        number, artifact = save_new(self._records, artifacts, champion.detector, files)
        return self._records.add_version(
            replace(
                champion,
                number=number,
                created_at=self._clock.now(),
                artifact=artifact,
                spec=spec.plain(),
                verdict=Verdict.CHALLENGER,
                training=record,
            )
        )

    def _bring_in(self, version: Version, asked: AskedThreshold, *, by: str) -> Applied:
        """Let it serve if so wished, and let the definition say the same where it can be."""
        name, detector = version.name, version.detector
        if not asked.promote:
            return Applied(
                version,
                "",
                f"{name} is made and waits: let it serve with: normalcy models promote "
                f"{detector} {version.number}",
            )
        promoted = self._promoting.promote(detector, version.number, by=by)
        version = self._records.version(detector, promoted.number)
        # Read anew: somebody may have changed something else of it meanwhile.
        spec = self._detectors.get(detector)
        defined = changed(spec, asked.question)
        if not self._detectors.is_configured(detector):
            self._detectors.save(defined, by=by)
            return Applied(version, "", f"{name} serves, and the definition says the same.")
        if defined == spec:
            return Applied(version, "", f"{name} serves, as normalcy.yaml says.")
        return Applied(
            version,
            _lines(defined),
            f"{name} serves, and trainings keep its threshold until normalcy.yaml names another. "
            f"Write it there, so that it says what serves.",
        )


def changed(spec: DetectorSpec, question: Question) -> DetectorSpec:
    """The detector with another threshold, and another alarm if there is one.

    Raises:
        InputError: the detector cannot have that threshold.
    """
    alarm = question.alarm or spec.alarm
    found = spec.model_copy(update={"threshold": question.threshold, "alarm": alarm})
    try:
        return DetectorSpec.model_validate(found.plain())
    except ValidationError as error:
        why = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise InputError(f"{spec.name!r} cannot have this threshold: {why}.") from error


def _lines(spec: DetectorSpec) -> str:
    """Threshold and alarm as they would stand in normalcy.yaml."""
    body = body_of(spec)
    kind = {"kind": spec.threshold.kind}
    told = {"threshold": kind, **{name: body[name] for name in PARTS if name in body}}
    return body_as_yaml(spec.name, told)


def _modes(spec: DetectorSpec, fitted: Fitted, files: Mapping[str, bytes]) -> Any:
    """(S, T) modes of the archived rows, where the threshold asks for them; else None."""
    threshold = spec.threshold
    if not isinstance(threshold, LimitThreshold) or not threshold.per_mode:
        return None
    archive: Arrays = read_archive(files, ["values"])
    rows = Rows(fitted.keys, archive["times"], spec.step, archive["values"])
    return fitted.modes.of(prepare(spec, rows, fitted.active).values)


def _record(champion: Version, learned: Learned, told: Mapping[str, Any]) -> dict[str, Any]:
    """The record of the version that served, with what the threshold changes."""
    record = champion.training
    series: dict[SeriesKey, Any] = dict(record["series"])
    for s, key in enumerate(learned.keys):
        series[key] = {
            **series.get(key, {}),
            **limit_record(learned.limits, s),
            "detection_limits": [],
        }
    looked_for = bool(record.get("detection_limits"))
    return {
        **record,
        "series": series,
        "detection_limits": [],
        "detection_limits_notes": [_STALE] if looked_for else [],
        APPLIED: dict(told),
    }


def _listed(keys: list[SeriesKey]) -> str:
    first = keys[0] or "the series"
    return first if len(keys) == 1 else f"{first} and {len(keys) - 1} more"
