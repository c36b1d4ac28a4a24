"""Secrets and names leave no text, however they stand in it."""

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.services.anonymity import PERSON, sealing
from backend.services.discretion import SHORTEST, STRUCK_OUT, striking_out

SECRET = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=SHORTEST)


@given(SECRET, st.text(alphabet="xyz "))
def test_a_secret_is_found_in_every_form(secret: str, around: str) -> None:
    strike = striking_out([secret])
    forms = [
        secret,
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret),
        json.dumps({"password": secret}, ensure_ascii=False),
        repr(secret),
        base64.b64encode(secret.encode()).decode(),
    ]
    for form in forms:
        assert STRUCK_OUT in strike(f"{around}{form}{around}")


def test_a_secret_that_contains_another_goes_as_a_whole() -> None:
    strike = striking_out(["planted", "planted-and-more"])
    assert strike("planted-and-more, planted") == f"{STRUCK_OUT}, {STRUCK_OUT}"


@pytest.mark.parametrize("secrets", [[], [""], ["abc"]])
def test_what_is_no_secret_stays(secrets: list[str]) -> None:
    text = "abc at influxdb://host:8086/db and http://host/a@b"
    assert striking_out(secrets)(text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("postgresql://a:b@h/x", f"postgresql://a:{STRUCK_OUT}@h/x"),
        ("postgresql+psycopg://:b@h", f"postgresql+psycopg://:{STRUCK_OUT}@h"),
        ("(https://u:p:q@h)", f"(https://u:{STRUCK_OUT}@h)"),
        ("redis://:p@ss@h:1/x@y", f"redis://:{STRUCK_OUT}@h:1/x@y"),
        ("GET /query?u=r&p=b&q=SELECT", f"GET /query?u=r&p={STRUCK_OUT}&q=SELECT"),
        ("http://h/x?Token=a-b", f"http://h/x?Token={STRUCK_OUT}"),
        ("{'Authorization': 'Bearer a.b-c'}", f"{{'Authorization': 'Bearer {STRUCK_OUT}'}}"),
        ("authorization: Basic YTpi\n", f"authorization: Basic {STRUCK_OUT}\n"),
        (f"GET /said/{'a.B-_' * 9}", f"GET /said/{STRUCK_OUT}"),
        (f"token normalcy_{'aB-_x' * 8}abc.", f"token normalcy_{STRUCK_OUT}."),
    ],
)
def test_a_secret_that_nobody_knew_of_is_found_by_where_it_stands(text: str, left: str) -> None:
    assert striking_out([])(text) == left


def test_what_only_looks_like_one_stays() -> None:
    text = (
        "normalcy_detector_slowest_series_lag_seconds 4; show it as Authorization: Bearer, or as "
        "X-Api-Key; http://host:8086/said/so; a=1&stop=2"
    )
    assert striking_out([])(text) == text


def test_a_long_word_takes_no_longer_than_as_many_short_ones() -> None:
    """Digests and base64 stand in logs; each letter of theirs might begin an address."""
    words = striking_out([])
    assert words("a" * 1_000_000) == "a" * 1_000_000


def test_a_name_is_taken_out_as_a_whole_word() -> None:
    seal = sealing([], ["anna", "anna.berg", "Çelik", "b"])
    assert seal("by anna, anna.berg and Çelik; annabel, b") == (
        f"by {PERSON}, {PERSON} and {PERSON}; annabel, b"
    )
    assert seal(json.dumps({"by": "Çelik"})) == json.dumps({"by": PERSON})


def test_without_names_only_secrets_go() -> None:
    assert sealing(["planted"], [])("planted by anna") == f"{STRUCK_OUT} by anna"
