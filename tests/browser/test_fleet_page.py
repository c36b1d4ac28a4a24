"""The fleet page in a real browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from backend.records import LabelKind
from tests.browser.conftest import leaving
from tests.web.worlds import NOW, START, World, write_event, write_scores

pytestmark = pytest.mark.slow

PLACE = f"fleet?from={START // 10**6}&to={NOW // 10**6}"


@pytest.fixture
def fleet(world: World) -> World:
    """Nine rooms; seven deviate together, one of them later alone."""
    rooms = [f"R{number}" for number in range(1, 10)]
    for room in rooms:
        write_scores(world, room)
    for room in rooms[:7]:
        write_event(world, room)
    write_event(world, "R3", 560, open_=True)
    world.records.set_watermarks("gas-room", {f"room={room}": NOW for room in rooms})
    return world


def drawn(page: Page) -> None:
    page.wait_for_selector("#heat[data-drawn]", state="attached")


def test_sentences_come_first_and_the_picture_under_them(page, address, fleet, no_barriers, shot):
    page.goto(address + PLACE)
    drawn(page)
    said = page.locator(".sentence").all_inner_texts()
    assert said[0].startswith("Only room=R3, of 9 series")
    assert said[1].startswith("7 of 9 series of gas-room deviate together")
    rows = page.evaluate("() => document.getElementById('heat').data[0].z.length")
    assert rows == 9
    page.locator("#in-numbers summary").click()
    assert page.locator("#in-numbers tbody tr").count() == 9
    no_barriers(page)
    page.locator(".label summary").first.click()
    no_barriers(page)
    shot(page, "fleet")


def test_all_of_a_group_are_labelled_in_one_go(page, address, fleet):
    page.goto(address + PLACE)
    page.get_by_text("Label all 7").click()
    form = page.locator("details.label[open] form")
    form.get_by_label("It was").select_option("anomaly")
    form.get_by_label("Note").fill("storm <b>")
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("7 labels were saved")
    found = fleet.records.labels()
    assert len(found) == 7
    assert {(one.kind, one.note) for one in found} == {(LabelKind.ANOMALY, "storm <b>")}


def test_a_click_in_the_picture_opens_the_series_there(page, address, fleet):
    page.goto(address + PLACE)
    drawn(page)
    box = page.locator("#heat .nsewdrag").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 5)
    page.wait_for_url(re.compile(r"/detectors/gas-room\?series=room%3DR\d&from=\d+&to=\d+"))


def test_the_form_chooses_detector_and_range(page, address, fleet):
    page.goto(address + PLACE)
    page.locator("#range select").select_option("pump")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url(re.compile("detector=pump"))
    assert f"from={START // 10**6}&to={NOW // 10**6}" in page.url
    expect(page.locator("#groups + .empty")).to_be_visible()


def test_without_scripts_tables_and_labels_are_there(plain_page, address, fleet):
    plain_page.goto(address + PLACE)
    assert plain_page.locator(".sentence").count() == 2
    expect(plain_page.locator("noscript .notice")).to_be_visible()
    plain_page.get_by_text("Label all 7").click()
    plain_page.locator("details.label[open] select").select_option("exclude")
    with leaving(plain_page):
        plain_page.locator("details.label[open] button").click()
    assert len(fleet.records.labels()) == 7
