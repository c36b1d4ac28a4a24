"""What `normalcy check` says of a Grafana."""

from collections.abc import Iterator
from typing import Any

import pytest

from backend.grafana.client import GrafanaClient, Patience
from backend.grafana.examination import examine
from backend.ports import Credentials, Finding
from tests.servers.made_in_grafana import MadeInGrafana, served


class Bench:
    def __init__(self, grafana: MadeInGrafana, url: str) -> None:
        self.grafana = grafana
        self.client = GrafanaClient(url, Credentials(token="x"), Patience(pauses=()))

    def look(self, *detectors: str) -> dict[str, Finding]:
        return {one.what: one for one in examine(self.client, detectors)}


@pytest.fixture
def bench() -> Iterator[Bench]:
    grafana = MadeInGrafana(plugins=("simpod-json-datasource",))
    for uid in ("normalcy_results", "normalcy_sensors"):
        grafana.datasources[uid] = {"uid": uid}
    grafana.states = [state("press", "alarm"), state("press", "blind")]
    with served(grafana) as url:
        made = Bench(grafana, url)
        yield made
        made.client.close()


def state(detector: str, kind: str, **more: Any) -> dict[str, Any]:
    labels = {"detector": detector, "normalcy": kind}
    return {"name": f"{detector}: {kind}", "labels": labels, "health": "ok", **more}


def test_one_that_is_well(bench: Bench) -> None:
    found = bench.look("press")

    assert all(one.ok for one in found.values())
    assert "Grafana 9.3" in found["grafana"].detail
    assert "simpod" in found["grafana"].detail
    assert found["grafana: alert rules"].detail == "2 for 1 detectors"


def test_one_that_is_down_is_asked_nothing_more() -> None:
    client = GrafanaClient("http://127.0.0.1:9", Credentials(), Patience(pauses=()))

    (one,) = examine(client, ["press"])

    assert not one.ok
    assert "does not answer" in one.detail


def test_a_right_that_is_missing_is_told(bench: Bench) -> None:
    bench.grafana.denied.add("/api/annotations")

    found = bench.look("press")

    assert not found["grafana: annotations"].ok
    assert "the right to read annotations" in found["grafana: annotations"].detail
    assert found["grafana: alert rules"].ok


def test_a_datasource_that_reads_nothing_is_told(bench: Bench) -> None:
    bench.grafana.unwell["normalcy_results"] = "database not found"
    del bench.grafana.datasources["normalcy_sensors"]

    found = bench.look("press")

    assert found["grafana: datasource normalcy_results"] == Finding(
        "grafana: datasource normalcy_results", False, "database not found"
    )
    assert "normalcy grafana sync" in found["grafana: datasource normalcy_sensors"].detail


def test_a_detector_without_rules_is_named(bench: Bench) -> None:
    found = bench.look("press", "mixer")["grafana: alert rules"]

    assert found.ok
    assert "none for mixer: normalcy grafana sync makes them" in found.detail


def test_a_rule_that_cannot_be_evaluated_is_told(bench: Bench) -> None:
    bench.grafana.states.append(state("press", "drift", health="error", lastError="400"))

    found = bench.look("press")["grafana: alert rules"]

    assert not found.ok
    assert "press: drift cannot be evaluated: 400" in found.detail
