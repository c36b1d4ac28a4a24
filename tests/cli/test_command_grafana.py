"""`normalcy grafana`: as an operator calls it."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from backend.cli import cli
from backend.cli.session import Session
from tests.servers.made_in_grafana import MadeInGrafana, served

CONFIGURATION = """
store: influxdb://influxdb:8086/sensors
web: {url: "https://normalcy.example"}
grafana: {store_url: "http://db:8086"}
detectors:
  gas-room: {measurement: air, channels: [temp], group_by: [room], every: 10m}
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    file = tmp_path / "normalcy.yaml"
    file.write_text(CONFIGURATION)
    return {"NORMALCY_CONFIG": str(file), "NORMALCY_HOME": str(tmp_path / "home")}


def run(environ: dict[str, str], *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["grafana", *arguments], obj=Session(environ))


def test_the_files_are_listed_with_what_became_of_them(
    environ: dict[str, str], tmp_path: Path
) -> None:
    out = str(tmp_path / "out")

    first = run(environ, "provision", "--out", out)
    again = run(environ, "provision", "--out", out, "--json")

    assert first.exit_code == 0
    assert f"written  {out}/dashboards/normalcy-overview.json" in first.stdout
    assert {one["what"] for one in json.loads(again.stdout)} == {"unchanged"}


def test_the_version_decides_on_the_plugin(environ: dict[str, str], tmp_path: Path) -> None:
    kinds = {}
    for version in ("9.3", "12.1.0"):
        out = tmp_path / version
        assert run(environ, "provision", "--out", str(out), "--for", version).exit_code == 0
        document = yaml.safe_load((out / "provisioning/datasources/normalcy.yaml").read_text())
        kinds[version] = {one["type"] for one in document["datasources"]} - {"influxdb"}

    assert kinds == {
        "9.3": {"simpod-json-datasource"},
        "12.1.0": {"yesoreyeram-infinity-datasource"},
    }


def test_secrets_stay_in_the_environment(environ: dict[str, str], tmp_path: Path) -> None:
    secret = {
        "NORMALCY_STORE_TOKEN": "hush-store",
        "NORMALCY_RESULTS_USERNAME": "hush-user",
        "NORMALCY_RESULTS_PASSWORD": "hush-password",
        "NORMALCY_TOKEN": "hush-own",
    }

    assert run({**environ, **secret}, "provision", "--out", str(tmp_path / "out")).exit_code == 0

    texts = [p.read_text() for p in (tmp_path / "out").rglob("*.*") if p.is_file()]
    assert not any("hush" in text for text in texts)
    (sources,) = [text for text in texts if "secureJsonData" in text]
    for name in ("STORE_TOKEN", "RESULTS_USERNAME", "RESULTS_PASSWORD", "TOKEN"):
        assert f"$NORMALCY_{name}" in sources


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("provision",), "--out"),
        (("provision", "--out", "x", "--for", "8.5"), "expected 9.3 or newer"),
        (("provision", "--out", "x", "--for", "new"), "expected a version"),
    ],
)
def test_wrong_usage_is_told(
    environ: dict[str, str], arguments: tuple[str, ...], told: str
) -> None:
    done = run(environ, *arguments)

    assert done.exit_code == 2
    assert told in done.stderr


def test_without_a_grafana_it_is_told_what_to_set(environ: dict[str, str]) -> None:
    done = run(environ, "sync")

    assert done.exit_code == 2
    assert "NORMALCY_GRAFANA_URL" in done.stderr


def test_a_grafana_is_filled_and_then_left(environ: dict[str, str]) -> None:
    with served(MadeInGrafana()) as url:
        filled = {**environ, "NORMALCY_GRAFANA_URL": url, "NORMALCY_GRAFANA_TOKEN": "x"}
        first, again = run(filled, "sync"), run(filled, "sync")
        as_json = run(filled, "sync", "--json")

    assert first.exit_code == again.exit_code == 0
    assert "created  rule        normalcy-alarm-gas-room" in first.stdout
    assert "everything is there already" in again.stdout
    assert {one["what"] for one in json.loads(as_json.stdout)} == {"unchanged"}


def test_a_grafana_that_is_not_there_is_told(environ: dict[str, str]) -> None:
    done = run({**environ, "NORMALCY_GRAFANA_URL": "http://127.0.0.1:9"}, "sync")

    assert done.exit_code == 1
    assert "does not answer" in done.stderr
    assert "Traceback" not in done.stderr
