"""One Grafana, and every InfluxDB there is to put beside it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.grafana.stage import Embedded, Stage, require_plugin
from tests.servers.grafana import require_grafana

ROOT = Path(__file__).parents[3]

STORES = {
    "influxdb-1": "influxdb_server",
    "influxdb-2": "influx2_server",
    "influxdb-3": "influx3_server",
    "embedded": "",
}
"""Where results may be, and the fixture of the server."""


@pytest.fixture(scope="session", params=STORES)
def stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """Everything that normalcy makes, in a real Grafana, with results that go on arriving."""
    grafana = require_grafana()
    folder = tmp_path_factory.mktemp("stage")
    if server := STORES[request.param]:
        stage_ = Stage(grafana, request.getfixturevalue(server), folder)
    else:
        require_plugin(grafana)
        stage_ = Stage(grafana, Embedded(folder), folder)
    with stage_ as made:
        made.command("grafana", "sync")
        yield made


@pytest.fixture(scope="session")
def pictures(request: pytest.FixtureRequest) -> Path:
    """Where screenshots are left to be looked at."""
    folder = Path(os.environ.get("GRAFANA_PICTURES", ROOT / "build" / "grafana"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
