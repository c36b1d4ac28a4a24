import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from backend.demo.noise import red, uniform, white

# A busy machine is slow without anything being wrong.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

POINTS = st.integers(-2000, 2000)


@given(POINTS, st.integers(0, 400), st.integers(0, 400), st.integers(0, 5))
@PATIENT
def test_noise_is_the_same_however_time_is_cut(first, left, right, seed):
    middle, last = first + left, first + left + right
    for noise in (white, uniform, lambda *a: red(*a, memory=7.0)):
        parts = np.concatenate([noise(seed, 1, first, middle), noise(seed, 1, middle, last)])
        # a convolution may add up in another order
        np.testing.assert_allclose(parts, noise(seed, 1, first, last), atol=1e-12)


def test_another_seed_or_stream_gives_other_numbers():
    base = white(0, 1, 0, 50)
    assert_array_equal(base, white(0, 1, 0, 50))
    assert not np.array_equal(base, white(1, 1, 0, 50))
    assert not np.array_equal(base, white(0, 2, 0, 50))


def test_noise_has_the_moments_it_promises():
    assert white(0, 1, 0, 50_000).std() == pytest.approx(1, abs=0.02)
    assert red(0, 1, 0, 50_000, memory=10).std() == pytest.approx(1, abs=0.1)
    assert uniform(0, 1, 0, 50_000).mean() == pytest.approx(0.5, abs=0.02)


def test_red_noise_is_forgotten_over_its_memory():
    noise = red(0, 1, 0, 100_000, memory=10)
    near = np.corrcoef(noise[:-1], noise[1:])[0, 1]
    far = np.corrcoef(noise[:-80], noise[80:])[0, 1]
    assert near > 0.85
    assert abs(far) < 0.1
