"""Signed links: one statement each, for a while, and nothing else."""

from datetime import timedelta
from string import ascii_letters, digits

import pytest
from itsdangerous import URLSafeSerializer

from backend.exceptions import LinkError, LinkExpired
from backend.records import LabelKind
from backend.services.links import Links, Statement

NOW = 1_780_000_000_000_000_000
DAY = 86_400_000_000_000


def links(key: str = "k" * 64, days: float = 7) -> Links:
    return Links(lambda: key, "https://normalcy.example", timedelta(days=days))


def token(statement: Statement, made_by: Links | None = None) -> str:
    address, _, end = (made_by or links()).to_say(statement, NOW).rpartition("/")
    assert address == "https://normalcy.example/said"
    return end


@pytest.mark.parametrize("kind", list(LabelKind))
def test_what_was_signed_is_read_back(kind: LabelKind) -> None:
    statement = Statement(17, kind)
    assert links().read(token(statement), NOW) == statement
    assert token(statement).replace("_", "").replace("-", "").replace(".", "").isalnum()


def test_it_works_until_its_time_is_over() -> None:
    one = token(Statement(17, LabelKind.NORMAL))
    assert links().read(one, NOW + 7 * DAY - 10**9).alert == 17
    with pytest.raises(LinkExpired, match="1w"):
        links().read(one, NOW + 7 * DAY)


@pytest.mark.parametrize("change", ["", "x", "a.b", "é", "\0", "x" * 5000, "WzFd.AAAA"])
def test_what_was_never_signed_is_refused(change: str) -> None:
    with pytest.raises(LinkError, match="damaged"):
        links().read(change, NOW)


def test_every_letter_counts() -> None:
    one = token(Statement(17, LabelKind.NORMAL))
    for place in range(len(one)):
        other = one[:place] + ("A" if one[place] != "A" else "B") + one[place + 1 :]
        with pytest.raises(LinkError):
            links().read(other, NOW)
        with pytest.raises(LinkError):
            links().read(one[:place], NOW)


def test_a_link_is_written_in_one_way_only() -> None:
    """Or what was used up could be used again, as long as its signature means the same."""
    one = token(Statement(17, LabelKind.NORMAL))
    letters = (set(ascii_letters) | set(digits) | set("-_")) - {one[-1]}
    for other in [*(one[:-1] + letter for letter in letters), f"{one}=", f"{one}!", f"{one}\n"]:
        with pytest.raises(LinkError, match="damaged"):
            links().read(other, NOW)


def test_another_installation_or_another_use_of_the_key_signs_otherwise() -> None:
    statement = Statement(17, LabelKind.NORMAL)
    with pytest.raises(LinkError):
        links().read(token(statement, links(key="j" * 64)), NOW)
    foreign = URLSafeSerializer("k" * 64, salt="something else").dumps([17, "normal", 2**40])
    with pytest.raises(LinkError):
        links().read(foreign, NOW)
