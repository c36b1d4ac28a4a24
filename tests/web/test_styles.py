"""The style sheet that every page has."""

import re
from pathlib import Path

import backend.web

PAGE = Path(backend.web.__file__).parent / "static" / "page.css"


def colors(selector: str) -> dict[str, str]:
    """The colors of the rule with a selector."""
    sheet = PAGE.read_text(encoding="utf-8")
    _, _, rest = sheet.partition(f"{selector} {{")
    return dict(re.findall(r"(--[\w-]+): (#\w+);", rest.partition("}")[0]))


def test_dark_by_choice_is_dark_by_the_systems_choice():
    chosen = colors(':root[data-theme="dark"]')
    assert chosen == colors(':root:not([data-theme="light"])')
    assert chosen.keys() == colors(":root").keys()
