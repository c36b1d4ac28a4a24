"""The rules on normalcy itself, the metrics that they name, and the page that tells of both."""

import re
from collections import defaultdict
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
import yaml

from backend.exceptions import NotFound, OutOfMemory, StoreUnavailable, TaskTimeout, WorkerDied
from backend.records import Promotion, Upkeep, Verdict, Version
from backend.services.backing_up import BACKUP
from backend.services.detectors import Detectors
from backend.services.meters import Meters
from backend.services.monitoring import Monitoring
from backend.services.own_rules import COVERAGE, OwnRule, own_rules, rules_file
from backend.services.process_reports import Reporter
from backend.services.work_counting import count
from backend.specs import DetectorSpec
from backend.stores.metered import metered
from tests.fakes.clock import StillClock
from tests.fakes.records import MemoryRecordStore

DOCS = Path(__file__).parents[2] / "docs"
NOW = 1_800_000_000_000_000_000
NAME = re.compile(r"\bnormalcy_[a-z_]+\b")
SELECTOR = re.compile(r"\b(normalcy_[a-z_]+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)(=~|!=|=)"([^"]*)"')
GROUPED = re.compile(r"\b(?:sum|max)(?= by |\()(?: by \(([^)]*)\))?")
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


def worked() -> Meters:
    """What a process has counted to which everything happened once."""
    meters = Meters()
    for error in (None, TaskTimeout, OutOfMemory, WorkerDied, NotFound):
        count(meters, "retrain", "pump", error("No.") if error else {"verdict": "champion"}, 1.0)
    count(meters, "score", "pump", {"due": 2, "judged": 1}, 1.0)
    meters.misfired("score")
    meters.stuck("chore")
    meters.configured(outdated=False)
    meters.answered("/", "GET", 500, 0.1)
    records = metered(MemoryRecordStore(), "records", meters)
    records.users()
    away = metered(Away(), "source", meters)
    with pytest.raises(StoreUnavailable):
        away.ping()
    return meters


class Away:
    """A store that does not answer."""

    def ping(self) -> str:
        raise StoreUnavailable("The store is away.")


@cache
def samples() -> dict[str, list[dict[str, str]]]:
    """The labels of every sample of a product at work, by its name."""
    clock, records = StillClock(NOW), MemoryRecordStore()
    pump = DetectorSpec(name="pump", measurement="m", channels=("a",), every=timedelta(minutes=1))
    made = Version("pump", 1, NOW, "pump/1", {}, "a", "b", False, Verdict.CHAMPION, {})
    records.add_version(made)
    records.promote(Promotion("pump", 1, NOW, NOW, "anna"))
    records.set_watermarks("pump", {"": NOW})
    records.note_upkeep(Upkeep(BACKUP, NOW))
    records.add_request("backfill", "pump", {}, by="anna", at=NOW)
    records.claim_request(worker="here:1:a", at=NOW, deadline=NOW + 1)
    records.start_run("retrain", "pump", worker="here:1:a", at=NOW)
    own = Reporter(records, worked(), clock, "web")
    found = defaultdict(list)
    detectors = Detectors({"pump": pump}, records, clock)
    for family in Monitoring(records, detectors, own, clock).collect():
        for one in family.samples:
            found[one.name].append(dict(one.labels))
    return found


def labels_of(name: str) -> set[str]:
    (found,) = {frozenset(one) for one in samples()[name]}
    return set(found)


@pytest.mark.parametrize("rule", own_rules(), ids=lambda rule: rule.name)
def test_a_rule_chooses_by_labels_and_values_that_there_are(rule: OwnRule) -> None:
    for name, chosen in SELECTOR.findall(rule.expr):
        for label, how, values in MATCHER.findall(chosen):
            told = {one[label] for one in samples()[name]}
            for value in values.split("|"):
                assert any(re.fullmatch(value, one) for one in told), (name, label, value)
            assert how != "!=" or told > {values}


@pytest.mark.parametrize("rule", own_rules(), ids=lambda rule: rule.name)
def test_what_a_rule_compares_has_the_same_labels(rule: OwnRule) -> None:
    """Else nothing is ever found, and nothing ever told."""
    grouped = GROUPED.findall(rule.expr)
    if grouped:
        (by,) = {tuple(part.strip() for part in one.split(",") if part) for one in grouped}
        assert set(by) <= set.intersection(*map(labels_of, NAME.findall(rule.expr)), set(by))
    else:
        names = NAME.findall(rule.expr.replace(COVERAGE, ""))
        assert len({frozenset(labels_of(name)) for name in names}) <= 1


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


@pytest.mark.parametrize("rule", own_rules(), ids=lambda rule: rule.name)
def test_a_summary_names_only_labels_that_its_question_leaves(rule: OwnRule) -> None:
    """A sum leaves no label but those that it is by."""
    named = set(re.findall(r"\$labels\.(\w+)", rule.summary))
    grouped = GROUPED.findall(rule.expr)
    if COVERAGE in rule.expr:
        left = {"detector"}
    elif grouped:
        left = {part.strip() for part in grouped[0].split(",")}
    else:
        left = labels_of(NAME.findall(rule.expr)[0])
    assert named <= left


def test_a_moment_without_a_scrape_makes_no_counter_new() -> None:
    """An hour later everything that was ever counted would be told as new."""
    (rule,) = [one for one in own_rules() if one.name == "NormalcyTimesMissed"]
    assert "unless max_over_time(normalcy_jobs_misfired_total[10m] offset 1h)" in rule.expr


def test_one_that_was_never_scored_is_blind_too() -> None:
    (rule,) = [one for one in own_rules() if one.name == "NormalcyBlind"]
    assert "normalcy_detector_model_age_seconds" in rule.expr
    assert rule.expr.endswith("unless normalcy_detector_lag_seconds)")


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
