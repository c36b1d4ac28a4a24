"""Every dashboard as a real browser draws it, at the width of a screen and of a phone."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.integration.grafana.plants import ROOM
from tests.integration.grafana.stage import Stage
from tests.servers.grafana import user_and_password

pytestmark = [pytest.mark.grafana, pytest.mark.slow, pytest.mark.timeout(400)]

# Nothing more was fetched for a while, and nothing spins any more.
SETTLED = """\
(() => {
  const count = performance.getEntriesByType("resource").length;
  const seen = (window.__seen ||= { count: -1, since: 0 });
  if (seen.count !== count) { seen.count = count; seen.since = performance.now(); }
  const busy = document.querySelector(".panel-loading, [aria-label='Panel loading bar']");
  const drawn = document.querySelector("[data-panelid], [data-testid^='data-testid Panel header']");
  return drawn && !busy && performance.now() - seen.since > 2500;
})()
"""
FAILED = """\
[...document.querySelectorAll(
  ".panel-info-corner--error, [data-testid='data-testid Panel status error']"
)].map((corner) => (corner.closest("[data-panelid], section") || corner).innerText)
"""
TITLED = "titles => titles.every((title) => document.body.innerText.includes(title))"
TALL = "Math.max(...[...document.querySelectorAll('.react-grid-layout')].map(e => e.scrollHeight))"
SIGN_IN = """\
([address, body]) => fetch(address, {
  method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
}).then((answer) => answer.status)
"""
WAIT_MS = 120_000


@pytest.fixture(scope="module")
def page(running: Browser) -> Iterator[Page]:
    with closing(running.new_context(viewport={"width": 1280, "height": 900})) as context:
        context.set_default_timeout(WAIT_MS)
        yield context.new_page()


@pytest.fixture(scope="module")
def complaints(page: Page) -> list[str]:
    """What scripts raised and what the browser logged; not what Grafana tells its own console."""
    found: list[str] = []

    def logged(told: dict[str, Any]) -> None:
        entry = told["entry"]
        if entry["level"] == "error":
            found.append(f"{entry['text']} {entry.get('url', '')}")

    session = page.context.new_cdp_session(page)
    session.on("Log.entryAdded", logged)
    session.send("Log.enable")
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


@pytest.fixture(scope="module")
def signed_in(page: Page, stage: Stage) -> Page:
    """Somebody who looks at the dashboards, and a plant in which there is something to see."""
    user, password = user_and_password()
    address = f"{stage.grafana.url}/login"
    page.goto(address)
    assert page.evaluate(SIGN_IN, [address, {"user": user, "password": password}]) == 200
    stage.plant.alarm(True, room=ROOM)
    return page


def look(page: Page, address: str, width: int, titles: list[str]) -> str:
    """Open a dashboard, wait until everything is drawn, and give the words that are seen."""
    # Panels are drawn only when they come into sight.
    page.set_viewport_size({"width": width, "height": 6000})
    page.goto(address)
    page.wait_for_function(TITLED, arg=titles)
    page.wait_for_function(SETTLED)
    page.set_viewport_size({"width": width, "height": int(page.evaluate(TALL)) + 300})
    return page.locator("body").inner_text()


@pytest.mark.parametrize("width", [1280, 400])
def test_every_dashboard_is_drawn(
    signed_in: Page,
    complaints: list[str],
    stage: Stage,
    pictures: Path,
    width: int,
    request: pytest.FixtureRequest,
) -> None:
    version = request.node.callspec.params["stage"]
    for dashboard in stage.dashboards():
        complaints.clear()
        where = f"{dashboard['title']} at {width}"

        titles = [panel["title"] for panel in dashboard["panels"] if "repeat" not in panel]
        address = f"{stage.grafana.url}/d/{dashboard['uid']}?from=now-3h&to=now"
        words = look(signed_in, address, width, titles)

        name = f"{version}-{dashboard['uid']}-{width}.png"
        signed_in.screenshot(path=pictures / name)
        # Where there is no internet Grafana's own news are missed, which is no matter of ours.
        assert [text for text in complaints if "//grafana.com/" not in text] == [], where
        assert signed_in.evaluate(FAILED) == [], where
        assert "No data" not in words, where


def test_a_region_that_is_drawn_by_hand_is_offered(signed_in: Page, stage: Stage) -> None:
    """The built-in query is on: without it Ctrl and drag offers nothing."""
    for dashboard in stage.dashboards():
        built_in = [note for note in dashboard["annotations"]["list"] if note.get("builtIn")]
        assert [note["enable"] for note in built_in] == [True]
