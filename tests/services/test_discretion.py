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
    ],
)
def test_the_password_of_any_address_is_one(text: str, left: str) -> None:
    assert striking_out([])(text) == left


def test_a_name_is_taken_out_as_a_whole_word() -> None:
    seal = sealing([], ["anna", "anna.berg", "Çelik", "b"])
    assert seal("by anna, anna.berg and Çelik; annabel, b") == (
        f"by {PERSON}, {PERSON} and {PERSON}; annabel, b"
    )
    assert seal(json.dumps({"by": "Çelik"})) == json.dumps({"by": PERSON})


def test_without_names_only_secrets_go() -> None:
    assert sealing(["planted"], [])("planted by anna") == f"{STRUCK_OUT} by anna"
