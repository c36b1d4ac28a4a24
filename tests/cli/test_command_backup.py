"""`normalcy backup`, `restore`, `prune` and `models verify`, over real stores and no model."""

import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from backend.cli import cli
from backend.cli.session import Session
from backend.exceptions import ArtifactError
from backend.records import Label, LabelKind, Promotion, Verdict
from backend.services.backing_up import BACKUP
from tests.cli.conftest import NOW, version

DAY = 86_400_000_000_000


class Machine:
    """One home and its command."""

    def __init__(self, directory: Path, **environ: str) -> None:
        self.home = directory
        self.environ = {"NORMALCY_HOME": str(directory), **environ}
        self.session = Session(self.environ)

    def __call__(self, *arguments: str | Path, code: int = 0) -> Result:
        session = Session(self.environ)
        result = CliRunner().invoke(cli, list(map(str, arguments)), obj=session)
        session.close()
        assert result.exit_code == code, (result.exit_code, result.output, result.exception)
        return result

    def told(self, *arguments: str | Path, code: int = 0) -> Any:
        return json.loads(self(*arguments, "--json", code=code).stdout)

    def fill(self) -> "Machine":
        application = self.session.application
        application.records.add_labels([Label(0, "gas-room", LabelKind.NORMAL, 1, 2)])
        for number in (1, 2):
            application.artifacts.save(f"gas-room/{number}", {"version.json": b"{}"})
            application.records.add_version(version(number, verdict=Verdict.RETIRED))
        application.records.promote(Promotion("gas-room", 2, NOW, NOW, "ada"))
        self.session.close()
        return self


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.chdir(tmp_path)
    return Machine(tmp_path / "here").fill()


@pytest.fixture
def there(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "there")


def test_there_and_back(here: Machine, there: Machine, tmp_path: Path) -> None:
    made = here.told("backup", tmp_path)
    assert made["versions"] == 2
    assert made["left_out"] == []
    assert Path(made["file"]).parent == tmp_path
    assert Path(made["file"]).stat().st_size == made["bytes"]

    told = there.told("restore", made["file"])

    assert told["versions"] == 2
    assert told["tables"]["labels"] == 1
    assert [line["model"] for line in there.told("models", "list", "gas-room")] == [
        "gas-room/2",
        "gas-room/1",
    ]
    assert there.told("audit", "list")[0]["action"] == "restore"


def test_it_is_said_in_words_too(here: Machine, there: Machine, tmp_path: Path) -> None:
    path = tmp_path / "a.backup"
    text = here("backup", path).stdout
    assert f"file      {path}" in text
    assert (
        "is there already: name another file, or use --force" in here("backup", path, code=1).stderr
    )
    here("backup", path, "--force")

    assert "versions       2" in there("restore", path).stdout
    assert "or use --replace" in there("restore", path, code=1).stderr
    kept = there("restore", path, "--replace").stdout
    assert str(there.home / "before-restore-normalcy-") in kept


def test_files_that_cannot_be_read_are_told_and_the_command_fails(
    here: Machine, there: Machine, tmp_path: Path
) -> None:
    (here.home / "artifacts/gas-room/1/version.json").write_bytes(b"[]")
    path = tmp_path / "a.backup"

    assert (
        "left out: gas-room/1: Artifact gas-room/1 is damaged"
        in here("backup", path, code=1).stderr
    )
    assert "not in the backup: gas-room/1" in there("restore", path, code=1).stderr
    assert there.told("models", "list", "gas-room")[0]["model"] == "gas-room/2"


def test_embedded_stores_are_taken_when_asked(here: Machine, tmp_path: Path) -> None:
    made = here.told("backup", tmp_path, "--with-store")
    assert made["extras"] == ["source.sqlite3", "results.sqlite3"]

    elsewhere = Machine(here.home, NORMALCY_STORE="influxdb://localhost:1/sensors")
    assert (
        "back InfluxDB up by its own means"
        in elsewhere("backup", tmp_path / "b.backup", "--with-store", code=2).stderr
    )


def test_verify_tells_what_would_be_refused(here: Machine, tmp_path: Path) -> None:
    """The versions here are none that this program can read."""
    (line,) = here.told("models", "verify", code=1)
    assert (line["model"], line["ok"]) == ("gas-room/2", False)
    assert "cannot be read" in line["words"]
    text = here("models", "verify", "gas-room", "--all", code=1).stdout
    assert text.count("REFUSED") == 2

    path = here.told("backup", tmp_path)["file"]
    (line,) = here.told("models", "verify", "--backup", path, code=1)
    assert line["model"] == "gas-room/2"
    typo = here("models", "verify", "pump", "--backup", path, code=1).stderr
    assert f"{path} holds no version of a detector 'pump'" in typo
    assert "There is no detector 'pump'" in here("models", "verify", "pump", code=1).stderr


def test_a_backup_is_verified_without_touching_records(
    here: Machine, there: Machine, tmp_path: Path
) -> None:
    path = here.told("backup", tmp_path)["file"]
    assert there.told("models", "verify", "--backup", path, code=1)[0]["model"] == "gas-room/2"
    assert not list(there.home.glob("records.sqlite3*"))


def test_a_directory_that_is_not_mounted_is_no_file_name(here: Machine, tmp_path: Path) -> None:
    told = here("backup", f"{tmp_path}/backups/", code=1).stderr
    assert f"There is no directory {tmp_path}/backups: make it, or mount" in told
    assert not (tmp_path / "backups").exists()


def test_going_back_to_an_older_program(here: Machine, tmp_path: Path) -> None:
    """What docs/backups.md tells of it: the newer records are moved away, not replaced."""
    path = here.told("backup", tmp_path)["file"]
    records = here.home / "records.sqlite3"
    connection = sqlite3.connect(records)
    connection.execute("UPDATE normalcy_schema SET version_num = '9999'")
    connection.commit()
    connection.close()

    refused = here("restore", path, "--replace", code=1).stderr
    assert "restore a backup from before the update into an empty record store" in refused
    for file in here.home.glob("records.sqlite3*"):
        file.rename(tmp_path / file.name)
    assert here.told("restore", path)["versions"] == 2
    assert here.told("models", "list", "gas-room")[0]["model"] == "gas-room/2"


def test_verify_is_silent_about_versions_that_are_right(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.services.verifying.from_files", lambda files, make_model: None)
    assert "gas-room/2  ok" in here("models", "verify").stdout

    def refused(files: object, make_model: object) -> None:
        raise ArtifactError("The model gives other scores.")

    monkeypatch.setattr("backend.services.verifying.from_files", refused)
    assert "gives other scores" in here("models", "verify", code=1).stdout


def test_prune_says_what_it_would_do_and_does_it(here: Machine, tmp_path: Path) -> None:
    old = here.home / "artifacts/gas-room"
    application = here.session.application
    for number in (3, 4, 5):
        application.artifacts.save(f"gas-room/{number}", {"version.json": b"{}"})
    for number in (3, 4):
        application.records.add_version(version(number, verdict=Verdict.REJECTED))
    os.utime(old / "5/manifest.json", (1, 1))
    (tmp_path / "normalcy.yaml").write_text("keep: {versions: 2}\n")

    plan = here.told("prune", "--dry-run")
    assert plan["versions"] == ["gas-room/1"]
    assert plan["artifacts"] == ["gas-room/5"]
    assert (old / "5").exists()
    text = here("prune").stdout

    assert "model files of no version  gas-room/5" in text
    assert not (old / "5").exists()
    assert (old / "2").exists()
    assert here.told("prune", "--dry-run")["artifacts"] == []


def test_check_tells_how_old_the_last_backup_is(here: Machine, tmp_path: Path) -> None:
    def line() -> dict[str, Any]:
        result = CliRunner().invoke(cli, ["check", "--json"], obj=Session(here.environ))
        (found,) = [one for one in json.loads(result.stdout) if one["what"] == BACKUP]
        return dict(found)

    assert line()["detail"] == "none was made yet with normalcy backup"
    here("backup", tmp_path)
    assert line() == {"what": "backup", "ok": True, "detail": "the last one was made today"}
    records = here.session.application.records
    (made,) = records.upkeep()
    records.note_upkeep(type(made)(BACKUP, made.at - 31 * DAY, {}))
    assert line()["ok"] is False
    assert line()["detail"].startswith("the last one was made 31 days ago: see why")
