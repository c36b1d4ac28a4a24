from html.parser import HTMLParser

import pytest

from backend.exceptions import StoreUnavailable
from backend.ports import Points, Query
from backend.records import SetAside, State
from backend.specs import DetectorSpec
from backend.web.times import ago, distance
from tests.fakes.series import MemorySeriesStore
from tests.web.worlds import MINUTE, NOW, make_world, write_event


class DownStore(MemorySeriesStore):
    def ping(self) -> str:
        raise StoreUnavailable("InfluxDB does not answer.")

    def read(self, query: Query) -> list[Points]:
        raise StoreUnavailable("InfluxDB does not answer.")


VOID = {"meta", "link", "img", "br", "input"}


class Outline(HTMLParser):
    """Tags in order, checked to close as they opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def outline(text: str) -> Outline:
    parsed = Outline()
    parsed.feed(text)
    assert parsed.open == []
    return parsed


def test_every_detector_shows_its_state(client, world):
    text = client.get("/").text
    assert "gas-room" in text
    assert '<p class="state">normal</p>' in text
    assert "no model" in text
    assert f'title="{"2026-05-28 18:26:00 UTC"}">2 hours ago' in text


def test_the_most_urgent_comes_first(world):
    write_event(world, "R1", 595, open_=True)
    text = world.client().get("/").text
    assert text.index("anomalous</p>") < text.index("no model</p>")


def test_what_is_set_aside_shows_with_its_reason(world):
    world.records.set_aside(SetAside("gas-room", "room=R3", "flat for 3 days", NOW, NOW + MINUTE))
    text = world.client().get("/").text
    assert "room=R3" in text
    assert "flat for 3 days" in text
    assert "in 1 min" in text


def test_failures_are_shown_apart(world):
    assert "Recent failures" not in world.client().get("/").text
    run = world.records.start_run("retrain", "pump", worker="w", at=NOW)
    world.records.finish_run(run.id, State.FAILED, at=NOW, message="too little", details={})
    text = world.client().get("/").text
    assert "Recent failures" in text
    assert "too little" in text


def test_what_others_wrote_is_text_and_nothing_else(world):
    evil = "<script>alert(1)</script>"
    world.records.set_aside(SetAside("gas-room", f"room={evil}", evil, NOW, NOW))
    run = world.records.start_run(evil, "pump", worker=evil, at=NOW)
    world.records.finish_run(run.id, State.FAILED, at=NOW, message=evil, details={})
    text = world.client().get("/").text
    assert evil not in text
    assert "&lt;script&gt;" in text


def test_scripts_are_files_and_nothing_comes_from_elsewhere(client):
    parsed = outline(client.get("/").text)
    scripts = [attributes for tag, attributes in parsed.seen if tag == "script"]
    assert {one.get("type") for one in scripts if "src" not in one} == {"application/json"}
    for _, attributes in parsed.seen:
        assert "style" not in attributes
        for name in ("src", "href"):
            assert (attributes.get(name) or "/").startswith(("/", "#"))


def test_the_page_can_be_read_aloud_and_renews_itself(client):
    parsed = outline(client.get("/").text)
    attributes = [attributes for _, attributes in parsed.seen]
    assert ("html", {"lang": "en"}) in parsed.seen
    tags = [tag for tag, _ in parsed.seen]
    assert tags[tags.index("noscript") + 1] == "meta", "the script renews it with more care"
    assert {"http-equiv": "refresh", "content": "30"} in attributes
    assert [tag for tag, _ in parsed.seen if tag in ("h1", "main")] == ["main", "h1"]
    assert all("alt" in a for tag, a in parsed.seen if tag == "img")
    assert all(a.get("scope") == "col" for tag, a in parsed.seen if tag == "th")


def test_before_anything_is_defined_the_page_says_what_to_do():
    world = make_world()
    world.detectors._configured.clear()
    text = world.client().get("/").text
    assert "normalcy.yaml" in text
    assert "have not run yet" in text


def test_many_detectors_fit(world):
    for number in range(60):
        spec = DetectorSpec(name=f"d{number}", measurement="m", channels=("a",), every="1m")
        world.detectors.save(spec, by="test")
    assert world.client().get("/").text.count('class="card') == 62 + 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "now"),
        (5, "5 s ago"),
        (90, "1 min ago"),
        (3600, "1 hour ago"),
        (7300, "2 hours ago"),
        (86_400, "1 day ago"),
        (200_000, "2 days ago"),
        (-600, "in 10 min"),
    ],
)
def test_distances_are_said_in_their_largest_unit(seconds, text):
    assert distance(NOW - seconds * 10**9, NOW) == text


def test_a_time_that_is_not_there_is_never():
    assert "never" in ago(None, NOW)


def test_liveness_and_readiness(client):
    assert client.get("/healthz").json == {"status": "ok"}
    ready = client.get("/readyz")
    assert ready.json == {
        "ready": True,
        "parts": {"records": "ok", "source": "ok", "results": "ok"},
    }


def test_what_does_not_answer_is_named(world):
    world.with_results(DownStore())
    client = world.client()
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json["parts"]["results"] == "InfluxDB does not answer."
    assert client.get("/healthz").status_code == 200
    page = client.get("/")
    assert page.status_code == 200
    assert "InfluxDB does not answer." in page.text
