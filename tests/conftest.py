"""Fixtures for every test."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.servers.influxdb import InfluxServer, require_influxd

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
