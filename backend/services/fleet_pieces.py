"""A fleet is trained in pieces: so many series as memory holds, here or on other workers.

A piece is told what it is to learn from, reads its own series' rows and leaves a part of a version
in the artifact store, under a name that follows from all that was asked of it and from its rows.
Done twice it is the same, and a training that was cut off finds what was done before.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from backend.detection import training
from backend.detection.former import Former
from backend.detection.progress import part_of
from backend.exceptions import (
    ArtifactError,
    ClusterUnavailable,
    Conflict,
    NormalcyError,
    NotFound,
    TaskError,
)
from backend.ports import Clock, Executor, ModelFactory, Progress
from backend.records import SeriesKey
from backend.services.fingerprints import piece_hash, series_digests
from backend.services.former_version import former_of
from backend.services.labelled_time import Seen
from backend.services.log_fields import run_details
from backend.services.material import Material, Materials, Outline
from backend.services.piece_size import Sizing
from backend.services.reading import aligned
from backend.services.stores import Stores
from backend.services.training_record import training_record
from backend.services.versions import to_files
from backend.specs import DetectorSpec

TASK = "fit_piece"

_RECORD = "piece.json"
PIECE = "piece-"
_MOST_LOST = 32
"""Workers that may be lost in one training; beyond, something else than a series is wrong."""

_HEARD = ContextVar[Progress]("progress of a piece that is trained in this very thread")


@dataclass(frozen=True)
class Part:
    """What came of some series.

    Attributes:
        keys: of them, trained or not.
        artifact: where the part of the version lies; None where none of them could be trained.
        rejected: series that could not be trained, with the reason.
        digests: names what each was trained on.
        seen: what there was of the time of labels that speak for them.
        known: rows of them that were known and not read again.
    """

    keys: tuple[SeriesKey, ...]
    artifact: str | None
    rejected: Mapping[SeriesKey, str]
    digests: Mapping[SeriesKey, str]
    seen: Mapping[int, Seen]
    known: int = 0

    def plain(self) -> dict[str, Any]:
        """As JSON-ready values."""
        seen = {str(place): asdict(own) for place, own in self.seen.items()}
        return {**vars(self), "keys": list(self.keys), "seen": seen}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Part":
        """Read back what `plain` gave."""
        seen = {int(place): Seen(**own) for place, own in plain["seen"].items()}
        return cls(**{**plain, "keys": tuple(plain["keys"]), "seen": seen})


@dataclass(frozen=True)
class Trained:
    """What came of a fleet: its parts in order, and series whose worker was lost each time."""

    parts: tuple[Part, ...]
    lost: Mapping[SeriesKey, str]

    @property
    def rejected(self) -> dict[SeriesKey, str]:
        """All that could not be trained, with the reason."""
        return {**{k: why for part in self.parts for k, why in part.rejected.items()}, **self.lost}


@dataclass(frozen=True)
class Asked:
    """What all pieces of one training have in common.

    Attributes:
        outline: what it learns from.
        spec: the detector, with the model that it is to have.
        fleet: how many series share what the whole detector may do.
        former: artifact of the version whose weights are begun with; None to begin anew.
    """

    outline: Outline
    spec: DetectorSpec
    fleet: int
    former: str | None = None

    def call(self, keys: Sequence[SeriesKey]) -> dict[str, Any]:
        """The arguments of the task that trains some of the series, and whose work it is."""
        told = {"outline": self.outline.plain(), "spec": self.spec.plain(), "fleet": self.fleet}
        told |= {"keys": list(keys), "former": self.former}
        return {**told, "detector": self.spec.name, **run_details()}


@dataclass
class _Losses:
    """How many workers were lost, and what came of whom."""

    count: int = 0
    parts: list[Part] = field(default_factory=list)
    lost: dict[SeriesKey, str] = field(default_factory=dict)


class FleetPieces:
    """Trains the series of a fleet piece by piece.

    Args:
        stores: where rows are read and pieces lie.
        make_model: builds an untrained model.
        clock: the time.
        executor: runs the task `fit_piece`.
        sizing: how large a piece may be.
    """

    def __init__(
        self,
        stores: Stores,
        make_model: ModelFactory,
        clock: Clock,
        executor: Executor,
        sizing: Sizing | None = None,
    ) -> None:
        self.materials = Materials(stores, clock)
        self.make_model = make_model
        self.sizing = sizing or Sizing()
        self._artifacts = stores.artifacts
        self._executor = executor

    # -- one piece, wherever it is trained ---------------------------------------------------------

    def fit(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Train some series of a fleet and leave what came of it; the task `fit_piece`.

        Args:
            arguments: as `Asked.call` gives them.
        """
        keys, fleet = tuple(arguments["keys"]), int(arguments["fleet"])
        former: str | None = arguments["former"]
        outline = Outline.of(arguments["outline"], keys)
        spec = DetectorSpec.model_validate(arguments["spec"])
        material = self.materials.read(outline, keys)
        digests = digests_of(material)
        asked = piece_hash(spec, fleet, digests, former, labelled=outline.labelled)
        name = f"{spec.name}/{PIECE}{asked}"
        rejected = self._found(name)
        if rejected is None:
            begun = former and former_of(self._artifacts, former, keys, self.make_model)
            rejected = self._train(spec, material, fleet, digests, name, begun or None)
        artifact = None if len(rejected) == len(keys) else name
        return Part(
            keys, artifact, rejected, digests, material.seen, material.known * len(keys)
        ).plain()

    def _found(self, name: str) -> dict[SeriesKey, str] | None:
        """What a piece of that name has rejected; None where it is not there, or not whole."""
        try:
            record = self._artifacts.load(name, _RECORD)[_RECORD]
        except (NotFound, ArtifactError):
            return None
        rejected: dict[SeriesKey, str] = json.loads(record)["rejected"]
        return rejected

    def _train(
        self,
        spec: DetectorSpec,
        material: Material,
        fleet: int,
        digests: Mapping[SeriesKey, str],
        name: str,
        former: Former | None,
    ) -> dict[SeriesKey, str]:
        """Train, store, and tell what was rejected."""
        outcome = training.fit(
            spec,
            material.rows,
            material.normal,
            self.make_model,
            fleet=fleet,
            former=former,
            progress=_HEARD.get(_silent),
            **material.said,
        )
        fitted, record, rejected = outcome.fitted, outcome.training, dict(outcome.rejected)
        rejected = {key: _with_left_out(material, key, why) for key, why in rejected.items()}
        if fitted is None or record is None:
            return rejected
        record = replace(record, warnings=(*record.warnings, *material.warnings))
        told = {"record": training_record(fitted, record), "rejected": rejected}
        files = to_files(fitted, record, aligned(material.rows, fitted.keys), digests)
        files[_RECORD] = json.dumps(told, ensure_ascii=False).encode()
        with suppress(Conflict):  # another worker has done the same
            self._artifacts.save(name, files)
        return rejected

    # -- all of them -------------------------------------------------------------------------------

    def run(self, asked: Asked, keys: Sequence[SeriesKey], progress: Progress) -> Trained:
        """Train series in pieces, and what is lost with its worker anew, by itself.

        Raises:
            NormalcyError: what a piece itself raised, such as that the store is away; or what its
                workers were lost by, where that cannot be laid at the door of single series.
        """
        pieces = self.sizing.parts(asked.spec, asked.outline.points, keys)
        losses, again = _Losses(), []
        for piece, came in zip(pieces, self._run(asked, pieces, progress), strict=True):
            if isinstance(came, Part):
                losses.parts.append(came)
            else:
                losses.count += 1
                again.append(piece)
        for piece in again:
            self._anew(asked, piece, losses)
        order = {key: place for place, key in enumerate(keys)}
        parts = sorted(losses.parts, key=lambda part: order[part.keys[0]])
        return Trained(tuple(parts), losses.lost)

    def load(self, asked: Asked, part: Part) -> tuple[dict[str, bytes], dict[str, Any]]:
        """The files and the record of a part, trained again if another has removed it meanwhile.

        Raises:
            NormalcyError: it cannot be had.
        """
        name = part.artifact or ""
        try:
            files = self._artifacts.load(name)
        except (NotFound, ArtifactError):
            (came,) = self._run(asked, [part.keys], _silent)
            if not isinstance(came, Part):
                raise came from None
            files = self._artifacts.load(came.artifact or name)
        record: dict[str, Any] = json.loads(files.pop(_RECORD))["record"]
        return files, record

    def clear(self, detector: str) -> None:
        """Remove the pieces of a detector: its version has all that was in them."""
        for name in self._artifacts.names():
            if name.startswith(f"{detector}/{PIECE}"):
                self._artifacts.remove(name)

    def _run(
        self, asked: Asked, pieces: Sequence[tuple[SeriesKey, ...]], progress: Progress
    ) -> list[Part | TaskError]:
        """What came of each piece, or how its worker was lost.

        Raises:
            NormalcyError: what a piece itself raised.
        """
        if not (count := len(pieces)):
            return []
        calls = [asked.call(piece) for piece in pieces]
        with _heard(progress, count) as told:
            came = self._executor.run_all(TASK, calls, self.sizing.timeout_s, told)
        found: list[Part | TaskError] = []
        for answer in came:
            if isinstance(answer, NormalcyError):
                if not isinstance(answer, TaskError) or isinstance(answer, ClusterUnavailable):
                    raise answer
                found.append(answer)
            else:
                found.append(Part.of(answer))
        return found

    def _anew(self, asked: Asked, piece: tuple[SeriesKey, ...], losses: _Losses) -> None:
        """Train a lost piece by itself, then its halves, down to the series that loses it.

        Raises:
            TaskError: too many workers were lost.
        """
        (came,) = self._run(asked, [piece], _silent)
        if isinstance(came, Part):
            losses.parts.append(came)
            return
        losses.count += 1
        if losses.count > _MOST_LOST:
            raise came
        if len(piece) == 1:
            losses.lost[piece[0]] = str(came)
            return
        middle = len(piece) // 2
        for half in (piece[:middle], piece[middle:]):
            self._anew(asked, half, losses)


def _with_left_out(material: Material, key: SeriesKey, why: str) -> str:
    """Why a series was rejected, with what of it was not learned from."""
    count = material.left_out.get(key)
    if not count:
        return why
    return (
        f"{why}; {count} points were left out, as they were flagged and nobody called them normal: "
        "mark a normal range if they are"
    )


def digests_of(material: Material) -> dict[SeriesKey, str]:
    """Names what each series is trained on."""
    modes = material.said["modes"]
    return series_digests(material.rows, material.normal, material.anomalous, modes)


def _silent(share: float, words: str) -> None:
    """Tell nobody."""


@contextmanager
def _heard(progress: Progress, count: int) -> Iterator[Any]:
    """Hear how far pieces are: those of this thread as they go, others when they are done.

    Others that go on are told of as well: whoever hears it may end them by an error.
    """

    def begin(done: int) -> None:
        number = min(done + 1, count)
        place = f"piece {number} of {count}"
        own = part_of(progress, done / count, min(1.0, number / count))

        def within(share: float, words: str) -> None:
            own(share, words if count == 1 else f"{place}: {words}")

        _HEARD.set(within)
        progress(done / count, place if count > 1 else "training")

    token = _HEARD.set(_silent)
    begin(0)
    try:
        yield begin
    finally:
        _HEARD.reset(token)
