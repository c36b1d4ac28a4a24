"""The label page, used in a real browser as a person does."""

import io
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from werkzeug.serving import make_server

from backend.records import AlertState, LabelKind
from backend.services.alerting import Told
from backend.services.links import Statement
from backend.web import create_app
from tests.browser.driving import Browser
from tests.browser.test_status_page import LONG, chromium
from tests.web.worlds import MINUTE, NOW, START, World, add_label, add_version, make_world

__all__ = ["chromium"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

STOP = START + 60 * MINUTE
LINK = f"label?detector=gas-room&room=R1&from={START // 10**6}&to={STOP // 10**6}"
OUTCOME = "document.querySelector('#outcome:not([hidden])')?.textContent"
ROWS = "document.querySelectorAll('#overlaps tbody tr').length"


@pytest.fixture
def world() -> World:
    made = make_world()
    add_version(made)
    made.records.set_watermarks("gas-room", {"room=R1": NOW, "room=R2": NOW, f"room={LONG}": NOW})
    labels = {"alertname": "Anomaly", "detector": "gas-room", "room": "R1"}
    one = Told("a", AlertState.FIRING, START, None, labels, {"summary": "unlike normal"})
    unknown = {"detector": LONG, "machine": LONG}
    made.alerting.receive([one, replace(one, fingerprint="b", labels=unknown)])
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


@pytest.fixture
def browser(chromium: str, tmp_path: Path) -> Iterator[Browser]:
    with Browser(chromium, tmp_path) as made:
        yield made


def said_link(world: World, kind: LabelKind = LabelKind.NORMAL) -> str:
    number = next(v.alert.id for v in world.alerting.listed() if v.alert.fingerprint == "a")
    return world.links.to_say(Statement(number, kind), NOW).removeprefix("http://localhost:8087/")


def test_a_filled_form_is_saved_by_a_key_and_says_what_comes_next(browser, address, world):
    browser.open(address + LINK)
    assert browser.run(ROWS) == 0
    browser.run("document.getElementById('save').focus()")
    browser.press("Enter", "\r")
    words = browser.until(OUTCOME)
    (label,) = world.records.labels()
    assert words == f"Saved as label {label.id}: gas-room, room=R1, was normal."
    assert (label.kind, label.start, label.stop) == (LabelKind.NORMAL, START, STOP)
    assert label.tags == {"room": "R1"}
    assert browser.until(f"{ROWS} === 1")
    assert "trained anew" in browser.run("document.getElementById('next').textContent")
    assert browser.complaints == []


def test_what_the_server_refuses_is_told_on_the_page(browser, address, world):
    label = add_label(world, tags={"room": "R1"})
    browser.open(address + LINK + "&kind=anomaly")
    browser.run("document.getElementById('save').click()")
    assert f"label {label.id} by ann" in browser.until(OUTCOME)
    assert world.records.labels() == [label]


def test_a_form_that_is_not_filled_sends_nothing(browser, address, world):
    browser.open(address + "label")
    browser.run("document.getElementById('save').click()")
    assert browser.run("document.querySelectorAll(':invalid').length") > 0
    assert browser.run(OUTCOME) is None
    assert world.records.labels() == []


def test_a_label_is_taken_back_after_asking_once_more(browser, address, world):
    label = add_label(world)
    browser.open(address + LINK)
    browser.run("document.querySelector('.take-back').click()")
    words = f"label {label.id} back"
    asked = "document.querySelector('#ask[open] p')?.textContent"
    assert browser.until(f"{asked}.includes('{words}')")
    assert world.records.labels() == [label]
    browser.run("document.querySelector('#ask button[value=yes]').click()")
    assert browser.until("document.querySelector('.flash')?.textContent.includes('taken back')")
    assert browser.run(ROWS) == 0
    assert world.records.labels() == []


def test_the_page_follows_the_fields(browser, address, world):
    add_label(world, tags={"room": "R2"})
    browser.open(address + LINK)
    assert browser.run(ROWS) == 0
    browser.run(
        "(() => { const room = document.querySelector('[data-tag=room]'); room.value = 'R2';"
        "room.dispatchEvent(new Event('change', {bubbles: true})) })()"
    )
    assert browser.until(f"{ROWS} === 1")
    browser.run(
        "(() => { const one = document.getElementById('detector'); one.value = 'pump';"
        "one.dispatchEvent(new Event('change', {bubbles: true})) })()"
    )
    assert browser.until("document.getElementById('tags').hidden")
    assert browser.until("document.getElementById('next').textContent.startsWith('pump ')")
    assert browser.run("new URL(location).searchParams.get('detector')") == "pump"
    assert browser.complaints == []


def test_beside_utc_stands_the_clock_on_the_wall(browser, address):
    browser.run("1")
    browser._ask("Emulation.setTimezoneOverride", timezoneId="Asia/Kolkata")
    browser.open(address + LINK)
    assert "3:56" in browser.run("document.getElementById('from-local').value")
    assert browser.run("document.getElementById('from').value").endswith("T10:26")


def test_a_signed_link_is_confirmed_by_a_click(browser, address, world):
    browser.open(address + said_link(world))
    assert world.records.labels() == []
    browser.run("document.getElementById('name').value = 'Ann'")
    browser.run("document.querySelector('button').click()")
    assert browser.until("document.querySelector('h1')?.textContent === 'Thank you'")
    (label,) = world.records.labels()
    assert (label.created_by, label.kind) == ("Ann", LabelKind.NORMAL)
    browser.open(address + said_link(world))
    assert "said by Ann" in browser.run("document.body.textContent")
    assert browser.complaints == []


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (360, 740)])
def test_no_page_runs_off_a_screen(browser, address, world, width, height, dark):
    add_label(world, note=LONG, tags={"room": "R1"})
    browser.size(width, height)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser._ask("Emulation.setEmulatedMedia", features=[scheme])
    wrong = f"label?detector={LONG}&from={LONG}&kind={LONG}"
    for page in (LINK, wrong, "alerts", said_link(world), "said/x"):
        browser.open(address + page)
        wide = "document.documentElement.scrollWidth"
        assert browser.run(wide) == width, page
        with Image.open(io.BytesIO(browser.screenshot())) as picture:
            pixels = np.asarray(picture.convert("L"), dtype=np.int64)
        assert pixels.std() > 5, page  # something is drawn
        assert (np.median(pixels) < 128) == dark, page
