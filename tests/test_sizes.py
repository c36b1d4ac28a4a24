import pytest

from backend.settings.training import parse_size
from backend.specs.sizes import format_size


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KiB"),
        (200_000_000, "191 MiB"),
        (1023 << 20, "1.0 GiB"),
        (4 << 30, "4.0 GiB"),
        (12.4 * (1 << 30), "12 GiB"),
        (5000 << 40, "5000 TiB"),
    ],
)
def test_a_size_is_told_as_the_settings_name_one(count: float, text: str) -> None:
    assert format_size(count) == text


@pytest.mark.parametrize("text", ["2.5 GiB", "300 MiB", "1.0 TiB"])
def test_a_size_that_was_set_is_told_in_the_same_words(text: str) -> None:
    assert format_size(parse_size(text)) == text
