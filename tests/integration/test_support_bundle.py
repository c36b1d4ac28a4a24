"""The file for whoever is to help: all of it is searched for what must not leave the house."""

import base64
import json
import os
import resource
import stat
import subprocess
import sys
import traceback
import zipfile
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from click.testing import CliRunner, Result

from backend.bootstrap import Application, bootstrap
from backend.cli import cli, support_bundle_run
from backend.cli.session import Session
from backend.records import Label, LabelKind, Role, State
from backend.services.access import TokenDraft
from backend.settings import load

MINUTE = 60_000_000_000
YAML = """\
# the password of the old server was planted-in-a-comment
store: influxdb://127.0.0.1:1/sensors
results: influxdb://127.0.0.1:1/normalcy
grafana: {url: "http://127.0.0.1:1"}
detectors:
  gas-room: {measurement: air, channels: [temp, NH3], every: 1m, group_by: [room]}
"""
SECRETS = {
    "NORMALCY_TOKEN": "planted administrators' token",
    "NORMALCY_STORE_USERNAME": "planted-reader",
    "NORMALCY_STORE_PASSWORD": 'planted "store" pä$$/word%',
    "NORMALCY_STORE_TOKEN": "planted-store-token==",
    "NORMALCY_RESULTS_TOKEN": "planted-results-token",
    "NORMALCY_GRAFANA_USERNAME": "planted-grafana-user",
    "NORMALCY_GRAFANA_PASSWORD": "planted-grafana-password",
    "NORMALCY_NOTIFY_URL": "https://chat.example.com/hooks/planted-webhook-key?planted=token",
    "NORMALCY_COPY_FROM_TOKEN": "planted-copy-token",
    "NORMALCY_COPY_TO_RECORDS_URL": "postgresql://copier:planted-copy-word@db.example.com/copy",
}
NOBODY_KNOWS_HER = "there is no Zoë Berg\n    nor another Zoë\nZoë: none"
POSTGRES = "postgresql://keeper:planted%20records%2Fword@127.0.0.1:1/normalcy?connect_timeout=2"
WORDS = (
    *(value for name, value in SECRETS.items() if not name.endswith("_URL")),
    *("planted-webhook-key", "planted=token", "planted-copy-word", "planted-in-a-comment"),
    *("planted records/word", "planted-in-a-note", "planted-in-a-request", "planted-in-a-log"),
    *("Anna Berg", "anna.berg", "Bertas token", "Çelik"),
)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    config = tmp_path / "normalcy.yaml"
    config.write_text(YAML)
    home = {"NORMALCY_HOME": str(tmp_path / "home"), "NORMALCY_CONFIG": str(config)}
    return {**home, **SECRETS, "NORMALCY_LOG_FORMAT": "json", "HOME": str(tmp_path)}


def bundle(environ: dict[str, str], out: Path) -> dict[str, str]:
    """Write one and read it back, name to text."""
    session = Session(environ)
    result = run(session, "--out", str(out))
    assert result.exit_code == 0, result.output
    with zipfile.ZipFile(out) as found:
        assert found.testzip() is None
        return {one.filename: found.read(one).decode() for one in found.infolist()}


def run(session: Session, *arguments: str) -> Result:
    try:
        return CliRunner().invoke(cli, ["support-bundle", *arguments], obj=session)
    finally:
        session.close()


def forms(word: str) -> set[str]:
    """How a word might still be found by somebody who looks for it."""
    written = {word, quote(word), quote(word, safe=""), quote_plus(word)}
    written |= {json.dumps(word)[1:-1], json.dumps(word, ensure_ascii=False)[1:-1]}
    return written | {base64.b64encode(word.encode()).decode(), word.upper(), word.lower()}


def fill(application: Application) -> list[str]:
    """Let everything be remembered that a service comes by; digests that must not be told."""
    records, now = application.records, application.clock.now()
    access = application.access
    access.add_user("anna.berg", "planted-account-password", Role.ADMIN, by="Anna Berg")
    token, secret = access.add_token(TokenDraft("Bertas token", Role.VIEWER), by="anna.berg")
    note = "the safe opens with planted-in-a-note"
    span = now - MINUTE, now
    records.add_labels(
        [Label(0, "gas-room", LabelKind.NORMAL, *span, note=note, created_by="Çelik")]
    )
    records.add_request("backfill", "gas-room", {"why": "planted-in-a-request"}, by="Çelik", at=now)
    going = records.start_run("retrain", "gas-room", worker="here:1", at=now)
    words = f"asked by Anna Berg, with {SECRETS['NORMALCY_STORE_PASSWORD']}"
    records.tell_run(going.id, share=0.5, words=words, at=now)
    message = f"refused: {SECRETS['NORMALCY_TOKEN']} at http://u:planted-in-a-log@db/ (anna.berg)"
    records.cancel_run(going.id, by="anna.berg")
    records.finish_run(going.id, State.FAILED, at=now, message=message, details={"by": "Çelik"})
    (user,) = records.users()
    return [token.digest, secret, user.password_hash, "planted-account-password"]


def test_no_secret_and_nobodys_name_is_in_it(environ: dict[str, str], tmp_path: Path) -> None:
    application = bootstrap(load(environ))
    digests = fill(application)
    application.session_key()
    settings = application.settings
    settings.logs.mkdir()
    log = f"psycopg.OperationalError: {SECRETS['NORMALCY_GRAFANA_PASSWORD']} of Anna Berg"
    (settings.logs / "normalcy-20260101T000000.log").write_text(log)
    keys = [(settings.home / "session.key").read_text().strip()]
    application.close()

    found = bundle(environ, tmp_path / "bundle.zip")

    whole = "\n".join([*found, *found.values()])
    for word in (*WORDS, *digests, *keys):
        left = [form for form in forms(word) if form in whole]
        assert not left, f"{word!r} is in {[n for n, text in found.items() if left[0] in text]}"
    assert "[secret]" in found["runs.json"]
    assert "[person]" in found["runs.json"]
    assert "[secret] of [person]" in found["logs/normalcy-20260101T000000.log"]


def test_what_helps_is_in_it(environ: dict[str, str], tmp_path: Path) -> None:
    application = bootstrap(load(environ))
    fill(application)
    application.close()

    found = bundle(environ, tmp_path / "bundle.zip")

    assert json.loads(found["versions.json"])["libraries"]["numpy"]
    assert json.loads(found["schema.json"])["records"].isdigit()
    told = json.loads(found["settings.json"])
    assert told["settings"]["store"] == "influxdb://127.0.0.1:1/sensors"
    assert told["settings"]["web"]["token"] == "set"
    assert told["settings"]["store_credentials"] == ["username", "password", "token"]
    assert "NORMALCY_STORE_PASSWORD" in told["variables"]
    assert "FAIL source: answers" in found["check.txt"]
    assert "normalcy_records_up 1.0" in found["metrics.txt"]
    spec = json.loads(found["detectors.json"])["gas-room"]
    assert (spec["from"], spec["definition"]["measurement"]) == ("configuration", "air")
    (run,) = json.loads(found["runs.json"])
    assert (run["kind"], run["state"], run["cancelled_by"]) == ("retrain", "failed", "[person]")
    assert len(run["log"]) == 1
    (request,) = json.loads(found["requests.json"])
    assert (request["kind"], request["payload"]) == ("backfill", ["why"])
    assert json.loads(found["labels.json"]) == [
        {"detector": "gas-room", "kind": "normal", "labels": 1}
    ]
    assert "records.sqlite3" in found["files.txt"]


def test_it_is_made_while_the_records_are_away(environ: dict[str, str], tmp_path: Path) -> None:
    found = bundle({**environ, "NORMALCY_RECORDS_URL": POSTGRES}, tmp_path / "bundle.zip")

    assert found["runs.json"].startswith("This could not be read: The record store PostgreSQL")
    assert "normalcy_records_up 0.0" in found["metrics.txt"]
    records = json.loads(found["settings.json"])["settings"]["records"]
    assert records.startswith("postgresql://keeper:[secret]@127.0.0.1:1/normalcy")
    whole = "\n".join(found.values())
    for word in (*WORDS, "planted%20records"):
        assert not [form for form in forms(word) if form in whole], word


def test_while_nobody_can_say_which_words_are_names_no_message_is_taken_along(
    environ: dict[str, str], tmp_path: Path
) -> None:
    try:
        raise ValueError(NOBODY_KNOWS_HER)
    except ValueError:
        traceback_kept(tmp_path, traceback.format_exc())

    found = bundle({**environ, "NORMALCY_RECORDS_URL": POSTGRES}, tmp_path / "bundle.zip")

    assert "may stand in the other files" in found["names.txt"]
    kept = found["logs/normalcy-20260101T000000.log"].splitlines()
    assert "test_support_bundle.py" in kept[0]
    assert kept[-1] == "ValueError: …"
    assert "Zoë" not in "\n".join(found.values())


def traceback_kept(tmp_path: Path, text: str) -> None:
    logs = tmp_path / "home" / "logs"
    logs.mkdir(parents=True)
    (logs / "normalcy-20260101T000000.log").write_text(text)


def test_of_a_long_log_the_end_is_taken_and_no_half_of_a_secret(
    environ: dict[str, str], tmp_path: Path
) -> None:
    secret = SECRETS["NORMALCY_TOKEN"]
    lines = [f"{secret} {number:06d}" for number in range(20_000)]
    traceback_kept(tmp_path, "\n".join(lines))

    (log,) = [
        text
        for name, text in bundle(environ, tmp_path / "bundle.zip").items()
        if name.startswith("logs/")
    ]

    kept = log.splitlines()
    assert 1000 < len(kept) < 10_000
    assert {line.rpartition(" ")[0] for line in kept} == {"[secret]"}
    assert kept[-1].endswith("019999")


def test_it_is_made_of_what_is_left_of_an_installation(
    environ: dict[str, str], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "records.sqlite3").write_bytes(b"no database at all" * 1000)
    (home / "artifacts").write_text("this should be a folder")
    (home / "logs").write_text("and so should this")
    (home / os.fsdecode(b"\xe9t\xe9.txt")).touch()

    found = bundle(environ, tmp_path / "bundle.zip")

    assert "is damaged or not an SQLite database" in found["runs.json"]
    assert r"\udce9t\udce9.txt" in found["files.txt"]
    assert json.loads(found["settings.json"])["settings"]["store"]


def test_of_many_files_those_at_the_top_are_told(environ: dict[str, str], tmp_path: Path) -> None:
    deep = tmp_path / "home" / "artifacts" / "gas-room"
    deep.mkdir(parents=True)
    for number in range(support_bundle_run._FILES):
        (deep / f"{number}").touch()

    told = bundle(environ, tmp_path / "bundle.zip")["files.txt"].splitlines()

    assert len(told) == support_bundle_run._FILES + 1
    assert any(line.endswith(" records.sqlite3") for line in told)
    assert told[-1] == "… and more"


def test_half_a_file_is_not_left_behind(environ: dict[str, str], tmp_path: Path) -> None:
    """Where the disk is full, which a limit on the size of files stands for."""
    out = tmp_path / "bundle.zip"
    ended = subprocess.run(
        [sys.executable, "-m", "backend", "support-bundle", "--out", str(out)],
        env={**os.environ, **environ},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert ended.returncode == 1
    assert f"{out} cannot be written (File too large)" in ended.stderr
    assert not out.exists()


def test_only_its_owner_may_read_it(environ: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "bundle.zip"
    bundle(environ, out)

    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_a_file_that_is_there_is_left_alone(environ: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "bundle.zip"
    out.write_text("precious")

    result = run(Session(environ), "--out", str(out))

    assert result.exit_code == 1
    assert f"{out} is there already: choose another name by --out." in result.stderr
    assert out.read_text() == "precious"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_place_that_cannot_be_written_to(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)

    result = run(Session(environ), "--out", str(tmp_path / "closed" / "bundle.zip"))

    assert result.exit_code == 1
    assert "cannot be written (Permission denied)" in result.stderr
