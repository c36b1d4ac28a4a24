"""An estimator over the bottleneck of an autoencoder."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.detection.progress import part_of
from backend.models import looking_back, registry
from backend.models.checking import checked
from backend.models.inner import inner_network
from backend.models.parted import joined, parted
from backend.models.readable import LARGEST
from backend.ports import Floats, Lesson, LossCurve, Model, Progress, Start, Times, Voice
from backend.specs import EmbeddedSpec

FLAT = 1e-9
"""Deviation below which a number of the code counts as constant."""

_NETWORK_SHARE = 0.9
"""Of the progress told."""


class Embedded:
    """Learns to reconstruct windows, then judges them by what its bottleneck holds of them.

    Codes are brought to mean 0 and deviation 1 of training before the estimator sees them. What
    the network cannot express does not reach the code, so that an anomaly which looks normal in
    the bottleneck is missed; in return the estimator works on few numbers, whatever the window.

    Works where normal time has a shape of its own among the codes, such as several modes of
    running. Source: Xu et al., Detecting anomalous events in videos by learning deep
    representations of appearance and motion, 2017, section 3.

    Attributes:
        window: W.
        voices: 1.
    """

    voices = 1

    def __init__(self, spec: EmbeddedSpec, series: int, channels: int) -> None:
        self.window = spec.window
        self._most = spec.estimator.rows
        self._network = inner_network(spec.network, series, channels)
        code = self._network.embed(np.zeros((series, 1, self.window, channels))).shape[2]
        self._estimator: Model = registry.build(spec.estimator, series, code)
        self._mean, self._deviation = np.zeros((series, code)), np.ones((series, code))

    def fit(
        self, lessons: Sequence[Lesson], progress: Progress, start: Start | None = None
    ) -> list[LossCurve]:
        """Train the network, then fit the estimator to the codes of all its windows.

        Raises:
            InputError: lessons that do not fit this model.
            NotEnoughNormalData: a member has no window to train on.
            TrainingFailed: the losses of some members are not finite, or their codes.
        """
        began = None if start is None else parted(start, "network")[0]
        curves = self._network.fit(lessons, part_of(progress, 0.0, _NETWORK_SHARE), began)
        ends = [looking_back.last_rows(lesson, self._most) for lesson in lessons]
        codes = self._codes_of(lessons, ends)
        measures = [_measure(own) for own in codes]
        self._mean, self._deviation = (np.stack(part) for part in zip(*measures, strict=True))
        self._estimator.fit(
            [
                Lesson(
                    (own - mean) / deviation,
                    np.arange(len(own)),
                    np.empty(0, np.int64),
                    lesson.seed,
                    lesson.times[at],
                )
                for own, (mean, deviation), lesson, at in zip(
                    codes, measures, lessons, ends, strict=True
                )
            ],
            part_of(progress, _NETWORK_SHARE, 1.0),
        )
        return curves

    def assess(self, windows: Floats, times: Times) -> tuple[Voice, ...]:
        """One voice: what the estimator says of the code; of no channel can it tell a share.

        Raises:
            InputError: windows of another shape.
        """
        scaled = (self.embed(windows) - self._mean[:, None]) / self._deviation[:, None]
        return tuple(
            Voice(raw=_value(voice, scaled))
            for voice in self._estimator.assess(scaled[:, :, None], times)
        )

    def embed(self, windows: Floats) -> Floats:
        """(S, N, W, F) to (S, N, E): what the bottleneck holds."""
        return np.clip(self._network.embed(windows), -LARGEST, LARGEST)

    def weights(self) -> dict[str, NDArray[Any]]:
        """Copies of all arrays, each with a leading axis of S."""
        parts = joined(network=self._network.weights(), estimator=self._estimator.weights())
        return parts | {"mean": self._mean.copy(), "deviation": self._deviation.copy()}

    def starts(self) -> dict[str, NDArray[Any]]:
        """The weights of the network; all else is learned in one step."""
        return joined(network=self._network.starts())

    def load(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Take arrays as `weights` gave them.

        Raises:
            ArtifactError: names or shapes are not those of this model, or values are not finite.
        """
        network, others = parted(weights, "network")
        estimator, others = parted(others, "estimator")
        shape = self._mean.shape
        arrays = checked(others, {"mean": shape, "deviation": shape})
        self._network.load(network)
        self._estimator.load(estimator)
        self._mean, self._deviation = arrays["mean"], arrays["deviation"]

    def _codes_of(
        self, lessons: Sequence[Lesson], ends: Sequence[NDArray[np.int64]]
    ) -> list[Floats]:
        """(N, E) codes of each member's windows."""
        found: list[list[Floats]] = [[] for _ in lessons]
        for windows, there in looking_back.pieces(lessons, self.window, ends):
            for own, codes, known in zip(found, self.embed(windows), there, strict=True):
                own.append(codes[known])
        return [np.concatenate(own) for own in found]


def _measure(codes: Floats) -> tuple[Floats, Floats]:
    """(E,) mean and deviation of (N, E) codes; the deviation of what is constant is 1."""
    deviation = codes.std(axis=0)
    return codes.mean(axis=0), np.where(deviation > FLAT, deviation, 1.0)


def _value(voice: Voice, codes: Floats) -> Floats:
    """(S, N) the raw value of a voice, or the distance from the code it expects."""
    if voice.raw is not None:
        return voice.raw
    assert voice.expected is not None
    return np.asarray(np.square(voice.expected[:, :, 0] - codes).mean(axis=2))
