import os

import pytest

from backend.exceptions import NormalcyError

pytestmark = pytest.mark.slow


def test_what_tensorflow_raises_becomes_a_sentence() -> None:
    from backend.models.runtime import tf, translated  # noqa: PLC0415

    with pytest.raises(NormalcyError, match="scoring needs more memory"), translated("scoring"):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
    with pytest.raises(NormalcyError, match=r"TensorFlow: odd shapes$"), translated("training"):
        raise tf.errors.InvalidArgumentError(None, None, "odd shapes\nand a long trace")


def test_our_own_errors_pass_as_they_are() -> None:
    from backend.models.runtime import translated  # noqa: PLC0415

    with pytest.raises(KeyError), translated("scoring"):
        raise KeyError("mine")


def test_threads_are_those_one_is_told_or_the_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    from backend.models.runtime import threads  # noqa: PLC0415

    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert threads() == 3
    for nothing in ("", "many"):
        monkeypatch.setenv("OMP_NUM_THREADS", nothing)
        assert 1 <= threads() <= (os.cpu_count() or 1)
