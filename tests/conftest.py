"""Fixtures for every test."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings
from playwright.sync_api import Browser

from tests.servers.chromium import chromium
from tests.servers.influxdb import InfluxServer, require_influxd
from tests.servers.remote import InfluxServer2, InfluxServer3, require

# A busy machine is no mistake of the code; and what CI tries is the same each time.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "here")

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


@pytest.fixture(scope="session")
def influx2_server() -> Iterator[InfluxServer2]:
    """An InfluxDB 2.x of INFLUXDB2_URL; skips, and says so, where that is not set."""
    url, token = require("INFLUXDB2_URL"), require("INFLUXDB2_TOKEN")
    with InfluxServer2(url, token, os.environ.get("INFLUXDB2_BUCKET")) as server:
        yield server


@pytest.fixture(scope="session")
def influx3_server() -> Iterator[InfluxServer3]:
    """An InfluxDB 3 of INFLUXDB3_URL; skips, and says so, where that is not set."""
    url, token = require("INFLUXDB3_URL"), os.environ.get("INFLUXDB3_TOKEN", "")
    with InfluxServer3(url, token, os.environ.get("INFLUXDB3_DATABASE")) as server:
        yield server


@pytest.fixture(scope="session")
def running() -> Iterator[Browser]:
    """A real browser, started once; skips where it is not installed, fails there if CI=true."""
    with chromium() as browser:
        yield browser
