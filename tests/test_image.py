"""The image itself, where there is a container engine; what can be judged without is elsewhere."""

import shutil
import subprocess
from pathlib import Path

import pytest

from backend import __version__

ROOT = Path(__file__).parents[1]
TAG = "normalcy-under-test"


def engine() -> str:
    """A container engine that answers; without one the test is skipped, and says so."""
    for name in ("docker", "podman"):
        if (
            shutil.which(name)
            and subprocess.run([name, "info"], check=False, capture_output=True).returncode == 0
        ):
            return name
    pytest.skip("no container engine answers here: the image is not built, its file is checked")


@pytest.mark.timeout(1800)
def test_the_image_is_built_and_runs() -> None:
    name = engine()
    subprocess.run([name, "build", "--tag", TAG, str(ROOT)], check=True, timeout=1700)
    ran = subprocess.run(
        [name, "run", "--rm", TAG, "--version"], check=True, capture_output=True, text=True
    )
    assert ran.stdout.strip() == f"normalcy {__version__}"
