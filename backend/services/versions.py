"""A model version as files, and back: JSON and plain arrays, nothing that runs on loading.

What a version was trained on lies in blocks, `archive.npz` with the first series and
`archive-1.npz` and so on with those after them: who needs few series of a large fleet reads few.
"""

import io
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from backend.detection.bases import Profile
from backend.detection.checks import LONGEST_FLATLINE, CheckLimits
from backend.detection.curves import Curves
from backend.detection.grid import Rows
from backend.detection.missing import MissingSets, Substitutes
from backend.detection.modes import OperatingModes
from backend.detection.out_of_distribution import Familiar
from backend.detection.pipeline import Fitted, score
from backend.detection.preprocessing import Preprocessing
from backend.detection.thresholds import Limits
from backend.detection.training import Training
from backend.detection.usual import Usual
from backend.detection.window_scaling import WindowScaler
from backend.detection.yardstick import Yardstick
from backend.exceptions import ArtifactError
from backend.ports import ArtifactStore, Floats, ModelFactory, RecordStore, Times
from backend.records import SeriesKey
from backend.services.program import changed_since, program
from backend.specs import DetectorSpec

ARCHIVE = "archive"
"""How the names of the files begin that hold what a version was trained on."""
TO_SCORE = ("version", "weights", "probe")
"""How the names of the files begin that scoring needs."""
CALIBRATION = ("version.json", ARCHIVE)
"""The same of those that hold its calibration errors."""

FORMAT, FORMAT_OF_BLOCKS = 2, 3
"""The second one tells of several blocks of the archive, which the first knows nothing of."""

_PROBES = 8
_TOLERANCE = 1e-6
_OTHER_TOLERANCE = 1e-4
"""Relative, between two programs: other libraries add the same numbers in another order."""
_SMALLEST = 1e-9
"""Scores that differ by less are the same, however small they are."""
_LIMITS = ("table", "levels", "silent", "hours", "wanted_hours")

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Calibrated:
    """The calibration errors that a version keeps.

    Attributes:
        keys: the S series.
        smoothed: (S, T) smoothed error of rows held out in training, NaN elsewhere.
        anomalous: (S, T) the same of rows labelled as anomalies; None where it learned from none.
        step_hours: length of a grid step.
        fleet: how many series shared what the whole detector may do; None for these S.
        modes: (S, T) operating mode of each row, -1 where it is not known; None where not asked.
    """

    keys: tuple[SeriesKey, ...]
    smoothed: Floats
    anomalous: Floats | None
    step_hours: float
    fleet: int | None = None
    modes: NDArray[np.int64] | None = None


def archive_name(block: int) -> str:
    """The file that holds a block of the archive."""
    return f"archive-{block}.npz" if block else "archive.npz"


def to_files(
    fitted: Fitted, training: Training, rows: Rows, digests: Mapping[SeriesKey, str] | None = None
) -> dict[str, bytes]:
    """Everything a version keeps: itself, its calibration errors, probes and the normal ranges.

    Args:
        fitted: the version.
        training: its record.
        rows: what it was trained on; the normal rows are archived, so that retention in the source
            cannot take them away.
        digests: names what each series was trained on.
    """
    about = {
        "format": FORMAT,
        "spec": fitted.spec.plain(),
        "series": list(fitted.keys),
        "basis": list(fitted.limits.basis),
        "digests": dict(digests or {}),
        "made_with": dict(program()),
    }
    archive = {
        "times": training.times,
        "normal": training.normal,
        "held_out_error": training.held_out_error,
        "held_out_smoothed": training.held_out_smoothed,
        "values": np.where(training.normal[:, :, None], rows.values, np.nan),
        "loss": _curves([curve.loss for curve in training.curves]),
        "val_loss": _curves([curve.val_loss for curve in training.curves]),
    }
    if training.anomalous_smoothed is not None:
        archive["anomalous_smoothed"] = training.anomalous_smoothed
    return {
        "version.json": json.dumps(about, ensure_ascii=False, indent=1).encode(),
        "version.npz": pack(_arrays(fitted)),
        "weights.npz": pack(fitted.model.weights()),
        "probe.npz": pack(_probe(fitted, rows)),
        **({} if training.memory is None else {"folds.npz": pack(training.memory.arrays())}),
        archive_name(0): pack(archive),
    }


def save_new(
    records: RecordStore, artifacts: ArtifactStore, detector: str, files: Mapping[str, bytes]
) -> tuple[int, str]:
    """Keep the files of a version that is to be put on record behind them: so it can be read then.

    A crash in between leaves files that nothing refers to, and a number that is never used.

    Returns:
        Its number, and the name of its artifact.
    """
    number = records.next_number(detector)
    artifact = f"{detector}/{number}"
    artifacts.save(artifact, files)
    return number, artifact


def with_limits(
    files: Mapping[str, bytes], fitted: Fitted, spec: DetectorSpec, limits: Limits
) -> dict[str, bytes]:
    """The files of a version that differs from another by its threshold, with its own proof.

    Args:
        files: of the other version, all of them.
        fitted: it.
        spec: with the new threshold and alarm.
        limits: what was learned for them, of its series in their order.
    """
    about = json.loads(files["version.json"])
    about |= {"spec": spec.plain(), "basis": list(limits.basis), "made_with": dict(program())}
    new = replace(fitted, spec=spec, limits=limits)
    probe = unpack(files["probe.npz"])
    rows = Rows(new.keys, probe["times"], spec.step, probe["values"])
    return {
        **files,
        "version.json": json.dumps(about, ensure_ascii=False, indent=1).encode(),
        "version.npz": pack(_arrays(new)),
        "probe.npz": pack({**probe, "score": score(new, rows).score}),
    }


def from_files(files: Mapping[str, bytes], make_model: ModelFactory) -> Fitted:
    """Read a version back and make sure that it still gives the scores it gave when it was made.

    Raises:
        ArtifactError: the files are not a version this program can read, or score differently.
    """
    try:
        fitted = read_fitted(files, make_model)
        _prove(fitted, unpack(files["probe.npz"]), made_by(files))
    except (KeyError, TypeError, ValueError, ValidationError) as error:
        raise ArtifactError(
            "The model file cannot be read: it is not complete, or was made by another version of "
            f"normalcy ({type(error).__name__}). Train the detector again."
        ) from error
    return fitted


def made_by(files: Mapping[str, bytes]) -> dict[str, str]:
    """The program that made a version; empty for one that older programs made, or several."""
    known = dict(json.loads(files["version.json"]).get("made_with", {}))
    return {str(name): str(version) for name, version in known.items()}


def read_archive(files: Mapping[str, bytes], names: Sequence[str] | None = None) -> Arrays:
    """The archived normal rows and calibration errors of a version, all series together.

    Args:
        files: of the version; its archive is enough.
        names: only these arrays of it, with the times.
    """
    wanted = None if names is None else ["times", *names]
    found = [unpack(block, wanted) for block in _blocks(files)]
    if len(found) == 1:
        return found[0]
    names = [name for name in found[0] if name != "times"]
    whole = {name: _one_after_the_other([block[name] for block in found]) for name in names}
    return {"times": found[0]["times"], **whole}


def archived_times(files: Mapping[str, bytes]) -> Times:
    """(T,) times of which any series has archived rows.

    Raises:
        ArtifactError: the archive cannot be read.
    """
    parts = []
    try:
        for block in _blocks(files):
            arrays = unpack(block, ("times", "normal"))
            parts.append(arrays["times"][arrays["normal"].any(axis=0)])
    except (KeyError, ValueError) as error:
        raise ArtifactError(
            f"The archive of the model cannot be read ({type(error).__name__})."
        ) from error
    return np.unique(np.concatenate(parts))


def read_archived(
    artifacts: ArtifactStore, name: str, keys: Sequence[SeriesKey], step: int
) -> Rows | None:
    """The archived rows of some series of a version.

    None where the version has none of the series; `step` is its grid in nanoseconds.

    Raises:
        NotFound: there is no such version.
        ArtifactError: its archive is damaged.
    """
    wanted, found = set(keys), []
    for own, arrays in read_blocks(artifacts, name, ("times", "values"), wanted):
        inner = [s for s, key in enumerate(own) if key in wanted]
        some = tuple(own[s] for s in inner)
        found.append(Rows(some, arrays["times"], step, arrays["values"][inner]))
    if not found:
        return None
    known = tuple(key for rows in found for key in rows.keys)
    return Rows(known, found[0].times, step, np.concatenate([rows.values for rows in found]))


def read_blocks(
    artifacts: ArtifactStore,
    name: str,
    arrays: Sequence[str],
    keys: Collection[SeriesKey] | None = None,
) -> Iterator[tuple[tuple[SeriesKey, ...], Arrays]]:
    """The archive of a version, one block in memory at a time: its series, and some arrays.

    Args:
        artifacts: where it lies.
        name: of the version's artifact.
        arrays: those that are read, where the archive has them.
        keys: only blocks that hold any of these series; all if None.

    Raises:
        NotFound: there is no such version.
        ArtifactError: its archive is damaged.
    """
    about = json.loads(artifacts.load(name, "version.json")["version.json"])
    for block, own in enumerate(series_of_blocks(about)):
        if keys is None or not set(own).isdisjoint(keys):
            file = archive_name(block)
            yield own, unpack(artifacts.load(name, file)[file], arrays)


def series_of_blocks(about: Mapping[str, Any]) -> list[tuple[SeriesKey, ...]]:
    """The series in each block of the archive, by what is said about a version."""
    keys, sizes = about["series"], about.get("blocks") or [len(about["series"])]
    ends = np.cumsum(sizes).tolist()
    return [tuple(keys[end - size : end]) for size, end in zip(sizes, ends, strict=True)]


def _blocks(files: Mapping[str, bytes]) -> Iterator[bytes]:
    """The blocks of the archive, in their order."""
    yield files[archive_name(0)]
    block = 1
    while archive_name(block) in files:
        yield files[archive_name(block)]
        block += 1


def _one_after_the_other(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Joined along the series; rows that are shorter end in NaN."""
    longest = max(array.shape[1] for array in arrays)
    rest = [(0, 0)] * (arrays[0].ndim - 2)
    return np.concatenate(
        [
            array
            if array.shape[1] == longest
            else np.pad(
                array, ((0, 0), (0, longest - array.shape[1]), *rest), constant_values=np.nan
            )
            for array in arrays
        ]
    )


def read_calibration(
    files: Mapping[str, bytes], modes: NDArray[np.int64] | None = None
) -> Calibrated:
    """The calibration errors of a version, without its model.

    Args:
        files: of the version; its archive is enough.
        modes: (S, T) operating mode of each archived row, where it is known.

    Raises:
        ArtifactError: the files are not a version this program can read.
    """
    try:
        about = json.loads(files["version.json"])
        spec = DetectorSpec.model_validate(about["spec"])
        archive = read_archive(files, ["held_out_smoothed", "anomalous_smoothed"])
        return Calibrated(
            keys=tuple(about["series"]),
            smoothed=archive["held_out_smoothed"],
            anomalous=archive.get("anomalous_smoothed"),
            step_hours=spec.step / 3.6e12,
            fleet=about.get("fleet"),
            modes=modes,
        )
    except (KeyError, TypeError, ValueError, ValidationError) as error:
        raise ArtifactError(
            f"The model file keeps no calibration errors that can be read ({type(error).__name__})."
        ) from error


def read_fitted(files: Mapping[str, bytes], make_model: ModelFactory) -> Fitted:
    """Read a version back, without a proof."""
    about = json.loads(files["version.json"])
    if about["format"] not in (FORMAT, FORMAT_OF_BLOCKS):
        raise ArtifactError(
            f"The model file has format {about['format']!r}; this version of normalcy reads "
            f"{FORMAT} and {FORMAT_OF_BLOCKS}. Train the detector again."
        )
    spec = DetectorSpec.model_validate(about["spec"])
    arrays = unpack(files["version.npz"])
    keys = tuple(about["series"])
    model = make_model(spec.model, len(keys), len(spec.inputs))
    model.load(unpack(files["weights.npz"]))
    return Fitted(
        spec=spec,
        keys=keys,
        preprocessing=Preprocessing(
            spec,
            Curves(**{f.name: arrays[f"curve_{f.name}"] for f in fields(Curves)}),
            Profile(spec.preprocessing.profile, arrays["profile"]),
        ),
        scaler=WindowScaler(
            arrays["center"], arrays["scale"], spec.preprocessing.order == "each_window"
        ),
        middle=arrays["middle"],
        active=arrays["active"],
        spread=arrays["spread"],
        yardstick=Yardstick(**{f.name: arrays[f"mark_{f.name}"] for f in fields(Yardstick)}),
        limits=_limits(arrays, about["basis"]),
        checks=CheckLimits(**{f.name: arrays[f"check_{f.name}"] for f in fields(CheckLimits)}),
        familiar=Familiar(**{f.name: arrays[f"familiar_{f.name}"] for f in fields(Familiar)}),
        usual=Usual(**{f.name: arrays[f"usual_{f.name}"] for f in fields(Usual)}),
        modes=OperatingModes(**{f.name: arrays[f"mode_{f.name}"] for f in fields(OperatingModes)}),
        missing=_missing(arrays),
        model=model,
    )


def _arrays(fitted: Fitted) -> Arrays:
    return {
        "center": fitted.scaler.center,
        "scale": fitted.scaler.scale,
        "middle": fitted.middle,
        "profile": fitted.preprocessing.profile.usual,
        **{f"curve_{f.name}": getattr(fitted.preprocessing.curves, f.name) for f in fields(Curves)},
        "active": fitted.active,
        "spread": fitted.spread,
        **{f"limit_{name}": getattr(fitted.limits, name) for name in _LIMITS},
        **{f"kept_{name}": values for name, values in fitted.limits.kept.items()},
        **{f"mark_{f.name}": getattr(fitted.yardstick, f.name) for f in fields(Yardstick)},
        **{f"check_{f.name}": getattr(fitted.checks, f.name) for f in fields(CheckLimits)},
        **{f"familiar_{f.name}": getattr(fitted.familiar, f.name) for f in fields(Familiar)},
        **{f"usual_{f.name}": getattr(fitted.usual, f.name) for f in fields(Usual)},
        **{f"mode_{f.name}": getattr(fitted.modes, f.name) for f in fields(OperatingModes)},
        "missing_absent": _sets(fitted.missing),
        "missing_factor": fitted.missing.factor,
        **{
            f"missing_{f.name}": getattr(fitted.missing.substitutes, f.name)
            for f in fields(Substitutes)
        },
    }


def _sets(missing: MissingSets) -> Floats:
    """(S, K, F) channels of each set; NaN where a series has fewer sets than another."""
    there = missing.absent.any(axis=2, keepdims=True)
    return np.where(there, missing.absent, np.nan)


def _missing(arrays: Arrays) -> MissingSets:
    """What is known of missing channels; former versions know of none, nor do some series then."""
    if "missing_factor" not in arrays:
        return MissingSets.none(*arrays["active"].shape)
    return MissingSets(
        np.nan_to_num(arrays["missing_absent"]) > 0,
        arrays["missing_factor"],
        Substitutes(arrays["missing_mean"], np.nan_to_num(arrays["missing_covariance"])),
    )


def _limits(arrays: Arrays, basis: Sequence[str]) -> Limits:
    kept = {name.removeprefix("kept_"): arrays[name] for name in arrays if name.startswith("kept_")}
    learned = {name: arrays[f"limit_{name}"] for name in _LIMITS}
    return Limits(**learned, basis=tuple(basis), kept=kept)


def _probe(fitted: Fitted, rows: Rows) -> Arrays:
    """The first rows that can be judged, and their scores; as many whatever the series are."""
    flatline = np.full_like(fitted.checks.flatline, LONGEST_FLATLINE)
    longest = replace(fitted, checks=replace(fitted.checks, flatline=flatline)).lookback
    values = rows.values[:, : longest + _PROBES]
    probe = replace(rows, times=rows.times[: values.shape[1]], values=values)
    return {"times": probe.times, "values": values, "score": score(fitted, probe).score}


def _prove(fitted: Fitted, probe: Arrays, made_with: Mapping[str, str]) -> None:
    """Score what was scored when the version was made, and compare.

    Under another program the numbers may differ by the last digits, and by no more.
    """
    rows = Rows(fitted.keys, probe["times"], fitted.spec.step, probe["values"])
    now, before = score(fitted, rows).score, probe["score"]
    same = made_with == program()
    tolerance = _TOLERANCE if same else _OTHER_TOLERANCE
    if now.shape == before.shape and np.allclose(now, before, rtol=tolerance, atol=_SMALLEST):
        return
    if changed := changed_since(made_with):
        raise ArtifactError(
            "The model gives other scores than when it was trained, so it does not serve here. It "
            f"was made with {', '.join(changed)}: train the detector again, or install what it was "
            "made with."
        )
    raise ArtifactError(
        "The model gives other scores than when it was trained: its files, or the numerical "
        "libraries under it, have changed. Train the detector again."
    )


def _curves(curves: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """(S, E) one row a series, NaN behind its last epoch."""
    table = np.full((len(curves), max(map(len, curves))), np.nan)
    for row, curve in zip(table, curves, strict=True):
        row[: len(curve)] = curve
    return table


def pack(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Arrays by name as a file."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def unpack(data: bytes, names: Sequence[str] | None = None) -> Arrays:
    """The arrays of a file, or those of the named that it has."""
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        wanted = archive.files if names is None else [n for n in names if n in archive.files]
        return {name: archive[name] for name in wanted}
