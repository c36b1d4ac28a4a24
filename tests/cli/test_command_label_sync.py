import json
from typing import Any

import pytest

from backend.exceptions import GrafanaUnavailable
from backend.services.label_sync import Deletions, SyncReport
from tests.cli.conftest import Command


class Sync:
    def __init__(self, report: SyncReport) -> None:
        self.report = report
        self.asked: list[Deletions] = []

    def run(self, progress: Any, *, deletions: Deletions) -> SyncReport:
        progress(0.5, "half")
        self.asked.append(deletions)
        return self.report


@pytest.fixture
def sync(normalcy: Command) -> Sync:
    made = Sync(SyncReport())
    normalcy.application.label_sync = made
    return made


def test_it_says_what_it_did(normalcy: Command, sync: Sync) -> None:
    sync.report = SyncReport(added=2, replaced=1, removed=3, problems=("Annotation 7: \x1b[2J",))
    assert normalcy("label", "sync").stdout.splitlines() == [
        "labels added: 2",
        "annotations edited, and their labels replaced: 1",
        "labels taken back: 3",
        "problem: Annotation 7: \\x1b[2J",
    ]
    assert sync.asked == [Deletions.HOLD]


def test_that_nothing_was_to_do_is_said(normalcy: Command, sync: Sync) -> None:
    assert "said the same already" in normalcy("label", "sync").stdout


def test_as_json(normalcy: Command, sync: Sync) -> None:
    sync.report = SyncReport(written=4, problems=("one",))
    assert json.loads(normalcy("label", "sync", "--json").stdout) == sync.report.plain()


@pytest.mark.parametrize(
    ("option", "deletions"),
    [("--accept-deletions", Deletions.ACCEPT), ("--keep-labels", Deletions.KEEP)],
)
def test_a_person_decides_on_what_vanished(
    normalcy: Command, sync: Sync, option: str, deletions: Deletions
) -> None:
    normalcy("label", "sync", option)
    assert sync.asked == [deletions]


def test_but_not_both_ways(normalcy: Command, sync: Sync) -> None:
    result = normalcy("label", "sync", "--accept-deletions", "--keep-labels", code=2)
    assert "exclude each other" in result.stderr
    assert sync.asked == []


def test_without_a_grafana_it_says_what_to_set(normalcy: Command) -> None:
    normalcy.application.label_sync = None
    assert "NORMALCY_GRAFANA_URL" in normalcy("label", "sync", code=2).stderr


def test_a_grafana_that_is_down_is_a_sentence(normalcy: Command, sync: Sync) -> None:
    def down(*_: Any, **__: Any) -> SyncReport:
        raise GrafanaUnavailable("Grafana is down.")

    sync.run = down  # type: ignore[method-assign]
    assert normalcy("label", "sync", code=1).stderr == "normalcy: Grafana is down.\n"
