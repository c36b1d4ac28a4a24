import numpy as np

from backend.models.robust_z import RobustZ
from backend.specs import RobustZSpec

NO_TIMES = np.empty(0, dtype=np.int64)


def test_by_hand() -> None:
    model = RobustZ(RobustZSpec(), 1, 2)
    # Medians 3 and 0, median absolute deviations 1 and 0; the deviation of the second is 1.2.
    normal = np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [4.0, 0.0], [100.0, 3.0]])
    opinion = model.say(
        model.learn(normal, NO_TIMES, 0), np.array([[3 + 1.4826 * 4, 3.6]]), NO_TIMES
    )
    assert opinion.parts is not None
    assert opinion.expected is not None
    np.testing.assert_allclose(opinion.raw, [np.sqrt((16 + 9) / 2)])
    np.testing.assert_allclose(opinion.parts, [np.array([8, 4.5]) / np.sqrt(12.5)])
    np.testing.assert_allclose(opinion.expected, [[3.0, 0.0]])


def test_only_the_last_row_of_a_window_counts() -> None:
    model = RobustZ(RobustZSpec(window=3), 1, 1)
    rng = np.random.default_rng(0)
    known = model.learn(rng.normal(size=(100, 3)), NO_TIMES, 0)
    raw = model.say(known, np.array([[50.0, 50.0, 0.5], [0.0, 0.0, 0.5]]), NO_TIMES).raw
    assert raw[0] == raw[1]


def test_a_constant_channel_is_measured_in_the_unit_of_its_scale() -> None:
    model = RobustZ(RobustZSpec(), 1, 1)
    known = model.learn(np.full((40, 1), 2.0), NO_TIMES, 0)
    np.testing.assert_allclose(model.say(known, np.array([[2.0], [5.0]]), NO_TIMES).raw, [0, 3])
