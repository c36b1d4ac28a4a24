"""Which threshold a training aims at: that of the definition, or one that a person applied since.

A threshold applied on the workbench is that of a version. Where it serves and the definition still
says what it said then, trainings to come keep it: what a person chose is not trained away in the
night. As soon as the definition names another threshold or alarm, that one counts again, and so it
does when the version is rolled back.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from backend.exceptions import NotFound
from backend.ports import RecordStore
from backend.records import Version
from backend.services.fingerprints import learned_part
from backend.services.serving import champion_of
from backend.specs import DetectorSpec

APPLIED = "threshold_applied"
"""Where a training record tells of it: `by`, `at`, `was` and `defined`, threshold and alarm each.

With `FROM` it is the number of the version that only differs by them.
"""
FROM = "from_version"
PARTS = ("threshold", "alarm")
"""What of a definition is applied."""


def parts_of(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Threshold and alarm of a plain specification."""
    return {name: spec[name] for name in PARTS if name in spec}


def in_force(records: RecordStore, spec: DetectorSpec) -> DetectorSpec:
    """The detector with the threshold and alarm that its next version is to have.

    Args:
        records: tell which version serves.
        spec: the detector as it is defined.
    """
    champion = champion_of(records, spec.name)
    if champion is None or not _still_holds(champion, spec):
        return spec
    return as_served(spec, champion)


def as_served(spec: DetectorSpec, version: Version) -> DetectorSpec:
    """The detector with threshold and alarm of a version; its own where they cannot be read."""
    try:
        return DetectorSpec.model_validate({**spec.plain(), **parts_of(version.spec)})
    except ValidationError:
        return spec  # another version of normalcy wrote it


def applied_to(records: RecordStore, spec: DetectorSpec) -> dict[str, Any]:
    """What the record of a new version has to say, so that it goes on to hold; nothing if none."""
    champion = champion_of(records, spec.name)
    if champion is None or not _still_holds(champion, spec):
        return {}
    told = champion.training[APPLIED]
    return {APPLIED: {name: value for name, value in told.items() if name != FROM}}


def same_model(records: RecordStore, version: Version) -> list[Version]:
    """Versions of the same model, this one first: those that its threshold was changed from.

    Errors that they gave are errors that this one would have given.
    """
    found = [version]
    while (number := found[-1].training.get(APPLIED, {}).get(FROM)) is not None:
        try:
            found.append(records.version(version.detector, number))
        except NotFound:
            break
    return found


def is_waiting(version: Version, spec: DetectorSpec) -> bool:
    """Whether a version differs from what a training aims at only by a threshold applied to it.

    Such a one that does not serve yet waits for a person, and is no reason to train.
    """
    told = version.training.get(APPLIED)
    if not told:
        return False
    as_defined = {**version.spec, **told["defined"]}
    return learned_part(as_defined) == learned_part(spec.plain())


def _still_holds(version: Version, spec: DetectorSpec) -> bool:
    told = version.training.get(APPLIED)
    if not told:
        return False
    defined = learned_part({**spec.plain(), **told["defined"]})
    return defined == learned_part(spec.plain())
