"""The list of faults, the tests that inject them, and the page that tells of them say the same."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.faults.catalogue import ELSEWHERE, FAULTS
from tests.faults.tally import Tally, difference, each

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
PAGE = ROOT / "docs" / "faults.md"


def marked() -> Iterator[str]:
    """Faults that tests in this folder are marked with."""
    for file in HERE.glob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.fault":
                yield str(ast.literal_eval(node.args[0]))


def injecting() -> Iterator[ast.FunctionDef]:
    """Tests in this folder that inject a fault."""
    for file in HERE.glob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and "outcome" in ast.unparse(node.args):
                yield node


def told() -> dict[str, str]:
    """Of the table in the documents: fault and what is injected."""
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| \d+ \|", PAGE.read_text(), re.MULTILINE)
    return dict(rows)


def test_every_fault_is_injected() -> None:
    assert {*marked(), *ELSEWHERE} == set(FAULTS)


def test_every_test_compares_and_nothing_with_itself() -> None:
    for test in injecting():
        compared = [
            [ast.unparse(one) for one in node.args]
            for node in ast.walk(test)
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "outcome.compare"
        ]
        assert compared, test.name
        assert all(found != expected for found, expected in compared), test.name


def test_every_fault_is_told_of_with_its_outcome() -> None:
    assert told() == dict(FAULTS)


def test_tests_elsewhere_exist() -> None:
    for place in (place for places in ELSEWHERE.values() for place in places):
        name, *within = place.split("::")
        text = (ROOT / name).read_text(encoding="utf-8")
        for part in within:
            assert re.search(rf"^ *(class|def) {part}\b", text, re.MULTILINE), place


def test_what_differs_is_counted() -> None:
    expected = {("score", 1): (1.0, "a"), ("score", 2): (2.0, ""), ("label",): ()}
    assert difference(expected, expected) == Tally(3, 0, 0, 0)
    assert difference({("score", 1): (1.0, "a"), ("label",): ()}, expected) == Tally(3, 1, 0, 0)
    assert difference({**expected, ("score", 2): (2.1, "")}, expected) == Tally(3, 0, 1, 0)
    assert difference({**expected, ("score", 2): (2.0, "b")}, expected) == Tally(3, 0, 1, 0)
    assert difference({**expected, ("event",): ()}, expected) == Tally(3, 0, 0, 1)
    assert difference({**expected, ("score", 2): (2.0 + 1e-15, "")}, expected).is_clean
    assert not Tally().is_clean  # nothing was looked at
    again = each([*expected.items(), (("label",), ()), (("label",), ())])
    assert difference(again, expected) == Tally(3, 0, 0, 2)
