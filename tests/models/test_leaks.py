"""What one member brings changes nothing for others: not its rows, its length or its absence."""

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from backend.exceptions import TrainingFailed
from backend.models.registry import build
from backend.ports import Floats, Lesson
from backend.specs import ModelSpec

pytestmark = pytest.mark.slow

W, F = 3, 3
EPOCHS = {"epochs": 2, "batch": 16, "window": W, "dropout": 0.2}
DENSE = {"kind": "dense_autoencoder", "units": [6, 2], **EPOCHS}
LSTM = {"kind": "lstm_autoencoder", "units": [4, 2], **EPOCHS}
KINDS = {
    "dense": DENSE,
    "lstm": LSTM,
    "ensemble": {"kind": "ensemble", "members": [DENSE, {"kind": "dpca", "window": W}]},
}

members = st.lists(st.integers(0, 5), min_size=1, max_size=4, unique=True)
"""Which of six members are in a fleet, in which order."""


@cache
def spec_of(kind: str) -> ModelSpec:
    spec: ModelSpec = TypeAdapter(ModelSpec).validate_python(KINDS[kind])
    return spec


def rows(member: int) -> Floats:
    """Rows of a member, of its own length and level."""
    rng = np.random.default_rng(member)
    wave = np.sin(np.arange(40 + 7 * member)[:, None] / 2 + np.arange(F) + member)
    return wave + 0.1 * rng.normal(size=wave.shape)


def lesson(data: Floats, seed: int) -> Lesson:
    ends = np.arange(W - 1, len(data))
    return Lesson(data, ends[:-9], ends[-9:], seed)


def learned(kind: str, lessons: list[Lesson]) -> dict[str, Any]:
    model = build(spec_of(kind), len(lessons), F)
    model.fit(lessons, lambda share, words: None)
    return model.weights()


@cache
def alone(kind: str, member: int) -> dict[str, Any]:
    return learned(kind, [lesson(rows(member), member)])


def same_as_alone(kind: str, weights: dict[str, Any], fleet: list[int]) -> None:
    """Each of these members has the weights that it has without companions, up to rounding."""
    for place, member in enumerate(fleet):
        for name, expected in alone(kind, member).items():
            own = weights[name][place]
            # arrays of estimators are as long as the longest of the fleet, filled up with NaN
            own = own[tuple(slice(0, length) for length in expected[0].shape)]
            np.testing.assert_allclose(own, expected[0], rtol=1e-4, atol=1e-5, err_msg=name)


def broken(data: Floats, how: str, at: int) -> Floats:
    """Rows of a member to whom something has happened, which it can be trained on all the same."""
    data = data.copy()
    if how == "gap":
        data[at : at + 9] = np.nan
    elif how == "missing channel":
        data[:, at % F] = np.nan
    elif how == "far off":
        data[at : at + 3] += 1e6
    elif how == "short":
        data = data[: 25 + at]
    elif how == "long":
        data = np.tile(data, (4, 1))
    return data


@pytest.mark.parametrize("kind", KINDS)
@given(fleet=members)
@settings(max_examples=6)
def test_who_else_is_there_and_in_which_order_changes_nothing(kind: str, fleet: list[int]) -> None:
    weights = learned(kind, [lesson(rows(member), member) for member in fleet])
    same_as_alone(kind, weights, fleet)


@pytest.mark.parametrize("kind", KINDS)
@given(
    fleet=members,
    place=st.integers(0, 4),
    how=st.sampled_from(["gap", "missing channel", "far off", "short", "long"]),
    at=st.integers(0, 15),
)
@settings(max_examples=10)
def test_whatever_happens_to_one_changes_nothing_for_the_others(
    kind: str, fleet: list[int], place: int, how: str, at: int
) -> None:
    lessons = [lesson(rows(member), member) for member in fleet]
    place %= len(fleet) + 1
    lessons.insert(place, lesson(broken(rows(6), how, at), 6))
    weights = learned(kind, lessons)
    others = {name: np.delete(weight, place, axis=0) for name, weight in weights.items()}
    same_as_alone(kind, others, fleet)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("poison", [1e30, np.inf], ids=["huge", "infinite"])
def test_a_poisoned_member_fails_alone_and_is_named(kind: str, poison: float) -> None:
    bad = rows(2)
    bad[10:14, 1] = poison
    lessons = [lesson(rows(member), member) for member in (0, 1)]
    model = build(spec_of(kind), 3, F)
    with pytest.raises(TrainingFailed, match=r"of member 1 \(") as caught:
        model.fit([lessons[0], lesson(bad, 2), lessons[1]], lambda share, words: None)
    assert tuple(caught.value.members) == (1,)


@pytest.mark.parametrize("kind", ["dense", "lstm"])
@given(
    poison=st.sampled_from([1e30, -1e38, np.inf]), at=st.integers(0, 30), place=st.integers(0, 2)
)
@settings(max_examples=6)
def test_while_one_fails_the_others_learn_on(kind: str, poison: float, at: int, place: int) -> None:
    from backend.models import training  # noqa: PLC0415
    from backend.models.objectives import Reconstruction  # noqa: PLC0415

    bad = rows(2)
    bad[at : at + 3, 1] = poison
    lessons = [lesson(rows(member), member) for member in (0, 1)]
    lessons.insert(place, lesson(bad, 2))
    spec: Any = spec_of(kind)
    model: Any = build(spec, 3, F)
    course = training.learn(
        model.stack, Reconstruction("mse"), spec, lessons, lambda share, words: None
    )
    assert np.flatnonzero(course.failed).tolist() == [place]
    others = {name: np.delete(weight, place, axis=0) for name, weight in course.weights.items()}
    same_as_alone(kind, others, [0, 1])
