"""Work in a real browser: begun, its bar moving, cancelled; and without scripts."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from backend.records import State
from tests.browser.conftest import leaving
from tests.web.worlds import NOW, World

pytestmark = pytest.mark.slow

SECOND = 1_000_000_000
MARKUP = "<script>alert(1)</script><b>&amp;"


def begun(world: World, detector: str = "gas-room") -> int:
    """A worker takes up what was asked."""
    world.records.claim_request(worker="jobs:1", at=NOW, deadline=NOW + 99 * SECOND)
    run = world.records.start_run("retrain", detector, worker="jobs:1", at=NOW)
    return run.id


def tell(world: World, run: int, share: float, words: str) -> None:
    world.clock.time += 10 * SECOND
    world.records.tell_run(run, share=share, words=words, at=world.clock.now())


def test_a_training_is_begun_watched_and_cancelled(page: Page, address: str, world: World) -> None:
    page.goto(address + "work")
    expect(page.get_by_text("Nothing goes on.")).to_be_visible()
    page.get_by_label("Training: train a new version").check()
    page.get_by_role("button", name="Begin", exact=True).click()
    page.wait_for_url("**/work/requests/1")
    expect(page.get_by_text("Waits for a worker.")).to_be_visible()

    run = begun(world)
    tell(world, run, 0.25, "epoch 5 of 20")
    expect(page.locator("progress")).to_have_attribute("value", "0.25")
    expect(page.get_by_text("about 30 s left")).to_be_visible()
    tell(world, run, 0.5, "epoch 10 of 20")
    expect(page.locator(".share")).to_have_text("50 %")
    expect(page.locator("#lines li")).to_have_count(2)
    expect(page.locator("#said")).to_have_text("50 percent: epoch 10 of 20")

    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#ask")).to_contain_text("Cancel Training of gas-room?")
    page.get_by_role("button", name="Yes, do it").click()
    expect(page.get_by_text("It stops within seconds.")).to_be_visible()
    assert world.records.run(run).cancelled_by == "page"
    assert world.records.request(1).cancelled_by == "page"
    world.records.finish_run(run, State.CANCELLED, at=NOW, message="Enough.", details={})
    world.records.finish_request(1, State.CANCELLED, at=NOW, result={}, message="Enough.")
    expect(page.locator(".outcome")).to_contain_text("cancelled")
    expect(page.get_by_text("What served before goes on.")).to_be_visible()
    expect(page.locator("#said")).to_have_text("It was cancelled.")


def test_a_run_that_ends_well_leads_to_its_version(page: Page, address: str, world: World) -> None:
    run = world.records.start_run("retrain", "gas-room", worker="jobs:1", at=NOW).id
    tell(world, run, 0.5, "fitting")
    page.goto(f"{address}work/runs/{run}")
    expect(page.locator(".share")).to_have_text("50 %")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    world.records.finish_run(run, State.DONE, at=NOW, details={"version": 1})
    link = page.get_by_role("link", name="Look at version gas-room/1")
    expect(link).to_have_attribute("href", "/detectors/gas-room/models/1")
    expect(page.locator("#live")).to_have_attribute("data-state", "done")
    assert asked[-1] == page.url, "what has ended is shown once more, and not asked for again"


def test_a_hidden_page_asks_for_nothing(page: Page, address: str, world: World) -> None:
    run = world.records.start_run("retrain", "gas-room", worker="jobs:1", at=NOW).id
    tell(world, run, 0.5, "fitting")
    page.add_init_script(
        "Object.defineProperty(document, 'hidden', {get: () => window.isHidden ?? false})"
    )
    page.clock.install()
    page.goto(f"{address}work/runs/{run}")
    with page.expect_response(f"**/api/v1/runs/{run}"):
        page.clock.run_for(1000)
    page.evaluate("window.isHidden = true; document.dispatchEvent(new Event('visibilitychange'))")
    tell(world, run, 0.75, "fitting")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.run_for(60_000)
    assert asked == []
    page.evaluate("window.isHidden = false; document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator(".share")).to_have_text("75 %")


def test_the_list_follows_what_begins_and_ends_and_keeps_what_is_typed(
    page: Page, address: str, world: World, no_barriers: Callable[[Page], None], shot: Callable
) -> None:
    world.records.add_request("backfill", "pump", {"start": 0, "stop": 1}, by="ann", at=NOW)
    failed = world.records.start_run("retrain", "pump", worker="jobs:1", at=NOW - 60 * SECOND)
    world.records.finish_run(
        failed.id, State.FAILED, at=NOW, message=f"unexpected {MARKUP}", details={}
    )
    page.goto(address + "work")
    page.get_by_label("Backfill: score a past range").check()
    page.get_by_label("From").fill("2026-05-01T10:00:00")
    run = world.records.start_run("retrain", "gas-room", worker="jobs:1", at=NOW).id
    tell(world, run, 0.4, f"epoch 4 of 10 {MARKUP}")
    expect(page.locator(".share")).to_have_text("40 %")
    expect(page.locator(".bar .words")).to_have_text(f"epoch 4 of 10 {MARKUP}")
    no_barriers(page)
    shot(page, "work")
    world.records.finish_run(run, State.DONE, at=NOW, details={"version": 1})
    expect(page.locator(".share")).to_have_count(0)
    assert page.get_by_label("From").input_value() == "2026-05-01T10:00"


def test_a_backfill_is_asked_for_in_the_browsers_own_time(
    page: Page, address: str, world: World
) -> None:
    page.goto(address + "work")
    page.get_by_label("Backfill: score a past range").check()
    page.get_by_label("From").fill("2026-05-01T10:00:00")
    page.get_by_label("To", exact=True).fill("2026-05-01T12:00:00")
    page.get_by_role("button", name="Begin", exact=True).click()
    page.wait_for_url("**/work/requests/1")
    payload = world.records.request(1).payload
    assert payload["start"] == 1_777_622_400 * SECOND, "10:00 in Berlin is 8:00 UTC"
    assert payload["stop"] - payload["start"] == 7200 * SECOND


def test_a_run_that_failed_says_what_to_do(
    page: Page, address: str, world: World, no_barriers: Callable[[Page], None], shot: Callable
) -> None:
    run = world.records.start_run("retrain", "gas-room", worker="jobs:1", at=NOW).id
    for number, words in enumerate(["reading", "piece 1 of 2", f"piece 2 of 2 {MARKUP}"]):
        tell(world, run, number / 3, words)
    page.goto(f"{address}work/runs/{run}")
    no_barriers(page)
    shot(page, "work-run")
    message = "unexpected KeyError: 'y'"
    world.records.finish_run(run, State.FAILED, at=NOW, message=message, details={})
    expect(page.locator("#advice")).to_contain_text("run normalcy check")
    no_barriers(page)
    shot(page, "work-failed")


def test_all_of_it_works_without_scripts(plain_page: Page, address: str, world: World) -> None:
    plain_page.goto(address + "work")
    with leaving(plain_page):
        plain_page.get_by_role("button", name="Begin", exact=True).click()
    expect(plain_page.get_by_text("Waits for a worker.")).to_be_visible()
    run = begun(world)
    tell(world, run, 0.5, "fitting")
    plain_page.reload()
    expect(plain_page.locator(".share")).to_have_text("50 %")
    refresh = plain_page.locator("meta[http-equiv=refresh]")
    expect(refresh).to_have_attribute("content", "5")
    with leaving(plain_page):
        plain_page.get_by_role("button", name="Cancel").click()
    expect(plain_page.get_by_role("heading", name="Cancel Training of gas-room?")).to_be_visible()
    assert world.records.run(run).cancelled_by is None
    with leaving(plain_page):
        plain_page.get_by_role("button", name="Yes, do it").click()
    assert world.records.run(run).cancelled_by == "page"
    world.records.finish_run(run, State.CANCELLED, at=NOW, details={})
    world.records.finish_request(1, State.CANCELLED, at=NOW, result={})
    plain_page.reload()
    expect(refresh).to_have_count(0)
