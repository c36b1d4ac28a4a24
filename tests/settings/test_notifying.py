"""Who is told of alerts: the chat's address comes from the environment and never shows."""

from datetime import timedelta
from pathlib import Path

import pytest

from backend.exceptions import ConfigurationError
from backend.settings import load

URL = "https://hooks.slack.com/services/T0/B0/hunter2"


def configured(tmp_path: Path, text: str) -> dict[str, str]:
    file = tmp_path / "normalcy.yaml"
    file.write_text(text)
    return {"NORMALCY_CONFIG": str(file)}


def test_nobody_is_told_unless_configured(tmp_path: Path) -> None:
    notify = load({"NORMALCY_HOME": str(tmp_path)}).notify
    assert (notify.url, notify.kind, notify.links_expire) == (None, "plain", timedelta(days=7))


def test_everything_can_be_said(tmp_path: Path) -> None:
    environ = configured(tmp_path, "notify: {kind: slack, links_expire: 36h}")
    settings = load({**environ, "NORMALCY_NOTIFY_URL": URL})
    assert (settings.notify.url, settings.notify.kind) == (URL, "slack")
    assert settings.notify.links_expire == timedelta(hours=36)
    assert "hunter2" not in repr(settings)


def test_the_address_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{URL}\n")
    assert load({"NORMALCY_NOTIFY_URL_FILE": str(tmp_path / "secret")}).notify.url == URL


@pytest.mark.parametrize(
    "url",
    [
        "hooks.slack.com/hunter2",
        "ftp://x/hunter2",
        "https:///hunter2",
        "https://x:hunter2/",
        "https://x/hunter2 y",
    ],
)
def test_a_wrong_address_is_told_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match="NORMALCY_NOTIFY_URL: expected") as caught:
        load({"NORMALCY_NOTIFY_URL": url})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("notify: {kind: teams}", r"line 1, notify\.kind: expected 'plain' or 'slack'"),
        ("notify: {links_expire: 10s}", r"links_expire: expected 1m to 366d"),
        ("notify: {links_expire: soon}", r"links_expire: expected a duration"),
        ("notify: {url: https://x}", r"notify\.url: unknown key"),
    ],
)
def test_what_is_wrong_in_the_file_is_told_with_its_place(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        load(configured(tmp_path, text))
