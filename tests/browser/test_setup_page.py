"""A detector is set up on a file that was imported, in a real browser and against real stores."""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from playwright.sync_api import Page, expect

from backend.bootstrap import Application, bootstrap
from backend.cli import cli
from backend.cli.session import Session
from backend.settings import load
from backend.web import create_app
from tests.browser.conftest import leaving, served
from tests.fakes.clock import StillClock
from tests.fakes.models import LinearModel

pytestmark = pytest.mark.slow

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
ROWS, GAP = 12 * 144, (1200, 1260)
NOW = round((BEGIN + timedelta(days=12, hours=1)).timestamp()) * 10**9


def write_file(file: Path) -> None:
    """Twelve days of two machines: two channels that move, one that never does, a gap, a fault."""
    random = np.random.default_rng(0)
    with file.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["time", "temp <b>", "flow", "serial"])
        for k in range(ROWS):
            if GAP[0] <= k < GAP[1]:
                continue
            wrong = 4.0 if 1500 <= k < 1530 else 0.0
            temp = 20 + 3 * np.sin(k / 23) + 0.1 * random.normal() + wrong
            flow = 5 + np.cos(k / 23) + 0.05 * random.normal()
            time = (BEGIN + timedelta(minutes=10 * k)).isoformat()
            rows.writerow([time, f"{temp:.4f}", f"{flow:.4f}", 7])


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Application]:
    """Everything wired over the embedded store, into which a file was imported."""
    write_file(tmp_path / "plant.csv")
    environ = {"NORMALCY_HOME": str(tmp_path / "home")}
    made = bootstrap(load(environ), clock=StillClock(NOW), make_model=LinearModel)
    session = Session(environ, lambda settings: made)
    words = ["import", str(tmp_path / "plant.csv"), "--measurement", "plant", "--tag", "line=A"]
    close = session.close
    session.close = lambda: None  # type: ignore[method-assign]
    result = CliRunner().invoke(cli, words, obj=session)
    assert result.exit_code == 0, result.output
    yield made
    close()


@pytest.fixture
def address(application: Application) -> Iterator[str]:
    with served(create_app(application)) as where:
        yield where


def drawn(page: Page, element: str) -> None:
    page.wait_for_function(
        "id => Number(document.getElementById(id).dataset.drawn) >= 1", arg=element
    )


def mark_the_first_half(page: Page) -> None:
    """Drag over the preview."""
    box = page.locator("#preview .plot").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 70, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, middle, steps=4)
    page.mouse.move(box["x"] + 0.5 * box["width"], middle, steps=4)
    page.mouse.up()


def test_from_the_catalogue_to_a_stored_detector(page, address, application, no_barriers, shot):
    page.goto(address + "detectors/new")
    page.get_by_role("button", name="Propose a detector").click()
    expect(page.get_by_role("heading", name="Set up a detector")).to_be_visible()
    expect(page.get_by_text("it is constant in the newest rows, at 7")).to_be_visible()
    drawn(page, "preview")
    expect(page.locator("#gaps")).to_contain_text("Gaps in the range shown: 1")
    no_barriers(page)

    mark_the_first_half(page)
    begun, ended = (page.locator(f"#normal_{end}").input_value() for end in ("from", "to"))
    assert begun.startswith("2026-03-01")
    assert ended.startswith("2026-03-0")
    shapes = "() => document.querySelector('#preview .plot').layout.shapes.length"
    assert page.evaluate(shapes) == 2, "a gap, and what is normal"

    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#progress")).to_contain_text("worker")
    done = application.requests.serve_one("here")
    assert done is not None
    assert (done.state, done.message) == ("done", "")
    expect(page.locator(".outcome.good")).to_contain_text("Trained on")
    drawn(page, "course")
    alarms = page.locator("td[data-label='Alarms']")
    expect(alarms).not_to_have_text("0")
    no_barriers(page)
    shot(page, "setup")

    page.get_by_role("button", name="Save the detector").click()
    page.wait_for_url("**/detectors/plant?*")
    expect(page.get_by_text("plant is saved.")).to_be_visible()
    saved_with_its_label(application, begun)


def saved_with_its_label(application: Application, begun: str) -> None:
    spec = application.detectors.get("plant")
    assert (spec.channels, spec.group_by) == (("flow", "temp <b>"), ())
    (label,) = application.labelling.list("plant")
    zone = timedelta(hours=1)  # the browser's, in winter
    start = datetime.fromtimestamp(label.start // 10**9, UTC) + zone
    assert start.isoformat().startswith(begun)
    assert application.artifacts.names() == []


def test_without_scripts_a_mistake_stands_at_its_field(plain_page, address, application):
    page = plain_page
    page.goto(address + "detectors/new?measurement=plant")
    page.locator("#every").fill("soon")
    page.locator("#model").select_option("pca")
    page.locator("#window").fill("many")
    with leaving(page):
        page.get_by_role("button", name="Save the detector").click()
    expect(page.get_by_role("alert")).to_contain_text("2 mistakes")
    expect(page.locator("#wrong-every-1")).to_contain_text("expected a duration such as 90s")
    expect(page.locator("#wrong-model-1")).to_contain_text("model.window")
    expect(page.locator("#every")).to_have_value("soon")
    assert application.detectors.all() == []

    page.locator("#every").fill("20m")
    page.locator("#window").fill("6")
    page.locator("[name=label]").uncheck()
    with leaving(page):
        page.get_by_role("button", name="Save the detector").click()
    expect(page.get_by_text("plant is saved.")).to_be_visible()
    assert application.detectors.get("plant").model.window == 6
    assert application.labelling.list("plant") == []

    page.goto(address + "detectors/plant/edit")
    page.locator("#settings").fill("alarm.for=5")
    with leaving(page):
        page.get_by_role("button", name="Save the changes").click()
    spec = application.detectors.get("plant")
    assert (spec.alarm.points, spec.model.window) == (5, 6)


def test_the_verdict_after_a_label(page, address, application, no_barriers, shot):
    body = application.setting_up.propose("plant").body
    application.setting_up.save("plant", body, by="ann")
    session = Session({}, lambda settings: application)
    session.__dict__["application"] = application
    session.close = lambda: None  # type: ignore[method-assign]
    words = ["label", "add", "plant", "normal", "--from", "2026-03-01", "--to", "2026-03-05"]
    assert CliRunner().invoke(cli, words, obj=session).exit_code == 0

    page.goto(address + "detectors/plant/sufficiency")
    said = page.locator(".said")
    expect(said).to_contain_text("96 h of normal over 4 days")
    expect(page.locator("table.week td.covered")).not_to_have_count(0)
    expect(page.locator(".levels h3").nth(1)).to_have_text("temp <b>")
    look = page.locator("section[aria-labelledby=outside] a").first
    assert "/detectors/plant/labels?from=" in (look.get_attribute("href") or "")
    no_barriers(page)
    shot(page, "sufficiency")
