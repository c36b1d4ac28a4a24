"""A threshold in one line: whatever is typed is a value or is refused with a sentence."""

import pytest

from backend.exceptions import InputError
from backend.services.threshold_asked import nested, read_pair


@pytest.mark.parametrize(
    ("text", "value"), [("q=0.999", 0.999), ("per_mode = true", True), ("alarms=5/week", "5/week")]
)
def test_a_value_is_what_it_would_be_in_yaml(text: str, value: object) -> None:
    assert read_pair(text)[1] == value


@pytest.mark.parametrize(
    "value", ["2020-13-45", "[", "!!int x", "!!bool x", "!!timestamp x", "!!python/name:os.x"]
)
def test_what_is_no_value_is_refused(value: str) -> None:
    with pytest.raises(InputError, match="The value of 'q' is not YAML"):
        read_pair(f"q={value}")


@pytest.mark.parametrize(
    "pairs",
    [
        [("follow", 1), ("follow.span", 5)],
        [("follow.span", 5), ("follow", 1)],
        [("q", 0.9), ("q", 0.99)],
    ],
)
def test_one_key_has_one_value(pairs: list[tuple[str, object]]) -> None:
    with pytest.raises(InputError, match=r"told twice|does not fit"):
        nested(pairs)
