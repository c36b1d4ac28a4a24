"""Parts of a fleet made one version, and some series of a version taken out: files in, files out.

Every array leads with the series, so that a version of many is its parts one after the other. What
was trained on is taken over block by block, unread; of the other arrays no more than one part's is
in memory at a time, beside the file that is being written.
"""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from backend.exceptions import ArtifactError
from backend.records import SeriesKey
from backend.services.versions import (
    FORMAT,
    FORMAT_OF_BLOCKS,
    archive_name,
    pack,
    series_of_blocks,
)
from backend.specs import DetectorSpec

Files = Mapping[str, bytes]

_ABOUT, _FOLDS = "version.json", "folds.npz"
_PARTED = ("version.npz", "weights.npz", "probe.npz")
"""Files whose arrays lead with the series, but for the times that all series have in common."""
_COMMON = "times"
_MODE_NAMES = "mode_names"
_RANGES = ("held_out", "seen")
"""What folds have seen: any number of rows a series."""


def joined(
    parts: Sequence[dict[str, bytes]],
    spec: DetectorSpec,
    digests: Mapping[SeriesKey, str],
    fleet: int,
) -> dict[str, bytes]:
    """The files of one version whose series are those of all parts, in their order.

    Args:
        parts: files of versions of the same detector, trained on the same range; they are used up,
            so that no more than one file is held twice.
        spec: the detector, with the model that all of them have.
        digests: names what each series was trained on, also of those that could not be.
        fleet: how many series share what the whole detector may do.

    Raises:
        ArtifactError: they do not belong together.
    """
    told = [json.loads(part[_ABOUT]) for part in parts]
    sizes = [len(about["series"]) for about in told]
    kept = (_FOLDS,) if all(_FOLDS in part for part in parts) else ()
    files = {n: _joined(n, [part.pop(n) for part in parts], sizes) for n in (*kept, *_PARTED)}
    blocks: list[int] = []
    for part, about in zip(parts, told, strict=True):
        for block, own in enumerate(series_of_blocks(about)):
            files[archive_name(len(blocks))] = part.pop(archive_name(block))
            blocks.append(len(own))
    said = {
        "spec": spec.plain(),
        "digests": dict(digests),
        "fleet": fleet,
        "made_with": _made_with(told),
    }
    return {_ABOUT: _about(told, blocks, said), **files}


def selected(files: Files, keys: Sequence[SeriesKey]) -> dict[str, bytes]:
    """The files of a version of some series of another, in the order that these have there.

    Of files that are not given none are made.
    """
    about, wanted = json.loads(files[_ABOUT]), set(keys)
    place = [s for s, key in enumerate(about["series"]) if key in wanted]
    found = {n: _selected(n, files[n], place) for n in (*_PARTED, _FOLDS) if n in files}
    blocks: list[int] = []
    for block, own in enumerate(series_of_blocks(about)):
        inner = [s for s, key in enumerate(own) if key in wanted]
        if inner:
            if (whole := files.get(archive_name(block))) is not None:
                file = archive_name(block)
                kept = whole if len(inner) == len(own) else _selected(file, whole, inner)
                found[archive_name(len(blocks))] = kept
            blocks.append(len(inner))
    chosen = {name: [about[name][s] for s in place] for name in ("series", "basis")}
    return {_ABOUT: _about([chosen], blocks, about), **found}


def _made_with(told: Sequence[Mapping[str, Any]]) -> Mapping[str, str]:
    """The program that made all parts; parts taken over from before may come from another one."""
    programs = [about.get("made_with", {}) for about in told]
    found: Mapping[str, str] = programs[0]
    return found if all(one == found for one in programs) else {}


def _about(told: Sequence[Mapping[str, Any]], blocks: list[int], said: Mapping[str, Any]) -> bytes:
    """What is said about a version: of its parts what is said of each series, and the rest."""
    about = {
        **said,
        "format": FORMAT_OF_BLOCKS if len(blocks) > 1 else FORMAT,
        "series": [key for about in told for key in about["series"]],
        "basis": [basis for about in told for basis in about["basis"]],
        "blocks": blocks,
    }
    return json.dumps(about, ensure_ascii=False, indent=1).encode()


def _selected(file: str, data: bytes, place: Sequence[int]) -> bytes:
    """Each array of some series, of which only one is whole in memory at a time."""
    with np.load(io.BytesIO(data), allow_pickle=False) as whole:
        return pack({name: _taken(file, name, whole[name], place) for name in whole.files})


def _taken(file: str, name: str, array: NDArray[Any], place: Sequence[int]) -> NDArray[Any]:
    if name == _COMMON:
        return array
    if file == _FOLDS and name in _RANGES:
        own = array[np.isin(array[:, 0], place)]
        return np.column_stack((np.searchsorted(place, own[:, 0]), own[:, 1:]))
    return array[np.asarray(place, dtype=np.intp)]


# -- arrays of several parts -----------------------------------------------------------------------


class _Stored:
    """The arrays of one file, read one at a time; its S series."""

    def __init__(self, data: bytes, series: int) -> None:
        self._file = zipfile.ZipFile(io.BytesIO(data))
        self.series = series
        self.heads = {entry.removesuffix(".npy"): self._head(entry) for entry in self._entries()}

    def array(self, name: str) -> NDArray[Any]:
        """One of them."""
        with self._file.open(f"{name}.npy") as stream:
            return np.asarray(npy.read_array(stream, allow_pickle=False))

    def _entries(self) -> list[str]:
        return self._file.namelist()

    def _head(self, entry: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """Shape and kind of an array, without its numbers."""
        with self._file.open(entry) as stream:
            old = npy.read_magic(stream) == (1, 0)
            read = npy.read_array_header_1_0 if old else npy.read_array_header_2_0
            shape, _, dtype = read(stream)
        return shape, dtype


def _joined(file: str, parts: Sequence[bytes], sizes: Sequence[int]) -> bytes:
    """Each array of all parts one after the other, written part by part."""
    stored = [_Stored(part, size) for part, size in zip(parts, sizes, strict=True)]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name in dict.fromkeys(name for one in stored for name in one.heads):
            with target.open(f"{name}.npy", "w", force_zip64=True) as stream:
                if name == _COMMON:
                    npy.write_array(stream, _the_same(file, [one.array(name) for one in stored]))
                elif file == _FOLDS and name in _RANGES:
                    npy.write_array(stream, _counted_on(name, stored))
                else:
                    _write(stream, name, stored)
    return buffer.getvalue()


def _counted_on(name: str, stored: Sequence[_Stored]) -> NDArray[Any]:
    """(R, 4) ranges of all parts, whose first column tells the series."""
    found, before = [], 0
    for one in stored:
        own = one.array(name)
        own[:, 0] += before
        found.append(own)
        before += one.series
    return np.concatenate(found)


def _write(stream: IO[bytes], name: str, stored: Sequence[_Stored]) -> None:
    heads = [one.heads[name] for one in stored if name in one.heads]
    dtype = np.result_type(*(dtype for _, dtype in heads))
    axes = zip(*(shape[1:] for shape, _ in heads), strict=True)
    lengths = tuple(max(axis) for axis in axes)
    whole = (sum(one.series for one in stored), *lengths)
    head = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": whole}
    npy.write_array_header_2_0(stream, head)
    names = _most_modes(stored) if name == _MODE_NAMES else None
    for one in stored:
        shape = (one.series, *lengths)
        known = one.array(name) if name in one.heads else np.full(shape, np.nan)
        filled = known if known.shape == shape else _filled(name, known, shape, names)
        stream.write(np.ascontiguousarray(filled, dtype).tobytes())


def _filled(
    name: str, known: NDArray[Any], shape: tuple[int, ...], names: NDArray[Any] | None
) -> NDArray[Any]:
    """An array brought to the lengths that it has in a fleet whose other series need more."""
    if name.startswith("kept_"):
        # what a threshold remembers ends with the newest: it is filled up before it
        return np.pad(known, ((0, 0), (shape[1] - known.shape[1], 0)), constant_values=np.nan)
    own = tuple(slice(0, length) for length in known.shape)
    if name in ("limit_table", "limit_levels"):
        filled = np.repeat(known[:, :1], shape[1], axis=1)  # an unknown mode has the common limit
    elif name == "mode_root":
        filled = np.tile(np.eye(shape[2]), (*shape[:2], 1, 1))
    elif names is not None:
        filled = np.repeat(names[None], shape[0], axis=0)
    else:
        filled = np.full(shape, _filling(name))
    filled[own] = known
    return filled


def _filling(name: str) -> float:
    """What stands where a series has nothing: as its own part of the program would have filled."""
    if name == "mode_mean" or name.rpartition(".")[2] == "projection":
        return 0.0
    return 1.0 if name == "mode_share" else np.nan


def _most_modes(stored: Sequence[_Stored]) -> NDArray[Any]:
    """(M,) names of the modes of the part that tells most apart; those of others are of them."""
    most = max(stored, key=lambda one: one.heads[_MODE_NAMES][0][1])
    return np.asarray(most.array(_MODE_NAMES)[0])


def _the_same(file: str, arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    if any(not np.array_equal(array, arrays[0]) for array in arrays):
        raise ArtifactError(
            f"The parts of a version do not belong together: {file} holds other times in one of "
            "them. Train the detector again."
        )
    return arrays[0]
