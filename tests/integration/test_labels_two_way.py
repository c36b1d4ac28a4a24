"""Labels and annotations through the whole product: over HTTP to a Grafana, records on disk.

The Grafana is the quirky one of the tests and, where GRAFANA_URL is set, a real one as well.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from backend import schema
from backend.bootstrap import Application, bootstrap
from backend.ports import Points
from backend.records import LabelDraft, LabelKind
from backend.settings import load
from jobs.__main__ import chores
from jobs.chores import Chore
from tests.fakes.grafana import QuirkyGrafana
from tests.servers.grafana import Grafana, require_grafana
from tests.servers.quirky_grafana import TOKEN, serving

HOUR = 3_600_000
MS = 1_000_000
CONFIGURATION = """
detectors:
  rooms:
    measurement: air
    channels: [temp]
    group_by: [room]
    every: 1m
grafana:
  labels:
    write_back: true
    write_events: true
    tags: {{normal: {0}-normal, anomaly: {0}-anomaly, exclude: {0}-exclude}}
"""


@dataclass
class World:
    application: Application
    grafana: Grafana
    word: str

    @property
    def now(self) -> int:
        """Milliseconds."""
        return self.application.clock.now() // MS

    def sync(self) -> dict[str, Any]:
        assert self.application.label_sync is not None
        return self.application.label_sync.run().plain()

    def draw(self, start: int, stop: int, *tags: str) -> int:
        """An annotation, by hours before now."""
        body = {"time": self.now - start * HOUR, "timeEnd": self.now - stop * HOUR, "text": "seen"}
        made = self.grafana.post("/api/annotations", {**body, "tags": list(tags)})
        return int(made["id"])

    def said(self) -> list[tuple[str, str]]:
        labels = self.application.labelling.list("rooms")
        return [(one.kind, one.tags.get("room", "")) for one in labels]

    def shown(self, word: str) -> list[dict[str, Any]]:
        ends = f"from={self.now - 1000 * HOUR}&to={self.now + HOUR}"
        return list(self.grafana.get(f"/api/annotations?{ends}&tags={word}&limit=1000"))


@pytest.fixture(params=["quirky", "real"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    word = f"t{uuid.uuid4().hex[:10]}"
    if request.param == "quirky":
        with serving(QuirkyGrafana()) as url:
            session = requests.Session()
            session.headers["Authorization"] = f"Bearer {TOKEN}"
            access = {"NORMALCY_GRAFANA_TOKEN": TOKEN}
            yield from _opened(tmp_path, word, Grafana(url, session), url, access)
            session.close()
        return
    grafana = require_grafana()
    access = {
        "NORMALCY_GRAFANA_USERNAME": os.environ.get("GRAFANA_USER", "admin"),
        "NORMALCY_GRAFANA_PASSWORD": os.environ.get("GRAFANA_PASSWORD", "admin"),
    }
    if token := os.environ.get("GRAFANA_TOKEN"):
        access = {"NORMALCY_GRAFANA_TOKEN": token}
    yield from _opened(tmp_path, word, grafana, os.environ["GRAFANA_URL"], access)


def _opened(
    home: Path, word: str, grafana: Grafana, url: str, access: dict[str, str]
) -> Iterator[World]:
    config = home / "normalcy.yaml"
    config.write_text(CONFIGURATION.format(word))
    environ = {"NORMALCY_CONFIG": str(config), "NORMALCY_HOME": str(home), **access}
    settings = load({**environ, "NORMALCY_GRAFANA_URL": url})
    with closing(bootstrap(settings)) as application:
        made = World(application, grafana, word)
        try:
            yield made
        finally:
            ours = [x for kind in LabelKind for x in made.shown(f"{word}-{kind}")]
            ours += [x for x in made.shown("event") if "detector:rooms" in x["tags"]]
            for one in ours:
                grafana.delete(f"/api/annotations/{one['id']}")


def test_drawn_edited_and_deleted_in_grafana(world: World) -> None:
    # Where Grafana stands on SQLite, an edit can bring only tags that were used before.
    world.grafana.delete(f"/api/annotations/{world.draw(5, 4, f'{world.word}-anomaly')}")
    number = world.draw(5, 4, f"{world.word}-normal", "room:R1", "room:R2")
    assert world.sync()["added"] == 2
    assert world.said() == [("normal", "R1"), ("normal", "R2")]
    assert world.sync() == world.sync()

    item = world.grafana.get(f"/api/annotations/{number}")
    tags = [f"{world.word}-anomaly", "room:R1"]
    body = {"time": item["time"], "timeEnd": item["timeEnd"], "text": "a leak", "tags": tags}
    world.grafana.put(f"/api/annotations/{number}", body)
    assert world.sync()["replaced"] == 1
    assert world.said() == [("anomaly", "R1")]

    world.grafana.delete(f"/api/annotations/{number}")
    assert world.sync()["removed"] == 1
    assert world.said() == []


def test_a_point_is_told(world: World) -> None:
    body = {"time": world.now - HOUR, "text": "x", "tags": [f"{world.word}-normal"]}
    number = world.grafana.post("/api/annotations", body)["id"]
    (problem,) = world.sync()["problems"]
    assert problem.startswith(f"Annotation {number} at ")
    assert "point in time" in problem
    assert [x.message for x in world.application.labelling.annotation_problems()] == [problem]


def test_labels_made_here_appear_there_and_follow(world: World) -> None:
    start = (world.now - 9 * HOUR) * MS + 7
    draft = LabelDraft("rooms", LabelKind.EXCLUDE, start, start + HOUR * MS, {"room": "a:b"}, "tar")
    label = world.application.labelling.add(draft, source="page", by="bob")
    assert world.sync()["written"] == 1
    (item,) = world.shown(f"{world.word}-exclude")
    assert item["text"] == "tar (bob)"
    quiet = world.sync()
    assert (quiet["added"], quiet["written"], quiet["problems"]) == (0, 0, [])

    body = {"time": item["time"], "timeEnd": item["timeEnd"], "text": "paint", "tags": item["tags"]}
    world.grafana.put(f"/api/annotations/{item['id']}", body)
    assert world.sync()["replaced"] == 1
    (edited,) = world.application.labelling.list("rooms")
    assert (edited.start, edited.stop, edited.tags) == (label.start, label.stop, {"room": "a:b"})
    assert edited.note == "paint"

    world.application.labelling.remove([edited.id], by="bob")
    assert world.sync()["erased"] == 1
    assert world.shown(f"{world.word}-exclude") == []


def test_events_appear_and_are_no_labels(world: World) -> None:
    start = (world.now - 3 * HOUR) * MS
    numbers = dict.fromkeys(schema.EVENT_NUMBERS, 0.0)
    numbers |= {"stop_ms": start / MS + HOUR, "peak_score": 3.0, "valid": 1.0}
    fields: dict[str, Any] = {name: np.array([value]) for name, value in numbers.items()}
    texts = {**dict.fromkeys(schema.EVENT_STRINGS, ""), "top1": "temp"}
    fields |= {name: np.array([text], dtype=object) for name, text in texts.items()}
    tags = {"detector": "rooms", "room": "R1"}
    world.application.results.write(schema.EVENTS, [Points(tags, np.array([start]), fields)])
    assert world.sync()["written"] == 1
    (item,) = [x for x in world.shown("event") if "room:R1" in x["tags"]]
    assert item["text"] == "score 3: temp"
    assert item["timeEnd"] - item["time"] == HOUR
    assert world.sync()["written"] == 0
    assert world.said() == []


def test_the_jobs_do_it_by_themselves(world: World) -> None:
    world.draw(5, 4, f"{world.word}-normal")
    (chore,) = [one for one in chores(world.application) if one.name == "labels"]
    assert isinstance(chore, Chore)
    chore.action()
    assert world.said() == [("normal", "")]

    world.draw(3, 2, f"{world.word}-normal")
    chore.action()
    assert len(world.said()) == 1
    world.application.requests.ask("sync", "", by="webhook")
    chore.action()
    assert len(world.said()) == 2
    (asked,) = world.application.records.requests()
    assert (asked.state, asked.result["added"]) == ("done", 1)
