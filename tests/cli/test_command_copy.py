"""`normalcy copy`, as it is typed."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import numpy as np
import pytest

from backend.ports import Credentials, Points, Query
from backend.records import AuditEntry, Label, LabelKind
from backend.schema import SCORES
from backend.services.copying_progress import Reached
from backend.stores.checkpoints import FileCheckpoints
from backend.stores.opening import open_series_store
from backend.stores.records import SqlRecordStore
from tests.cli.conftest import Command
from tests.servers.influxdb import InfluxServer
from tests.servers.postgres import PASSWORD, PostgresServer, binaries_or_skip, running_postgres

T0 = 1_700_000_000_000_000_000
ROWS = 30_000
EVER = (T0, T0 + 10**18)


@pytest.fixture
def origin(tmp_path: Path) -> str:
    url = f"embedded://{tmp_path}/old"
    store = open_series_store(url, Credentials(), create=True)
    times = T0 + np.arange(ROWS) * 10**9
    store.write("air", [Points({"room": "a, b"}, times, {"temp": np.arange(ROWS) / 7})])
    store.write(SCORES, [Points({"detector": "d"}, times[:9], {"score": np.ones(9)})])
    store.close()
    return url


@pytest.fixture
def labels(tmp_path: Path) -> str:
    """A record store with a label in it."""
    url = f"sqlite:///{tmp_path}/records.sqlite3"
    records = SqlRecordStore(url)
    records.add_labels([Label(0, "d", LabelKind.NORMAL, 1, 2, {"room": "a"}, "fine", "api", "ann")])
    records.close()
    return url


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres(binaries_or_skip()) as server:
        yield server


def labels_of(url: str) -> list[Label]:
    records = SqlRecordStore(url)
    found = records.labels()
    records.close()
    return found


def audited_in(url: str) -> list[AuditEntry]:
    records = SqlRecordStore(url)
    found = records.audit()
    records.close()
    return found


def without_password(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{parts.username}@{parts.hostname}:{parts.port}"))


def read(url: str, measurement: str, field: str) -> list[Points]:
    store = open_series_store(url, Credentials(), create=False)
    found = store.read(Query(measurement, (field,), *EVER, group_by=("room",)))
    store.close()
    return found


def test_everything_goes_to_another_store(normalcy: Command, origin: str, tmp_path: Path) -> None:
    target = f"embedded://{tmp_path}/new"

    done = normalcy("copy", "--from", origin, "--to", target, "--all", "--json")

    rows = {one["measurement"]: one["rows"] for one in json.loads(done.stdout)}
    assert rows == {"air": ROWS, SCORES: 9}
    (found,) = read(target, "air", "temp")
    assert found.tags == {"room": "a, b"}
    assert found.fields["temp"].tolist() == (np.arange(ROWS) / 7).tolist()


def test_the_audit_log_tells_of_it(normalcy: Command, origin: str, tmp_path: Path) -> None:
    target = f"embedded://{tmp_path}/new"
    normalcy("copy", "--from", origin, "--to", target, "--measurement", "air")

    entry = json.loads(normalcy("audit", "list", "--json").stdout)[0]
    assert (entry["action"], entry["how"]) == ("series.copy", "command")
    assert entry["words"] == f"from {origin} to {target}: {ROWS} rows of air"


def test_results_go_alone(normalcy: Command, origin: str, tmp_path: Path) -> None:
    target = f"embedded://{tmp_path}/new"

    done = normalcy("copy", "--from", origin, "--to", target, "--results")

    assert f"{SCORES}     9       1        0" in done.stdout
    assert read(target, "air", "temp") == []
    assert len(read(target, SCORES, "score")[0]) == 9


@pytest.mark.influx
def test_the_way_to_influxdb_and_back(
    normalcy: Command, origin: str, tmp_path: Path, influxdb_server: InfluxServer
) -> None:
    there, back = influxdb_server.store_url("brand_new"), f"embedded://{tmp_path}/back"

    normalcy("copy", "--from", origin, "--to", there, "--all")
    normalcy("copy", "--from", there, "--to", back, "--all")

    (was,), (now,) = read(origin, "air", "temp"), read(back, "air", "temp")
    assert now.tags == was.tags
    assert now.times.tolist() == was.times.tolist()
    assert now.fields["temp"].tolist() == was.fields["temp"].tolist()


def test_it_says_where_it_goes_on_unless_it_is_to_begin_anew(
    normalcy: Command, origin: str, tmp_path: Path
) -> None:
    target = f"embedded://{tmp_path}/new"
    command = ("copy", "--from", origin, "--to", target, "--measurement", "air")
    identity = (origin, target, "None", "None")
    checkpoints = FileCheckpoints(tmp_path / "home/copies", *identity)

    checkpoints.reached("air", Reached(T0, T0 + 1000 * 10**9))
    resumed = normalcy(*command)
    checkpoints.reached("air", Reached(T0, T0 + 1000 * 10**9))
    anew = normalcy(*command, "--restart")

    assert "air: went on from 2023-11-14T22:30:00Z, the rest was there" in resumed.stdout
    assert f" {ROWS - 1000} " in resumed.stdout
    assert "went on" not in anew.stdout
    assert f" {ROWS} " in anew.stdout


def test_labels_go_to_another_record_store(normalcy: Command, labels: str, tmp_path: Path) -> None:
    new = f"sqlite:///{tmp_path}/new.sqlite3"

    first = normalcy("copy", "--labels", "--from", labels, "--to", new)
    again = normalcy("copy", "--labels", "--from", labels, "--to", new, "--json")

    assert "labels copied: 1, there already: 0" in first.stdout
    assert json.loads(again.stdout)["labels_there"] == 1
    assert labels_of(new) == labels_of(labels)
    assert [(one.action, one.how) for one in audited_in(new)] == [("label.add", "command")]


@pytest.mark.parametrize("variable", ["NORMALCY_COPY_TO_RECORDS_URL", "NORMALCY_RECORDS_URL"])
def test_a_password_of_a_database_comes_from_the_environment(
    normalcy: Command, labels: str, postgres: PostgresServer, variable: str
) -> None:
    url = postgres.new_database()
    normalcy.session.environ = {**normalcy.session.environ, variable: url}

    normalcy("copy", "--labels", "--from", labels, "--to", without_password(url))

    (found,) = labels_of(url)
    assert replace(found, id=0) == replace(labels_of(labels)[0], id=0)


def test_a_password_for_another_database_is_told(normalcy: Command, labels: str) -> None:
    there = "postgresql://ann:hunter2@db/other"
    environ = {**normalcy.session.environ, "NORMALCY_COPY_TO_RECORDS_URL": there}
    normalcy.session.environ = environ

    told = normalcy("copy", "--labels", "--from", labels, "--to", "postgresql://db/new", code=2)

    assert "NORMALCY_COPY_TO_RECORDS_URL names another database than --to" in told.stderr
    assert "hunter2" not in told.output


def test_records_that_are_not_there_are_not_made(normalcy: Command, tmp_path: Path) -> None:
    old, new = tmp_path / "deep/old.sqlite3", tmp_path / "new.sqlite3"

    told = normalcy(
        "copy", "--labels", "--from", f"sqlite:///{old}", "--to", f"sqlite:///{new}", code=1
    )

    assert "is not there: check the path" in told.stderr
    assert not old.parent.exists()


def test_a_database_without_records_is_left_as_it_is(
    normalcy: Command, postgres: PostgresServer, tmp_path: Path
) -> None:
    empty = postgres.new_database()
    environ = {**normalcy.session.environ, "NORMALCY_COPY_FROM_RECORDS_URL": empty}
    normalcy.session.environ = environ
    origin, target = without_password(empty), f"sqlite:///{tmp_path}/new.sqlite3"

    for _ in range(2):  # a second look would find what the first had made
        told = normalcy("copy", "--labels", "--from", origin, "--to", target, code=1)

    assert "holds no records in the form of this normalcy" in told.stderr
    assert PASSWORD not in told.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--to", "embedded:///x"], "say what to copy"),
        (["--to", "embedded:///x", "--all", "--results"], "say what to copy"),
        (["--to", "ORIGIN", "--all"], "the same store"),
        (["--to", "ORIGIN/", "--all"], "the same store"),
        (["--to", "mysql://x/y", "--all"], "--to: expected embedded"),
        (["--to", "influxdb://u:hunter2@h/db", "--all"], "NORMALCY_COPY_TO_TOKEN"),
        (["--to", "embedded:///x", "--all", "--since", "now", "--until", "now-1h"], "is empty"),
        (["--to", "postgresql://u:hunter2@h/db", "--labels"], "--from: expected sqlite"),
        (["--to", "embedded:///x", "--labels", "--since", "now-1h"], "leave --since and --until"),
    ],
)
def test_a_wrong_wish_is_refused(
    normalcy: Command, origin: str, arguments: list[str], told: str
) -> None:
    given = [argument.replace("ORIGIN", origin) for argument in arguments]

    result = normalcy("copy", "--from", origin, *given, code=2)

    assert told in result.stderr
    assert "hunter2" not in result.output


def test_a_measurement_that_is_not_there_is_told(
    normalcy: Command, origin: str, tmp_path: Path
) -> None:
    target = f"embedded://{tmp_path}/new"

    result = normalcy("copy", "--from", origin, "--to", target, "--measurement", "ait", code=1)

    assert "no measurement 'ait'; did you mean 'air'?" in result.stderr
    assert not (tmp_path / "new").exists()


def test_a_store_that_is_not_there_is_not_made(normalcy: Command, tmp_path: Path) -> None:
    origin, target = f"embedded://{tmp_path}/typo", f"embedded://{tmp_path}/new"

    told = normalcy("copy", "--from", origin, "--to", target, "--all", code=1)

    assert f"there is no embedded store in {tmp_path}/typo" in told.stderr
    assert not (tmp_path / "typo").exists()


def test_a_password_is_not_taken_from_the_command(normalcy: Command, labels: str) -> None:
    target = "postgresql://u:hunter2@h/db"

    told = normalcy("copy", "--labels", "--from", labels, "--to", target, code=2)

    assert "no password may stand here: set the whole URL by NORMALCY_COPY_TO_RECORDS_URL" in (
        " ".join(told.stderr.split())
    )
    assert "hunter2" not in told.output
