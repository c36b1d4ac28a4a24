"""What a real Grafana sends to the webhook of normalcy."""

from typing import Any

import pytest

from tests.integration.grafana.plants import DETECTOR, ROOM
from tests.integration.grafana.stage import TOKEN, Stage

pytestmark = [pytest.mark.grafana]


def told(stage: Stage, settings: dict[str, str], labels: dict[str, str]) -> Any:
    """Let Grafana send a test message to our contact point."""
    receiver = {
        "name": "normalcy",
        "type": "webhook",
        "settings": {
            "url": f"{stage.pages}/hooks/grafana/alerts",
            "httpMethod": "POST",
            **settings,
        },
        "disableResolveMessage": False,
    }
    body = {
        "receivers": [{"name": "normalcy", "grafana_managed_receiver_configs": [receiver]}],
        "alert": {"labels": labels, "annotations": {"summary": "unlike normal"}},
    }
    path = "/api/alertmanager/grafana/config/api/v1/receivers/test"
    return stage.grafana.post(path, body)


@pytest.mark.parametrize(
    "settings",
    [
        {"username": "grafana", "password": TOKEN},
        {"authorization_scheme": "Bearer", "authorization_credentials": TOKEN},
    ],
    ids=["password", "bearer"],
)
def test_an_alert_is_stored_with_its_series(stage: Stage, settings: dict[str, str]) -> None:
    labels = {"detector": DETECTOR, "room": ROOM, "normalcy": "alarm", "by": next(iter(settings))}

    answer = told(stage, settings, labels)

    (config,) = answer["receivers"][0]["grafana_managed_receiver_configs"]
    assert config["status"] == "ok", config
    stored = stage.application.alerting.listed(DETECTOR)
    told_ = {(view.series, view.alert.summary) for view in stored}
    assert (f"room={ROOM}", "unlike normal") in told_
