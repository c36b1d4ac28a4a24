"""A model without a network: windows projected on their principal directions, member by member."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.exceptions import ArtifactError
from backend.ports import Floats, Lesson, LossCurve, Progress, Start, Times, Voice
from backend.specs import ModelSpec


class LinearModel:
    """Keeps a quarter of the directions; twin of `backend.ports.Model`."""

    voices = 1

    def __init__(self, spec: ModelSpec, series: int, channels: int) -> None:
        self.window = spec.window
        size = spec.window * channels
        self._mean = np.zeros((series, size))
        self._basis = np.zeros((series, size, max(1, size // 4)))

    def fit(
        self, lessons: Sequence[Lesson], progress: Progress, start: Start | None = None
    ) -> list[LossCurve]:
        curves = []
        for member, lesson in enumerate(lessons):
            index = lesson.train[:, None] + np.arange(1 - self.window, 1)
            flat = np.nan_to_num(lesson.rows[index].reshape(len(index), -1))
            self._mean[member] = flat.mean(axis=0)
            directions = np.linalg.svd(flat - self._mean[member], full_matrices=False)[2]
            kept = directions[: self._basis.shape[2]].T
            self._basis[member, :, : kept.shape[1]] = kept
            loss = float(np.square(flat - self._project(flat, member)).mean())
            curves.append(LossCurve((loss,), (loss,), 0))
            progress((member + 1) / len(lessons), "fitting")
        return curves

    def _project(self, flat: Floats, member: int) -> Floats:
        basis = self._basis[member]
        off = np.asarray(flat - self._mean[member])
        # einsum without a BLAS call: a window's result must not depend on its neighbours.
        inside = np.einsum("nk,kj->nj", off, basis, optimize=False)
        return np.asarray(
            self._mean[member] + np.einsum("nj,kj->nk", inside, basis, optimize=False)
        )

    def assess(self, windows: Floats, times: Times) -> tuple[Voice, ...]:
        return (Voice(expected=self.reconstruct(windows)),)

    def reconstruct(self, windows: Floats) -> Floats:
        flat = np.nan_to_num(windows.reshape(*windows.shape[:2], self._mean.shape[1]), nan=0.0)
        flat = np.clip(flat, -1e100, 1e100)
        output = np.stack([self._project(part, member) for member, part in enumerate(flat)])
        return output.reshape(windows.shape)

    def embed(self, windows: Floats) -> Floats:
        """Where windows lie along the directions kept."""
        flat = np.nan_to_num(windows.reshape(*windows.shape[:2], self._mean.shape[1]))
        return np.einsum("snk,skj->snj", flat - self._mean[:, None], self._basis)

    def weights(self) -> dict[str, NDArray[Any]]:
        return {"mean": self._mean.copy(), "basis": self._basis.copy()}

    def starts(self) -> dict[str, NDArray[Any]]:
        return {}

    def load(self, weights: Mapping[str, NDArray[Any]]) -> None:
        mine = self.weights()
        if set(weights) != set(mine) or any(weights[k].shape != mine[k].shape for k in mine):
            raise ArtifactError("These weights are not of this model: names or shapes differ.")
        self._mean, self._basis = weights["mean"].copy(), weights["basis"].copy()


class StepwiseModel(LinearModel):
    """Walks to the mean of its windows, a third of the way an epoch, from where it begins."""

    def fit(
        self, lessons: Sequence[Lesson], progress: Progress, start: Start | None = None
    ) -> list[LossCurve]:
        super().fit(lessons, progress)
        curves = []
        for member, target in enumerate(self._mean.copy()):
            place, losses = np.full(target.shape, 10.0), list[float]()
            if start is not None and np.isfinite(start["mean"][member]).all():
                place = start["mean"][member].copy()
                losses.append(float(np.square(target - place).mean()))
            while not losses or losses[-1] > 1e-6:
                place += (target - place) / 3
                losses.append(float(np.square(target - place).mean()))
            self._mean[member] = place
            curves.append(LossCurve(tuple(losses), tuple(losses), len(losses) - 1))
        return curves

    def starts(self) -> dict[str, NDArray[Any]]:
        return {"mean": self._mean.copy()}
