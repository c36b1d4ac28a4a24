"""Fixtures for every test."""

import os
from collections.abc import Iterator

import pytest

from tests.servers.influxdb import InfluxServer, require_influxd

_OWN = "NORMALCY_"
_PROXY = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the settings or proxies of the one who runs it."""
    for name in list(os.environ):
        if name.startswith(_OWN) or name.lower() in _PROXY:
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def influxdb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxServer]:
    """A real InfluxDB 1.x; skips where it is not installed, fails there if CI=true."""
    require_influxd()
    with InfluxServer(tmp_path_factory.mktemp("influxdb")) as server:
        yield server
