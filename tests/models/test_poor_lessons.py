"""Lessons that hold too little, or too much: estimators fall back, and say numbers."""

import numpy as np
import pytest
from pydantic import TypeAdapter

from backend.models import registry
from backend.ports import Floats, Lesson
from backend.specs import ModelSpec

KINDS = [
    "k_nearest",
    "local_outlier_factor",
    "isolation_forest",
    "one_class_svm",
    "kernel_density",
    "matrix_profile",
]
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(np.zeros((40, 3)), id="constant"),
        pytest.param(np.ones((4, 3)), id="one window"),
        pytest.param(np.ones((5, 3)), id="two windows alike"),
        pytest.param(RNG.normal(size=(6, 3)), id="three windows"),
        pytest.param(np.repeat(np.arange(40.0)[:, None], 3, axis=1), id="one direction"),
        pytest.param(RNG.normal(size=(40, 3)) * 1e-90, id="tiny"),
        pytest.param(RNG.normal(size=(40, 3)) * 1e99, id="huge"),
        pytest.param(np.repeat(RNG.normal(size=(4, 3)), 20, axis=0), id="at rest"),
    ],
)
def test_poor_lessons_give_numbers(kind: str, rows: Floats) -> None:
    spec = TypeAdapter(ModelSpec).validate_python({"kind": kind, "window": 4})
    model = registry.build(spec, 1, 3)
    ends = np.arange(3, len(rows))
    model.fit([Lesson(rows, ends, ends[:0], 0)], lambda share, words: None)
    seen = np.stack([np.full((4, 3), value) for value in (1e100, -1e100, 1.0, 0.0, np.nan)])
    seen[0, :2, 1] = 0.0
    (voice,) = model.assess(seen[None], np.zeros((1, 5), np.int64))
    for array in (voice.raw, voice.parts, voice.expected):
        assert array is None or np.isfinite(array).all()
    assert voice.raw is not None
    assert (voice.raw >= 0).all()
