"""The label studio, in a real browser."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from backend.records import Label, LabelDraft, LabelKind, Role
from backend.web import create_app
from tests.browser.conftest import leaving, listen, served
from tests.web.worlds import MINUTE, NOW, START, World

pytestmark = pytest.mark.slow

MS = 10**6
HOUR = 60 * MINUTE
PASSWORD = "correct horse battery"
RANGE = f"from={START // MS}&to={NOW // MS}"
PLACE = f"detectors/gas-room/labels?series=room%3DR1&{RANGE}"
CHART = ".studio-chart"


def at(row: int) -> int:
    return START + row * MINUTE


def say(
    world: World, start: int, stop: int, kind: LabelKind = LabelKind.NORMAL, **more: str
) -> Label:
    draft = LabelDraft("gas-room", kind, at(start), at(stop), {"room": "R1"}, more.get("note", ""))
    return world.labelling.add(draft, source="page", by=more.get("by", "ann"))


def said(world: World) -> list[tuple[str, int, int]]:
    return [
        (str(x.kind), (x.start - START) // MINUTE, (x.stop - START) // MINUTE)
        for x in world.labelling.list("gas-room")
    ]


def open_studio(page: Page, address: str, place: str = PLACE) -> None:
    page.goto(address + place)
    ready(page)


def ready(page: Page) -> None:
    """Wait until the studio answers to keys, and its charts show the data."""
    page.wait_for_selector("#studio[data-ready=yes]")
    page.wait_for_function("() => document.querySelector('.studio-chart').dataset.drawn > 0")


def x_of(page: Page, row: float, chart: int = 0) -> tuple[float, float]:
    """Where a row of the world lies on the screen while the whole range is shown."""
    box = page.locator(CHART).nth(chart).bounding_box()
    assert box is not None
    left, width = box["x"] + 1 + 64, box["width"] - 2 - 64 - 16
    return left + width * row / 600, box["y"] + box["height"] / 3


def drag(page: Page, start: float, stop: float, chart: int = 0) -> None:
    page.locator(CHART).nth(chart).scroll_into_view_if_needed()
    (from_x, y), (to_x, _) = x_of(page, start, chart), x_of(page, stop, chart)
    page.mouse.move(from_x, y)
    page.mouse.down()
    page.mouse.move((from_x + to_x) / 2, y, steps=3)
    page.mouse.move(to_x, y, steps=3)
    page.mouse.up()


def told(page: Page, words: str) -> None:
    expect(page.locator("#told")).to_contain_text(words)


def test_a_range_is_marked_by_dragging_and_saved(page, address, world, no_barriers, shot):
    say(world, 420, 480, LabelKind.EXCLUDE, note="pump service")
    open_studio(page, address)
    expect(page.locator("#suggestions li.anomaly")).to_have_count(1)
    drag(page, 60, 180)
    expect(page.locator(".mark-box")).to_be_visible()
    page.get_by_label("Note", exact=True).fill("<i>calm</i>")
    page.get_by_label("Operating mode").fill("idle")
    no_barriers(page)
    shot(page, "labels")
    page.get_by_role("button", name="Save", exact=True).click()
    told(page, "Saved: normal")
    found = next(x for x in world.labelling.list("gas-room") if x.kind is LabelKind.NORMAL)
    assert abs(found.start - at(60)) <= 3 * MINUTE
    assert abs(found.stop - at(180)) <= 3 * MINUTE
    assert found.start % MINUTE == 0
    assert (found.note, dict(found.tags)) == ("<i>calm</i>; mode: idle", {"room": "R1"})
    expect(page.locator(".laned.normal")).to_contain_text("<i>calm</i>")
    assert page.evaluate("() => localStorage.length") == 0


def test_marked_and_saved_by_keyboard_alone(page, address, world):
    open_studio(page, address)
    page.locator(CHART).focus()
    for key in ["ArrowLeft"] * 10 + ["Shift+ArrowRight"] * 5 + ["a", "Enter"]:
        page.keyboard.press(key)
    told(page, "Saved: anomaly")
    assert said(world) == [("anomaly", 240, 270)]
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()


def test_split_merged_taken_back_and_undone_by_keyboard_alone(page, address, world):
    say(world, 240, 360, LabelKind.EXCLUDE)
    open_studio(page, address)
    page.locator(CHART).focus()
    page.keyboard.press("Shift+Tab")
    expect(page.locator(".laned:focus")).to_have_count(1)
    for key in ["Enter", "ArrowLeft", "ArrowLeft", "s"]:
        page.keyboard.press(key)
    lane = page.locator(".laned")
    expect(lane).to_have_count(2)
    assert said(world) == [("exclude", 240, 288), ("exclude", 288, 360)]
    lane.first.focus()
    page.keyboard.press("m")
    expect(lane).to_have_count(1)
    assert said(world) == [("exclude", 240, 360)]
    lane.focus()
    page.keyboard.press("Delete")
    expect(lane).to_have_count(0)
    assert said(world) == []
    # Pressed faster than the server answers.
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    expect(lane).to_have_count(2)
    assert said(world) == [("exclude", 240, 288), ("exclude", 288, 360)]
    page.keyboard.press("Control+z")
    expect(lane).to_have_count(1)
    page.keyboard.press("Control+z")
    told(page, "nothing to undo")
    for _ in range(3):
        page.keyboard.press("Control+Shift+Z")
    expect(lane).to_have_count(0)
    assert said(world) == []


def test_the_edges_of_a_mark_are_set_at_the_cursor(page, address, world):
    open_studio(page, address)
    page.locator(CHART).focus()
    page.keyboard.press("Home")
    page.keyboard.press("[")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("]")
    page.keyboard.press("x")
    page.keyboard.press("Enter")
    told(page, "Saved: exclude")
    assert said(world) == [("exclude", 0, 18)]
    page.keyboard.press("+")
    page.wait_for_url(lambda url: RANGE not in url)
    page.keyboard.press("0")
    page.wait_for_url(lambda url: RANGE in url)


def test_a_mark_by_keyboard_leaves_the_label_that_is_open(page, address, world):
    say(world, 60, 120)
    open_studio(page, address)
    # What comes by itself has come: nothing else draws the lane anew.
    expect(page.locator("#suggestions li.anomaly")).to_have_count(1)
    lane = page.locator(".laned")
    lane.click()
    expect(lane).to_have_attribute("aria-pressed", "true")
    page.locator(CHART).focus()
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("#editor-title")).to_have_text("New label")
    expect(lane).to_have_attribute("aria-pressed", "false")


def test_an_edge_is_dragged(page, address, world):
    label = say(world, 60, 180, note="kept")
    open_studio(page, address)
    drag(page, 180, 240)
    told(page, "Changed")
    ((kind, start, stop),) = said(world)
    assert (kind, start) == ("normal", 60)
    assert abs(stop - 240) <= 3
    (now,) = world.labelling.list("gas-room")
    assert (now.note, now.id != label.id) == ("kept", True)
    page.get_by_role("button", name="Undo").click()
    told(page, "Undone")
    assert said(world) == [("normal", 60, 180)]


def test_an_edge_of_another_label_leaves_what_is_typed(page, address, world):
    say(world, 60, 120)
    open_studio(page, address)
    drag(page, 300, 400)
    page.get_by_label("Note", exact=True).fill("not yet saved")
    page.locator(".laned").click()
    told(page, "save it or clear it first")
    drag(page, 120, 180)
    told(page, "Changed")
    expect(page.get_by_label("Note", exact=True)).to_have_value("not yet saved")
    drag(page, 400, 450)
    page.get_by_role("button", name="Save", exact=True).click()
    told(page, "Saved")
    (_, first), (_, second) = [(x.start, x.stop) for x in world.labelling.list()]
    assert abs(first - at(180)) <= 3 * MINUTE
    assert abs(second - at(450)) <= 3 * MINUTE


def test_several_series_at_once(page, address, world, shot):
    open_studio(
        page, address, f"detectors/gas-room/labels?series=room%3DR1&series=room%3DR2&{RANGE}"
    )
    assert page.locator(CHART).count() == 2
    drag(page, 60, 120)
    expect(page.locator(".mark-box:visible")).to_have_count(2)
    shot(page, "labels-several")
    page.get_by_role("button", name="Save", exact=True).click()
    told(page, "Saved")
    assert {x.tags["room"] for x in world.labelling.list()} == {"R1", "R2"}
    page.locator(".marked").first.uncheck()
    drag(page, 300, 360, 1)
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_function("() => document.querySelectorAll('.laned').length === 3")
    assert len(world.labelling.list()) == 3


def test_suggestions_are_accepted_refuted_and_refused(page, address, world):
    open_studio(page, address)
    event = page.locator("#suggestions li.anomaly")
    expect(event).to_contain_text("score up to 4")
    assert said(world) == []
    event.get_by_role("button", name="It was an anomaly").click()
    told(page, "Saved: anomaly")
    assert said(world) == [("anomaly", 300, 310)]
    expect(event).to_have_count(0)
    quiet = page.locator("#suggestions li.normal")
    expect(quiet).to_have_count(2)
    quiet.first.get_by_role("button", name="Not now").click()
    expect(quiet).to_have_count(1)
    page.reload()
    expect(quiet).to_have_count(1)


def test_two_people_at_once(page, address, world):
    label = say(world, 60, 180)
    open_studio(page, address)
    page.locator(".laned").click()
    page.get_by_label("Note", exact=True).fill("mine")
    moved = LabelDraft("gas-room", LabelKind.NORMAL, at(60), at(200), {"room": "R1"}, "theirs")
    world.labelling.change("gas-room", [moved], [label.id], source="page", by="ben")
    page.get_by_role("button", name="Save", exact=True).click()
    told(page, f"Label {label.id} was changed or taken back by ben")
    assert said(world) == [("normal", 60, 200)]
    # What was typed is still there, and the label of the other is shown.
    expect(page.get_by_label("Note", exact=True)).to_have_value("mine")
    expect(page.locator(".laned")).to_contain_text("theirs")
    expect(page.locator("#editor-title")).to_have_text("New label")


def test_a_session_that_expires_loses_nothing(page, world):
    account(world, Role.LABELLER)
    with served(create_app(world)) as address:
        page.goto(address + PLACE)
        sign_in(page)
        ready(page)
        drag(page, 60, 180)
        page.get_by_label("Note", exact=True).fill("a long thought")
        page.context.clear_cookies()
        page.get_by_role("button", name="Save", exact=True).click()
        told(page, "What you marked is kept in this browser.")
        assert said(world) == []
        page.locator("#told a").click()
        sign_in(page)
        ready(page)
        expect(page.locator("#kept")).to_contain_text("A label that was not saved")
        expect(page.get_by_label("Note", exact=True)).to_have_value("a long thought")
        page.get_by_role("button", name="Save", exact=True).click()
        told(page, "Saved")
        (label,) = world.labelling.list()
        assert (label.note, label.created_by) == ("a long thought", "ada")


def account(world: World, role: Role) -> None:
    world.access.add_user("root", PASSWORD, Role.ADMIN, by="test")
    world.access.add_user("ada", PASSWORD, role, by="test")


def sign_in(page: Page) -> None:
    page.locator("input[name=name]").fill("ada")
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main form button").first.click()


def test_a_revert_is_asked_for_and_can_be_reverted(page, address, world, no_barriers, shot):
    label = say(world, 60, 180, by="ann")
    world.clock.time = NOW + MINUTE
    world.labelling.remove([label.id], by="ben")
    world.clock.time = NOW + 2 * MINUTE
    open_studio(page, address)
    first = page.locator(".changes details").first
    first.locator("summary").click()
    expect(first).to_contain_text("ben")
    first.get_by_role("link", name="Compare then with now").click()
    expect(page.locator(".difference")).to_contain_text("0 came, 1 went, 0 stayed.")
    first.locator("summary").click()
    no_barriers(page)
    shot(page, "labels-history")
    first.get_by_role("button", name="Go back to before this").click()
    page.locator("#ask button[value=yes]").click()
    expect(page.locator(".flash")).to_contain_text("1 said again, 0 taken back")
    assert said(world) == [("normal", 60, 180)]


def test_a_calendar_is_brought_in(page, address, world):
    open_studio(page, address)
    page.get_by_text("Bring labels in by a file").click()
    text = (
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nDTSTART:20260525T060000Z\nDTEND:20260525T070000Z\n"
        "RRULE:FREQ=DAILY;COUNT=3\nSUMMARY:<b>service</b>\nEND:VEVENT\nEND:VCALENDAR\n"
    )
    file = {"name": "plan.ics", "mimeType": "text/calendar", "buffer": text.encode()}
    page.get_by_label("File", exact=True).set_input_files(file)
    page.get_by_role("button", name="Bring in", exact=True).click()
    expect(page.locator(".flash")).to_contain_text("3 labels added, 0 were there already.")
    assert [str(x.kind) for x in world.labelling.list()] == ["exclude"] * 3
    page.get_by_text("Bring labels in by a file").click()
    page.get_by_label("File", exact=True).set_input_files({**file, "buffer": b"nonsense"})
    page.get_by_role("button", name="Bring in", exact=True).click()
    expect(page.locator(".problem")).to_contain_text("plan.ics is not an iCalendar file")


def test_without_scripts_list_history_and_revert_work(plain_page: Page, address, world):
    say(world, 60, 180)
    world.clock.time = NOW + MINUTE
    plain_page.goto(address + PLACE)
    assert "needs scripts" in plain_page.inner_text("main")
    with leaving(plain_page):
        plain_page.get_by_role("button", name="Take label 1 back").click()
    with leaving(plain_page):
        plain_page.get_by_role("button", name="Yes, do it").click()
    assert said(world) == []
    plain_page.locator(".changes summary").first.click()
    with leaving(plain_page):
        plain_page.get_by_role("button", name="Go back to before this").first.click()
    assert "1 would be said again, 0 taken back" in plain_page.inner_text("main")
    with leaving(plain_page):
        plain_page.get_by_role("button", name="Yes, do it").click()
    assert said(world) == [("normal", 60, 180)]


def test_a_viewer_only_looks(page, world):
    account(world, Role.VIEWER)
    say(world, 60, 180)
    with served(create_app(world)) as address:
        page.goto(address + PLACE)
        sign_in(page)
        ready(page)
        assert page.locator("#editor, .take-back, [data-act=undo]").count() == 0
        expect(page.locator(".laned")).to_have_count(1)


def test_by_touch_on_a_phone(running, address, world):
    context = running.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    complaints = listen(page)
    open_studio(page, address)
    page.locator(CHART).scroll_into_view_if_needed()
    (from_x, y), (to_x, _) = x_of(page, 100), x_of(page, 300)
    touch = context.new_cdp_session(page)
    points = [from_x, (from_x + to_x) / 2, to_x]
    for kind, x in zip(["touchStart", "touchMove", "touchMove"], points, strict=True):
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.get_by_role("button", name="Save", exact=True).click()
    told(page, "Saved")
    ((_, start, stop),) = said(world)
    assert abs(start - 100) <= 6
    assert abs(stop - 300) <= 6
    assert complaints == []
    context.close()


def test_the_first_view_is_small(page: Page, address, weighed: Callable[[], int]):
    open_studio(page, address)
    assert weighed() < 100_000
