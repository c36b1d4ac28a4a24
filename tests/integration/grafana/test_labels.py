"""What people draw in a real Grafana becomes labels, and labels become annotations."""

from collections.abc import Iterator
from typing import Any

import pytest

from backend.grafana.names import uid
from backend.records import Label
from tests.integration.grafana.plants import DETECTOR, ROOM
from tests.integration.grafana.stage import Stage

pytestmark = [pytest.mark.grafana, pytest.mark.timeout(300)]

HOUR_MS = 3_600_000
MINE = "normalcy-test"


@pytest.fixture(autouse=True)
def clean(stage: Stage) -> Iterator[None]:
    """Leave no label behind."""
    yield
    for one in stage.application.labelling.list():
        stage.command("label", "remove", str(one.id))
    sync(stage)


def sync(stage: Stage) -> Any:
    return stage.command("label", "sync")


def draw(stage: Stage, *tags: str, hours: int = 30, text: str = "quiet") -> int:
    """Draw a region of an hour on the dashboard of the detector, so many hours ago."""
    now = stage.application.clock.now() // 10**6
    body = {
        "dashboardUID": uid("detector", DETECTOR),
        "panelId": 3,
        "time": now - hours * HOUR_MS,
        "timeEnd": now - (hours - 1) * HOUR_MS,
        "tags": list(tags),
        "text": text,
    }
    return int(stage.grafana.post("/api/annotations", body)["id"])


def labels(stage: Stage) -> list[Label]:
    return stage.application.labelling.list(DETECTOR)


def test_a_region_becomes_a_label_of_the_dashboards_detector(stage: Stage) -> None:
    number = draw(stage, "normal")

    done = sync(stage)

    (label,) = labels(stage)
    drawn = stage.grafana.get(f"/api/annotations/{number}")
    assert (label.kind, label.source, label.tags) == ("normal", "grafana", {})
    assert (label.start, label.stop) == (drawn["time"] * 10**6, drawn["timeEnd"] * 10**6)
    assert label.note == "quiet"
    assert not done["problems"]


def test_an_edit_and_a_deletion_follow(stage: Stage) -> None:
    # On SQLite, Grafana 9.3 locks itself out when an edit brings a tag that nobody used before.
    stage.grafana.delete(f"/api/annotations/{draw(stage, 'anomaly')}")
    number = draw(stage, "normal")
    sync(stage)
    drawn = stage.grafana.get(f"/api/annotations/{number}")
    changed = {key: drawn[key] for key in ("time", "timeEnd", "text")}
    stage.grafana.put(f"/api/annotations/{number}", {**changed, "tags": ["anomaly"]})

    sync(stage)
    (label,) = labels(stage)
    assert label.kind == "anomaly"

    stage.grafana.delete(f"/api/annotations/{number}")
    sync(stage)
    assert labels(stage) == []


def test_a_label_made_elsewhere_appears_and_goes(stage: Stage) -> None:
    stage.command(
        "label",
        "add",
        DETECTOR,
        "exclude",
        "--from",
        "now-5h",
        "--to",
        "now-4h",
        "--tag",
        f"room={ROOM}",
        "--note",
        "maintenance",
    )

    sync(stage)

    found = stage.grafana.get(f"/api/annotations?tags=exclude&tags=detector:{DETECTOR}")
    (one,) = found
    assert "maintenance" in one["text"]
    # Grafana keeps milliseconds: the start is rounded down, the end up.
    assert 0 <= one["timeEnd"] - one["time"] - HOUR_MS <= 1

    sync(stage)
    (label,) = labels(stage)
    assert label.source == "command"  # no echo

    stage.command("label", "remove", str(label.id))
    sync(stage)
    assert stage.grafana.get(f"/api/annotations?tags=exclude&tags=detector:{DETECTOR}") == []


def test_a_second_sync_does_nothing(stage: Stage) -> None:
    draw(stage, "normal")
    sync(stage)

    done = sync(stage)

    assert not any(value for key, value in done.items() if isinstance(value, int)), done
    assert len(labels(stage)) == 1


def test_a_point_and_an_unknown_tag_are_told_and_block_nothing(stage: Stage) -> None:
    now = stage.application.clock.now() // 10**6
    point = {"time": now - HOUR_MS, "tags": ["normal", MINE, f"detector:{DETECTOR}"], "text": "x"}
    number = int(stage.grafana.post("/api/annotations", point)["id"])
    other = draw(stage, "normal", hours=50)
    try:
        done = sync(stage)

        assert done["problems"]
        assert len(labels(stage)) == 1
    finally:
        for one in (number, other):
            stage.grafana.delete(f"/api/annotations/{one}")
