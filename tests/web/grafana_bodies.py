"""What Grafana's webhook contact point sends, by version."""

import copy
from typing import Any

GRAFANA_9_3_2: dict[str, Any] = {
    "receiver": "normalcy",
    "status": "firing",
    "alerts": [
        {
            "status": "firing",
            "labels": {
                "alertname": "Anomaly",
                "detector": "gas-room",
                "grafana_folder": "normalcy alerts",
                "normalcy": "alarm",
                "room": "R1",
            },
            "annotations": {
                "description": "Score 4.20 (1 is the line), most of it from NH3 and temp.",
                "summary": "gas-room behaves unlike what was labeled normal",
            },
            "startsAt": "2026-05-28T20:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://localhost:3000/alerting/grafana/normalcy-alarm/view",
            "fingerprint": "52ec2b2b2f0b6f6f",
            "silenceURL": "http://localhost:3000/alerting/silence/new?alertmanager=grafana",
            "dashboardURL": "http://localhost:3000/d/normalcy-detector",
            "panelURL": "http://localhost:3000/d/normalcy-detector?viewPanel=4",
            "values": {"B": 1, "C": 1},
            "valueString": "[ var='B' labels={detector=gas-room, room=R1} value=1 ]",
        },
        {
            "status": "resolved",
            "labels": {
                "alertname": "Anomaly",
                "detector": "gas-room",
                "grafana_folder": "normalcy alerts",
                "room": "R2",
            },
            "annotations": {"summary": "gas-room behaves unlike what was labeled normal"},
            "startsAt": "2026-05-28T17:30:00Z",
            "endsAt": "2026-05-28T19:20:00.123456789Z",
            "generatorURL": "http://localhost:3000/alerting/grafana/normalcy-alarm/view",
            "fingerprint": "0f2d6c1ba1e6b3aa",
            "silenceURL": "http://localhost:3000/alerting/silence/new?alertmanager=grafana",
            "dashboardURL": "",
            "panelURL": "",
            "values": None,
            "valueString": "",
        },
    ],
    "groupLabels": {"alertname": "Anomaly", "grafana_folder": "normalcy alerts"},
    "commonLabels": {"alertname": "Anomaly", "detector": "gas-room"},
    "commonAnnotations": {},
    "externalURL": "http://localhost:3000/",
    "version": "1",
    "groupKey": '{}:{alertname="Anomaly", grafana_folder="normalcy alerts"}',
    "truncatedAlerts": 0,
    "orgId": 1,
    "title": "[FIRING:1, RESOLVED:1] Anomaly normalcy alerts",
    "state": "alerting",
    "message": "**Firing**\n\nValue: B=1, C=1\n",
}


def newer(body: dict[str, Any]) -> dict[str, Any]:
    """The same as a later Grafana tells it: no `valueString`, and keys that 9.3 does not have."""
    made = copy.deepcopy(body)
    for alert in made["alerts"]:
        del alert["valueString"]
        alert["orgId"] = 1
        alert["imageURL"] = "http://localhost:3000/render/x.png"
        alert["ruleUID"] = "normalcy-alarm"
        alert["values"] = {"B": 1.5, "C": None, "D": "much"}
        alert["startsAt"] = alert["startsAt"].replace("Z", "+00:00")
    made["appVersion"] = "13.2.0"
    made["extra"] = {"nested": [1, 2]}
    return made
