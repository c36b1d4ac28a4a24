"""The catalogue and hostile names, through the command and the web, on stores that are real."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from flask.testing import FlaskClient

from backend import schema
from backend.bootstrap import bootstrap
from backend.cli import cli
from backend.cli.session import Session
from backend.ports import Points, Query
from backend.web import create_app
from tests import hostile
from tests.fakes.clock import StillClock
from tests.servers.influxdb import InfluxServer

T0 = 1_780_000_000_000_000_000
MINUTE = 60 * 10**9
TIMES = T0 + np.arange(5) * MINUTE

CONFIGURATION = """
store: {store}
results: {results}
detectors:
  gas-room: {{measurement: air, channels: [temp], group_by: [room], every: 1m}}
"""

COMMANDS = {
    "measurement": "catalogue NAME",
    "results": "catalogue NAME --results",
    "tag": "catalogue air --by NAME",
    "label": "label add NAME normal --from 2026-05-01 --to 2026-05-02",
    "label of a tag": "label add gas-room normal --from 2026-05-01 --to 2026-05-02 --tag NAME=a",
    "labels": "label list NAME",
    "labels to a file": "label export NAME",
    "retrain": "retrain NAME",
    "score": "score NAME",
    "delete": "results delete NAME --yes",
    "models": "models list NAME",
    "model": "models show NAME",
    "promote": "models promote NAME 1",
    "roll back": "models rollback NAME",
    "import": "import air.csv --measurement NAME --dry-run",
    "import of a tag": "import air.csv --measurement air --tag NAME=a --dry-run",
    "import of a tag's value": "import air.csv --measurement air --tag room=NAME --dry-run",
    "import of a field": "import air.csv --measurement air --rename temp=NAME --dry-run",
    "copy": "copy --from STORE --to embedded:///COPY --measurement NAME",
}
"""What is typed where a name belongs, a word an argument."""

HARMLESS = {"delete", "import", "import of a tag", "import of a tag's value", "import of a field"}
"""Those that may succeed: they check what is written, or there is nothing to delete."""


class Place:
    """One installation: its command and its pages, over stores with a few rows."""

    def __init__(self, url: str, directory: Path) -> None:
        self.url, self.directory = url, directory
        directory.mkdir()
        text = CONFIGURATION.format(store=url, results=f"{url}_results")
        (directory / "normalcy.yaml").write_text(text, encoding="utf-8")
        (directory / "air.csv").write_text("time,temp\n2026-05-01T00:00:00Z,1\n", encoding="utf-8")
        self.environ = {
            "NORMALCY_HOME": str(directory),
            "NORMALCY_CONFIG": str(directory / "normalcy.yaml"),
        }
        self.application = self.session().application
        ones = {"temp": np.ones(5)}
        self.application.source.write("air", [Points({"room": "a"}, TIMES, ones)])
        score = {name: np.ones(5) for name in schema.SCORE_NUMBERS}
        tags = {"detector": "gas-room", "room": "a"}
        self.application.results.write(schema.SCORES, [Points(tags, TIMES, score)])
        self.client: FlaskClient = create_app(self.application).test_client()

    def session(self) -> Session:
        """A process' worth of state of its own."""
        return Session(self.environ, lambda settings: bootstrap(settings, clock=StillClock(T0)))

    def normalcy(self, *arguments: str) -> Result:
        """Run a command to its end, whatever that is."""
        return CliRunner().invoke(cli, list(arguments), obj=self.session())

    def typed(self, command: str, name: str) -> Result:
        """Run a command with a name in its place."""
        words = [
            word.replace("COPY", f"{self.directory}/copy").replace("STORE", self.url)
            for word in command.split()
        ]
        return self.normalcy(*(word.replace("NAME", name) for word in words))

    def held(self) -> list[object]:
        """Everything in both stores and in the records."""
        application = self.application
        found: list[object] = [
            len(application.records.labels()),
            [one.name for one in application.records.detectors()],
            application.records.requests(),
        ]
        for store in (application.source, application.results):
            for measurement in store.measurements():
                fields = tuple(store.fields(measurement))
                tags = tuple(store.tag_keys(measurement))
                for points in store.read(Query(measurement, fields, 0, T0 * 2, group_by=tags)):
                    columns = {name: list(values) for name, values in points.fields.items()}
                    found.append((measurement, points.tags, points.times.tolist(), columns))
        return found


@contextmanager
def opened(request: pytest.FixtureRequest, directory: Path) -> Iterator[Place]:
    """A place over stores of the kind that is asked for."""
    url = f"embedded://{directory}/series"
    if request.param == "influx":
        server: InfluxServer = request.getfixturevalue("influxdb_server")
        url = server.new_database()
    made = Place(url, directory)
    yield made
    made.application.close()


STORES = ["embedded", pytest.param("influx", marks=pytest.mark.influx)]


@pytest.fixture(scope="module", params=STORES)
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """One for all tests that change nothing in it, but for the definition of a detector `odd`."""
    with opened(request, tmp_path_factory.mktemp("shared") / "home") as made:
        yield made


@pytest.fixture
def place(shared: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(shared.directory)
    return shared


@pytest.fixture(scope="module", params=STORES)
def written(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """One for all tests that leave what has a name of their own."""
    with opened(request, tmp_path_factory.mktemp("written") / "home") as made:
        yield made


@pytest.mark.parametrize("name", hostile.NAMES)
def test_a_hostile_name_over_http_finds_nothing_and_changes_nothing(
    place: Place, name: str
) -> None:
    before = place.held()

    for where, ask in hostile.places(place.client):
        answer = ask(place.client, name)
        assert answer.status_code in hostile.STATUS, (where, answer.status_code)

    assert place.held() == before


@pytest.mark.parametrize("name", hostile.NAMES)
def test_a_hostile_name_on_the_command_line_finds_nothing_and_changes_nothing(
    place: Place, name: str
) -> None:
    before = place.held()

    for where, command in COMMANDS.items():
        done = place.typed(command, name)
        assert done.exit_code in ((0, 1, 2) if where in HARMLESS else (1, 2)), (where, done.output)
        assert "unexpected" not in done.stderr, (where, done.stderr)
        assert done.exit_code == 0 or done.stderr.strip(), where

    assert place.held() == before


@pytest.mark.parametrize("name", hostile.HOLDABLE)
def test_a_hostile_name_that_is_there_is_found_as_it_is(written: Place, name: str) -> None:
    written.application.source.write(name, hostile.rows(name))

    shown = json.loads(written.normalcy("catalogue", name, "--by", name, "--json").stdout)

    assert shown["name"] == name
    assert shown["fields"] == dict(sorted({name: "float", "text": "string"}.items()))
    assert shown["tags"] == {name: [name]}
    assert [one["tags"] for one in shown["series"]] == [{name: name}]
    asked = {"measurement": name, "by": name}
    rows = written.client.get("/api/v1/catalogue/series", query_string=asked).json
    assert rows is not None
    assert [row["measurement"] for row in rows] == [name]
    page = written.client.get("/catalogue", query_string=asked)
    assert page.status_code == 200


@pytest.mark.parametrize("part", ["measurement", "channels", "group_by", "where"])
@pytest.mark.parametrize("name", hostile.HOLDABLE)
def test_a_definition_of_hostile_names_draws_what_is_there(
    place: Place, name: str, part: str
) -> None:
    assert place.client.put("/api/v1/detectors/odd", json=hostile.definition(part, name)).json
    before = place.held()

    for view in ("series", "scores", "channels", "expected", "contributions", "events"):
        answer = place.client.get(f"/api/v1/detectors/odd/{view}")
        assert (answer.status_code, answer.json) == (200, []), view

    assert place.client.get("/").status_code == 200
    assert place.held() == before
