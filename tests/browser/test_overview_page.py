"""The overview in a real browser: found while typing, renewed without losing the place."""

import re

import pytest
from playwright.sync_api import Page, expect

from backend.records import SetAside
from tests.browser.conftest import leaving
from tests.web.worlds import MINUTE, NOW, World, write_event

pytestmark = pytest.mark.slow

SEARCH = "#find input[name=q]"
RENEW = "() => { dispatchEvent(new Event('renew')) }"


@pytest.fixture
def many(world: World) -> World:
    """Two hundred and more rooms; R1 deviates, R9 is set aside."""
    marks = {f"room=R{number}": NOW for number in range(230)}
    world.records.set_watermarks("gas-room", marks)
    write_event(world, "R1", 595, open_=True)
    world.records.set_aside(SetAside("gas-room", "room=R9", "flat for 3 days", NOW, NOW + MINUTE))
    return world


def names(page: Page) -> list[str]:
    return page.locator("#rows td.name a").all_inner_texts()


def renewed(page: Page, times: int) -> None:
    page.evaluate(RENEW)
    page.wait_for_selector(f'html[data-renewed="{times}"]', state="attached")


def test_every_detector_and_series_is_there_without_barriers(
    page, address, many, no_barriers, shot
):
    page.goto(address)
    expect(page.get_by_role("heading", name="gas-room")).to_be_visible()
    assert len(names(page)) == 100
    assert names(page)[0] == "room=R1"
    expect(
        page.get_by_role("img", name="Highest score of the last 24 hours: 4.00").first
    ).to_be_visible()
    no_barriers(page)
    shot(page, "overview")


def test_rows_are_found_while_one_types_and_the_address_follows(page, address, many):
    page.goto(address)
    page.wait_for_selector("html[data-ready]", state="attached")
    page.locator(SEARCH).press_sequentially("r22")
    page.wait_for_selector("#rows[data-found*=r22]", state="attached")
    assert sorted(names(page)) == ["room=R22", *(f"room=R22{n}" for n in range(10))]
    assert page.url.endswith("/?q=r22")
    expect(page.locator(SEARCH)).to_be_focused()
    expect(page.get_by_role("button", name="Find")).to_be_hidden()
    page.reload()
    assert len(names(page)) == 11
    expect(page.locator(SEARCH)).to_have_value("r22")


def test_states_and_pages_need_no_reload_and_back_leads_back(page, address, many):
    page.goto(address)
    page.wait_for_selector("html[data-ready]", state="attached")
    page.evaluate("() => { window.mark = 1 }")
    page.get_by_role("link", name=re.compile("^set aside 1")).click()
    page.wait_for_selector("#rows[data-found*=set]", state="attached")
    assert names(page) == ["room=R9"]
    page.go_back()
    page.wait_for_selector('#rows[data-found=""]', state="attached")
    assert len(names(page)) == 100
    page.get_by_role("link", name="Next").click()
    page.wait_for_selector('#rows[data-found*="page=2"]', state="attached")
    assert "Page 2 of 3" in page.locator(".pager").inner_text()
    assert page.evaluate("() => window.mark") == 1


def test_it_renews_itself_and_keeps_place_focus_and_what_is_typed(page, address, many):
    page.goto(address)
    page.wait_for_selector("html[data-ready]", state="attached")
    link = page.locator("#rows td.name a", has_text=re.compile("^room=R1$"))
    link.focus()
    before = page.evaluate("() => scrollY")
    page.locator("details[data-key='aside gas-room'] summary").click()
    link.focus()
    many.records.set_aside(SetAside("gas-room", "room=R8", "stuck", NOW, NOW + MINUTE))
    renewed(page, 1)
    expect(page.locator("#cards")).to_contain_text("(2 set aside)")
    expect(link).to_be_focused()
    assert abs(page.evaluate("() => scrollY") - before) < 200
    expect(page.locator("details[data-key='aside gas-room']")).not_to_have_attribute("open", "")
    page.locator(SEARCH).press_sequentially("r8")
    page.wait_for_selector("#rows[data-found*=r8]", state="attached")
    renewed(page, 2)
    expect(page.locator(SEARCH)).to_have_value("r8")
    expect(page.locator(SEARCH)).to_be_focused()
    assert len(names(page)) == 11


def test_a_server_that_is_gone_is_told_and_what_was_there_stays(page, address, many):
    page.goto(address)
    page.wait_for_selector("html[data-ready]", state="attached")
    page.context.set_offline(True)
    page.evaluate(RENEW)
    expect(page.locator("#stale")).to_contain_text("Not renewed")
    assert len(names(page)) == 100
    page.context.set_offline(False)
    renewed(page, 1)
    expect(page.locator("#stale")).to_be_hidden()


def test_without_scripts_the_form_finds_and_pages_follow(plain_page, address, many):
    plain_page.goto(address)
    plain_page.locator(SEARCH).fill("R22")
    with leaving(plain_page):
        plain_page.get_by_role("button", name="Find").click()
    assert len(names(plain_page)) == 11
    plain_page.goto(address)
    with leaving(plain_page):
        plain_page.get_by_role("link", name="Next").click()
    assert len(names(plain_page)) == 100
    assert plain_page.url.endswith("page=2")


def test_the_page_is_light(page, address, many, weighed):
    page.goto(address)
    page.wait_for_load_state("networkidle")
    assert weighed() < 100_000
