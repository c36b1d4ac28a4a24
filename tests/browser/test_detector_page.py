"""The charts of a detector, in a real browser."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from backend.records import Request, State
from tests.web.worlds import MINUTE, NOW, START, World, add_label

pytestmark = pytest.mark.slow

RANGE = f"from={START // 10**6}&to={NOW // 10**6}"
PLACE = f"detectors/gas-room?series=room%3DR1&{RANGE}"


def drawn(page: Page, times: int = 1) -> None:
    """Wait until the chart was drawn so often with data of its own."""
    page.wait_for_function(
        "times => Number(document.getElementById('chart').dataset.drawn) >= times", arg=times
    )


def lines(page: Page) -> list[str]:
    names: list[str] = page.evaluate(
        "() => document.querySelector('#chart .plot').data.map(line => line.name)"
    )
    return names


def test_channels_error_threshold_and_score_are_drawn(page, address, world, no_barriers, shot):
    add_label(world, tags={"room": "R1"})
    page.goto(address + PLACE)
    drawn(page)
    assert {"temp", "NH3", "load", "error", "threshold", "flagged", "score"} <= set(lines(page))
    shapes = page.evaluate("() => document.querySelector('#chart .plot').layout.shapes.length")
    assert shapes == 2, "one label and one event"
    no_barriers(page)
    shot(page, "detector")


def test_the_axis_of_the_error_becomes_logarithmic(page, address):
    page.goto(address + PLACE)
    drawn(page)
    kind = "() => document.querySelector('#chart .plot')._fullLayout.yaxis4.type"
    assert page.evaluate(kind) == "linear"
    page.get_by_label("logarithmic error").check()
    assert page.evaluate(kind) == "log"


def test_zoom_by_keyboard_and_the_address_follows(page, address):
    page.goto(address + PLACE)
    drawn(page)
    page.locator("#chart").focus()
    page.keyboard.press("+")
    page.wait_for_url(lambda url: f"from={START // 10**6}&" not in url)
    view = page.evaluate("() => document.querySelector('#chart .plot').layout.xaxis.range")
    assert view[1] - view[0] == pytest.approx(300 * MINUTE / 10**6)
    page.keyboard.press("Home")
    page.wait_for_url(lambda url: f"from={START // 10**6}&" in url)


def asked_why(page: Page, address: str, world: World) -> Request:
    """The request of a person who asks why, claimed by a worker."""
    page.goto(address + PLACE)
    drawn(page)
    page.locator("#chart").focus()
    with page.expect_response("**/api/v1/requests"):
        page.keyboard.press("Enter")
    expect(page.locator("#why")).to_contain_text("Asking why")
    (asked,) = world.records.requests()
    world.records.claim_request(worker="w", at=NOW, deadline=NOW + MINUTE)
    return asked


def test_a_click_asks_why_and_shows_the_answer(page, address, world: World):
    asked = asked_why(page, address, world)
    assert (asked.kind, asked.payload["series"]) == ("explain", "room=R1")
    world.records.finish_request(asked.id, State.DONE, at=NOW, result=explanation())
    expect(page.locator("#why h2")).to_contain_text("Why")
    expect(page.locator("#why")).to_contain_text("Flagged: the error 0.4 is above")
    expect(page.locator("#why table")).to_contain_text("NH3")
    expect(page.locator("#why")).to_contain_text("<b>by hand</b>")


def test_names_in_the_legend_of_the_window_are_text(page, address, world: World):
    asked = asked_why(page, address, world)
    result = explanation('<a href="https://evil.example">NH3</a>')
    world.records.finish_request(asked.id, State.DONE, at=NOW, result=result)
    expect(page.locator("#window .legend")).to_contain_text("<a href=")
    assert page.locator("#window a").count() == 0


def explanation(name: str = "NH3") -> dict[str, object]:
    window = {"start": START, "stop": START + 3 * MINUTE, "values": {name: [1.0, 2.0, 3.0]}}
    channel = {
        "channel": name,
        "value": 2.0,
        "expected": 1.0,
        "error": 0.4,
        "times_usual": 3.0,
        "deviations": 4.0,
        "contribution": 1.0,
        "beyond": False,
    }
    label = {"kind": "normal", "start": START, "stop": NOW, "note": "<b>by hand</b>"}
    return {
        "detector": "gas-room",
        "series": "room=R1",
        "time": START,
        "model": "gas-room/1",
        "trained_at": START,
        "provisional": False,
        "labels": [label],
        "judged": True,
        "reason": "model",
        "error": 0.4,
        "smoothed": 0.4,
        "threshold": 0.2,
        "score": 2.0,
        "flag": True,
        "basis": "40 h held out",
        "outside": True,
        "mode": "",
        "channels": [channel],
        "window": window,
        "nearest": window,
    }


def test_without_scripts_the_events_are_there(plain_page: Page, address):
    plain_page.goto(address + PLACE)
    assert "The charts need scripts" in plain_page.inner_text("main")
    assert plain_page.locator("tbody tr").count() == 1


def test_the_first_view_is_small(page: Page, address, weighed: Callable[[], int]):
    page.goto(address + PLACE)
    drawn(page)
    assert weighed() < 100_000
