"""One plant as it is made for every kind of store and generation of Grafana.

`python -m tests.grafana.variants` writes the files anew that the tests compare with; look at what
changed before it goes in.
"""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from backend.grafana.datasources import Access
from backend.grafana.files import render
from backend.grafana.provisioning import Made, Plan, Store, make
from backend.records import LabelKind
from backend.specs import DetectorSpec, ScheduleSpec

GOLDEN = Path(__file__).parent / "golden"

ROOMS = DetectorSpec(
    name="gas.room",
    measurement='air "raw"',
    channels=("H2S (ppm)", "temp"),
    where={"site": "plant 1's"},
    group_by=("room", "floor no"),
    every=timedelta(minutes=10),
    delay=timedelta(minutes=1),
    write_contributions=True,
    schedule=ScheduleSpec(score=timedelta(minutes=1)),
)
MIXER = DetectorSpec(
    name="mixer", measurement="mixer", channels=("speed",), every=timedelta(seconds=10)
)

INFLUX = Plan(
    specs=(ROOMS, MIXER),
    source=Store("influxdb://influxdb:8086/sensors"),
    results=Store("influxdb://influxdb:8086/normalcy"),
    version=(9, 3),
    plugin="auto",
    pages="https://normalcy.example",
    service_url="http://web:8087",
    token="$NORMALCY_TOKEN",
    tags={kind: str(kind) for kind in LabelKind},
)
_USER = Access(username="$NORMALCY_STORE_USERNAME", password="$NORMALCY_STORE_PASSWORD")
_TOKEN = Access(token="$NORMALCY_STORE_TOKEN")


def _shown(plan: Plan, access: Access) -> Plan:
    return replace(
        plan,
        source=replace(plan.source, access=access),
        results=replace(plan.results, access=access),
    )


EMBEDDED = replace(INFLUX, source=Store("embedded:///s"), results=Store("embedded:///r"))

VARIANTS: dict[str, Plan] = {
    "influxdb1-grafana9.3": _shown(INFLUX, _USER),
    "influxdb2-grafana9.3": _shown(INFLUX, _TOKEN),
    "influxdb3-grafana13.0": _shown(replace(INFLUX, version=(13, 0)), _TOKEN),
    "embedded-grafana9.3": EMBEDDED,
    "embedded-grafana12.0": replace(EMBEDDED, version=(12, 0)),
}

ALIKE = {"influxdb2-grafana9.3": "influxdb1-grafana9.3"}
"""Only datasources differ: the dashboards of these need no copy."""


def made(name: str) -> Made:
    """What there is to be for a variant."""
    return make(VARIANTS[name])


def files(name: str) -> dict[Path, str]:
    """The files of a variant."""
    return render(made(name), "/etc/normalcy/dashboards", frozenset())


def kept(name: str) -> dict[Path, str]:
    """The files of a variant that stand in the folder to compare with."""
    found = files(name)
    return {
        path: text for path, text in found.items() if name not in ALIKE or "dash" not in str(path)
    }


if __name__ == "__main__":
    for variant in VARIANTS:
        for old in (GOLDEN / variant).rglob("*.*"):
            old.unlink()
        for place, content in kept(variant).items():
            (GOLDEN / variant / place).parent.mkdir(parents=True, exist_ok=True)
            (GOLDEN / variant / place).write_text(content)
