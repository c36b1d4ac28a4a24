"""The pages as a real browser shows them."""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from werkzeug.serving import make_server

from backend.ports import Points
from backend.web import create_app
from tests.web.worlds import NOW, World, add_version, make_world, write_event, write_scores

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

LONG = "a_name_without_a_break_" * 5

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--hide-scrollbars",
)


@pytest.fixture(scope="module")
def chromium() -> str:
    """Path of the browser; skips where it is not installed, fails there if CI=true."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        message = "chromium is not installed: no page was looked at in a real browser"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return program


@pytest.fixture
def world() -> World:
    made = make_world()
    write_scores(made, "R1")
    write_event(made, "R1")
    add_version(made)
    made.records.set_watermarks("gas-room", {"room=R1": NOW})
    made.source.write(LONG, [Points({LONG: LONG}, np.array([NOW]), {LONG: np.ones(1)})])
    return made


@pytest.fixture
def address(world: World) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, create_app(world), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def browse(program: str, profile: Path, *arguments: str) -> str:
    """Run the browser once and return what it printed."""
    command = [program, *FLAGS, f"--user-data-dir={profile}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def test_a_browser_shows_every_detector_with_its_state(chromium, address, tmp_path):
    page = browse(chromium, tmp_path, "--dump-dom", address)
    assert "gas-room" in page
    assert "<h2" in page
    assert "Trained" in page


@pytest.mark.parametrize("page", ["", "catalogue", f"catalogue?measurement={LONG}"])
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (360, 740)])
def test_a_page_fills_a_screen_of_any_size_without_running_off_it(
    chromium, address, tmp_path, width, height, page
):
    path = tmp_path / "page.png"
    size = f"--window-size={width},{height}"
    browse(chromium, tmp_path, size, f"--screenshot={path}", address + page)
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("L"), dtype=np.int64)
    assert pixels.shape == (height, width)
    assert pixels.std() > 5  # something is drawn
    margin = pixels[:, -8:]
    assert (margin.max(axis=1) == margin.min(axis=1)).all()  # nothing is cut off at the right
