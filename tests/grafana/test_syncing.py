"""A Grafana is brought to what is wanted, again and again, and nothing of others is touched."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from backend.exceptions import GrafanaRefused
from backend.grafana.client import GrafanaClient, Patience
from backend.grafana.names import ALERT_FOLDER_UID, uid
from backend.grafana.provisioning import Plan, make
from backend.grafana.sources import infinity, simpod
from backend.grafana.syncing import Synced, look, sync
from backend.ports import Credentials
from tests.grafana.variants import INFLUX, MIXER, ROOMS
from tests.servers.made_in_grafana import MadeInGrafana, served

PLAIN = replace(INFLUX, token="")


class Bench:
    """A Grafana to be filled, and what was said while it was."""

    def __init__(self, grafana: MadeInGrafana, url: str) -> None:
        self.grafana = grafana
        self.client = GrafanaClient(url, Credentials(token="x"), Patience(pauses=()))
        self.told: list[float] = []

    def sync(self, plan: Plan = PLAIN) -> dict[tuple[str, str], Synced]:
        done = sync(self.client, make(plan), lambda share, words: self.told.append(share))
        return {(one.kind, one.name): one for one in done}

    def counts(self, plan: Plan = PLAIN) -> Counter[str]:
        return Counter(one.what for one in self.sync(plan).values())


@pytest.fixture
def bench() -> Iterator[Bench]:
    grafana = MadeInGrafana()
    with served(grafana) as url:
        made = Bench(grafana, url)
        yield made
        made.client.close()


def test_everything_is_made_once(bench: Bench) -> None:
    assert set(bench.counts()) == {"created"}
    writes = len(bench.grafana.writes)
    assert bench.told == sorted(bench.told)
    assert bench.told[-1] <= 1.0

    assert set(bench.counts()) == {"unchanged"}
    assert len(bench.grafana.writes) == writes


def test_rules_stand_in_one_group_with_the_interval_of_the_schedule(bench: Bench) -> None:
    bench.sync()

    assert {rule["folderUID"] for rule in bench.grafana.rules.values()} == {ALERT_FOLDER_UID}
    assert bench.grafana.intervals == {(ALERT_FOLDER_UID, "normalcy"): make(PLAIN).interval_s}


def test_what_was_changed_by_hand_is_put_right(bench: Bench) -> None:
    bench.sync()
    board, rule = uid("overview"), uid("alarm", MIXER.name)
    bench.grafana.dashboards[board]["dashboard"]["title"] = "mine"
    bench.grafana.rules[rule]["for"] = "1h"
    bench.grafana.datasources["normalcy_results"]["url"] = "http://elsewhere"

    done = bench.sync()

    changed = {key for key, one in done.items() if one.what == "changed"}
    assert changed == {
        ("dashboard", board),
        ("rule", rule),
        ("datasource", "normalcy_results"),
    }
    assert set(bench.counts()) == {"unchanged"}


def test_a_dashboard_that_was_moved_comes_back_to_its_folder(bench: Bench) -> None:
    bench.sync()
    bench.grafana.dashboards[uid("health")]["folder"] = "elsewhere"

    assert bench.sync()["dashboard", uid("health")].what == "changed"


def test_what_a_detector_left_behind_is_removed(bench: Bench) -> None:
    bench.sync()

    done = bench.sync(replace(PLAIN, specs=(ROOMS,)))

    gone = {key for key, one in done.items() if one.what == "removed"}
    kinds = ("alarm", "blind", "retrain", "drift", "aside")
    rules = {("rule", uid(kind, MIXER.name)) for kind in kinds}
    assert gone == {("dashboard", uid("detector", MIXER.name)), *rules}
    assert set(bench.counts(replace(PLAIN, specs=(ROOMS,)))) == {"unchanged"}


def test_a_dashboard_that_somebody_drew_on_stays(bench: Bench) -> None:
    bench.sync()
    board = uid("detector", MIXER.name)
    bench.grafana.drawn_on.add(board)

    left = bench.sync(replace(PLAIN, specs=(ROOMS,)))["dashboard", board]

    assert left.what == "left"
    assert "drawn on it" in left.note
    assert board in bench.grafana.dashboards


@pytest.mark.parametrize("kind", ["dashboard", "rule", "datasource"])
def test_what_came_from_files_is_left(bench: Bench, kind: str) -> None:
    bench.sync()
    name = {
        "dashboard": uid("overview"),
        "rule": uid("alarm", MIXER.name),
        "datasource": "normalcy_results",
    }[kind]
    bench.grafana.provisioned.add(name)
    for rule in bench.grafana.rules.values():
        rule["provenance"] = "file" if rule["uid"] == name else ""
    if kind == "datasource":
        bench.grafana.datasources[name]["readOnly"] = True
    writes = len(bench.grafana.writes)

    one = bench.sync()[kind, name]

    assert one.what == "left"
    assert "file" in one.note
    assert len(bench.grafana.writes) == writes


def test_rules_from_files_that_are_not_needed_are_left(bench: Bench) -> None:
    bench.sync()
    name = uid("alarm", MIXER.name)
    bench.grafana.provisioned.add(name)
    bench.grafana.rules[name]["provenance"] = "file"

    assert bench.sync(replace(PLAIN, specs=(ROOMS,)))["rule", name].what == "left"


def test_what_others_made_is_not_touched(bench: Bench) -> None:
    others: dict[str, Any] = {
        uid("overview"): {"uid": uid("overview"), "title": "mine", "tags": []},
        "somebody": {"uid": "somebody", "title": "x", "tags": ["normalcy"]},
        "normalcy-mine": {"uid": "normalcy-mine", "title": "x", "tags": ["own"]},
    }
    for name, board in others.items():
        bench.grafana.dashboards[name] = {"dashboard": board, "folder": ""}
    bench.grafana.folders["own"] = {"uid": "own", "title": "own alerts"}
    rule = {"uid": "normalcy-own", "folderUID": "own", "ruleGroup": "g", "data": []}
    bench.grafana.rules["normalcy-own"] = rule

    done = bench.sync()

    assert done["dashboard", uid("overview")].what == "left"
    assert "not one that normalcy made" in done["dashboard", uid("overview")].note
    assert {n: bench.grafana.dashboards[n]["dashboard"] for n in others} == others
    assert bench.grafana.rules["normalcy-own"] == rule


def test_a_folder_that_files_made_is_used(bench: Bench) -> None:
    bench.grafana.folders["Xy-1"] = {"uid": "Xy-1", "title": "normalcy alerts"}

    bench.sync()

    assert {rule["folderUID"] for rule in bench.grafana.rules.values()} == {"Xy-1"}


def test_secrets_are_written_each_time_and_never_read(bench: Bench) -> None:
    secret = replace(PLAIN, token="hush")
    bench.sync(secret)

    done = bench.sync(secret)

    assert done["datasource", "normalcy_service"].what == "written"
    assert "hush" not in str(bench.grafana.datasources)


def test_a_right_that_is_missing_is_named(bench: Bench) -> None:
    bench.grafana.denied.add("/api/v1/provisioning")

    with pytest.raises(GrafanaRefused, match="role Admin"):
        bench.sync()

    # What was done stays, and the next call goes on.
    bench.grafana.denied.clear()
    assert set(bench.counts()) == {"created", "unchanged"}


@pytest.mark.parametrize(
    ("plugins", "expected"),
    [
        ((), "none"),
        ((simpod.PLUGIN,), "simpod"),
        ((simpod.PLUGIN, infinity.PLUGIN), "infinity"),
    ],
)
def test_what_grafana_is_is_asked_first(
    bench: Bench, plugins: tuple[str, ...], expected: str
) -> None:
    bench.grafana.plugins = plugins
    bench.grafana.version = "10.4.1"

    facts = look(bench.client)

    assert (facts.version, facts.plugin) == ((10, 4), expected)


def test_a_grafana_that_hides_its_version_is_told(bench: Bench) -> None:
    bench.grafana.version = ""

    with pytest.raises(GrafanaRefused, match="does not tell its version"):
        look(bench.client)


def test_a_datasource_of_the_same_name_is_not_touched(bench: Bench) -> None:
    own = {"uid": "own", "name": "normalcy results"}
    bench.grafana.datasources["own"] = own

    with pytest.raises(GrafanaRefused, match="'normalcy results' with the uid 'own'"):
        bench.sync()

    assert bench.grafana.datasources == {"own": own}
