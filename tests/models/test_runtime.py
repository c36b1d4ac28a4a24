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
