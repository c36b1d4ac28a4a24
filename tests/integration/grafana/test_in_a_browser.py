"""Every dashboard as a real browser draws it, at the width of a screen and of a phone."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.driving import Browser
from tests.browser.test_status_page import chromium  # noqa: F401 - a fixture
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
TEXT = "document.body.innerText"
TALL = "Math.max(...[...document.querySelectorAll('.react-grid-layout')].map(e => e.scrollHeight))"


@pytest.fixture(scope="module")
def browser(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:  # noqa: F811
    with Browser(chromium, tmp_path_factory.mktemp("profile")) as one:
        yield one


@pytest.fixture(scope="module")
def signed_in(browser: Browser, stage: Stage) -> Browser:
    """Somebody who looks at the dashboards, and a plant in which there is something to see."""
    user, password = user_and_password()
    browser.size(1280, 900)
    browser.open(f"{stage.grafana.url}/login")
    sent = {
        "method": "POST",
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps({"user": user, "password": password}),
    }
    address = json.dumps(f"{stage.grafana.url}/login")
    entered = browser.run(f"fetch({address}, {json.dumps(sent)}).then((answer) => answer.status)")
    assert entered == 200
    stage.plant.alarm(True, room=ROOM)
    return browser


def look(browser: Browser, address: str, width: int, titles: list[str]) -> str:
    """Open a dashboard, wait until everything is drawn, and give the words that are seen."""
    # Panels are drawn only when they come into sight.
    browser.size(width, 6000)
    browser.open(address)
    browser.until(f"{json.dumps(titles)}.every((title) => {TEXT}.includes(title))")
    browser.until(SETTLED)
    browser.size(width, int(browser.run(TALL)) + 300)
    return str(browser.run(TEXT))


@pytest.mark.parametrize("width", [1280, 400])
def test_every_dashboard_is_drawn(
    signed_in: Browser, stage: Stage, pictures: Path, width: int, request: pytest.FixtureRequest
) -> None:
    version = request.node.callspec.params["stage"]
    for dashboard in stage.dashboards():
        signed_in.complaints.clear()
        where = f"{dashboard['title']} at {width}"

        titles = [panel["title"] for panel in dashboard["panels"] if "repeat" not in panel]
        address = f"{stage.grafana.url}/d/{dashboard['uid']}?from=now-3h&to=now"
        words = look(signed_in, address, width, titles)

        name = f"{version}-{dashboard['uid']}-{width}.png"
        (pictures / name).write_bytes(signed_in.screenshot())
        # Where there is no internet Grafana's own news are missed, which is no matter of ours.
        assert [text for text in signed_in.complaints if "//grafana.com/" not in text] == [], where
        assert signed_in.run(FAILED) == [], where
        assert "No data" not in words, where


def test_a_region_that_is_drawn_by_hand_is_offered(signed_in: Browser, stage: Stage) -> None:
    """The built-in query is on: without it Ctrl and drag offers nothing."""
    for dashboard in stage.dashboards():
        built_in = [note for note in dashboard["annotations"]["list"] if note.get("builtIn")]
        assert [note["enable"] for note in built_in] == [True]
