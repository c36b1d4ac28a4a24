"""A small plant over the embedded store: measured, labelled, trained, scored, asked of."""

from pathlib import Path

import numpy as np

from backend.bootstrap import Application, bootstrap
from backend.ports import Points
from backend.records import AlertState, LabelDraft, LabelKind, Role
from backend.services.alerting import Told
from backend.settings import load
from tests.fakes.clock import StillClock

MINUTE = 60_000_000_000
NOW = 1_780_000_000_000_000_000 // MINUTE * MINUTE
LENGTH = 1500
START = NOW - LENGTH * MINUTE
TOKEN = "fuzz-" + "t" * 40
"""The administrator's."""

_LABELS = {"detector": "gas-room", "room": "R1", "alertname": "anomaly"}

CONFIGURATION = """
store: embedded://{home}/store
results: embedded://{home}/results
detectors:
  gas-room:
    measurement: air
    channels: [temp, NH3]
    context: [load]
    group_by: [room]
    where: {{site: plant-1}}
    every: 1m
    model: {{kind: pca, window: 4}}
    threshold: {{kind: quantile, q: 1, margin: 1.2}}
    folds: 2
"""


def environment(home: Path) -> dict[str, str]:
    """What a process of this plant is started with."""
    return {
        "NORMALCY_HOME": str(home),
        "NORMALCY_CONFIG": str(home / "normalcy.yaml"),
        "NORMALCY_TOKEN": TOKEN,
    }


def running(home: Path) -> Application:
    """The product over a plant that has run for a day, at a clock that stands."""
    (home / "normalcy.yaml").write_text(CONFIGURATION.format(home=home), encoding="utf-8")
    app = bootstrap(load(environment(home)), clock=StillClock(NOW))
    for number, room in enumerate(("R1", "R2")):
        app.source.write("air", [_measured(number, room)])
    for draft in _said():
        app.labelling.add(draft, source="page", by="ann")
    app.retraining.run("gas-room")
    app.scoring.backfill("gas-room", START, NOW)
    app.scoring.tick("gas-room")
    app.requests.ask("backfill", "gas-room", {"start": START, "stop": NOW}, by="ann")
    app.access.add_user("ann", "a long password", Role.ADMIN, by="")
    app.alerting.receive([Told("f1", AlertState.FIRING, NOW - MINUTE, None, _LABELS)])
    return app


def _said() -> list[LabelDraft]:
    leak = START + 1000 * MINUTE, START + 1010 * MINUTE
    return [
        LabelDraft("gas-room", LabelKind.NORMAL, START, START + 900 * MINUTE),
        LabelDraft("gas-room", LabelKind.ANOMALY, *leak, {"room": "R1"}, "a leak"),
    ]


def _measured(number: int, room: str) -> Points:
    wave = np.sin(np.arange(LENGTH) / 20)
    noise = np.random.default_rng(number).normal(size=(LENGTH, 2)) / 20
    fields = {
        "temp": 20 + wave + noise[:, 0],
        "NH3": 1 + wave / 10 + noise[:, 1],
        "load": np.ones(LENGTH),
    }
    if room == "R1":
        fields["NH3"][1000:1010] += 3
    times = START + MINUTE * np.arange(LENGTH, dtype=np.int64)
    return Points({"site": "plant-1", "room": room}, times, fields)
