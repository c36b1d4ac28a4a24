"""What a detector's definition refuses as a whole; single keys are tested with the settings."""

from typing import Any

import pytest
from pydantic import ValidationError

from backend.specs import DetectorSpec

SPEC: dict[str, Any] = {
    "name": "gas-room",
    "measurement": "air",
    "channels": ["temp", "NH3"],
    "every": "10m",
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"context": ["temp"]}, "a channel is named twice"),
        ({"group_by": ["room", "room"]}, "a tag is named twice"),
        ({"threshold": {"kind": "sigma", "per_mode": True}}, "set modes to labelled or found"),
        ({"group_by": ["room"], "where": {"room": "a"}}, "room stands in both"),
        ({"group_by": ["detector"]}, "results are written with it"),
        ({"schedule": {"catch_up": "0"}}, "expected 10m or more"),
        ({"schedule": {"catch_up": "9m"}}, "expected 10m or more"),
        ({"schedule": {"catch_up": "30m", "score": "1h"}}, "expected 1h or more"),
        ({"every": "2w"}, "expected 2w or more"),
        (
            {"model": {"kind": "dense_autoencoder", "units": [99_999_999]}},
            "less than or equal to 4096",
        ),
        (
            {"model": {"kind": "lstm_autoencoder", "units": [{"lstm": 99_999_999}]}},
            "less than or equal to 4096",
        ),
    ],
)
def test_keys_that_contradict_each_other(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        DetectorSpec.model_validate({**SPEC, **changes})


@pytest.mark.parametrize("schedule", [{"catch_up": "10m"}, {"catch_up": "1h", "score": "1h"}])
def test_the_shortest_catch_up_that_leaves_nothing_out(schedule: dict[str, str]) -> None:
    spec = DetectorSpec.model_validate({**SPEC, "schedule": schedule})
    assert DetectorSpec.model_validate(spec.plain()) == spec
