import io

import numpy as np
import pytest

from backend.cli.output import iso, print_facts, print_json, print_table, progress
from backend.settings import parse_time


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def bar(stream: io.StringIO, *seconds: float) -> str:
    """What is shown when the clock shows `seconds` at its successive readings."""
    readings = iter(seconds)
    with progress("Training", stream, clock=lambda: next(readings)) as report:
        report(0.25, "fold 1")
        report(0.5, "fold 2")
    return stream.getvalue()


def test_long_work_shows_a_bar_with_words() -> None:
    shown = bar(Terminal(), 0.0, 1.0, 2.5)

    assert "Training" in shown
    assert "50%" in shown
    assert "fold 2" in shown


def test_short_work_shows_nothing() -> None:
    assert bar(Terminal(), 0.0, 1.0, 2.0) == ""


def test_without_a_terminal_nothing_is_shown() -> None:
    assert bar(io.StringIO(), 0.0, 10.0, 20.0) == ""


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01T00:00:00Z",
        "1969-12-31T23:59:59.5Z",
        "2026-03-01T00:00:00.000001Z",
        "2026-03-01T00:00:00.123456789Z",
        "2026-03-01T00:00:00.0000001Z",
    ],
)
def test_times_are_written_as_they_are_read(text: str) -> None:
    assert iso(parse_time(text)) == text


def test_a_table_is_aligned_with_numbers_to_the_right(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["name", "rows", "x"], [["a", 5, None], ["long", 1234, 0.123456]], "none")

    assert capsys.readouterr().out == (
        "name  rows       x\na        5       -\nlong  1234  0.1235\n"
    )


def test_an_empty_table_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["name"], [], "none yet")

    assert capsys.readouterr().out == "none yet\n"


def test_facts_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    print_facts({"a": 1, "long": "two\nlines"})

    assert capsys.readouterr().out == "a     1\nlong  two\n      lines\n"


def test_json_knows_numpy_and_has_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": np.array([1.0, np.nan]), "b": float("inf")})

    assert "".join(capsys.readouterr().out.split()) == '{"a":[1.0,null],"b":null}'
