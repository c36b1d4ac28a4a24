"""Pages in a real browser, a server over the web's own world, an eye for barriers."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect
from werkzeug.serving import make_server

from backend.web import create_app
from tests.browser.slowness import late, slow_scripts
from tests.web.worlds import World, two_rooms, write_event

FOLDER = "SCREENSHOTS"
"""The environment variable that names where screenshots go; none are made without it."""

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
LONG = "a_name_without_a_break_" * 5
_TELLING = ("serious", "critical")
_WAITS_MS = 20_000

expect.set_options(timeout=_WAITS_MS)


@pytest.fixture
def context(running: Browser) -> Iterator[BrowserContext]:
    """A window of its own: no cookies of another test."""
    made = running.new_context(viewport=WIDE, timezone_id="Europe/Berlin", locale="en-GB")
    made.set_default_timeout(_WAITS_MS)
    slow_scripts(made)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page; at the end nothing may have been complained of in its console."""
    made = context.new_page()
    complaints = listen(made)
    yield made
    assert complaints == []


def listen(page: Page) -> list[str]:
    """Errors that the page's scripts raise, as they come."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda said: (
            complaints.append(said.text)
            if said.type == "error" and "Failed to load resource" not in said.text
            else None
        ),
    )
    return complaints


def pixels(page: Page) -> np.ndarray:
    """What the window shows, in grey from 0 to 255: height by width."""
    with Image.open(BytesIO(page.screenshot())) as picture:
        return np.asarray(picture.convert("L"), dtype=np.int64)


@pytest.fixture
def plain_page(running: Browser) -> Iterator[Page]:
    """A page without scripts."""
    context = running.new_context(viewport=WIDE, java_script_enabled=False)
    slow_scripts(context)
    yield context.new_page()
    context.close()


@contextmanager
def leaving(page: Page) -> Iterator[None]:
    """What is done in it leads to another page; that one has come whole at its end."""
    with page.expect_navigation(wait_until="load"):
        yield


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """A real server on loopback; gives its address, ending in a slash."""
    server = make_server("127.0.0.1", 0, late(app), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def no_barriers() -> Callable[[Page], None]:
    """Fails if axe finds anything serious on a page."""

    def look(page: Page) -> None:
        found = Axe().run(page).response["violations"]
        told = [
            f"{one['id']}: {node['target']} {node['failureSummary']}"
            for one in found
            if one["impact"] in _TELLING
            for node in one["nodes"]
        ]
        assert told == []

    return look


@pytest.fixture
def shot() -> Callable[[Page, str], None]:
    """Writes a page in both themes and two widths, where the folder is named."""

    def take(page: Page, name: str) -> None:
        folder = os.environ.get(FOLDER)
        if not folder:
            return
        Path(folder).mkdir(parents=True, exist_ok=True)
        for theme in ("light", "dark"):
            page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
            for width, size in (("wide", WIDE), ("narrow", NARROW)):
                page.set_viewport_size(size)  # type: ignore[arg-type]
                file = Path(folder) / f"{name}-{theme}-{width}.png"
                page.screenshot(path=file, full_page=True)
        page.set_viewport_size(WIDE)  # type: ignore[arg-type]

    return take


@pytest.fixture
def world() -> World:
    """Two rooms, scored to now, one past event in R1, a version that serves."""
    made = two_rooms()
    write_event(made, "R1")
    return made


@pytest.fixture
def address(world: World) -> Iterator[str]:
    """Where the world is served."""
    with served(create_app(world)) as where:
        yield where


@pytest.fixture
def weighed(page: Page) -> Callable[[], int]:
    """Bytes of everything that came over the wire, but for the chart library's script."""
    done: list[Request] = []

    def note(request: Request) -> None:  # a method of a list is no listener to Playwright
        done.append(request)

    page.on("requestfinished", note)

    def weigh() -> int:
        asked = [request for request in done if "plotly" not in request.url]
        return sum(request.sizes()["responseBodySize"] for request in asked)

    return weigh
