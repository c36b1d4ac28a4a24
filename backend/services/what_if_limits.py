"""Another threshold, learned anew from what each model version keeps."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from backend.detection.thresholds import Calibration, Limits, learn_limits
from backend.detection.thresholds.f1_max import NEEDS_SENTENCE
from backend.detection.what_if import Line, Mask, Stored, draw_line
from backend.exceptions import ArtifactError, InputError, NotFound
from backend.ports import Floats
from backend.records import SeriesKey
from backend.services.kept_errors import Backing, KeptErrors
from backend.services.versions import Calibrated
from backend.specs import AlarmSpec, FixedThreshold, LimitThreshold, ThresholdSpec

_NAMED = 5
"""Most versions or series that a sentence names."""
_HOUR = 3_600_000_000_000

Anomalies = Callable[[str], Mapping[SeriesKey, Floats]]
"""Errors of labelled anomalies by series, (A,) each, of the version that points name."""


@dataclass(frozen=True)
class Learned:
    """Another threshold of a version.

    Attributes:
        keys: the S series.
        limits: theirs, as a training would have learned them.
        backed: (S,) series that keep any calibration error: the limit of others stands for nothing.
        step: nanoseconds of the grid that they belong to.
    """

    keys: Sequence[SeriesKey]
    limits: Limits
    backed: Mask
    step: int

    @cached_property
    def places(self) -> Mapping[SeriesKey, int]:
        """Where each series stands: a fleet has thousands, and each is asked for by its key."""
        return {key: s for s, key in enumerate(self.keys)}

    def backing(self, key: SeriesKey) -> Backing | None:
        """What backs the limit of a series; None if it has none."""
        if (s := self.places.get(key)) is None:
            return None
        limits = self.limits
        return Backing(
            limits.basis[s],
            float(limits.hours[s]),
            float(limits.wanted_hours[s]),
            bool(limits.silent[s]),
        )


def learn_again(
    threshold: ThresholdSpec,
    alarm: AlarmSpec,
    kept: Calibrated,
    anomalies: Callable[[], Mapping[SeriesKey, Floats]],
) -> Learned:
    """The limits of a version under another threshold, from the errors that it keeps.

    Args:
        threshold: the other one.
        alarm: minimum length and hysteresis, for thresholds that count alarms.
        kept: calibration errors of the version.
        anomalies: errors of labelled anomalies, asked for where the threshold needs them and the
            version keeps none.

    Raises:
        InputError: it needs labelled anomalies, and no series has any.
    """
    own, keys = kept, tuple(kept.keys)
    if threshold.kind == "f1_max":
        own = _with_anomalies(kept, anomalies)
        keys = tuple(own.keys)
    calibration = Calibration(
        own.smoothed,
        own.step_hours,
        alarm,
        own.modes,
        anomalous=own.anomalous,
        fleet=kept.fleet or len(kept.keys),
    )
    return Learned(
        keys,
        learn_limits(threshold, calibration),
        np.asarray(np.isfinite(own.smoothed).any(axis=1)),
        round(kept.step_hours * _HOUR),
    )


def _with_anomalies(
    kept: Calibrated, anomalies: Callable[[], Mapping[SeriesKey, Floats]]
) -> Calibrated:
    """The series that have labelled anomalies, with their errors."""
    if kept.anomalous is None:
        kept = _beside(kept, anomalies())
    assert kept.anomalous is not None
    able = np.flatnonzero(np.isfinite(kept.anomalous).any(axis=1))
    if not able.size:
        raise InputError(NEEDS_SENTENCE)
    return replace(
        kept,
        keys=tuple(kept.keys[s] for s in able),
        smoothed=kept.smoothed[able],
        anomalous=kept.anomalous[able],
        modes=None if kept.modes is None else kept.modes[able],
    )


def _beside(kept: Calibrated, errors: Mapping[SeriesKey, Floats]) -> Calibrated:
    """Errors of anomalies in columns of their own, behind the held-out ones."""
    longest = max((len(errors[key]) for key in kept.keys if key in errors), default=0)
    shape = len(kept.keys), longest
    beside = np.full(shape, np.nan)
    for s, key in enumerate(kept.keys):
        own = errors.get(key, np.empty(0))
        beside[s, : len(own)] = own
    modes = kept.modes
    if modes is not None:
        modes = np.concatenate((modes, np.full(shape, -1, dtype=np.int64)), axis=1)
    return replace(
        kept,
        smoothed=np.concatenate((kept.smoothed, np.full(shape, np.nan)), axis=1),
        anomalous=np.concatenate((np.full_like(kept.smoothed, np.nan), beside), axis=1),
        modes=modes,
    )


class OtherLimits:
    """Another threshold of each version and series, learned once for a question."""

    def __init__(
        self,
        versions: KeptErrors,
        threshold: ThresholdSpec,
        alarm: AlarmSpec,
        anomalies: Anomalies,
    ) -> None:
        self.alarm = alarm
        self._versions = versions
        self._threshold = threshold
        self._anomalies = anomalies
        self._known: dict[str, Learned] = {}
        self._lost: dict[str, str] = {}
        self._provisional: set[str] = set()
        self._unbacked: set[str] = set()
        self._bare: set[str] = set()

    def line(
        self, key: SeriesKey, name: object, stored: Stored, line: Line | None
    ) -> tuple[Floats | float, bool, Line | None]:
        """The threshold of rows that one version scored, NaN where it is not known.

        Returns:
            It, whether alarms are silent, and what has to be known for the rows behind.
        """
        if not isinstance(name, str):
            if self._fixed is None:
                self._lost.setdefault("", "some points do not name the version that scored them")
            return np.nan if self._fixed is None else self._fixed, False, None
        if name not in self._known and name not in self._lost:
            self._look_up(name)
        silent = name in self._provisional
        if self._fixed is not None:
            return self._fixed, silent, None
        learned = self._known.get(name)
        s = None if learned is None else learned.places.get(key)
        if learned is None or s is None or not learned.backed[s]:
            return self._nobody_knows(key, name), silent, None
        limits = learned.limits.select([s])
        if limits.silent[0]:
            self._unbacked.add(f"{name} {key}".rstrip())
        found, line = draw_line(self._threshold, limits, stored, learned.step, line)
        return found, silent or bool(limits.silent[0]), line

    def backing(self, key: SeriesKey, name: str) -> Backing | None:
        """What backs the limit of a series by a version; None if nothing has to, or nobody knows.

        Args:
            key: of the series.
            name: of the version.
        """
        learned = self._known.get(name)
        return None if learned is None else learned.backing(key)

    def notices(self) -> list[str]:
        """What is not known of which versions.

        Raises:
            InputError: the threshold needs labelled anomalies, and no version knows any.
        """
        if self._bare and not self._known:
            raise InputError(NEEDS_SENTENCE)
        found = []
        if self._lost:
            why = _few(self._lost.values(), "; ")
            found.append(f"Some of the range is left out: {why}.")
        if self._provisional:
            names = _few(self._provisional)
            found.append(
                f"{names} learned without labels: their alarms are silent whatever the threshold."
            )
        if self._unbacked:
            names = _few(self._unbacked)
            found.append(
                f"Too little normal time backs this threshold, so alarms are silent: {names}."
            )
        if isinstance(self._threshold, LimitThreshold) and self._threshold.per_mode:
            found.append("Operating modes are not stored: the common limit is shown for all.")
        return found

    @property
    def _fixed(self) -> float | None:
        """A stated threshold needs nothing of a version, unless it follows the errors."""
        if isinstance(self._threshold, FixedThreshold) and self._threshold.follow is None:
            return self._threshold.value * self._threshold.margin
        return None

    def _nobody_knows(self, key: SeriesKey, name: str) -> float:
        if name not in self._lost:
            what = key or "the series"
            told = f"{name} keeps no calibration errors of {what}"
            if self._threshold.kind == "f1_max":
                told = f"{name} knows no errors of labelled anomalies of {what}"
            self._lost[f"{name} {key}"] = told
        return np.nan

    def _look_up(self, name: str) -> None:
        """Learn the limits of a version."""
        if self._versions.is_provisional(name):
            self._provisional.add(name)
        if self._fixed is not None:
            return
        try:
            kept = self._versions.calibrated(name)
            learned = learn_again(self._threshold, self.alarm, kept, lambda: self._anomalies(name))
        except (ArtifactError, NotFound):
            self._lost[name] = f"the calibration errors of {name} are lost"
        except InputError:
            self._bare.add(name)
            self._lost[name] = f"{name} knows no errors of labelled anomalies"
        else:
            self._known[name] = learned


def _few(words: Iterable[str], between: str = ", ") -> str:
    """The first of some words, each once, and how many more there are: fleets have thousands."""
    each = sorted(set(words))
    more = [f"and {len(each) - _NAMED} more"] if len(each) > _NAMED else []
    return between.join(each[:_NAMED] + more)
