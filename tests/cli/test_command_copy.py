"""`normalcy copy`, as it is typed."""

import json
from pathlib import Path

import numpy as np
import pytest

from backend.ports import Credentials, Points, Query
from backend.records import Label, LabelKind
from backend.schema import SCORES
from backend.stores.opening import open_series_store
from backend.stores.records import SqlRecordStore
from tests.cli.conftest import Command
from tests.servers.influxdb import InfluxServer

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


def test_labels_go_to_another_record_store(normalcy: Command, tmp_path: Path) -> None:
    old, new = f"sqlite:///{tmp_path}/old.sqlite3", f"sqlite:///{tmp_path}/new.sqlite3"
    records = SqlRecordStore(old)
    records.add_labels([Label(0, "d", LabelKind.NORMAL, 1, 2)])
    records.close()

    first = normalcy("copy", "--labels", "--from", old, "--to", new)
    again = normalcy("copy", "--labels", "--from", old, "--to", new, "--json")

    assert "labels copied: 1, there already: 0" in first.stdout
    assert json.loads(again.stdout)["labels_there"] == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--to", "embedded:///x"], "say what to copy"),
        (["--to", "embedded:///x", "--all", "--results"], "say what to copy"),
        (["--to", "ORIGIN", "--all"], "the same store"),
        (["--to", "mysql://x/y", "--all"], "--to: expected embedded"),
        (["--to", "influxdb://u:hunter2@h/db", "--all"], "NORMALCY_COPY_TO_TOKEN"),
        (["--to", "embedded:///x", "--all", "--since", "now", "--until", "now-1h"], "is empty"),
        (["--to", "postgresql://u:hunter2@h/db", "--labels"], "--from: expected sqlite"),
    ],
)
def test_a_wrong_wish_is_refused(
    normalcy: Command, origin: str, arguments: list[str], told: str
) -> None:
    given = [origin if argument == "ORIGIN" else argument for argument in arguments]

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
