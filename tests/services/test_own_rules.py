"""The rules on normalcy itself, the metrics that they name, and the page that tells of both."""

import re
from pathlib import Path

import pytest
import yaml

from backend.services.detectors import Detectors
from backend.services.meters import Meters
from backend.services.monitoring import Monitoring
from backend.services.own_rules import COVERAGE, OwnRule, own_rules, rules_file
from backend.services.process_reports import Reporter
from tests.fakes.clock import StillClock
from tests.fakes.records import MemoryRecordStore

DOCS = Path(__file__).parents[2] / "docs"
NAME = re.compile(r"\bnormalcy_[a-z_]+\b")
SUFFIXES = {
    "counter": ("_total",),
    "histogram": ("", "_bucket", "_sum", "_count"),
    "gauge": ("",),
    "info": ("_info",),
}
SHOWN = {"counter": "_total", "info": "_info", "gauge": "", "histogram": ""}
"""What the page calls a metric of each kind by."""


def families() -> dict[str, str]:
    """Everything that is told, name to kind."""
    clock, records = StillClock(1), MemoryRecordStore()
    own = Reporter(records, Meters(), clock, "web")
    monitoring = Monitoring(records, Detectors({}, records, clock), own, clock)
    return {family.name: family.type for family in monitoring.collect()}


@pytest.mark.parametrize("rule", own_rules(), ids=lambda rule: rule.name)
def test_a_rule_asks_for_what_is_told(rule: OwnRule) -> None:
    told = {name + suffix for name, kind in families().items() for suffix in SUFFIXES[kind]}
    asked = set(NAME.findall(rule.expr.replace(COVERAGE, "")))
    assert asked <= told
    assert asked or COVERAGE in rule.expr


@pytest.mark.parametrize("rule", own_rules(), ids=lambda rule: rule.name)
def test_a_rule_can_be_read(rule: OwnRule) -> None:
    for opening, closing in ("()", "[]", "{}"):
        assert rule.expr.count(opening) == rule.expr.count(closing)
    assert re.fullmatch(r"\d+[mh]", rule.lasts)
    assert not rule.summary.endswith(".")
    assert rule.remedy.endswith(".")


def test_no_two_rules_have_one_name() -> None:
    names = [rule.name for rule in own_rules()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"Normalcy[A-Za-z]+", name) for name in names)


def test_a_summary_names_only_labels_that_its_question_leaves() -> None:
    """A sum leaves no label but those that it is by."""
    for rule in own_rules():
        kept = re.findall(r"sum by \(([^)]*)\)", rule.expr)
        if kept:
            labels = set(re.findall(r"\$labels\.(\w+)", rule.summary))
            assert labels <= {part.strip() for part in kept[0].split(",")}, rule.name


def test_the_file_that_is_shipped_is_the_one_that_is_made() -> None:
    assert (DOCS / "prometheus/normalcy.rules.yaml").read_text() == rules_file()


def test_the_file_is_what_prometheus_reads() -> None:
    (group,) = yaml.safe_load(rules_file())["groups"]
    record, *alerts = group["rules"]
    assert set(record) == {"record", "expr"}
    assert len(alerts) == len(own_rules())
    for alert in alerts:
        assert set(alert) == {"alert", "expr", "for", "labels", "annotations"}
        assert alert["labels"]["severity"] in {"critical", "warning"}
        assert set(alert["annotations"]) == {"summary", "description"}


def test_every_metric_is_on_the_page_with_its_kind_and_no_other() -> None:
    rows = re.findall(r"^\| (`normalcy_.*?) \| (\w+) \|", (DOCS / "observing.md").read_text(), re.M)
    shown = {name: kind for names, kind in rows for name in re.findall(r"`(\w+)`", names)}
    assert shown == {name + SHOWN[kind]: kind for name, kind in families().items()}
