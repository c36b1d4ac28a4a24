"""The units for systemd: what they run, what they may, and that systemd understands them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from backend.cli.processes import GRACE_S, TO_START_S
from backend.cli.up import SILENT_JOBS_S, SILENT_WEB_S

UNITS = Path(__file__).parents[1] / "packaging" / "systemd"
NAMES = {"normalcy": "up", "normalcy-web": "web", "normalcy-jobs": "jobs"}


def settings(name: str) -> dict[str, str]:
    """The keys of a unit that are set once."""
    lines = (UNITS / f"{name}.service").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if re.match(r"[A-Z]\w+=", line))


def test_each_way_to_run_it_has_its_unit() -> None:
    assert {file.stem for file in UNITS.glob("*.service")} == set(NAMES)
    for name, command in NAMES.items():
        assert settings(name)["ExecStart"] == f"/opt/normalcy/bin/normalcy {command}"


@pytest.mark.parametrize("name", NAMES)
def test_one_that_hangs_is_ended_and_a_wrong_configuration_is_not_tried_again(name: str) -> None:
    unit = settings(name)

    assert unit["Type"] == "notify"
    assert (
        float(unit["WatchdogSec"])
        == {
            "normalcy": 60.0,
            "normalcy-web": SILENT_WEB_S,
            "normalcy-jobs": SILENT_JOBS_S,
        }[name]
    )
    assert unit["Restart"] == "on-failure"
    assert unit["RestartPreventExitStatus"] == "2"
    assert float(unit["TimeoutStopSec"]) > 2 * GRACE_S
    assert float(unit["TimeoutStartSec"]) > TO_START_S


@pytest.mark.parametrize("name", NAMES)
def test_a_worker_that_the_kernel_ends_takes_no_service_with_it(name: str) -> None:
    """Systemd would stop the whole service for it, were it not told otherwise."""
    assert settings(name)["OOMPolicy"] == "continue"
    assert settings(name)["MemoryMax"].endswith("%")


@pytest.mark.parametrize("name", NAMES)
def test_it_writes_to_its_own_folder_only(name: str) -> None:
    unit = settings(name)

    assert unit["User"] == unit["StateDirectory"] == "normalcy"
    assert unit["ProtectSystem"] == "strict"
    for key in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices"):
        assert unit[key] == "yes"
    assert unit["CapabilityBoundingSet"] == ""


def test_all_are_locked_in_alike() -> None:
    texts = [(UNITS / f"{name}.service").read_text() for name in NAMES]

    assert len({text.partition("# What it may reach")[2] for text in texts}) == 1


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_understands_them(tmp_path: Path) -> None:
    for name in NAMES:
        text = (UNITS / f"{name}.service").read_text()
        # It wants to find the program, which here is installed elsewhere.
        text = text.replace("/opt/normalcy/bin/normalcy", "/bin/true")
        (tmp_path / f"{name}.service").write_text(text)

    files = [str(tmp_path / f"{name}.service") for name in NAMES]
    found = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *files],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (found.returncode, found.stderr) == (0, "")
