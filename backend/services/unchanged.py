"""What of the newest version need not be trained again: members whose rows are what they were.

A member learns from its own series alone. Where the definition, the ranges and all that labels say
of a series are what they were, and its rows too, training it again would give what is there.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.exceptions import ArtifactError, NotFound
from backend.ports import ArtifactStore, Progress
from backend.records import SeriesKey, Version
from backend.services.fingerprints import data_hash, label_hash, learned_part
from backend.services.fleet_pieces import digests_of
from backend.services.labelled_time import Seen, united
from backend.services.material import Materials, Outline
from backend.services.training_record import of_some
from backend.specs import DetectorSpec, networks

_OTHER_FLEET = 0.1
"""A fleet that has grown or shrunk by more than this share has other shares of a budget."""


@dataclass(frozen=True)
class Unchanged:
    """The newest version, and what of it still holds.

    Attributes:
        version: it.
        files: its files.
        kept: series whose members are taken over.
        rejected: series that could not be trained from the same rows, with the reason.
        missing: series that are to be trained: new, changed, or lost with a worker.
        digests: names what the series that are not missing were trained on.
        seen: what there is of the time of labels.
        says_the_same: whether labels say what they said then.
        is_all: whether it is what a training would give.
    """

    version: Version
    files: Mapping[str, bytes]
    kept: tuple[SeriesKey, ...]
    rejected: Mapping[SeriesKey, str]
    missing: tuple[SeriesKey, ...]
    digests: Mapping[SeriesKey, str]
    seen: Mapping[int, Seen]
    says_the_same: bool
    is_all: bool

    @property
    def is_enough(self) -> bool:
        """Whether a version that had nothing but what is kept of it would be the same."""
        return self.says_the_same and len(self.kept) == len(self.version.training["series"])

    @property
    def record(self) -> dict[str, Any]:
        """Its training record of the series that are kept."""
        return of_some(self.version.training, self.kept)

    @property
    def fleet(self) -> int:
        """How many series shared the budget when its members were trained."""
        return int(self.version.training["fleet"])

    def has_model(self, spec: DetectorSpec) -> bool:
        """Whether its members have the model that others of a detector are to have."""
        mine: dict[str, Any] = json.loads(self.files["version.json"])["spec"]["model"]
        return mine == dict(spec.plain()["model"])


def look_back(
    version: Version,
    outline: Outline,
    parts: Sequence[Sequence[SeriesKey]],
    materials: Materials,
    artifacts: ArtifactStore,
    progress: Progress,
) -> Unchanged | None:
    """Compare a version with what there is to learn from now; None if nothing of it holds.

    Args:
        version: the newest.
        outline: what there is to learn from.
        parts: the fleet, in so many series as may be read at once.
        materials: reads them.
        artifacts: where its files lie.
        progress: told the share done.
    """
    fleet = sum(map(len, parts))
    if not _comparable(version, outline, fleet):
        return None
    try:
        files = artifacts.load(version.artifact)
        before: dict[str, str] = json.loads(files["version.json"])["digests"]
    except (ArtifactError, NotFound, KeyError):
        return None  # its files are damaged, gone or old: a whole new version heals that
    said = label_hash(outline.labels) == version.label_hash
    pooled = any(network.start == "pooled" for network in networks(outline.spec.model))
    if pooled and not said:
        return None  # what a series begins with is learned from all of them
    now: dict[SeriesKey, str] = {}
    seen: dict[int, Seen] = {}
    for number, keys in enumerate(parts):
        progress(0.0, f"reading, part {number + 1} of {len(parts)}" if number else "reading")
        material = materials.read(outline, keys)
        now |= digests_of(material)
        seen = united([seen, material.seen])
    same = {key: digest for key, digest in now.items() if before.get(key) == digest}
    series, aside = version.training["series"], version.training["set_aside"]
    kept = tuple(key for key in series if key in same)
    rejected = {key: aside[key] for key in same if key not in series}
    whole = said and data_hash(now) == version.data_hash
    if not whole and (pooled or not kept):
        return None
    missing = tuple(key for key in now if key not in same)
    return Unchanged(version, files, kept, rejected, missing, same, seen, said, whole)


def _comparable(version: Version, outline: Outline, fleet: int) -> bool:
    """Whether members of a version could be those of one that is made from an outline."""
    if learned_part(version.spec) != learned_part(outline.spec.plain()):
        return False
    if version.provisional == outline.labelled:
        return False
    if version.training.get("ranges") != [list(part) for part in outline.ranges]:
        return False
    was = int(version.training["fleet"])
    near = abs(fleet - was) <= _OTHER_FLEET * was
    return near or outline.spec.threshold.kind != "budget"
