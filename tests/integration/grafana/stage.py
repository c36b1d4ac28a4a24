"""A real Grafana with everything of ours in it, beside a real InfluxDB that it can reach.

The uids of the dashboards cannot be chosen, so a Grafana that already holds those of
a normalcy in use is left alone.
"""

import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from werkzeug.serving import make_server

from backend.bootstrap import Application, bootstrap
from backend.cli import cli
from backend.cli.session import Session
from backend.grafana.names import ALERT_FOLDER_UID, FOLDER_UID, RESULTS
from backend.grafana.sources import infinity, simpod
from backend.ports import Credentials
from backend.records import State
from backend.settings import load
from backend.stores.opening import open_series_store
from backend.web import create_app
from tests.integration.grafana.plants import CONFIGURATION, DETECTOR, Plant
from tests.servers.grafana import Grafana

PATIENCE_S = 240.0
POLL_S = 1.0
HOUR = 3_600_000_000_000
TOKEN = "token-of-the-tests"

Until = Callable[[], Any]


class Stage:
    """One Grafana, two databases, one normalcy that serves pages, and a plant that goes on."""

    _port = 0
    """Of the pages, the same for all: in Grafana a rule that is deleted and made anew at once goes
    on as it was, addresses in its text included."""

    def __init__(self, grafana: Grafana, server: Any, directory: Path) -> None:
        self.grafana = grafana
        self._server = server
        self._directory = directory
        self.environ: dict[str, str] = {}

    def __enter__(self) -> "Stage":
        refuse_foreign(self.grafana)
        clean(self.grafana)
        source, results = self._server.new_database(), self._server.new_database()
        credentials = getattr(self._server, "credentials", Credentials())
        self._pages = make_server("127.0.0.1", Stage._port, lambda *_: [], threaded=True)
        Stage._port = self._pages.port
        self.pages = f"http://127.0.0.1:{self._pages.port}"
        self._configure(source, results, credentials)
        self.application: Application = bootstrap(load(self.environ))
        self._pages.app = create_app(self.application)
        self._thread = threading.Thread(target=self._pages.serve_forever)
        self._thread.start()
        self.plant = Plant(
            open_series_store(source, credentials, create=True),
            open_series_store(results, credentials, create=True),
        )
        self.plant.__enter__()
        self._record_runs()
        return self

    def __exit__(self, *_: object) -> None:
        self.plant.__exit__()
        self._pages.shutdown()
        self._thread.join()
        self._pages.server_close()
        self.application.close()
        clean(self.grafana)

    def command(self, *arguments: str) -> Any:
        """Run the command as an operator would; its JSON."""
        done = CliRunner().invoke(
            cli, [*arguments, "--json"], obj=Session(self.environ), catch_exceptions=False
        )
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    @property
    def reads_influx(self) -> bool:
        """Whether Grafana reads the results itself."""
        return not isinstance(self._server, Embedded)

    def dashboards(self) -> list[Any]:
        """Every dashboard of ours as Grafana holds it."""
        found = self.grafana.get("/api/search?type=dash-db&tag=normalcy")
        return [self.grafana.get(f"/api/dashboards/uid/{d['uid']}")["dashboard"] for d in found]

    def _record_runs(self) -> None:
        """What the jobs did, as normalcy itself tells it where results are not in InfluxDB."""
        records, at = self.application.records, self.application.clock.now() - HOUR
        for state in (State.DONE, State.FAILED):
            run = records.start_run("retrain", DETECTOR, worker="test:1", at=at)
            end = at + 60 * 10**9
            records.finish_run(run.id, state, at=end, message="no rows", details={})

    def _configure(self, source: str, results: str, credentials: Credentials) -> None:
        host, port = "127.0.0.1", self._pages.port
        user = self.grafana.login
        text = (
            f"store: {source}\nresults: {results}\nweb: {{host: {host}, port: {port}}}\n"
            f"grafana:\n  url: {self.grafana.url}\n  labels: {{write_back: true}}\n{CONFIGURATION}"
        )
        file = self._directory / "normalcy.yaml"
        file.write_text(text)
        self.environ = {
            "NORMALCY_CONFIG": str(file),
            "NORMALCY_HOME": str(self._directory / "home"),
            "NORMALCY_TOKEN": TOKEN,
            **user,
            **({"NORMALCY_STORE_TOKEN": credentials.token} if credentials.token else {}),
        }


class Embedded:
    """Stores that need no server, and that Grafana cannot read itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def new_database(self) -> str:
        """The URL of an empty store."""
        return f"embedded://{self._folder}/store-{uuid.uuid4().hex[:8]}"


def require_plugin(grafana: Grafana) -> None:
    """Skip loudly where no plugin is installed that reads JSON."""
    installed = {one["id"] for one in grafana.get("/api/plugins")}
    if not installed & {simpod.PLUGIN, infinity.PLUGIN}:
        pytest.skip("Grafana has no plugin for JSON: nothing was tested of an embedded store")


def require_influxdb(stage: "Stage") -> None:
    """Skip what only InfluxDB can do."""
    if not stage.reads_influx:
        pytest.skip("Grafana cannot read an embedded store itself: there are no alert rules")


def refuse_foreign(grafana: Grafana) -> None:
    """Leave a Grafana alone that shows a normalcy in use: its results are not those of a test."""
    found = grafana.find(f"/api/datasources/uid/{RESULTS}")
    name = str(found["jsonData"].get("dbName", "")) if found else ""
    if found is not None and not name.startswith(("test_", "t_")):
        pytest.fail(
            "this Grafana holds dashboards and rules of a normalcy that is in use: give the tests "
            "one of their own by GRAFANA_URL"
        )


def clean(grafana: Grafana) -> None:
    """Remove everything of ours."""
    for folder in (FOLDER_UID, ALERT_FOLDER_UID):
        if grafana.find(f"/api/folders/{folder}") is not None:
            grafana.delete(f"/api/folders/{folder}?forceDeleteRules=true")
    for uid in ("normalcy_results", "normalcy_sensors", "normalcy_service"):
        if grafana.find(f"/api/datasources/uid/{uid}") is not None:
            grafana.delete(f"/api/datasources/uid/{uid}")
    for one in grafana.get("/api/annotations?tags=normalcy-test&limit=1000"):
        grafana.delete(f"/api/annotations/{one['id']}")


def until(happened: Until, what: str, patience_s: float = PATIENCE_S) -> Any:
    """Wait for something that happens by another's clock, and fail if it does not."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if found := happened():
            return found
        time.sleep(POLL_S)  # polling a server's own clock, bounded by the deadline
    return pytest.fail(f"{what}: not within {patience_s:.0f} s")


# -- what a browser does before it asks ------------------------------------------------------------


def interpolated(text: str, values: Mapping[str, str | Sequence[str]]) -> str:
    """What a browser makes of variables, by the formats that are used."""

    def value(match: re.Match[str]) -> str:
        found, form = values[match[1]], match[2]
        listed = [found] if isinstance(found, str) else list(found)
        if form == "regex":
            escaped = [re.sub(r"([\\^$*+?.()|\[\]{}/])", r"\\\1", one) for one in listed]
            return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"
        if form == "json":
            return json.dumps(found)
        mark = {"singlequote": "'", "doublequote": '"'}[form]
        return ",".join(mark + one.replace(mark, "\\" + mark) + mark for one in listed)

    return re.sub(r"\$\{(\w+):(\w+)\}", value, text)


def chosen(variables: Sequence[Any], values: Mapping[str, list[str]]) -> dict[str, Any]:
    """A value for each variable of a dashboard: all of those that may be several."""
    return {
        one["name"]: values[one["name"]] if one["multi"] else values[one["name"]][0]
        for one in variables
    }
