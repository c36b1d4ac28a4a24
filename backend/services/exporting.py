"""One series' network of a model version as a file, with all that one has to know to use it."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np

from backend.detection.pipeline import Fitted
from backend.exceptions import InputError, NotFound
from backend.ports import Edges, Floats, NetworkExporter, NetworkFile, RecordStore, Units
from backend.records import SeriesKey, Version
from backend.services.detectors import Detectors
from backend.services.exported import about
from backend.services.serving import Served, champion_of
from backend.specs import DetectorSpec

_SHOWN = 5
_FLOAT32 = 6e-8
"""Relative step of the numbers that an exported network reads and gives."""
_COARSE = 1e-3


@dataclass(frozen=True)
class Exported:
    """What is written.

    Attributes:
        model: name of the version.
        series: its key.
        network: the network itself, and what it is.
        about: what one has to know to use it, as JSON-ready values.
        warnings: sentences for the operator.
    """

    model: str
    series: SeriesKey
    network: NetworkFile
    about: Mapping[str, Any]
    warnings: tuple[str, ...]


class Exporting:
    """Reads versions and writes nothing: files are handed to whoever asked."""

    def __init__(
        self, records: RecordStore, detectors: Detectors, served: Served, write: NetworkExporter
    ) -> None:
        self._records = records
        self._detectors = detectors
        self._served = served
        self._write = write

    def version(self, detector: str, number: int | None) -> Version:
        """The version asked for; without a number the one that serves.

        Raises:
            NotFound: no such detector or version, or none serves yet.
        """
        if number is not None:
            return self._records.version(detector, number)
        if (champion := champion_of(self._records, detector)) is not None:
            return champion
        if not (made := self._records.versions(detector)):
            self._detectors.get(detector)
            raise NotFound(
                f"No version of {detector!r} is trained yet: train it first with: normalcy retrain "
                f"{detector}"
            )
        raise NotFound(
            f"No version of {detector!r} serves yet: name one with --version, the newest is "
            f"{made[0].number}."
        )

    def export(
        self,
        version: Version,
        series: SeriesKey | None,
        *,
        part: int | None = None,
        scaled: bool = True,
    ) -> Exported:
        """The network of one series.

        Args:
            version: of which model version.
            series: key of the series; may be left out where there is only one.
            part: which member of an ensemble, from 1 on.
            scaled: whether it takes and gives scaled windows, as the network inside does; if not,
                its scaling stands around it and it takes and gives sensor units.

        Raises:
            NotFound: the version has no such series.
            InputError: several series and none is named; the kind of model has no network that
                reconstructs; or sensor units are asked for, and more than scaling lies between.
            ArtifactError: the files of the version are damaged.
        """
        fitted = self._served.load(version.detector, version.number)[1]
        s = _member(fitted, version, series)
        network = self._write(
            fitted.spec.model,
            {name: weight[s : s + 1] for name, weight in fitted.model.weights().items()},
            len(fitted.spec.inputs),
            part=part,
            edges=None if scaled else _edges(fitted, s),
        )
        return Exported(
            model=version.name,
            series=fitted.keys[s],
            network=network,
            about=about(version, fitted, s, network, scaled=scaled),
            warnings=() if scaled else tuple(_coarse(fitted, s)),
        )


def _member(fitted: Fitted, version: Version, series: SeriesKey | None) -> int:
    """Index of the series asked for."""
    keys = fitted.keys
    if series is None and len(keys) == 1:
        return 0
    if series is None:
        raise InputError(
            f"{version.name} has {len(keys)} series: name one with --series, such as {keys[0]!r}."
        )
    if series in keys:
        return keys.index(series)
    raise NotFound(f"{version.name} has no series {series!r}: {_instead(keys, version, series)}.")


def _instead(keys: tuple[SeriesKey, ...], version: Version, series: SeriesKey) -> str:
    if why := (version.training.get("set_aside") or {}).get(series):
        return f"it was set aside in training, {why}"
    if keys == ("",):
        return "it has one without a name, leave --series out"
    near = get_close_matches(series, keys, n=3)
    if near:
        return f"did you mean {' or '.join(map(repr, near))}? It has {len(keys)}"
    shown = ", ".join(keys[:_SHOWN]) + (", …" if len(keys) > _SHOWN else "")
    return f"it has {len(keys)}: {shown}"


def _edges(fitted: Fitted, s: int) -> Edges:
    """The scaling of a series as what stands around its network.

    Channels that the network does not see enter as 0 and come back as their usual value.

    Raises:
        InputError: more than scaling lies between sensor and network.
    """
    if others := _more_than_scaling(fitted.spec):
        raise InputError(
            f"{fitted.spec.name!r} cannot be exported with its scaling, since more is done to what "
            f"the network sees: {', '.join(others)}. Leave --with-scaling out, and do it as the "
            ".json file beside the network says."
        )
    center, scale, active = fitted.scaler.center[s], fitted.scaler.scale[s], fitted.active[s]
    usual = np.where(active, center, fitted.middle[s])
    return Edges(
        before=Units(np.where(active, 1.0 / scale, 0.0), np.where(active, -center / scale, 0.0)),
        after=Units(np.where(active, scale, 0.0), usual),
    )


def _more_than_scaling(spec: DetectorSpec) -> list[str]:
    """Keys of the preprocessing that no scaling can stand for."""
    asked = spec.preprocessing
    used = {
        "transform": asked.transform not in ("none", {}),
        "profile": asked.profile != "none",
        "detrend": bool(asked.detrend),
        "difference": bool(asked.difference),
        "order: each_window": asked.order == "each_window",
    }
    return [f"preprocessing.{key}" for key, is_used in used.items() if is_used]


def _coarse(fitted: Fitted, s: int) -> list[str]:
    """Channels so far from zero that their sensor units are coarse in single precision."""
    size: Floats = np.abs(fitted.scaler.center[s] / fitted.scaler.scale[s]).max(axis=0)
    return [
        f"{name} lies {size[f]:.2g} times its scale away from zero: in sensor units a network in "
        "single precision sees it only coarsely; export it without --with-scaling"
        for f, name in enumerate(fitted.spec.inputs)
        if fitted.active[s, f] and size[f] * _FLOAT32 > _COARSE
    ]
