"""The image and the Compose file, as far as they can be judged without a container engine."""

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from backend.bootstrap import bootstrap
from backend.demo.gas_room import GasRoom, latest_start
from backend.settings import load

ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
OURS = {n: s for n, s in COMPOSE["services"].items() if s["image"] == "normalcy"}
NOW = 1_700_000_000_000_000_000
WEEK = 7 * 86_400_000_000_000


@pytest.fixture
def sensors() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sensors", ROOT / "docker/sensors.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_service_keeps_its_data_and_comes_back() -> None:
    mounted = {mount.split(":")[0] for s in COMPOSE["services"].values() for mount in s["volumes"]}

    assert set(COMPOSE["volumes"]) <= mounted
    assert {s["restart"] for s in COMPOSE["services"].values()} == {"unless-stopped"}


def test_what_is_mounted_from_the_repository_is_there() -> None:
    for service in COMPOSE["services"].values():
        for mount in service["volumes"]:
            source = mount.split(":")[0]
            assert source in COMPOSE["volumes"] or (ROOT / source).exists(), source


def test_every_port_is_published_on_this_machine_only() -> None:
    ports = [port for s in COMPOSE["services"].values() for port in s.get("ports", [])]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_nothing_of_ours_starts_without_a_token() -> None:
    tokens = {service["environment"]["NORMALCY_TOKEN"] for service in OURS.values()}

    assert len(tokens) == 1
    assert tokens.pop().startswith("${NORMALCY_TOKEN:?")


def test_no_image_is_taken_as_it_happens_to_be() -> None:
    images = [s["image"] for s in COMPOSE["services"].values() if s["image"] != "normalcy"]

    assert all(re.search(r":\d+\.\d+", image) for image in images)


def test_its_detector_watches_what_the_simulation_reports() -> None:
    settings = load({"NORMALCY_CONFIG": str(ROOT / "docker/normalcy.yaml")})
    ours, simulated = settings.detectors["gas-room"], GasRoom(latest_start(NOW)).spec

    for key in ("measurement", "channels", "group_by", "every", "write_contributions"):
        assert getattr(ours, key) == getattr(simulated, key), key


def test_grafana_reads_where_normalcy_writes() -> None:
    settings = load({"NORMALCY_CONFIG": str(ROOT / "docker/normalcy.yaml")})
    file = ROOT / "grafana_dashboards/provisioning/datasources/normalcy.yaml"
    sources = {s["uid"]: s for s in yaml.safe_load(file.read_text())["datasources"]}

    for uid, url in (("normalcy_results", settings.results), ("normalcy_sensors", settings.store)):
        source = sources[uid]
        assert url == source["url"].replace("http:", "influxdb:") + "/" + source["database"]
    assert COMPOSE["services"]["influxdb"]["environment"]["INFLUXDB_DB"] == "sensors"


def test_grafana_is_given_every_variable_that_its_files_name() -> None:
    provisioning = ROOT / "grafana_dashboards/provisioning"
    text = (provisioning / "datasources/normalcy.yaml").read_text()
    named = set(re.findall(r"\$(NORMALCY_[A-Z_]+)", text))

    assert named
    assert named <= set(COMPOSE["services"]["grafana"]["environment"])


def test_grafana_opens_with_a_dashboard_that_is_there() -> None:
    grafana = COMPOSE["services"]["grafana"]
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    mounts = dict(mount.split(":")[1::-1] for mount in grafana["volumes"])
    folder, _, name = home.rpartition("/")

    assert (ROOT / mounts[folder] / name).is_file()


def test_grafana_gets_the_plugin_that_its_datasources_need() -> None:
    file = ROOT / "grafana_dashboards/provisioning/datasources/normalcy.yaml"
    kinds = {s["type"] for s in yaml.safe_load(file.read_text())["datasources"]} - {"influxdb"}
    wanted = COMPOSE["services"]["grafana"]["environment"]["GF_INSTALL_PLUGINS"].split(",")

    assert kinds == {one.split()[0] for one in wanted}


def test_the_jobs_read_labels_from_the_grafana_that_is_started() -> None:
    settings = load(
        {
            "NORMALCY_CONFIG": str(ROOT / "docker/normalcy.yaml"),
            "NORMALCY_GRAFANA_USERNAME": "admin",
            "NORMALCY_GRAFANA_PASSWORD": "admin",
        }
    )
    names = set(COMPOSE["services"])

    assert settings.grafana.url == "http://grafana:3000"
    assert settings.grafana.normalcy_url == "http://web:8087"
    assert {"grafana", "web"} <= names
    for name in ("NORMALCY_GRAFANA_USERNAME", "NORMALCY_GRAFANA_PASSWORD"):
        assert OURS["jobs"]["environment"][name]


def test_dashboards_are_mounted_where_they_are_looked_for() -> None:
    file = ROOT / "grafana_dashboards/provisioning/dashboards/normalcy.yaml"
    (provider,) = yaml.safe_load(file.read_text())["providers"]
    mounts = [mount.split(":") for mount in COMPOSE["services"]["grafana"]["volumes"]]

    assert provider["options"]["path"] in [mount[1] for mount in mounts]


def test_the_image_holds_what_the_wheel_is_made_of() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    kept = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    copied = {
        name
        for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE)
        for name in line.split()[:-1]
    }

    assert copied <= kept
    assert {"backend", "jobs", "grafana_dashboards", "requirements.lock"} <= copied
    assert all((ROOT / name).exists() for name in copied)


def test_the_image_runs_as_nobody_special() -> None:
    last = (ROOT / "Dockerfile").read_text().split("\nFROM ")[-1]

    assert "\nUSER normalcy\n" in last
    assert "\nHEALTHCHECK " in last


def test_each_part_is_asked_whether_it_gets_on() -> None:
    last = (ROOT / "Dockerfile").read_text().split("\nFROM ")[-1]
    asked = {name: OURS[name]["healthcheck"] for name in ("web", "jobs")}

    assert 'CMD ["normalcy", "healthy"]' in last
    for name, check in asked.items():
        assert check["test"] == ["CMD", "normalcy", "healthy", name]
        assert OURS[name]["command"] == [name]


def test_the_tool_that_installs_has_one_version() -> None:
    in_image = re.findall(r"uv==([\d.]+)", (ROOT / "Dockerfile").read_text())
    in_makefile = re.findall(r"UV_VERSION := ([\d.]+)", (ROOT / "Makefile").read_text())

    assert in_image == in_makefile
    assert len(in_image) == 1


def test_simulated_sensors_report_and_are_labeled_once(sensors: ModuleType, tmp_path: Path) -> None:
    environ = {
        "NORMALCY_CONFIG": str(ROOT / "docker/normalcy.yaml"),
        "NORMALCY_HOME": str(tmp_path),
        "NORMALCY_STORE": f"embedded://{tmp_path}/sensors",
        "NORMALCY_RESULTS": f"embedded://{tmp_path}/results",
    }
    application = bootstrap(load(environ))
    room = GasRoom(sensors.started(tmp_path, NOW))
    again = GasRoom(sensors.started(tmp_path, NOW + 3 * WEEK))

    end = sensors.report(application, room, room.start, room.start + WEEK + WEEK // 2)
    sensors.label(application, room)
    sensors.label(application, room)

    (label,) = application.labelling.list("gas-room")
    fields = application.source.fields("air")
    application.close()
    assert again == room
    assert end == room.start + WEEK + WEEK // 2
    assert set(fields) == set(room.spec.channels)
    assert (label.start, label.stop) == (room.start, room.trained)


def test_the_image_has_every_extra_so_that_it_serves_for_a_cluster_too() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    installed = re.search(r'"\.\[([a-z,]+)\]"', (ROOT / "Dockerfile").read_text())

    assert installed is not None
    assert set(installed[1].split(",")) == set(extras)
