"""Signing in, and making and revoking a token, as a person does it."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from backend.records import Role
from tests.browser.conftest import leaving
from tests.web.forms import post
from tests.web.worlds import World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PASSWORD = "correct horse"


@pytest.fixture
def guarded(world: World) -> World:
    """The world with two accounts."""
    world.access.add_user("ada", PASSWORD, Role.ADMIN, by="local")
    world.access.add_user("lee", PASSWORD, Role.LABELLER, by="ada")
    return world


def enter(page: Page, name: str, password: str) -> None:
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password or token").fill(password)
    with leaving(page):
        page.get_by_role("main").get_by_role("button", name="Sign in").click()


def test_a_person_signs_in_and_makes_and_revokes_a_token(
    page: Page,
    guarded: World,
    address: str,
    no_barriers: Callable[[Page], None],
    shot: Callable[[Page, str], None],
) -> None:
    page.goto(f"{address}access")
    expect(page).to_have_url(f"{address}sign-in?next=%2Faccess")
    no_barriers(page)
    enter(page, "ada", "wrong password")
    expect(page.get_by_role("alert")).to_have_text("The name or the password is wrong.")
    expect(page.get_by_label("Password or token")).to_be_focused()
    shot(page, "sign-in")
    enter(page, "ada", PASSWORD)
    expect(page).to_have_url(f"{address}access")

    page.get_by_label("What it is for").fill("wall display")
    page.get_by_text("For some detectors only").click()
    page.get_by_label("gas-room").check()
    with leaving(page):
        page.get_by_role("button", name="Make a token").click()
    secret = page.get_by_label("Token", exact=True).input_value()
    no_barriers(page)
    shot(page, "access")
    token = guarded.access.token_of(secret)
    assert token is not None
    assert token.detectors == ("gas-room",)
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    page.goto(f"{address}access")
    expect(page.get_by_label("Token", exact=True)).to_have_count(0)

    revoke = page.get_by_role("button", name="Revoke wall display")
    revoke.click()
    page.get_by_role("button", name="Cancel").click()
    assert guarded.access.token_of(secret) is not None
    revoke.click()
    with leaving(page):
        page.get_by_role("button", name="Yes, do it").click()
    expect(page.get_by_text("wall display counts no more.")).to_be_visible()
    assert guarded.access.token_of(secret) is None

    page.get_by_text("ada", exact=True).first.click()
    with leaving(page):
        page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{address}sign-in")
    page.goto(f"{address}access")
    expect(page).to_have_url(f"{address}sign-in?next=%2Faccess")


def test_the_own_password_is_changed(
    page: Page,
    guarded: World,
    address: str,
    no_barriers: Callable[[Page], None],
    shot: Callable[[Page, str], None],
) -> None:
    page.goto(f"{address}me")
    enter(page, "lee", PASSWORD)
    no_barriers(page)
    shot(page, "me")
    page.get_by_label("Present password").fill(PASSWORD)
    page.get_by_label("New password", exact=True).fill("another one")
    page.get_by_label("New password again").fill("another one")
    with leaving(page):
        page.get_by_role("button", name="Change password").click()
    expect(page.get_by_role("status")).to_contain_text("was changed")
    assert guarded.access.sign_in("lee", "another one") is not None
    expect(page.get_by_role("link", name="Access")).to_have_count(0)


def test_all_of_it_works_without_scripts(plain_page: Page, guarded: World, address: str) -> None:
    page = plain_page
    page.goto(f"{address}access")
    enter(page, "ada", PASSWORD)
    with leaving(page):
        page.get_by_role("button", name="Remove lee").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Remove the account lee?")
    with leaving(page):
        page.get_by_role("button", name="Yes, do it").click()
    expect(page.get_by_text("lee was removed.")).to_be_visible()
    assert [one.name for one in guarded.access.users()] == ["ada"]


def test_the_sessions_are_seen_and_ended_and_all_is_on_record(
    page: Page,
    guarded: World,
    address: str,
    no_barriers: Callable[[Page], None],
    shot: Callable[[Page, str], None],
) -> None:
    other = guarded.client()
    post(other, "/sign-in", "/sign-in", name="ada", password=PASSWORD)
    page.goto(f"{address}me")
    enter(page, "ada", PASSWORD)
    expect(page.get_by_text("This browser")).to_have_count(1)
    no_barriers(page)
    shot(page, "me")
    with leaving(page):
        page.get_by_role("main").get_by_role("button", name="Sign out everywhere else").click()
    expect(page.get_by_text("One other browser was signed out.")).to_be_visible()
    assert other.get("/api/v1/me").status_code == 401

    page.goto(f"{address}access")
    with leaving(page):
        page.get_by_role("link", name="Audit log").click()
    expect(page.get_by_role("cell", name="signed out").first).to_be_visible()
    page.get_by_label("Change").select_option("account added")
    with leaving(page):
        page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("lee, labeller")).to_be_visible()
    expect(page.get_by_role("cell", name="signed out")).to_have_count(0)
    no_barriers(page)
    shot(page, "audit")
