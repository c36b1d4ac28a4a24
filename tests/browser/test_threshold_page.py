"""The threshold workbench, in a real browser."""

import json
from dataclasses import replace

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from backend.records import LabelDraft, LabelKind, State
from backend.services.versions import pack
from tests.browser.conftest import leaving
from tests.fakes.artifacts import MemoryArtifactStore
from tests.web.worlds import GAS_ROOM, MINUTE, NOW, START, World, add_label

pytestmark = pytest.mark.slow

RANGE = f"from={START // 10**6}&to={NOW // 10**6}"
PLACE = f"detectors/gas-room/threshold?series=room%3DR1&of=one&{RANGE}"


@pytest.fixture
def world(world: World) -> World:
    """A version that keeps calibration errors; the one event is labelled."""
    held_out = np.abs(np.random.default_rng(0).normal(0.1, 0.03, (2, 2000)))
    about = {"spec": GAS_ROOM.plain(), "series": ["room=R1", "room=R2"]}
    store = MemoryArtifactStore()
    store.save(
        "gas-room-1",
        {
            "version.json": json.dumps(about).encode(),
            "archive.npz": pack({"times": np.arange(3), "held_out_smoothed": held_out}),
        },
    )
    world.what_if._versions._artifacts = store
    add_label(world)
    world.labelling.add(
        LabelDraft("gas-room", LabelKind.ANOMALY, START + 300 * MINUTE, START + 310 * MINUTE),
        source="api",
        by="ann",
    )
    return world


def figure(page: Page, name: str, side: str = "then"):
    return page.locator(f'[data-figure="{name}"] [data-side="{side}"]')


def ready(page: Page) -> None:
    """Wait until all is read that is read by itself: what lies beside the view comes last."""
    page.wait_for_function("() => document.getElementById('chart').dataset.drawn >= 1")
    page.wait_for_function("() => document.getElementById('figures-table').dataset.drawn >= 1")
    page.wait_for_function("() => document.getElementById('chart').dataset.sides >= 1")


def test_the_slider_changes_every_figure_without_asking_the_server(
    page, address, world, no_barriers, shot
):
    page.goto(address + PLACE)
    ready(page)
    expect(figure(page, "f1", "now")).to_have_text("100.0 %")
    expect(figure(page, "flagged")).to_have_text("10 (1.67 %)")
    expect(figure(page, "events_caught")).to_have_text("1 of 1")
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    slider = page.get_by_role("slider")
    slider.focus()
    for _ in range(15):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#multiple-said")).to_have_text("2.83 \u00d7 the present one")
    expect(figure(page, "flagged")).to_have_text("1 (0.17 %)")
    expect(figure(page, "recall")).to_have_text("10.0 %")
    expect(figure(page, "flagged", "now")).to_have_text("10 (1.67 %)")
    assert page.locator("[name=margin]").first.input_value() == "2.828"
    line = page.evaluate(
        "() => document.querySelector('#chart .plot').data[2].y.find(one => one !== null)"
    )
    assert line == pytest.approx(0.2 * 8**0.5)
    assert asked == []
    no_barriers(page)
    shot(page, "threshold")


def test_another_kind_is_judged_by_the_server_and_drawn(page, address, world, shot):
    page.goto(address + PLACE)
    ready(page)
    page.get_by_label("Kind").select_option("quantile")
    expect(page.locator("#limits-rows")).to_contain_text("quantile 0.999 of 2000 held-out")
    expect(page.locator("#multiple-said")).to_have_text("another kind is shown")
    expect(figure(page, "recall")).to_have_text("100.0 %")
    drawn = page.evaluate("() => document.querySelector('#chart .plot').data[2].y[0]")
    assert 0.15 < drawn < 0.25
    shot(page, "threshold-kind")
    page.get_by_label("Share of normal errors below").fill("2")
    expect(page.locator("#problem")).to_contain_text("less than or equal to 1")


def test_a_kind_that_needs_labels_says_so(page, address, world):
    for label in world.records.labels("gas-room"):
        world.records.remove_labels([label.id], by="x", at=NOW)
    page.goto(address + PLACE)
    ready(page)
    expect(page.locator("#labelled")).to_contain_text("No anomaly is labelled")
    expect(figure(page, "f1")).to_have_text("-")
    page.get_by_label("Kind").select_option("f1_max")
    expect(page.locator("#problem")).to_contain_text("needs labelled anomalies")


def test_it_is_applied_after_a_question_and_its_version_is_shown(page, address, world: World):
    page.goto(address + PLACE)
    ready(page)
    page.get_by_label("Kind").select_option("sigma")
    page.get_by_label("Deviations above the mean").fill("5")
    expect(page.locator("#limits-rows")).to_contain_text("mean + 5 sigma")
    page.get_by_role("button", name="Apply", exact=True).last.click()
    page.get_by_role("dialog").get_by_role("button").last.click()
    expect(page.locator("#work")).to_contain_text("being made")
    (asked,) = world.records.requests()
    assert (asked.kind, asked.payload["promote"]) == ("threshold", True)
    assert (asked.payload["threshold"]["kind"], asked.payload["threshold"]["k"]) == ("sigma", 5)
    first = world.records.version("gas-room", 1)
    world.records.add_version(replace(first, number=2, artifact="gas-room-2"))
    world.records.claim_request(worker="w", at=NOW, deadline=NOW + MINUTE)
    lines = "detectors:\n  gas-room:\n    threshold: {kind: <b>sigma</b>}\n"
    result = {"version": 2, "verdict": "champion", "lines": lines, "sentence": ""}
    world.records.finish_request(asked.id, State.DONE, at=NOW, result=result)
    link = page.get_by_role("link", name="Look at version 2")
    expect(link).to_have_attribute("href", "/detectors/gas-room/models/2")
    expect(page.locator("#work pre")).to_contain_text("<b>sigma</b>")


def test_a_failed_request_says_why(page, address, world: World):
    payload = {"threshold": {"kind": "pot"}}
    asked = world.requests.ask("threshold", "gas-room", payload, by="ann")
    world.records.claim_request(worker="w", at=NOW, deadline=NOW + MINUTE)
    message = "The model file is damaged: train the detector again."
    world.records.finish_request(asked.id, State.FAILED, at=NOW, result={}, message=message)
    page.goto(f"{address}{PLACE}&request={asked.id}")
    expect(page.locator("#work .problem")).to_contain_text(message)


def test_without_scripts_the_form_shows_now_and_then(plain_page, address, world: World):
    plain_page.goto(address + PLACE)
    plain_page.get_by_label("Kind").select_option("fixed")
    plain_page.get_by_label("Alarms on normal time").fill("0.5")
    with leaving(plain_page):
        plain_page.get_by_role("button", name="Show").click()
    expect(figure(plain_page, "flagged", "now")).to_have_text("10 (1.67 %)")
    expect(figure(plain_page, "flagged")).to_have_text("1 (0.17 %)")
    expect(figure(plain_page, "recall")).to_have_text("10.0 %")
    with leaving(plain_page):
        plain_page.get_by_role("button", name="Apply", exact=True).last.click()
    expect(plain_page.locator("main")).to_contain_text("from the next point on?")
    with leaving(plain_page):
        plain_page.locator("main button").first.click()
    expect(plain_page.locator("#work")).to_contain_text("being made")
    (asked,) = world.records.requests()
    assert asked.payload["threshold"]["value"] == 0.5


def test_a_detector_without_a_model_says_what_to_do(page, address, world: World):
    page.goto(address + "detectors/pump/threshold")
    expect(page.locator("main")).to_contain_text("No model serves yet")
