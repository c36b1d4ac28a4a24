"""When two URLs name one database, and which of them brings the password."""

from pathlib import Path

import pytest

from backend.exceptions import ConfigurationError
from backend.settings import load, same_place, with_password


@pytest.mark.parametrize(
    ("url", "other"),
    [
        ("embedded:///var/x", "embedded:///var/x/"),
        ("embedded:///var/x", "embedded:///var/y/../x"),
        ("embedded:///var/a%20b", "embedded:///var/a b"),
        ("influxdb://h/db", "influxdb://h:8086/db/"),
        ("influxdb://Host/db", "INFLUXDB://hOST/db?version=2"),
        ("influxdb://localhost/db", "influxdb://127.0.0.1/db"),
        ("influxdb://localhost/db", "influxdb://[::1]:8086/db"),
        ("postgres://h/db", "postgresql+psycopg://ann:pw@h:5432/db?sslmode=require"),
        ("sqlite:////var/x.sqlite3", "sqlite:////var/./x.sqlite3"),
    ],
)
def test_one_place_may_be_spelled_in_many_ways(url: str, other: str) -> None:
    assert same_place(url, other)
    assert same_place(other, url)


@pytest.mark.parametrize(
    ("url", "other"),
    [
        ("embedded:///var/x", "embedded:///var/X"),
        ("embedded:///var/x", "influxdb://var/x"),
        ("influxdb://h/db", "influxdb://h/DB"),
        ("influxdb://h/db", "influxdb://h/db/raw"),
        ("influxdb://h/db", "influxdb://h:8087/db"),
        ("influxdb://h/db", "influxdb+https://h/db"),
        ("influxdb://h/db?org=a", "influxdb://h/db?org=b"),
        ("influxdb://h/a%2Fb", "influxdb://h/a/b"),
        ("sqlite:////var/x", "sqlite:///var/x"),
        ("postgresql://h/a", "postgresql://h/b"),
    ],
)
def test_other_places_are_told_apart(url: str, other: str) -> None:
    assert not same_place(url, other)
    assert not same_place(other, url)


def test_a_link_leads_to_the_same_place(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "store")

    assert same_place(f"embedded://{tmp_path}/store", f"embedded://{tmp_path}/link")


def test_a_known_url_of_the_same_database_and_user_brings_its_password() -> None:
    known = ["postgresql://bob:b@h/db", "postgres://ann:a@h:5432/db", "postgresql://ann:c@h/other"]

    assert with_password("postgresql://ann@h/db", known) == known[1]
    assert with_password("postgresql://h/db", known) == known[0]
    assert with_password("postgresql://eve@h/db", known) == "postgresql://eve@h/db"


def test_urls_for_copying_are_read_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("postgresql://ann:hunter2@h/new\n")
    environ = {
        "NORMALCY_HOME": str(tmp_path),
        "NORMALCY_COPY_TO_RECORDS_URL_FILE": str(tmp_path / "secret"),
    }

    settings = load(environ)

    assert settings.copy_records == (None, "postgresql://ann:hunter2@h/new")
    assert "hunter2" not in repr(settings)
    with pytest.raises(ConfigurationError, match="NORMALCY_COPY_FROM_RECORDS_URL: expected sqlite"):
        load(environ | {"NORMALCY_COPY_FROM_RECORDS_URL": "mysql://h/x"})
