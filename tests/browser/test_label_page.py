"""The label page, used in a real browser as a person does."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from backend.records import AlertState, LabelKind
from backend.services.alerting import Told
from backend.services.links import Statement
from tests.browser.conftest import LONG, pixels
from tests.web.worlds import MINUTE, NOW, START, World, add_label, add_version, make_world

pytestmark = pytest.mark.slow

STOP = START + 60 * MINUTE
LINK = f"label?detector=gas-room&room=R1&from={START // 10**6}&to={STOP // 10**6}"


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
def failed(page: Page) -> list[str]:
    """Errors in the console, those of answers too, which `page` itself lets pass."""
    told: list[str] = []
    page.on("console", lambda said: told.append(said.text) if said.type == "error" else None)
    return told


def outcome(page: Page) -> Locator:
    return page.locator("#outcome:not([hidden])")


def rows(page: Page) -> Locator:
    return page.locator("#overlaps tbody tr")


def said_link(world: World, kind: LabelKind = LabelKind.NORMAL) -> str:
    number = next(v.alert.id for v in world.alerting.listed() if v.alert.fingerprint == "a")
    return world.links.to_say(Statement(number, kind), NOW).removeprefix("http://localhost:8087/")


def test_a_filled_form_is_saved_by_a_key_and_says_what_comes_next(page, address, world, failed):
    page.goto(address + LINK)
    assert rows(page).count() == 0
    page.locator("#save").focus()
    page.keyboard.press("Enter")
    words = outcome(page).text_content()
    (label,) = world.records.labels()
    assert words == f"Saved as label {label.id}: gas-room, room=R1, was normal."
    assert (label.kind, label.start, label.stop) == (LabelKind.NORMAL, START, STOP)
    assert label.tags == {"room": "R1"}
    expect(rows(page)).to_have_count(1)
    assert "trained anew" in page.locator("#next").text_content()
    assert failed == []


def test_what_the_server_refuses_is_told_on_the_page(page, address, world):
    label = add_label(world, tags={"room": "R1"})
    page.goto(address + LINK + "&kind=anomaly")
    page.locator("#save").click()
    assert f"label {label.id} by ann" in outcome(page).text_content()
    assert world.records.labels() == [label]


def test_a_form_that_is_not_filled_sends_nothing(page, address, world):
    page.goto(address + "label")
    page.locator("#save").click()
    assert page.locator(":invalid").count() > 0
    assert outcome(page).count() == 0
    assert world.records.labels() == []


def test_a_label_is_taken_back_after_asking_once_more(page, address, world):
    label = add_label(world)
    page.goto(address + LINK)
    page.locator(".take-back").click()
    expect(page.locator("#ask[open] p").first).to_contain_text(f"label {label.id} back")
    assert world.records.labels() == [label]
    page.locator("#ask button[value=yes]").click()
    expect(page.locator(".flash")).to_contain_text("taken back")
    assert rows(page).count() == 0
    assert world.records.labels() == []


def test_the_page_follows_the_fields(page, address, world, failed):
    add_label(world, tags={"room": "R2"})
    page.goto(address + LINK)
    assert rows(page).count() == 0
    room = page.locator("[data-tag=room]")
    room.fill("R2")
    room.blur()
    expect(rows(page)).to_have_count(1)
    page.locator("#detector").select_option("pump")
    expect(page.locator("#tags")).to_have_attribute("hidden", "")
    page.wait_for_function("document.getElementById('next').textContent.startsWith('pump ')")
    assert page.evaluate("new URL(location).searchParams.get('detector')") == "pump"
    assert failed == []


def test_beside_utc_stands_the_clock_on_the_wall(running: Browser, address):
    with closing(running.new_context(timezone_id="Asia/Kolkata", locale="en-US")) as context:
        page = context.new_page()
        page.goto(address + LINK)
        assert "3:56" in page.locator("#from-local").evaluate("output => output.value")
        assert page.locator("#from").input_value().endswith("T10:26")


def test_a_signed_link_is_confirmed_by_a_click(page, address, world, failed):
    page.goto(address + said_link(world))
    assert world.records.labels() == []
    page.locator("#name").fill("Ann")
    page.get_by_role("main").get_by_role("button").first.click()
    expect(page.locator("h1")).to_have_text("Thank you")
    (label,) = world.records.labels()
    assert (label.created_by, label.kind) == ("Ann", LabelKind.NORMAL)
    page.goto(address + said_link(world))
    assert "said by Ann" in page.locator("body").text_content()
    assert failed == []


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (360, 740)])
def test_no_page_runs_off_a_screen(page, address, world, width, height, dark):
    add_label(world, note=LONG, tags={"room": "R1"})
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme="dark" if dark else "light")
    wrong = f"label?detector={LONG}&from={LONG}&kind={LONG}"
    for path in (LINK, wrong, "alerts", said_link(world), "said/x"):
        page.goto(address + path)
        assert page.evaluate("document.documentElement.scrollWidth") == width, path
        seen = pixels(page)
        assert seen.std() > 5, path  # something is drawn
        assert (np.median(seen) < 128) == dark, path
