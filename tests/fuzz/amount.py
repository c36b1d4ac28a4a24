"""How much is tried: little and the same each time in the suite, more and at random on request."""

import os

from hypothesis import HealthCheck, settings

TIMES = "FUZZ_TIMES"
"""Environment variable: so many times as much as the suite tries, and at random."""


def tried(examples: int) -> settings:
    """Settings for a test that the suite tries with so many examples."""
    times = int(os.environ.get(TIMES, "0"))
    return settings(
        max_examples=examples * max(times, 1),
        deadline=None,
        derandomize=not times,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
