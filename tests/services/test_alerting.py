"""What Grafana tells of alerts is kept once, with its detector and series."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from backend.exceptions import NotFound
from backend.records import AlertState, StoredDetector
from backend.services.alerting import Alerting, Received, Told
from backend.services.detectors import Detectors
from backend.specs import DetectorSpec
from tests.fakes.clock import StillClock
from tests.fakes.records import MemoryRecordStore

MINUTE = 60_000_000_000
NOW = 1_780_000_020_000_000_000
SPEC = DetectorSpec(
    name="gas-room",
    measurement="air",
    channels=("temp",),
    group_by=("room",),
    every=timedelta(minutes=10),
)


@pytest.fixture
def clock() -> StillClock:
    return StillClock(NOW)


@pytest.fixture
def records() -> MemoryRecordStore:
    return MemoryRecordStore()


@pytest.fixture
def alerting(records: MemoryRecordStore, clock: StillClock) -> Alerting:
    detectors = Detectors({SPEC.name: SPEC}, records, clock)
    return Alerting(records, detectors, clock, telling=True)


def told(start: int = NOW - 60 * MINUTE, **more: Any) -> Told:
    labels = {
        "alertname": "Anomaly",
        "grafana_folder": "normalcy alerts",
        "__alert_rule_uid__": "normalcy-alarm",
        "normalcy": "alarm",
        "detector": "gas-room",
        "room": "R1",
        "site": "plant-1",
    }
    annotations = {"summary": "unlike normal", "description": "look"}
    made = Told("c0ffee", AlertState.FIRING, start, None, labels, annotations, {"B": 1.0})
    return replace(made, **more)


def over(stop: int, start: int = NOW - 60 * MINUTE, **more: Any) -> Told:
    return told(start, state=AlertState.RESOLVED, stop=stop, **more)


def test_detector_and_series_come_from_the_labels(alerting: Alerting) -> None:
    assert alerting.receive([told()]) == Received(stored=1, known=0)
    (view,) = alerting.listed()
    assert view.spec == SPEC
    assert (view.alert.detector, view.series) == ("gas-room", "room=R1")
    assert (view.alert.rule, view.alert.title) == ("normalcy-alarm", "Anomaly")
    assert (view.alert.summary, view.alert.description) == ("unlike normal", "look")
    assert view.message is not None


def test_an_unknown_detector_is_kept_and_shown_as_such(alerting: Alerting) -> None:
    alerting.receive(
        [told(labels={"detector": "boiler", "unit": "7", "normalcy": "alarm", "e": ""})]
    )
    (view,) = alerting.listed()
    assert (view.spec, view.label_range, view.teaches) == (None, None, False)
    assert (view.alert.detector, view.series) == ("boiler", "unit=7")


def test_an_alert_of_nobody_is_kept(alerting: Alerting) -> None:
    alerting.receive([told(labels={"alertname": "DatasourceNoData", "ref_id": "A"})])
    (view,) = alerting.listed()
    assert (view.alert.detector, view.series) == ("", "ref_id=A")


def test_the_series_stays_as_told_for_missing_tags(alerting: Alerting) -> None:
    alerting.receive([told(labels={"detector": "gas-room", "room": ""})])
    assert alerting.listed()[0].series == ""


def test_told_again_and_out_of_order_it_is_one(alerting: Alerting) -> None:
    end = NOW - 10 * MINUTE
    assert alerting.receive([over(end), told(), over(end)]) == Received(stored=2, known=0)
    assert alerting.receive([told(), over(end)]) == Received(stored=0, known=2)
    (view,) = alerting.listed()
    assert (view.alert.state, view.stop) == (AlertState.RESOLVED, end)


def test_an_end_without_a_time_is_now_and_never_before_the_start(alerting: Alerting) -> None:
    alerting.receive([over(None)])
    assert alerting.listed()[0].stop == NOW
    alerting.receive([over(5, fingerprint="b")])
    stops = {view.alert.fingerprint: view.stop for view in alerting.listed()}
    assert stops == {"c0ffee": NOW, "b": NOW - 60 * MINUTE}


def test_what_is_told_together_is_one_message_and_known_ones_make_none(
    alerting: Alerting, records: MemoryRecordStore
) -> None:
    alerting.receive([told(), told(fingerprint="b")])
    alerting.receive([told()])
    (message,) = records.due_messages(NOW)
    assert len(records.alerts_of_message(message.id)) == 2


def test_where_nobody_is_told_no_message_waits(
    records: MemoryRecordStore, clock: StillClock
) -> None:
    silent = Alerting(records, Detectors({}, records, clock), clock, telling=False)
    silent.receive([told()])
    assert records.due_messages(NOW) == []
    assert silent.listed()[0].message is None


def test_a_label_would_begin_with_the_points_that_led_to_the_alarm(alerting: Alerting) -> None:
    start, end = NOW - 60 * MINUTE, NOW - 20 * MINUTE
    alerting.receive([told()])
    assert alerting.listed()[0].label_range == (start - 3 * 10 * MINUTE, NOW)
    alerting.receive([over(end)])
    assert alerting.listed()[0].label_range == (start - 3 * 10 * MINUTE, end)


def test_one_that_fired_knows_its_end_even_under_another_start(alerting: Alerting) -> None:
    alerting.receive([told()])
    number = alerting.listed()[0].alert.id
    assert alerting.view(number).stop is None
    alerting.receive([over(NOW - 5 * MINUTE, start=NOW - 5 * MINUTE)])
    alerting.receive([told(NOW - 2 * MINUTE)])
    assert alerting.view(number).stop == NOW - 5 * MINUTE
    assert [view.alert.start for view in alerting.listed(state=AlertState.FIRING)] == [
        NOW - 2 * MINUTE
    ]


def test_one_that_is_not_on_record_is_not_found(alerting: Alerting) -> None:
    with pytest.raises(NotFound):
        alerting.view(7)


@pytest.mark.parametrize(
    ("address", "rule"),
    [
        ("http://g:3000/alerting/grafana/normalcy-blind/view?orgId=1", "normalcy-blind"),
        ("http://g:3000/alerting/normalcy-blind/edit", "normalcy-blind"),
        ("http://g:3000/somewhere", ""),
        ("", ""),
    ],
)
def test_the_rule_is_found_in_its_address(alerting: Alerting, address: str, rule: str) -> None:
    alerting.receive([told(labels={"detector": "gas-room"}, rule_url=address)])
    assert alerting.listed()[0].alert.rule == rule


@pytest.mark.parametrize(
    ("rule", "teaches"),
    [
        ("normalcy-alarm", True),
        ("normalcy-alarm-gas-room", True),
        ("normalcy-fleet-gas-room", True),
        ("normalcy-blind", False),
        ("normalcy-retrain-gas-room", False),
        ("my-own-rule", True),
        ("", True),
    ],
)
def test_a_detector_learns_from_alarms_only(alerting: Alerting, rule: str, teaches: bool) -> None:
    alerting.receive([told(labels={"detector": "gas-room", "__alert_rule_uid__": rule})])
    assert alerting.listed()[0].teaches is teaches


@pytest.mark.parametrize(("kind", "teaches"), [("alarm", True), ("fleet", True), ("drift", False)])
def test_our_own_rules_say_what_they_watch(alerting: Alerting, kind: str, teaches: bool) -> None:
    alerting.receive([told(labels={"detector": "gas-room", "normalcy": kind})])
    assert alerting.listed()[0].teaches is teaches


def test_what_no_database_holds_is_left_out(alerting: Alerting) -> None:
    alerting.receive([told(labels={"detector": "gas\0-room"}, annotations={"summary": "a\0b"})])
    (view,) = alerting.listed()
    assert (view.alert.detector, view.alert.summary) == ("gas-room", "ab")


def test_a_detector_that_cannot_be_read_stops_nothing(
    alerting: Alerting, records: MemoryRecordStore
) -> None:
    records.save_detector(StoredDetector("old", {"every": "never"}, "ann", NOW))
    assert alerting.receive([told()]).stored == 1
