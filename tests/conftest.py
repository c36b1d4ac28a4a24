"""Fixtures for every test."""

import gc
import os
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from hypothesis import settings
from jinja2.bccache import Bucket, BytecodeCache
from playwright.sync_api import Browser
from werkzeug.routing import Rule

from backend.services.acting import Actor, acting
from tests.servers.chromium import chromium
from tests.servers.influxdb import InfluxServer, require_influxd
from tests.servers.remote import InfluxServer2, InfluxServer3, require

# A test leaves much behind that refers to itself, and TensorFlow a million objects that stay:
# looked through as often as Python does by itself, they take a tenth of the time.
gc.set_threshold(50_000, 20, 20)

# A busy machine is no mistake of the code; and what CI tries is the same each time.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "here")


class Compiled(BytecodeCache):
    """Templates are compiled once for all the services that the tests of a process assemble."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": Compiled()}

_BUILDERS: dict[tuple[object, ...], Callable[..., tuple[str, str]]] = {}


class BuiltOnce(Rule):
    """The program that writes an address after a rule is made once for all services too.

    It depends on the text of the rule alone, unless the rule has defaults.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        if self.defaults:
            return super()._compile_builder(append_unknown)
        key = (self.rule, tuple(self._trace), append_unknown)
        if key not in _BUILDERS:
            _BUILDERS[key] = super()._compile_builder(append_unknown)
        return _BUILDERS[key]


Flask.url_rule_class = BuiltOnce

_OWN = "NORMALCY_"
_PROXY = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the settings or proxies of the one who runs it."""
    for name in list(os.environ):
        if name.startswith(_OWN) or name.lower() in _PROXY:
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def nobody_acts() -> Iterator[None]:
    """Who acted in one test does not act in the next, as in a process of its own."""
    with acting(Actor()):
        yield


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
