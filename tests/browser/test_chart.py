"""Panning and zooming on a long series, in a real browser."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Page, Route

from backend.ports import Points
from backend.services.queries import Queries
from backend.stores.embedded.store import EmbeddedSeriesStore
from tests.web.worlds import MINUTE, NOW, World, make_world

pytestmark = pytest.mark.slow

ROWS = 200_000
FIRST = NOW - ROWS * MINUTE
PARTS = 3
"""Requests that one read of the detector's page makes."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Half a year of one room, a row a minute."""
    made = make_world()
    with closing(EmbeddedSeriesStore(tmp_path / "series")) as source:
        count = np.arange(ROWS)
        fields = {"temp": 20 + np.sin(count / 9_000), "NH3": 1 + count % 7 / 100}
        fields["temp"][123_456] = 99.0
        tags = {"site": "plant-1", "room": "R1"}
        source.write("air", [Points(tags, FIRST + MINUTE * count.astype(np.int64), fields)])
        made.queries = Queries(made.records, source, made.results, made.detectors, made.clock)
        made.records.set_watermarks("gas-room", {"room=R1": NOW})
        yield made


class Watched:
    """A page with its chart, and what it has asked the server."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.asked: list[tuple[int, int]] = []
        self.held: list[Route] | None = None
        page.clock.install()
        page.route("**/chart?*", self._pass)
        span = f"from={FIRST // 10**6}&to={NOW // 10**6}"
        page.goto(f"{address}detectors/gas-room?series=room%3DR1&{span}")
        self.drawn(1)

    def drawn(self, times: int) -> None:
        """Wait until what is seen was read so often."""
        self.page.wait_for_function(
            "times => document.getElementById('chart').dataset.drawn >= times", arg=times
        )

    def sides(self, times: int) -> None:
        """Wait until what lies beside was read and drawn so often."""
        self.page.wait_for_function(
            "times => document.getElementById('chart').dataset.sides >= times", arg=times
        )

    def hold(self) -> None:
        """Let answers wait from now on."""
        self.held = []

    def let_go(self) -> None:
        """Let the answers come."""
        held, self.held = self.held or [], None
        for route in held:
            route.continue_()

    def seen(self) -> dict[str, Any]:
        """The range of the axis, and of the temperature how many points are seen, and the peak."""
        found: dict[str, Any] = self.page.evaluate(
            """() => {
              const { data, layout } = document.querySelector('#chart .plot');
              const [from, to] = layout.xaxis.range;
              const { x, y } = data.find(line => line.name === 'temp');
              const inside = y.filter((_, row) => from <= x[row] && x[row] <= to);
              const top = layout.yaxis.range[1];
              return { from, to, points: inside.length, peak: Math.max(...inside), top };
            }"""
        )
        return found

    def _pass(self, route: Route) -> None:
        self.asked.append(span_of(route.request.url))
        if self.held is None:
            route.continue_()
        else:
            self.held.append(route)


def span_of(url: str) -> tuple[int, int]:
    """The range that an address asks for."""
    asked = parse_qs(urlsplit(url).query)
    return int(asked["from"][0]), int(asked["to"][0])


@pytest.fixture
def watched(page: Page, address: str) -> Watched:
    return Watched(page, address)


def across(page: Page, begin: float, end: float) -> None:
    """Drag over the chart between two shares of its width."""
    box = page.locator("#chart .nsewdrag").first.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * begin, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * end, middle, steps=4)
    page.mouse.up()


def test_a_zoom_shows_what_there_is_at_once_then_finer_data(watched: Watched) -> None:
    coarse = watched.seen()
    assert coarse["peak"] == 99.0
    watched.hold()
    across(watched.page, 0.60, 0.64)
    meanwhile = watched.seen()
    assert meanwhile["to"] - meanwhile["from"] < (coarse["to"] - coarse["from"]) / 20
    assert 0 < meanwhile["points"] < coarse["points"] / 10
    watched.let_go()
    watched.drawn(2)
    fine = watched.seen()
    assert fine["points"] > 5 * meanwhile["points"]
    assert (fine["from"], fine["peak"]) == (meanwhile["from"], 99.0)


def test_the_axis_follows_what_is_seen(watched: Watched) -> None:
    assert watched.seen()["top"] > 99
    across(watched.page, 0.1, 0.2)
    assert watched.seen()["top"] < 25


def test_a_pan_has_something_to_show_before_it_is_read(watched: Watched) -> None:
    watched.sides(1)
    across(watched.page, 0.40, 0.44)
    watched.drawn(2)
    watched.sides(2)
    watched.hold()
    before = watched.seen()
    watched.page.locator("#chart").focus()
    for _ in range(2):
        watched.page.keyboard.press("ArrowRight")
    there = watched.seen()
    assert there["from"] > before["from"]
    assert there["points"] > before["points"] / 2
    watched.let_go()


def test_the_way_back_asks_nothing(watched: Watched) -> None:
    watched.sides(1)
    first = watched.seen()
    across(watched.page, 0.30, 0.34)
    watched.drawn(2)
    watched.sides(2)
    zoomed = watched.seen()
    asked = len(watched.asked)
    assert asked == 2 * 3 * PARTS, "two views, each with its sides"
    watched.page.locator("#chart").focus()
    watched.page.keyboard.press("Home")
    assert watched.seen()["points"] == first["points"]
    watched.page.clock.fast_forward(5_000)
    watched.page.keyboard.press("Home")
    across(watched.page, 0.30, 0.34)
    again = watched.seen()
    watched.page.clock.fast_forward(5_000)
    assert again["points"] == pytest.approx(zoomed["points"], abs=2)
    assert len(watched.asked) == asked


def test_what_is_left_is_asked_for_no_more(watched: Watched) -> None:
    """Views on the way to another one are not waited for."""
    failed: list[str] = []
    watched.page.on("requestfailed", lambda request: failed.append(request.url))
    watched.sides(1)
    before = len(watched.asked)
    watched.hold()
    across(watched.page, 0.30, 0.34)
    watched.page.clock.fast_forward(200)
    across(watched.page, 0.30, 0.60)
    while not failed:
        watched.page.wait_for_event("requestfailed")
    assert span_of(failed[0]) == watched.asked[before], "what the first view asked for"
    watched.held = None
    watched.page.clock.fast_forward(200)
    watched.drawn(2)


def test_the_wheel_zooms_where_it_points(watched: Watched) -> None:
    page = watched.page
    before = watched.seen()
    box = page.locator("#chart .nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 20)
    page.mouse.wheel(0, -300)
    page.wait_for_function(
        "from => document.querySelector('#chart .plot').layout.xaxis.range[0] > from",
        arg=before["from"],
    )
    after = watched.seen()
    assert after["to"] - after["from"] < before["to"] - before["from"]
    assert after["from"] - before["from"] < before["to"] - after["to"]


def test_a_finger_moves_the_view(running: Any, address: str) -> None:
    context: BrowserContext = running.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    with closing(context):
        page = context.new_page()
        watched = Watched(page, address)
        watched.sides(1)
        page.locator("[data-act=in]").click()
        watched.drawn(2)
        before = watched.seen()
        page.locator("#chart").scroll_into_view_if_needed()
        box = page.locator("#chart .nsewdrag").first.bounding_box()
        assert box is not None
        touch = context.new_cdp_session(page)
        left, y = box["x"] + box["width"] * 0.3, box["y"] + box["height"] / 2
        for kind, x in (("Start", left), ("Move", left + 40), ("Move", left + 120)):
            points = [{"x": x, "y": y}]
            touch.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        page.wait_for_function(
            "from => document.querySelector('#chart .plot').layout.xaxis.range[0] < from",
            arg=before["from"],
        )
        after = watched.seen()
        assert after["to"] - after["from"] == pytest.approx(before["to"] - before["from"], rel=1e-6)
