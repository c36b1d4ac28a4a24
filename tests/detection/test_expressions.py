import numpy as np
import pytest

from backend.detection.expressions import parse

NAMES = ("load", "speed", "온도 (°C)")
COLUMNS = {
    "load": np.array([0.0, 1.0, 2.0, np.nan]),
    "speed": np.array([10.0, 20.0, np.nan, 30.0]),
    "온도 (°C)": np.array([1.0, 2.0, 3.0, 4.0]),
}


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("load > 0", [0, 1, 1, 0]),
        ("0 < load <= 1", [0, 1, 0, 0]),
        ("load > 0 and speed > 5", [0, 1, 0, 0]),
        ("load == 0 or `온도 (°C)` >= 3", [1, 0, 1, 0]),
        ("not load > 0", [1, 0, 0, 0]),
        ("(load + 1) * 10 / 2 - 5 >= -load", [1, 1, 1, 0]),
        ("1 / load > 0", [1, 1, 1, 0]),
        ("2 > 1", [1, 1, 1, 1]),
    ],
)
def test_it_holds_where_it_is_true_and_everything_in_it_is_known(text, truth):
    np.testing.assert_array_equal(parse(text, NAMES).holds(COLUMNS), truth)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "load",
        "load +",
        "load > 'a'",
        "load > True",
        "__import__('os').system('true') > 0",
        "load.real > 0",
        "load[0] > 0",
        "(lambda: 1)() > 0",
        "[x for x in load] > 0",
        "load > 0 if speed else 1",
        "(load > 0) > 0",
        "(load > 0) + 1 > 0",
        "not load",
        "load and speed > 0",
        "load ** 99 > 0",
        "load is speed",
        "unknown > 0",
        "`unknown` > 0",
        "load > 0; speed > 0",
        "load > 9" + "9" * 600,
        "load > \0",
        "f'{load}' > 0",
        "load := 3",
    ],
)
def test_everything_else_is_refused_with_a_sentence(text):
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        parse(text, NAMES)


def test_a_refusal_names_the_channels_there_are():
    with pytest.raises(ValueError, match=r"'lod' is not a channel .*load, speed"):
        parse("lod > 0", NAMES)


def test_it_says_which_channels_it_reads():
    assert parse("load > 0 and speed < 3", NAMES).channels == {"load", "speed"}
