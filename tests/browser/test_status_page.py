"""The pages as a real browser shows them."""

import numpy as np
import pytest
from playwright.sync_api import Page

from backend.ports import Points
from tests.browser.conftest import LONG, pixels
from tests.web.worlds import NOW, World, add_version, make_world, write_event, write_scores

pytestmark = pytest.mark.slow


@pytest.fixture
def world() -> World:
    made = make_world()
    write_scores(made, "R1")
    write_event(made, "R1")
    add_version(made)
    made.records.set_watermarks("gas-room", {"room=R1": NOW})
    made.source.write(LONG, [Points({LONG: LONG}, np.array([NOW]), {LONG: np.ones(1)})])
    return made


def test_a_browser_shows_every_detector_with_its_state(page: Page, address: str):
    page.goto(address)
    text = page.content()
    assert "gas-room" in text
    assert "<h2" in text
    assert "Trained" in text


@pytest.mark.parametrize("path", ["", "catalogue", f"catalogue?measurement={LONG}"])
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (360, 740)])
def test_a_page_fills_a_screen_of_any_size_without_running_off_it(
    page: Page, address: str, width: int, height: int, path: str
):
    page.set_viewport_size({"width": width, "height": height})
    page.goto(address + path)
    seen = pixels(page)
    assert seen.shape == (height, width)
    assert seen.std() > 5  # something is drawn
    margin = seen[:, -8:]
    assert (margin.max(axis=1) == margin.min(axis=1)).all()  # nothing is cut off at the right
