"""How processes log, which secrets there are, and settings as they may be shown."""

import json
from pathlib import Path
from typing import Any

import pytest

from backend.exceptions import ConfigurationError
from backend.settings import Settings, load, log_form
from backend.settings.log_lines import parts_of_secret
from backend.settings.showing import shown, variables

WEBHOOK = "https://chat.example.com/hooks/T0/planted-key-of-a-hook?planted=query"


def settings(tmp_path: Path, **environ: str) -> Settings:
    named = {f"NORMALCY_{name}": value for name, value in environ.items()}
    return load({"NORMALCY_HOME": str(tmp_path), "NORMALCY_CONFIG": _empty(tmp_path), **named})


def _empty(tmp_path: Path) -> str:
    config = tmp_path / "normalcy.yaml"
    config.write_text("detectors: {}\n")
    return str(config)


@pytest.mark.parametrize(("given", "form"), [("", "text"), ("text", "text"), ("json", "json")])
def test_the_form_of_log_lines(tmp_path: Path, given: str, form: str) -> None:
    assert settings(tmp_path, LOG_FORMAT=given).log_form == form
    assert log_form({"NORMALCY_LOG_FORMAT": given}) == form


def test_another_form_is_a_mistake_that_is_told_in_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings(tmp_path, LOG_FORMAT="xml")
    assert "NORMALCY_LOG_FORMAT: expected text or json, got 'xml'" in str(caught.value)
    assert log_form({"NORMALCY_LOG_FORMAT": "xml"}) == "text"


def test_every_secret_that_is_read_is_known(tmp_path: Path) -> None:
    held = tmp_path / "secret"
    held.write_text("planted-in-a-file\n")
    found = settings(
        tmp_path,
        TOKEN="planted-token",
        GRAFANA_TOKEN_FILE=str(held),
        STORE="influxdb://localhost:8086/sensors",
        STORE_USERNAME="reader",
        STORE_PASSWORD="planted-password",
        RECORDS_URL="postgresql://keeper:planted%20word@db/normalcy_of_the_plant",
        NOTIFY_URL=WEBHOOK,
    ).secrets
    expected = {"planted-token", "planted-in-a-file", "planted-password"}
    expected |= {"planted word", "planted%20word", WEBHOOK, "planted-key-of-a-hook"}
    assert expected <= found
    # names of databases, servers and their users stand in messages
    named = {"normalcy_of_the_plant", "db", "keeper", "reader", "chat.example.com", "hooks"}
    assert not named & found


@pytest.mark.parametrize(
    "url", ["sqlite:////srv/records.sqlite3", "postgresql+psycopg://keeper@db/normalcy"]
)
def test_an_address_without_a_password_is_no_secret(tmp_path: Path, url: str) -> None:
    found = settings(tmp_path, RECORDS_URL=url)
    assert not found.secrets
    assert shown(found)["records"] == url


def test_a_password_behind_the_question_mark_is_one_by_itself() -> None:
    url = "postgresql://db/normalcy?user=keeper&password=planted%20word&sslpassword=planted-too"
    assert list(parts_of_secret(url)) == [url, "planted word", "planted-too"]


def test_a_secret_that_is_no_address_is_itself_alone() -> None:
    assert list(parts_of_secret("https://[broken")) == ["https://[broken"]
    assert list(parts_of_secret("a:b@c")) == ["a:b@c"]


def test_secrets_show_in_no_repr(tmp_path: Path) -> None:
    found = settings(tmp_path, TOKEN="planted-token", NOTIFY_URL=WEBHOOK)
    assert "planted" not in repr(found)


@pytest.mark.parametrize(
    ("environ", "path", "value"),
    [
        ({"TOKEN": "planted-token"}, ("web", "token"), "set"),
        ({}, ("web", "token"), None),
        ({}, ("copy_records",), None),
        ({"NOTIFY_URL": WEBHOOK}, ("notify", "url"), "set"),
        ({"STORE_TOKEN": "planted-token"}, ("store_credentials",), ["token"]),
        (
            {"RECORDS_URL": "postgresql://keeper:planted-word@db/normalcy?password=planted"},
            ("records",),
            "postgresql://keeper:[secret]@db/normalcy",
        ),
        ({"LOG_FORMAT": "json"}, ("log_form",), "json"),
    ],
)
def test_what_is_shown(
    tmp_path: Path, environ: dict[str, str], path: tuple[str, ...], value: Any
) -> None:
    found: Any = shown(settings(tmp_path, **environ))
    assert "planted" not in json.dumps(found)
    for name in path:
        found = found[name]
    assert found == value


def test_only_variables_that_are_set_for_normalcy_are_named() -> None:
    environ = {"NORMALCY_TOKEN": "planted", "NORMALCY_URL": "", "PATH": "/bin"}
    assert variables(environ) == ["NORMALCY_TOKEN"]
