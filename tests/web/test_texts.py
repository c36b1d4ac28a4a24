"""The catalogues of texts: every language has all of them, every page uses only those there are."""

import re
from pathlib import Path

import pytest

from backend.web import texts
from backend.web.texts import LANGUAGES, catalogue, text_in
from tests.web.forms import post

WEB = Path(texts.__file__).parents[1]
FOLDER = Path(texts.__file__).parent
USED = re.compile(r"""(?<![.\w])text\(\s*["']([a-z][a-z0-9-]*[a-z0-9])["'][,)\s]""")


@pytest.mark.parametrize("code", sorted(set(LANGUAGES) - {"en"}))
def test_a_language_has_every_text_with_the_same_values(code):
    assert catalogue(code).variables == catalogue("en").variables


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_text_can_be_said(code):
    for name, variables in catalogue(code).variables.items():
        said = text_in(code, name, **dict.fromkeys(variables, 3))
        assert said.strip()
        assert "{" not in said, name


@pytest.mark.parametrize("code", LANGUAGES)
def test_no_name_stands_in_two_files(code):
    names = [
        name
        for file in sorted((FOLDER / code).glob("*.ftl"))
        for name in re.findall(r"^([a-z][\w-]*) =", file.read_text("utf-8"), re.MULTILINE)
    ]
    assert len(names) == len(set(names))


def test_pages_use_only_texts_that_are_there():
    known = set(catalogue("en").variables)
    for file in [*WEB.rglob("*.html"), *WEB.rglob("*.py")]:
        used = set(USED.findall(file.read_text("utf-8")))
        assert used <= known, file.name


def test_templates_hold_no_words_of_their_own():
    """Letters between tags would be shown in one language only."""
    allowed = {"normalcy", "Grafana", "UTC"}
    for file in WEB.rglob("*.html"):
        plain = re.sub(r"\{[{%#].*?[}%#]\}", "", file.read_text("utf-8"), flags=re.DOTALL)
        # commands, addresses, and what is data for a script
        plain = re.sub(r"<(code|script)\b[^>]*>[^<]*</\1>", "", plain)
        for between in re.findall(r">([^<>]+)<", plain):
            words = between.strip().strip("·").strip()
            unknown = re.search(r"[A-Za-z]{2,}", words) and words not in allowed
            assert not unknown, (file.name, words)


def test_what_the_browser_asks_for_and_what_was_chosen(client):
    asked = client.get("/alerts", headers={"Accept-Language": "ko-KR,ko;q=0.9,en;q=0.5"})
    assert '<html lang="ko"' in asked.text
    assert "알림" in asked.text
    client.set_cookie("language", "en")
    chosen = client.get("/alerts", headers={"Accept-Language": "ko"})
    assert '<html lang="en"' in chosen.text
    client.set_cookie("language", "../../etc")
    assert '<html lang="en"' in client.get("/alerts").text


def test_language_and_theme_are_kept_and_lead_only_to_our_own_pages(client):
    for wanted, place in (("/alerts?state=firing",) * 2, ("//evil.example/", "/"), ("", "/")):
        chosen = {"language": "ko", "theme": "dark", "next": wanted}
        assert post(client, "/preferences", **chosen).headers["Location"] == place
    page = client.get("/alerts").text
    assert '<html lang="ko" data-theme="dark"' in page
