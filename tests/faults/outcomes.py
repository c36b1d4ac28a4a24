"""A plugin that collects what became of each fault, and prints the table: `make faults`."""

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.catalogue import ELSEWHERE, FAULTS
from tests.faults.tally import Tally

_TARGET = "FAULTS_TABLE"
"""Names the file that the table is written to; it is printed as well."""
TALLY = pytest.StashKey[Tally]()
_PASSED = pytest.StashKey[bool]()


class Table:
    """The outcomes of a run, by fault."""

    def __init__(self) -> None:
        self._tallies: dict[str, Tally] = defaultdict(Tally)
        self._passed: dict[str, int] = defaultdict(int)
        self._failed: dict[str, int] = defaultdict(int)

    def add(self, fault: str, tally: Tally, *, passed: bool) -> None:
        """Note one test."""
        self._tallies[fault] += tally
        (self._passed if passed else self._failed)[fault] += 1

    def rows(self) -> Iterator[str]:
        """As Markdown; faults of which no test ran are left out."""
        yield "| fault | what is injected | tests | recovered | compared | lost | wrong | doubled |"
        yield "|---|---|---:|---|---:|---:|---:|---:|"
        for fault, words in FAULTS.items():
            if count := self._passed[fault] + self._failed[fault]:
                tally, well = self._tallies[fault], not self._failed[fault]
                figures = (tally.compared or "-", tally.lost, tally.wrong, tally.doubled)
                told = " | ".join(f"{figure}" for figure in figures)
                yield f"| {fault} | {words} | {count} | {'yes' if well else 'no'} | {told} |"


_table = Table()


def fault_of(item: pytest.Item) -> str | None:
    """The fault that a test injects; none where it is about something else."""
    if (mark := item.get_closest_marker("fault")) is not None:
        return str(mark.args[0])
    for fault, places in ELSEWHERE.items():
        for place in places:
            if item.nodeid == place or item.nodeid.startswith((f"{place}::", f"{place}[")):
                return fault
    return None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    report = (yield).get_result()
    if report.failed:
        item.stash[_PASSED] = False
    elif report.when == "call" and report.passed:
        item.stash[_PASSED] = True


def pytest_sessionfinish(session: pytest.Session) -> None:
    for item in session.items:
        fault, passed = fault_of(item), item.stash.get(_PASSED, None)
        if fault is not None and passed is not None:
            _table.add(fault, item.stash.get(TALLY, Tally()), passed=passed)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows = list(_table.rows())
    if target := os.environ.get(_TARGET):
        Path(target).write_text("\n".join(rows) + "\n", encoding="utf-8")
    terminalreporter.write_sep("=", "faults")
    for row in rows:
        terminalreporter.write_line(row)
