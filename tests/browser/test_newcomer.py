"""A newcomer's path through the real service: from the first look to a version that serves."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import FOLDER
from tests.browser.plant import Plant, running_plant

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    with running_plant(tmp_path) as made:
        yield made


class Steps:
    """What a person did, and how long each step took from click to answer."""

    def __init__(self) -> None:
        self.done: list[tuple[str, float]] = []
        self._began = time.perf_counter()

    def end(self, name: str) -> None:
        now = time.perf_counter()
        self.done.append((name, round(now - self._began, 2)))
        self._began = now

    def write(self) -> None:
        """Beside the screenshots, where those are wanted."""
        if folder := os.environ.get(FOLDER):
            told = {"steps": self.done, "seconds": sum(seconds for _, seconds in self.done)}
            (Path(folder) / "newcomer.json").write_text(json.dumps(told, indent=1))


def test_from_the_first_look_to_a_version_that_serves(page: Page, plant: Plant, shot):
    steps = Steps()
    page.goto(plant.address)
    expect(page.get_by_role("link", name="hall").first).to_be_visible()
    steps.end("open the overview")

    page.get_by_role("link", name="hall").first.click()
    _drawn(page, "#chart")
    before = _thresholds(page)
    assert before
    steps.end("look at the detector")

    page.get_by_role("link", name="Labels", exact=True).click()
    page.wait_for_selector("#studio[data-ready=yes]")
    page.goto(_whole(page.url, plant))
    page.wait_for_selector("#studio[data-ready=yes]")
    _drawn(page, ".studio-chart")
    steps.end("open the label studio")

    _drag(page, 0.4, 0.9)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#told")).to_contain_text("Saved: normal")
    steps.end("mark a normal range by dragging")

    page.get_by_role("button", name="Train now").click()
    page.wait_for_url("**/work/**")
    expect(page.get_by_role("heading", name="Training of hall")).to_be_visible()
    steps.end("start a retrain")

    look = page.get_by_role("link", name="hall/2")
    expect(look).to_be_visible(timeout=90_000)
    shot(page, "work-done")
    steps.end("watch it to its end")

    look.click()
    expect(page.locator(".said")).to_contain_text("Version 2", timeout=90_000)
    page.wait_for_function("() => !document.getElementById('progress')")
    page.wait_for_load_state()  # of the page that took its place: only then does it ask
    shot(page, "review")
    steps.end("review what would change")

    page.get_by_role("button", name="Promote version 2").click()
    page.locator("#ask button[value=yes]").click()
    expect(page.locator(".flash")).to_contain_text("2")
    steps.end("let it serve")

    page.get_by_role("link", name="Charts", exact=True).click()
    _drawn(page, "#chart")
    page.wait_for_function(_MOVED, arg=before[-1], timeout=60_000)
    steps.end("see the threshold move")
    steps.write()
    assert [one["verdict"] for one in plant.ask("api/v1/detectors/hall/models")] == [
        "champion",
        "retired",
    ]


_MOVED = """async before => {
  const to = Date.now(), asked = `what=scores&from=${to - 600000}&to=${to}&maxDataPoints=500`;
  const answer = await fetch(`/api/v1/detectors/hall/chart?${asked}`);
  const [found] = (await answer.json()).tables;
  const last = found.columns.threshold.filter(x => x !== null).at(-1);
  return Math.abs(last - before) > 1e-6 * before;
}"""


def _drawn(page: Page, chart: str) -> None:
    page.wait_for_function(
        "chart => Number(document.querySelector(chart)?.dataset.drawn) > 0", arg=chart
    )


def _thresholds(page: Page) -> list[float]:
    found: list[float] = page.evaluate(
        "() => document.querySelector('#chart .plot').data.find(x => x.name === 'threshold')"
        ".y.filter(x => x !== null)"
    )
    return found


def _whole(url: str, plant: Plant) -> str:
    """The studio over all of the plant's past."""
    base = url.split("?", maxsplit=1)[0]
    return f"{base}?from={plant.start // 10**6}&to={plant.now // 10**6}"


def _drag(page: Page, start: float, stop: float) -> None:
    chart = page.locator(".studio-chart").first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    left, width = box["x"] + 65, box["width"] - 82
    y = box["y"] + box["height"] / 3
    page.mouse.move(left + width * start, y)
    page.mouse.down()
    page.mouse.move(left + width * stop, y, steps=5)
    page.mouse.up()
