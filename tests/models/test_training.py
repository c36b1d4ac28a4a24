"""Members of a fleet come, learn and go, a few at a time."""

import threading
from typing import Any

import numpy as np
import pytest

from backend.exceptions import TrainingFailed
from backend.models import training
from backend.models.registry import build
from backend.ports import Lesson, LossCurve
from tests.models.test_networks import F, W, dense, lesson, lstm, rows

KINDS = ["rnn", "variational"]
"""Those that test_same_training does not compare with Keras where the program is compiled."""


def spec_of(kind: str, **more: Any) -> Any:
    from pydantic import TypeAdapter  # noqa: PLC0415

    from backend.specs import ModelSpec  # noqa: PLC0415

    base = {"kind": f"{kind}_autoencoder", "window": W, "epochs": 3, "batch": 16, **more}
    return TypeAdapter(ModelSpec).validate_python(base)


def fit(
    spec: Any, lessons: list[Lesson], progress: Any = lambda share, words: None
) -> tuple[Any, list[LossCurve]]:
    model: Any = build(spec, len(lessons), F)
    return model, model.fit(lessons, progress)


def fleet(count: int) -> list[Lesson]:
    """Members of other lengths, so that they take other numbers of steps."""
    return [lesson(rows(40 + 17 * member, seed=member), seed=member) for member in range(count)]


def assert_same(weights: Any, expected: Any, **tolerance: float) -> None:
    for name, weight in expected.items():
        np.testing.assert_allclose(weights[name], weight, **tolerance, err_msg=name)


class TestSeats:
    @pytest.mark.parametrize("seats", [1, 2])
    @pytest.mark.parametrize("at_once", [1, 3])
    def test_whoever_waits_for_a_seat_learns_what_it_learns_alone(
        self, monkeypatch: pytest.MonkeyPatch, seats: int, at_once: int
    ) -> None:
        monkeypatch.setattr(training, "SEATS", seats)
        monkeypatch.setattr(training, "threads", lambda: at_once)
        lessons = fleet(5)
        together, curves = fit(dense(epochs=4), lessons)
        for member, own in enumerate(lessons):
            alone, (curve,) = fit(dense(epochs=4), [own])
            np.testing.assert_allclose(curves[member].loss, curve.loss, rtol=1e-4)
            found = {name: weight[member] for name, weight in together.weights().items()}
            expected = {name: weight[0] for name, weight in alone.weights().items()}
            assert_same(found, expected, rtol=1e-3, atol=1e-5)

    def test_who_has_stopped_costs_nothing_more(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from backend.models import program  # noqa: PLC0415

        taken: list[int] = []
        epoch = program.Training.epoch

        def counted(self: Any, state: Any, *rest: Any) -> Any:
            taken.append(len(state.taken))
            return epoch(self, state, *rest)

        monkeypatch.setattr(program.Training, "epoch", counted)
        monkeypatch.setattr(training, "threads", lambda: 1)
        lessons = fleet(11)
        _, curves = fit(dense(epochs=60, patience=2, learning_rate=0.05), lessons)
        learned = [len(curve.loss) for curve in curves]
        assert len(set(learned)) > 2, "all stopped at once: this shows nothing"
        assert sum(taken) == sum(learned)

    def test_one_that_fails_leaves_its_seat_to_the_next(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(training, "SEATS", 1)
        monkeypatch.setattr(training, "threads", lambda: 1)
        bad = rows(300)
        bad[20] = 1e30
        with pytest.raises(TrainingFailed) as caught:
            fit(dense(), [lesson(bad), *fleet(2)])
        assert list(caught.value.members) == [0]


class TestProgress:
    @pytest.mark.parametrize("at_once", [1, 2])
    def test_it_is_told_by_the_caller_and_only_grows(
        self, monkeypatch: pytest.MonkeyPatch, at_once: int
    ) -> None:
        monkeypatch.setattr(training, "threads", lambda: at_once)
        shares, tellers = [], set()

        def tell(share: float, words: str) -> None:
            shares.append(share)
            tellers.add(threading.get_ident())

        fit(dense(epochs=3), fleet(4), tell)
        assert tellers == {threading.get_ident()}
        assert shares == sorted(shares)
        assert shares[-1] == 1.0

    @pytest.mark.parametrize("at_once", [1, 2])
    def test_who_listens_can_end_it(self, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
        monkeypatch.setattr(training, "threads", lambda: at_once)

        def enough(share: float, words: str) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fit(dense(epochs=10_000), fleet(4), enough)
        assert not [one for one in threading.enumerate() if one.name.startswith("training")]


class TestCompiled:
    @pytest.mark.slow
    @pytest.mark.parametrize("kind", KINDS)
    def test_machine_code_learns_the_same(self, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
        lessons = fleet(3)
        found = []
        for worth in (0, 10**12):
            monkeypatch.setattr(training, "COMPILED_FROM", worth)
            model, curves = fit(spec_of(kind), lessons)
            found.append((model.weights(), [curve.loss for curve in curves]))
        (compiled, losses), (plain, expected) = found
        np.testing.assert_allclose(losses, expected, rtol=1e-3)
        assert_same(compiled, plain, rtol=2e-2, atol=2e-3)

    @pytest.mark.slow
    def test_fleets_of_about_a_size_share_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from backend.models import program  # noqa: PLC0415

        shapes = set()
        epoch = program.Training.epoch

        def watched(self: Any, state: Any, given: Any, drawn: Any) -> Any:
            shapes.add((len(state.taken), given.shape, drawn.index.shape))
            return epoch(self, state, given, drawn)

        monkeypatch.setattr(program.Training, "epoch", watched)
        monkeypatch.setattr(training, "COMPILED_FROM", 0)
        monkeypatch.setattr(training, "threads", lambda: 2)
        for count, length in ((7, 300), (8, 320), (40, 340)):
            fit(dense(epochs=1), [lesson(rows(length), seed=n) for n in range(count)])
        assert len(shapes) == 2, shapes

    def test_little_work_is_not_worth_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from backend.models import program  # noqa: PLC0415

        asked = []
        function = program.training

        def seen(stack: Any, objective: Any, teaching: Any) -> Any:
            asked.append(teaching.compiled)
            return function(stack, objective, program.Teaching(0.0, "adam", 1e-3))

        monkeypatch.setattr(program, "training", seen)
        fit(lstm(epochs=1), fleet(1))
        monkeypatch.setattr(training, "COMPILED_FROM", 1)
        fit(lstm(epochs=1), fleet(1))
        assert asked == [False, True]
