"""Reconstruction along the projection pathway (RaPP) over any autoencoder."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.models import looking_back
from backend.models.checking import checked
from backend.models.inner import inner_network
from backend.models.parted import joined, parted
from backend.models.projection_pathway import Usual, learn_usual, normalised, simple
from backend.models.readable import LARGEST, readable
from backend.ports import Floats, Lesson, LossCurve, Progress, Start, Times, Voice
from backend.specs import RappSpec

WINDOWS = 10_000
"""Windows of a member that its usual differences are learned from, at most."""


class Rapp:
    """An autoencoder, asked in every layer how far a window and its reconstruction lie apart.

    Both pass through the encoder; the differences in the input and in every hidden layer down to
    the bottleneck are collected. SAP is their squared length. NAP is the same in units of how they
    usually differ, direction by direction: what training never showed weighs most. A layer that
    gives a vector a step counts with all of them.

    Works where an anomaly is reproduced well and yet looks unlike anything normal inside; needs no
    further training. NAP needs clearly more windows than there are hidden values.

    Source: Kim et al., RaPP: Novelty detection with reconstruction along projection pathway, 2020.

    Attributes:
        window: W.
        voices: 1.
    """

    voices = 1

    def __init__(self, spec: RappSpec, series: int, channels: int) -> None:
        self.window = spec.window
        self._by = spec.by
        self._network = inner_network(spec.network, series, channels)
        differences = self._look(np.zeros((series, 1, self.window, channels)))[1]
        self._usual = Usual.unknown(series, differences.shape[2])

    def fit(
        self, lessons: Sequence[Lesson], progress: Progress, start: Start | None = None
    ) -> list[LossCurve]:
        """Train the autoencoder, then learn how differences usually lie.

        Raises:
            InputError: lessons that do not fit this model.
            NotEnoughNormalData: a member has no window to train on.
            TrainingFailed: the losses of some members are not finite; the model stays as it was.
        """
        began = None if start is None else parted(start, "network")[0]
        curves = self._network.fit(lessons, progress, began)
        if self._by == "nap":
            ends = [looking_back.last_rows(lesson, WINDOWS) for lesson in lessons]
            pieces = looking_back.pieces(lessons, self.window, ends)
            self._usual = learn_usual((self._look(w)[1], there) for w, there in pieces)
        return curves

    def assess(self, windows: Floats, times: Times) -> tuple[Voice, ...]:
        """One voice: SAP or NAP, the reconstruction, and each channel's share of its distance.

        Raises:
            InputError: windows of another shape.
        """
        expected, differences = self._look(windows)
        raw = simple(differences) if self._by == "sap" else normalised(differences, self._usual)
        apart = np.clip(readable(windows) - expected, -LARGEST, LARGEST)
        parts = np.square(apart).mean(axis=2)
        return (Voice(expected=expected, raw=raw, parts=parts),)

    def embed(self, windows: Floats) -> Floats:
        """(S, N, W, F) to (S, N, E): what the bottleneck of the autoencoder holds."""
        return self._network.embed(windows)

    def weights(self) -> dict[str, NDArray[Any]]:
        """Copies of all arrays, each with a leading axis of S."""
        network = joined(network=self._network.weights())
        return network if self._by == "sap" else network | self._usual.arrays()

    def starts(self) -> dict[str, NDArray[Any]]:
        """The weights of the network; all else is learned in one step."""
        return joined(network=self._network.starts())

    def load(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Take arrays as `weights` gave them.

        Raises:
            ArtifactError: names or shapes are not those of this model, or values are not finite.
        """
        network, others = parted(weights, "network")
        series, size = self._usual.mean.shape
        known = {"mean": (series, size), "projection": (series, size, None)}
        arrays = checked(others, known if self._by == "nap" else {})
        self._network.load(network)
        if self._by == "nap":
            self._usual = Usual(**arrays)

    def _look(self, windows: Floats) -> tuple[Floats, Floats]:
        """The reconstruction, and (S, N, D) differences in the input and in every hidden layer."""
        expected = self._network.reconstruct(windows)
        before = [readable(windows), *self._network.hidden(windows)]
        after = [expected, *self._network.hidden(expected)]
        apart = [b - a for b, a in zip(before, after, strict=True)]
        sizes = [int(np.prod(part.shape[2:])) for part in apart]
        flat = [p.reshape(*p.shape[:2], size) for p, size in zip(apart, sizes, strict=True)]
        return expected, np.concatenate(flat, axis=2)
