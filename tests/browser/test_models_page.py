"""The versions of a detector, and the review of one, in a real browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from backend.records import State, Verdict
from backend.services.comparison_request import COMPARE
from backend.web import create_app
from tests.browser.conftest import leaving, served
from tests.services.plant import Plant
from tests.web.reviewed import requests_of, trained, world_of

pytestmark = pytest.mark.slow

VERSIONS = "detectors/rooms/models"
VERSION = f"{VERSIONS}/2"


@pytest.fixture
def plant() -> Plant:
    """Version 1 serves; version 2 waits, and is deaf."""
    return trained(deaf=True)


@pytest.fixture
def address(plant: Plant) -> Iterator[str]:
    with served(create_app(world_of(plant))) as where:
        yield where


def compared(plant: Plant) -> None:
    done = requests_of(plant).serve_one("w", [COMPARE])
    assert done is not None
    assert done.state is State.DONE, done.message


def pictures_drawn(page: Page) -> None:
    page.wait_for_function(
        "() => [...document.querySelectorAll('.chart')].every((one) => one.dataset.drawn === '1')"
    )


def test_the_list_leads_to_the_version_that_waits(page, address, no_barriers, shot):
    page.goto(address + VERSIONS)
    expect(page.locator("main")).to_contain_text("Version 1 serves since")
    expect(page.locator("table.versions tbody tr")).to_have_count(2)
    no_barriers(page)
    shot(page, "models")
    page.get_by_role("link", name="Look at what it would change").click()
    expect(page.locator("h1")).to_have_text("Version 2 of rooms")


def test_what_a_version_would_change_is_said_first(page, address, plant, no_barriers, shot):
    compared(plant)
    page.goto(address + VERSION)
    said = page.locator(".said")
    expect(said).to_contain_text("alerts fewer a week than version 1: 0.0 a week")
    expect(said).to_contain_text("caught 0 of 1 labelled anomalies; the other one caught 1")
    gone = page.locator("tr", has=page.locator(".change.gone"))
    assert gone.count() >= 1
    expect(gone.first).to_contain_text("room=a")
    assert page.locator(".lane.gone rect").count() == gone.count()
    assert page.locator(".lane.anomaly rect").count() == 1
    pictures_drawn(page)
    names = page.evaluate("() => document.getElementById('loss').data.map((one) => one.name)")
    assert names[:2] == ["training loss", "held-out loss"]
    bars = page.evaluate("() => document.getElementById('errors').data.map((one) => one.type)")
    assert bars == ["bar", "scatter"]
    broken = page.evaluate(
        "() => document.querySelector('[data-of=gone]').data.map((one) => one.name)"
    )
    assert broken == ["y, measured", "version 2 expected", "version 1 expected"]
    no_barriers(page)
    shot(page, "model")


def test_names_of_channels_in_the_pictures_are_text(page, address, plant):
    compared(plant)
    (done,) = plant.records.requests(kind=COMPARE)
    for look in done.result["looks"]:
        for shown in look["channels"]:
            shown["channel"] = '<a href="https://evil.example">y</a>'
    page.goto(address + VERSION)
    pictures_drawn(page)
    expect(page.locator(".looks .legend").first).to_contain_text("<a href=")
    assert page.locator(".looks a").count() == 0


def test_the_page_follows_a_comparison_to_its_end(page, address, plant):
    (asked,) = plant.records.requests(kind=COMPARE)
    page.goto(address + VERSION)
    expect(page.get_by_label("Progress of the comparison")).to_be_visible()
    now = plant.clock.now()
    plant.records.claim_request(worker="w", at=now, deadline=now + 1)
    plant.records.update_request(asked.id, progress=0.42, deadline=now + 1)
    expect(page.locator("#step")).to_have_text("42 % done")
    plant.clock.time = now + 2  # the worker was lost; another one takes it over
    compared(plant)
    expect(page.locator(".said")).to_contain_text("Version 2 would have raised")
    expect(page.locator("#progress")).to_have_count(0)


def test_a_comparison_over_other_weeks_is_asked_for(page, address, plant):
    compared(plant)
    page.goto(address + VERSION)
    page.get_by_label("Look back").select_option("1")
    page.get_by_role("button", name="Compare again").click()
    expect(page.locator(".flash")).to_contain_text("asked for")
    newest = plant.records.requests(kind=COMPARE)[0]
    assert (newest.payload["weeks"], newest.state) == (1, State.WAITING)


def test_a_version_is_promoted_and_rolled_back(page, address, plant):
    page.goto(address + VERSION)
    page.get_by_role("button", name="Promote version 2").click()
    page.get_by_role("button", name="Cancel").click()
    assert plant.records.promotions("rooms")[-1].number == 1
    page.get_by_role("button", name="Promote version 2").click()
    page.get_by_role("button", name="Yes, do it").click()
    expect(page.locator(".flash")).to_contain_text("Version 2 serves from the next point on")
    assert plant.records.promotions("rooms")[-1].number == 2
    page.get_by_role("button", name="Roll back to version 1").click()
    page.get_by_role("button", name="Yes, do it").click()
    expect(page.locator(".flash")).to_contain_text("Version 1 serves again")
    assert plant.records.promotions("rooms")[-1].number == 1


def test_without_scripts_a_challenger_is_turned_down_and_the_figures_are_there(
    plain_page, address, plant
):
    compared(plant)
    plain_page.goto(address + VERSION)
    assert "alerts fewer a week" in plain_page.inner_text(".said")
    assert plain_page.locator(".lane.gone rect").count() >= 1
    with leaving(plain_page):
        plain_page.get_by_role("button", name="Keep the present one").click()
    assert "Turn version 2 down" in plain_page.inner_text("h1")
    with leaving(plain_page):
        plain_page.get_by_role("button", name="Yes, do it").click()
    assert "Version 2 is turned down" in plain_page.inner_text(".flash")
    assert plant.records.version("rooms", 2).verdict is Verdict.REJECTED
    assert plain_page.get_by_role("button", name="Promote version 2").count() == 1


def test_the_first_view_is_small(page, address, plant, weighed):
    compared(plant)
    page.goto(address + VERSION)
    pictures_drawn(page)
    assert weighed() < 100_000
