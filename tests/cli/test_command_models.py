import json

from backend.records import Verdict
from tests.cli.conftest import NOW, Command, version


def test_list(normalcy: Command) -> None:
    normalcy.application.records.add_version(version(1))
    normalcy.application.records.add_version(version(2, provisional=True))

    lines = normalcy("models", "list", "gas-room").stdout.splitlines()

    assert [line.split()[0] for line in lines] == ["version", "2", "1"]
    assert lines[1].endswith("recent data")
    assert lines[2].endswith("labels")


def test_list_without_versions_says_what_to_do(normalcy: Command) -> None:
    assert "normalcy retrain gas-room" in normalcy("models", "list", "gas-room").stdout
    assert "There is no detector 'x'" in normalcy("models", "list", "x", code=1).stderr


def test_show_tells_everything(normalcy: Command) -> None:
    normalcy.application.records.add_version(version(1))

    text = normalcy("models", "show", "gas-room", "1").stdout

    for expected in (
        "gas-room/1",
        "2026-03-10T12:00:00Z",
        "1, hash 1f1f",
        "room=a",
        "1.235",
        "1 alarm a week",
        "room=a 1970-01-01T00:00:00Z to 1970-01-01T01:00:00Z, most of all temp",
        "detection limits, in each sensor's own unit\n  known for 1 of 9 series only\n",
        "room=a temp: finds a step of 2.1 within 40m",
        "warning: little normal data",
        "set aside: room=b: no values of channel 'temp'",
        "measurement: air",
    ):
        assert expected in text


def test_show_takes_the_version_that_serves(normalcy: Command) -> None:
    assert (
        "No version of 'gas-room' serves yet"
        in normalcy("models", "show", "gas-room", code=1).stderr
    )
    normalcy.application.records.add_version(version(1))
    normalcy.application.records.add_version(version(2))
    normalcy("models", "promote", "gas-room", "1")

    told = json.loads(normalcy("models", "show", "gas-room", "--json").stdout)

    assert told["model"] == "gas-room/1"
    assert told["verdict"] == Verdict.CHAMPION
    assert told["training"]["series"]["room=a"]["val_loss"] is None


def test_promote_and_roll_back(normalcy: Command) -> None:
    for number in (1, 2):
        normalcy.application.records.add_version(version(number))
        normalcy("models", "promote", "gas-room", str(number))

    told = json.loads(normalcy("models", "rollback", "gas-room", "--json").stdout)

    assert told["model"] == "gas-room/1"
    assert told["at"] == "2026-03-10T12:00:00Z"
    assert normalcy.application.records.promotions("gas-room")[-1].at == NOW


def test_what_cannot_be_promoted(normalcy: Command) -> None:
    normalcy("models", "promote", "gas-room", "9", code=1)
    normalcy("models", "promote", "gas-room", "nine", code=2)
    assert "no earlier version" in normalcy("models", "rollback", "gas-room", code=1).stderr
