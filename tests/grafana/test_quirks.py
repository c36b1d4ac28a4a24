"""What Grafana 9.3 does with annotations, so that the quirky one of the tests does the same.

Where GRAFANA_URL names a Grafana 9.3, the same is asked of it.
"""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.fakes.grafana import QuirkyGrafana
from tests.servers.grafana import Grafana, require_grafana
from tests.servers.quirky_grafana import TOKEN, serving

NOON = 1_780_000_000_000
PATH = "/api/annotations"


class Book:
    """Annotations that carry a tag of their own, and are removed at the end."""

    def __init__(self, grafana: Grafana) -> None:
        self.grafana = grafana
        self.tag = f"q-{uuid.uuid4().hex[:10]}"

    def post(self, start: int = 0, stop: int | None = 10, *tags: str, **more: Any) -> int:
        body = {"time": NOON + start, "text": "x", "tags": [self.tag, *tags], **more}
        body |= {} if stop is None else {"timeEnd": NOON + stop}
        return int(self.grafana.post(PATH, body)["id"])

    def get(self, number: int) -> dict[str, Any]:
        found: dict[str, Any] = self.grafana.get(f"{PATH}/{number}")
        return found

    def put(self, number: int, **body: Any) -> None:
        self.grafana.put(f"{PATH}/{number}", body)

    def listed(self, query: str = "", tag: str | None = None) -> list[int]:
        return [one["id"] for one in self.grafana.get(f"{PATH}?tags={tag or self.tag}{query}")]

    def status(self, method: str, path: str, body: Any = None) -> int:
        url = self.grafana.url + path
        return self.grafana._session.request(method, url, json=body, timeout=30).status_code


@pytest.fixture(params=["quirky", "real"])
def book(request: pytest.FixtureRequest) -> Iterator[Book]:
    if request.param == "quirky":
        with serving(QuirkyGrafana()) as url, requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {TOKEN}"
            yield Book(Grafana(url, session))
        return
    grafana = require_grafana()
    version = grafana.get("/api/health")["version"]
    if not version.startswith("9.3."):
        pytest.skip(f"this Grafana is {version}: what 9.3 does was not tested against a real one")
    book = Book(grafana)
    yield book
    for number in book.listed("&limit=1000"):
        grafana.delete(f"{PATH}/{number}")


def test_one_end_of_the_range_is_not_heeded(book: Book) -> None:
    number = book.post()
    assert book.listed(f"&from={NOON + 100}") == [number]
    assert book.listed(f"&from={NOON + 100}&to={NOON + 200}") == []


def test_a_range_means_overlap_with_both_ends(book: Book) -> None:
    number = book.post(0, 10)
    assert book.listed(f"&from={NOON + 10}&to={NOON + 20}") == [number]
    assert book.listed(f"&from={NOON - 10}&to={NOON}") == [number]
    assert book.listed(f"&from={NOON + 11}&to={NOON + 20}") == []


def test_a_hundred_are_listed_the_latest_end_first(book: Book) -> None:
    numbers = [book.post(n, n + 10) for n in range(101)]
    assert book.listed() == numbers[:0:-1]
    assert len(book.listed("&limit=10000")) == 101


def test_a_bare_key_loses_what_has_two_tags_of_it(book: Book) -> None:
    key = f"k{book.tag}"
    one, two = book.post(0, 10, f"{key}:a"), book.post(0, 10, f"{key}:a", f"{key}:b")
    assert book.listed(tag=key) == [one]
    assert set(book.listed("&matchAny=true", tag=key)) == {one, two}


def test_an_end_before_the_start_is_swapped(book: Book) -> None:
    item = book.get(book.post(10, 0))
    assert (item["time"], item["timeEnd"]) == (NOON, NOON + 10)


def test_without_an_end_it_is_a_point(book: Book) -> None:
    item = book.get(book.post(0, None))
    assert item["timeEnd"] in (0, item["time"])


def test_an_update_without_tags_wipes_them_and_without_an_end_keeps_it(book: Book) -> None:
    number = book.post(0, 10)
    book.put(number, time=NOON, text="y", timeEnd=0)
    item = book.get(number)
    assert item["tags"] in (None, [])
    assert (item["text"], item["timeEnd"]) == ("y", NOON + 10)
    book.put(number, time=NOON, text="y", tags=[book.tag])


def test_an_empty_text_is_refused(book: Book) -> None:
    body = {"time": NOON, "text": "", "tags": [book.tag]}
    assert book.status("POST", PATH, body) == 400


def test_an_unknown_dashboard_becomes_the_organization(book: Book) -> None:
    item = book.get(book.post(dashboardUID="no-such-dashboard"))
    assert item["dashboardUID"] is None
    assert book.status("GET", f"{PATH}?dashboardUID=no-such-dashboard") == 400


def test_what_is_gone_is_not_found(book: Book) -> None:
    number = book.post()
    book.grafana.delete(f"{PATH}/{number}")
    assert book.status("GET", f"{PATH}/{number}") == 404
    assert book.status("DELETE", f"{PATH}/{number}") == 404


def test_a_tag_ends_at_its_second_colon(book: Book) -> None:
    item = book.get(book.post(0, 10, "room:a:b", " line : 1 "))
    assert item["tags"] == [book.tag, "room:a", "line:1"]
