"""What every book of annotations does: the twin, ours over HTTP, and ours to a real Grafana."""

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from backend.exceptions import GrafanaRefused, NotFound
from backend.grafana.annotations import GrafanaAnnotations
from backend.grafana.client import GrafanaClient, Patience
from backend.ports import AnnotationBook, Credentials, Mark
from tests.fakes.annotations import MemoryAnnotationBook
from tests.fakes.grafana import QuirkyGrafana
from tests.servers.grafana import require_grafana
from tests.servers.quirky_grafana import TOKEN, serving

MS = 1_000_000
NOON = 1_780_000_000_000 * MS
MINUTE = 60_000 * MS


@dataclass
class Here:
    """A book, and a tag that no other test uses."""

    book: AnnotationBook
    tag: str

    def mark(self, start: int = 0, stop: int = 10, *tags: str, text: str = "quiet") -> Mark:
        span = NOON + start * MINUTE, NOON + stop * MINUTE
        return Mark(*span, text, (self.tag, *tags))

    def listed(self, start: int = -60, stop: int = 60) -> list[str]:
        found = self.book.between(NOON + start * MINUTE, NOON + stop * MINUTE, [self.tag])
        return [one.id for one in found]


@pytest.fixture(params=["memory", "http", "real"])
def here(request: pytest.FixtureRequest) -> Iterator[Here]:
    tag = f"t-{uuid.uuid4().hex[:12]}"
    if request.param == "memory":
        yield Here(MemoryAnnotationBook(QuirkyGrafana()), tag)
        return
    if request.param == "http":
        with serving(QuirkyGrafana()) as url:
            client = GrafanaClient(url, Credentials(token=TOKEN), Patience(pauses=(0.0,)))
            yield Here(GrafanaAnnotations(client), tag)
            client.close()
        return
    yield from _real(tag)


def _real(tag: str) -> Iterator[Here]:
    require_grafana()
    client = GrafanaClient(
        os.environ["GRAFANA_URL"],
        Credentials(
            os.environ.get("GRAFANA_USER", "admin"),
            os.environ.get("GRAFANA_PASSWORD", "admin"),
            os.environ.get("GRAFANA_TOKEN"),
        ),
    )
    here = Here(GrafanaAnnotations(client), tag)
    try:
        yield here
    finally:
        for left in here.listed(-100_000, 100_000):
            here.book.delete(left)
        client.close()


def rid() -> str:
    return str(uuid.uuid4())


def test_its_name_is_the_same_each_time(here: Here) -> None:
    assert here.book.name() == here.book.name()
    assert here.book.name().partition("#")[2].isdecimal()


def test_what_was_written_is_read_back(here: Here) -> None:
    mark = here.mark(0, 10, "room:R1", text="größer & <leiser>")
    mine = rid()
    made = here.book.create(mark, mine)
    assert (made.start, made.stop, made.text) == (mark.start, mark.stop, mark.text)
    assert set(made.tags) == {here.tag, "room:R1"}
    assert (made.rid, made.dashboard) == (mine, None)
    assert made.is_region
    assert made.updated > 0
    assert here.book.get(made.id) == made
    assert here.book.between(NOON, NOON + MINUTE, [here.tag]) == [made]


def test_a_mark_between_milliseconds_is_covered(here: Here) -> None:
    made = here.book.create(Mark(NOON + 1, NOON + 2, "short", (here.tag,)), rid())
    assert (made.start, made.stop) == (NOON, NOON + MS)


def test_any_of_the_tags_will_do(here: Here) -> None:
    other = f"{here.tag}-2"
    one = here.book.create(here.mark(), rid())
    two = here.book.create(Mark(NOON, NOON + MINUTE, "x", (other, "job:a", "job:b")), rid())
    found = here.book.between(NOON, NOON + MINUTE, [here.tag, other])
    assert {x.id for x in found} == {one.id, two.id}
    assert here.book.between(NOON, NOON + MINUTE, [f"{here.tag}-3"]) == []
    here.book.delete(two.id)


def test_all_that_overlap_a_range_are_listed(here: Here) -> None:
    made = {
        span: here.book.create(here.mark(*span), rid()).id
        for span in [(-30, -20), (-20, -5), (-5, 5), (-50, 50), (2, 3), (20, 30)]
    }
    assert set(here.listed(-10, 10)) == {made[s] for s in [(-20, -5), (-5, 5), (-50, 50), (2, 3)]}
    first = here.listed(-60, 60)
    assert first[0] == made[-50, 50]
    assert len(first) == 6


def test_more_than_grafana_lists_by_itself(here: Here) -> None:
    made = {here.book.create(here.mark(n, n + 1), rid()).id for n in range(-55, 55)}
    assert set(here.listed()) == made


def test_an_update_is_the_whole_of_it(here: Here) -> None:
    mine = rid()
    made = here.book.create(here.mark(0, 10, "room:R1", "old"), mine)
    changed = here.book.update(made.id, here.mark(20, 25, "room:R2", text="moved"), mine)
    assert (changed.id, changed.text, changed.rid) == (made.id, "moved", mine)
    assert (changed.start, changed.stop) == (NOON + 20 * MINUTE, NOON + 25 * MINUTE)
    assert set(changed.tags) == {here.tag, "room:R2"}
    assert here.book.get(made.id) == changed


def test_what_is_gone_is_gone(here: Here) -> None:
    made = here.book.create(here.mark(), rid())
    here.book.delete(made.id)
    here.book.delete(made.id)
    assert here.book.get(made.id) is None
    assert here.listed() == []
    with pytest.raises(NotFound):
        here.book.update(made.id, here.mark(), rid())


def test_an_unknown_dashboard_is_refused_and_nothing_is_left(here: Here) -> None:
    mark = Mark(NOON, NOON + MINUTE, "x", (here.tag,), dashboard="no-such-dashboard")
    with pytest.raises(GrafanaRefused, match="dashboard"):
        here.book.create(mark, rid())
    assert here.listed() == []


@pytest.mark.parametrize("tags", [["x" * 101], [f"room:{'y' * 101}"], ["z" * 90] * 6])
def test_tags_that_would_not_be_kept_are_refused(here: Here, tags: list[str]) -> None:
    with pytest.raises(GrafanaRefused, match="tag"):
        here.book.create(here.mark(0, 10, *tags), rid())
    assert here.listed() == []


@pytest.mark.parametrize("text", ["a\nb", "%s {{x}} ${y}", "日本", "'; DROP TABLE"])
def test_any_text_is_safe(here: Here, text: str) -> None:
    assert here.book.create(here.mark(text=text), rid()).text == text
