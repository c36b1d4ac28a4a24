from pathlib import Path

import pytest

from backend.exceptions import ConfigurationError
from backend.settings.detector_file import detectors_in, mistakes_in
from backend.settings.document import read_value

GOOD = "detectors:\n  air: {measurement: air, channels: [x], every: 1m}\n"


def test_detectors_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "more.yaml"
    file.write_text(GOOD)
    assert list(detectors_in(file)) == ["air"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD + "store: influxdb://x\n", "line 3, store: expected only detectors"),
        (GOOD.replace("1m}", "1m, labels: []}"), "labels: expected no labels here"),
        (GOOD.replace("1m", "soon"), "line 2, detectors.air.every: expected a duration"),
        (GOOD + "  air: {}\n", "this key stands in line 2 already"),
        ("", "holds no detectors"),
        ("detectors: 3\n", "expected a name for each detector"),
    ],
)
def test_what_is_wrong_with_a_file(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "more.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        detectors_in(file)
    assert words in str(caught.value)


def test_a_right_definition_has_no_mistakes() -> None:
    spec, found = mistakes_in("a.b", {"measurement": "air", "channels": ["x"], "every": "1m"})
    assert found == []
    assert spec is not None
    assert spec.name == "a.b"


def test_mistakes_are_told_without_the_way_to_them() -> None:
    body = {"measurement": "air", "channels": ["x", "x"], "every": "1m"}
    spec, found = mistakes_in("a.b", body)
    assert spec is None
    assert [(one.where, one.message) for one in found] == [
        ("", "a channel is named twice in channels and context")
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("1e3", 1000.0),
        ("no", "no"),
        ("true", True),
        ("10m", "10m"),
        ("[a, NO]", ["a", "NO"]),
        ("{site: p}", {"site": "p"}),
        ("", None),
        ("null", None),
    ],
)
def test_a_value_is_read_as_in_the_configuration(text: str, value: object) -> None:
    assert read_value(text) == value


@pytest.mark.parametrize("text", ["[a", "{a: b", "a: b: c", "&x [*x]", "[" * 5000])
def test_what_is_no_value(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected a value as in normalcy\.yaml"):
        read_value(text)
