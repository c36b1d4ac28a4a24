"""What a chat shows of alerts."""

import re

import pytest

from backend.records import AlertState, LabelKind
from backend.services.alert_text import Style, text_of
from backend.services.alerting import AlertView
from tests.services.alerted import ADDRESS, NOW, Alerted, firing, resolved

PANEL = "https://grafana.example/d/x?viewPanel=4"


def say(view: AlertView, kind: LabelKind) -> str:
    return f"{ADDRESS}/said/{view.alert.id}-{kind}"


def shown(plant: Alerted, style: Style = "plain") -> str:
    return text_of(plant.alerting.listed(), say, f"{ADDRESS}/alerts", style)


def test_it_says_what_where_since_when_and_asks_what_it_was() -> None:
    plant = Alerted()
    annotations = {"summary": "unlike normal", "description": "Most of it from NH3."}
    annotations |= {"score": "4.2", "top_sensors": "NH3 62 %, temp"}
    plant.tell(firing(annotations=annotations, panel_url=PANEL))
    number = plant.alerting.listed()[0].alert.id
    assert shown(plant).split("\n") == [
        "Firing gas-room room=R1: unlike normal",
        "since 2026-05-28 19:27:00 UTC; score 4.2; top sensors NH3 62 %, temp",
        "Most of it from NH3.",
        f"Panel in Grafana: {PANEL}",
        f"This was normal: {ADDRESS}/said/{number}-normal",
        f"This was real: {ADDRESS}/said/{number}-anomaly",
        f"This was maintenance: {ADDRESS}/said/{number}-exclude",
    ]


def test_slack_gets_its_own_links() -> None:
    plant = Alerted()
    plant.tell(firing(panel_url=PANEL))
    text = shown(plant, "slack")
    assert text.startswith("*Firing* gas-room room=R1")
    assert f"<{PANEL}|Panel in Grafana>" in text
    assert re.search(r"<https://normalcy\.example/said/\d+-normal\|This was normal>", text)


def test_what_others_wrote_is_no_markup() -> None:
    plant = Alerted()
    evil = "<!channel> & <https://evil.example|click>\nFiring nothing"
    plant.tell(firing(annotations={"summary": evil}, panel_url="https://g/a|b>c"))
    text = shown(plant, "slack")
    assert "&lt;!channel&gt; &amp; &lt;https" in text
    assert "<!channel>" not in text
    assert "\nFiring nothing" not in text
    assert "<https://g/a%7Cb%3Ec|" in text


def test_an_end_asks_nothing() -> None:
    plant = Alerted()
    plant.tell(resolved())
    text = shown(plant)
    assert text.startswith("Resolved gas-room room=R1")
    assert "until 2026-05-28 20:17:00 UTC" in text
    assert "/said/" not in text


def test_what_nobody_here_can_learn_from_asks_nothing() -> None:
    plant = Alerted()
    plant.tell(firing(labels={"detector": "boiler"}), firing("R2", labels={"alertname": "A<b"}))
    text = shown(plant)
    assert "/said/" not in text
    assert "Firing boiler: unlike normal" in text


def test_a_late_message_says_that_it_is_over() -> None:
    plant = Alerted()
    plant.tell(firing())
    number = plant.alerting.listed()[0].alert.id
    plant.tell(resolved(stop=NOW))
    view = plant.alerting.view(number)
    assert view.alert.state is AlertState.FIRING
    assert "over since 2026-05-28 20:27:00 UTC" in text_of([view], say, "", "plain")


@pytest.mark.parametrize("style", ["plain", "slack"])
def test_many_fit_into_one_message(style: Style) -> None:
    plant = Alerted()
    plant.tell(*(firing(f"R{number}") for number in range(60)))
    text = shown(plant, style)
    listed = text.count("Firing")
    assert 5 < listed < 60
    assert len(text) < 4096
    assert f"{60 - listed} more" in text
    assert f"{ADDRESS}/alerts" in text


def test_a_single_one_is_shown_however_long_its_words_are() -> None:
    plant = Alerted()
    plant.tell(firing(annotations={"summary": "long " * 2000}))
    assert len(shown(plant)) < 1500
    assert "…" in shown(plant)
