"""From Grafana's webhook to a chat and back to a label, with everything as it is configured."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.bootstrap import Application, bootstrap
from backend.records import Delivery, LabelKind
from backend.settings import load
from backend.web import create_app
from jobs.__main__ import chores
from tests.fakes.clock import StillClock
from tests.servers.stub import Answer, StubServer
from tests.web.grafana_bodies import GRAFANA_9_3_2
from tests.web.worlds import NOW

TOKEN = "a-long-token-of-nobody"
CONFIGURATION = """\
home: .
web: {url: "https://normalcy.example"}
notify: {links_expire: 2d}
detectors:
  gas-room: {measurement: air, channels: [temp], group_by: [room], every: 10m}
"""


@pytest.fixture
def chat() -> Iterator[StubServer]:
    with StubServer([Answer(503), Answer(200, b"ok")]) as stub:
        yield stub


@pytest.fixture
def clock() -> StillClock:
    return StillClock(NOW)


@pytest.fixture
def application(tmp_path: Path, chat: StubServer, clock: StillClock) -> Iterator[Application]:
    (tmp_path / "normalcy.yaml").write_text(CONFIGURATION)
    environ = {
        "NORMALCY_CONFIG": str(tmp_path / "normalcy.yaml"),
        "NORMALCY_NOTIFY_URL": f"http://127.0.0.1:{chat.port}/services/secret",
        "NORMALCY_TOKEN": TOKEN,
    }
    made = bootstrap(load(environ), clock=clock)
    yield made
    made.close()


def test_the_whole_way(application: Application, chat: StubServer, clock: StillClock) -> None:
    client = create_app(application).test_client()
    sent = client.post("/hooks/grafana/alerts", json=GRAFANA_9_3_2, headers={"X-Api-Key": TOKEN})
    assert sent.json == {"stored": 2, "known": 0}

    (sending,) = [one.action for one in chores(application) if one.name == "alert messages"]
    sending()
    clock.time += 15_000_000_000
    sending()
    sending()
    assert len(chat.asked) == 2  # refused once, then delivered, and not again
    text = json.loads(chat.asked[1].body)["text"]
    assert "Firing gas-room room=R1: gas-room behaves unlike what was labeled normal" in text
    assert "Score 4.20 (1 is the line), most of it from NH3 and temp." in text
    assert "Resolved gas-room room=R2" in text
    states = [view.message and view.message.state for view in application.alerting.listed()]
    assert states == [Delivery.DELIVERED] * 2

    (link,) = re.findall(r"This was real: https://normalcy\.example(/said/\S+)", text)
    assert client.get(link).status_code == 200
    assert application.labelling.list() == []
    assert client.post(link, data={"name": "Ann"}).status_code == 200
    assert "said already" in client.post(link, data={"name": "Bob"}).text
    (label,) = application.labelling.list()
    assert (label.kind, label.created_by, label.tags) == (LabelKind.ANOMALY, "Ann", {"room": "R1"})
    assert label.start == 1_779_998_400_000_000_000 - 3 * 600_000_000_000

    clock.time += 2 * 86_400_000_000_000
    assert client.get(link).status_code == 410


def test_the_key_of_links_is_the_owners(application: Application) -> None:
    application.alerting.receive([])
    assert not (application.settings.home / "links.key").exists()
    client = create_app(application).test_client()
    assert client.get("/said/x").status_code == 403
    assert (application.settings.home / "links.key").stat().st_mode & 0o777 == 0o600


def test_without_a_chat_alerts_are_kept_and_nobody_is_told(tmp_path: Path) -> None:
    (tmp_path / "normalcy.yaml").write_text(CONFIGURATION)
    settings = load({"NORMALCY_CONFIG": str(tmp_path / "normalcy.yaml")})
    silent = bootstrap(settings, clock=StillClock(NOW))
    client = create_app(silent).test_client()
    client.post("/hooks/grafana/alerts", json=GRAFANA_9_3_2)
    silent.notifying.run()
    assert [view.message for view in silent.alerting.listed()] == [None, None]
    assert "no chat set" in client.get("/alerts").text
    silent.close()
