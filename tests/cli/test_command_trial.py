import json
import re

import pytest
from click.testing import CliRunner

from backend.bootstrap import bootstrap
from backend.cli import cli
from backend.cli.output import iso
from backend.cli.session import Session
from backend.cli.trial_options import SinceType, read_failures
from backend.demo import gas_room
from backend.demo.gas_room import GasRoom
from backend.exceptions import ImportFileError
from backend.records import LabelDraft, LabelKind
from backend.settings import Settings, parse_time
from backend.settings.urls import default_results, embedded_url
from backend.specs import DetectorSpec
from backend.stores.opening import open_series_store
from tests.fakes.clock import StillClock
from tests.fakes.models import LinearModel

NOW = 1_790_000_000_000_000_000
HOUR = 3_600_000_000_000
A_DAY = 24 * HOUR


@pytest.fixture(scope="module")
def room():
    return GasRoom(gas_room.latest_start(NOW), seed=0)


@pytest.fixture(scope="module")
def plant(tmp_path_factory, room):
    """Four weeks of a simulated room in the embedded store, the first two labelled normal."""
    home = tmp_path_factory.mktemp("trial")
    store = embedded_url(home / "series")
    settings = Settings(
        home=home,
        store=store,
        results=default_results(store),
        records=f"sqlite:///{home / 'records.sqlite3'}",
        detectors={room.spec.name: room.spec},
    )
    source = open_series_store(store, settings.store_credentials, create=True)
    source.write("air", [room.rows(room.start, room.stop)])
    source.close()
    application = bootstrap(settings, clock=StillClock(room.stop), make_model=LinearModel)
    normal = LabelDraft("gas-room", LabelKind.NORMAL, room.start, room.trained)
    application.labelling.add(normal, source="command", by="operator")
    yield application
    application.close()


@pytest.fixture
def orders(tmp_path, room):
    """The injected faults as work orders: each is noticed by people when it is at its height."""
    lines = ["time,stop,room,text,cost"]
    lines += [
        f"{iso(fault.stop)},,gas,{fault.kind} of {fault.channel},100"
        for fault in room.faults(room.trained, room.stop)
    ]
    path = tmp_path / "orders.csv"
    path.write_text("\n".join(lines))
    return path


def run(plant, *arguments):
    session = Session({}, lambda settings: plant)
    session.__dict__["settings"] = plant.settings
    result = CliRunner().invoke(cli, ["trial", "gas-room", *map(str, arguments)], obj=session)
    return result


@pytest.fixture(autouse=True)
def stays_open(plant, monkeypatch):
    """The command closes what it opened; the plant is shared."""
    monkeypatch.setattr(type(plant), "close", lambda self: None)


def test_faults_of_the_simulated_room_are_announced(plant, room, orders):
    result = run(plant, "--since", "1y", "--failures", orders, "--horizon", "1d", "--json")
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    one = facts["series"]["room=gas"]
    assert one["failures"] == len(room.faults(room.trained, room.stop))
    assert one["announced"] >= 4
    assert one["forewarning_seconds"] > 0
    assert one["coverage"] > 0.9
    assert facts["start"] == iso(room.start)
    began, unused = facts["notes"]
    assert began.endswith("the trial began there.")
    assert unused == "Columns of orders.csv not used: cost."


def test_people_read_a_verdict_and_its_reason(plant, orders):
    result = run(plant, "--since", "60d", "--failures", orders)
    assert result.exit_code == 0, result.output
    assert re.search(r"^room=gas\s+(no-)?go\s", result.stdout, re.MULTILINE)
    assert re.search(r"^room=gas: \S", result.stdout, re.MULTILINE)


def test_the_report_shows_what_would_have_been_seen(plant, orders, tmp_path):
    path = tmp_path / "trial.md"
    result = run(plant, "--since", "60d", "--failures", orders, "--report", path)
    assert result.exit_code == 0, result.output
    text = path.read_text()
    pictures = re.findall(r"!\[.*?\]\(<(.*?)>\)", text)
    assert pictures
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in pictures)
    assert "slow leak of H2S" in text
    page = tmp_path / "trial.html"
    run(plant, "--since", "60d", "--report", page)
    assert '<img src="data:image/png;base64,' in page.read_text()


def test_nothing_is_stored_by_a_trial(plant, orders):
    run(plant, "--since", "60d", "--failures", orders)
    assert plant.records.versions("gas-room") == []
    assert plant.records.runs() == []
    assert plant.artifacts.names() == []
    assert plant.results.measurements() == []


def test_failures_of_an_unknown_series_are_a_failure_in_words(plant, tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text("time,room\n2026-09-01,attic\n")
    result = run(plant, "--since", "1y", "--failures", path)
    assert result.exit_code == 1
    assert "orders.csv line 2: there is no series 'room=attic'" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--since"),
        (("--since", "often"), "expected a time"),
        (("--since", "1y", "--horizon", "0"), "more than 0"),
        (("--since", "1y", "--retrain-every", "monthly"), "expected a duration"),
        (("--since", "1y", "--report", "x.pdf"), ".html or .md"),
    ],
)
def test_options_that_are_wrong_are_a_usage_error(plant, arguments, message):
    result = run(plant, *arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_since_reaches_back_in_years_days_or_to_a_time():
    convert = SinceType().convert
    assert convert("1y", None, None).at(NOW) == NOW - 365 * A_DAY
    assert convert("90d", None, None).at(NOW) == NOW - 90 * A_DAY
    assert convert("now-6h", None, None).at(NOW) == NOW - 6 * HOUR
    assert convert("2026-03-01", None, None).at(NOW) == parse_time("2026-03-01")


# -- the file of failures --------------------------------------------------------------------------

SPEC = DetectorSpec.model_validate(
    {
        "name": "pumps",
        "measurement": "m",
        "channels": ["x"],
        "group_by": ["site", "pump"],
        "every": "1m",
    }
)


def failures(tmp_path, text):
    path = tmp_path / "orders.csv"
    path.write_text(text)
    return read_failures(path, SPEC)


def test_a_failure_names_its_series_by_columns_or_by_key(tmp_path):
    found, unused = failures(
        tmp_path,
        "time,stop,series,pump,text\n"
        "2026-03-01T06:00,2026-03-01T08:00,,7,seal\n"
        '2026-03-02,,"pump=8,site=north",,\n'
        "2026-03-03T00:00:00+01:00,,,,\n",
    )
    assert unused == []
    assert [failure.tags for failure in found] == [
        {"pump": "7"},
        {"pump": "8", "site": "north"},
        {},
    ]
    assert (found[0].start, found[0].stop) == (
        parse_time("2026-03-01T06:00"),
        parse_time("2026-03-01T08:00"),
    )
    assert found[0].text == "seal"
    assert found[1].start == found[1].stop
    assert found[2].start == parse_time("2026-03-02T23:00")
    assert found[0].is_of("pump=7,site=south")
    assert not found[1].is_of("pump=8,site=south")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("when,text\n2026-03-01,x\n", "lacks the column 'time'"),
        ("time\nyesterday\n", "line 2: expected a time"),
        ("time,stop\n2026-03-02,2026-03-01\n", "stops before it starts"),
        ("time,series\n2026-03-02,room=a\n", "not grouped by 'room' but by site, pump"),
        ("time,series\n2026-03-02,a\n", "is not a series"),
    ],
)
def test_rows_that_are_wrong_are_refused_by_their_line(tmp_path, text, message):
    with pytest.raises(ImportFileError, match=message):
        failures(tmp_path, text)
