"""Our side of the quirks of Grafana's annotations, over HTTP."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from backend.exceptions import GrafanaRefused, GrafanaUnavailable
from backend.grafana.annotations import GrafanaAnnotations
from backend.grafana.client import GrafanaClient, Patience
from backend.ports import Credentials, Mark
from tests.fakes.grafana import LOCKED, QuirkyGrafana
from tests.servers.quirky_grafana import TOKEN, serving

MS = 1_000_000
NOON = 1_780_000_000_000
Open = Callable[..., GrafanaAnnotations]


@pytest.fixture
def grafana() -> QuirkyGrafana:
    return QuirkyGrafana()


@pytest.fixture
def open_book(grafana: QuirkyGrafana) -> Iterator[Open]:
    with ExitStack() as stack:
        url = stack.enter_context(serving(grafana))

        def opened(token: str = TOKEN, **values: Any) -> GrafanaAnnotations:
            client = GrafanaClient(url, Credentials(token=token), Patience(pauses=(0.0, 0.0)))
            stack.callback(client.close)
            return GrafanaAnnotations(client, **values)

        yield opened


def mark(start: int = 0, stop: int = 10, **values: Any) -> Mark:
    return Mark((NOON + start) * MS, (NOON + stop) * MS, "quiet", ("normal",), **values)


def every(book: GrafanaAnnotations, start: int = -10_000, stop: int = 10_000) -> list[str]:
    return [x.id for x in book.between((NOON + start) * MS, (NOON + stop) * MS, ["normal"])]


class TestListing:
    def test_both_ends_the_type_and_a_high_limit_are_always_sent(
        self, grafana: QuirkyGrafana, open_book: Open
    ) -> None:
        open_book().between(0, 5 * MS, ["normal", "anomaly"])
        (asked,) = [asked for method, asked in grafana.calls if method == "GET"]
        assert asked == {
            "from": ["1"],
            "to": ["5"],
            "type": ["annotation"],
            "tags": ["normal", "anomaly"],
            "matchAny": ["true"],
            "limit": ["10000"],
        }

    def test_a_range_with_too_many_is_halved_until_all_are_there(
        self, grafana: QuirkyGrafana, open_book: Open
    ) -> None:
        numbers = [grafana.draw(NOON + n, NOON + n + 2, "normal") for n in range(60)]
        numbers += [grafana.draw(NOON - 100, NOON + 100, "normal")]
        found = every(open_book(limit=7))
        assert sorted(map(int, found)) == numbers
        assert len(grafana.calls) > 10

    def test_as_many_as_the_limit_may_be_all_of_them(
        self, grafana: QuirkyGrafana, open_book: Open
    ) -> None:
        for n in range(3):
            grafana.draw(NOON + n * 100, NOON + n * 100 + 1, "normal")
        assert len(every(open_book(limit=3))) == 3

    def test_too_many_at_one_moment_are_refused(
        self, grafana: QuirkyGrafana, open_book: Open
    ) -> None:
        for _ in range(5):
            grafana.draw(NOON, NOON + 10, "normal")
        with pytest.raises(GrafanaRefused, match="5 annotations or more at one millisecond"):
            every(open_book(limit=5))

    def test_what_alert_rules_note_is_dropped_even_where_the_type_is_not_heeded(
        self, grafana: QuirkyGrafana, open_book: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        grafana.draw(NOON, NOON + 10, "normal", alertId=4)
        kept = str(grafana.draw(NOON, NOON + 10, "normal"))
        listing = grafana.listing
        monkeypatch.setattr(grafana, "listing", lambda asked: listing({**asked, "type": [""]}))
        assert every(open_book()) == [kept]

    def test_null_tags_missing_ends_and_points(
        self, grafana: QuirkyGrafana, open_book: Open
    ) -> None:
        number = grafana.draw(NOON, 0, text=None, login=None, dashboardUID="")
        found = open_book().get(str(number))
        assert found is not None
        assert (found.tags, found.text, found.author, found.dashboard) == ((), "", "", None)
        assert not found.is_region

    @pytest.mark.parametrize("answer", [{"message": "moved"}, "<html>", None, [{}], ["x"]])
    def test_what_is_no_listing_is_refused(
        self, grafana: QuirkyGrafana, open_book: Open, answer: Any
    ) -> None:
        grafana.faults.append((200, answer))
        with pytest.raises(GrafanaRefused):
            every(open_book())


class TestWriting:
    def test_the_end_and_all_tags_are_sent_with_every_update(
        self, grafana: QuirkyGrafana, open_book: Open
    ) -> None:
        book = open_book()
        made = book.create(mark(), "r1")
        book.update(made.id, mark(5, 6), "r1")
        (item,) = grafana.items.values()
        assert (item["timeEnd"], item["tags"]) == (NOON + 6, ["normal", "rid:r1"])
        assert "PATCH" not in grafana.writes()

    def test_a_locked_database_is_met_with_patience(
        self, grafana: QuirkyGrafana, open_book: Open
    ) -> None:
        book = open_book()
        made = book.create(mark(), "r1")
        grafana.faults += [LOCKED, LOCKED]
        book.update(made.id, mark(5, 6), "r1")
        grafana.faults += [LOCKED]
        book.delete(made.id)
        assert grafana.items == {}

    def test_but_not_for_ever(self, grafana: QuirkyGrafana, open_book: Open) -> None:
        grafana.faults += [LOCKED] * 3
        with pytest.raises(GrafanaUnavailable, match="database is locked"):
            open_book().delete("1")
        assert grafana.writes() == ["DELETE"] * 3

    def test_a_post_that_may_have_been_stored_is_looked_for_first(
        self, grafana: QuirkyGrafana, open_book: Open
    ) -> None:
        grafana.after.append(LOCKED)
        made = open_book().create(mark(), "r1")
        assert list(grafana.items) == [int(made.id)]
        assert [method for method, _ in grafana.calls] == ["POST", "GET"]

    def test_one_that_was_not_is_sent_again(self, grafana: QuirkyGrafana, open_book: Open) -> None:
        grafana.faults.append(LOCKED)
        open_book().create(mark(), "r1")
        assert grafana.writes() == ["POST", "POST"]
        assert len(grafana.items) == 1

    def test_an_annotation_that_fell_to_the_organization_is_taken_away(
        self, grafana: QuirkyGrafana, open_book: Open
    ) -> None:
        with pytest.raises(GrafanaRefused, match="no dashboard 'gone'"):
            open_book().create(mark(dashboard="gone"), "r1")
        assert grafana.items == {}
        made = open_book().create(mark(dashboard="gas"), "r2")
        assert made.dashboard == "gas"


class TestRights:
    @pytest.mark.parametrize(
        ("work", "right"),
        [
            (lambda book: book.create(mark(), "r"), "annotations:create"),
            (lambda book: book.update("1", mark(), "r"), "annotations:write"),
            (lambda book: book.delete("1"), "annotations:delete"),
        ],
    )
    def test_the_message_names_the_one_that_is_missing(
        self,
        grafana: QuirkyGrafana,
        open_book: Open,
        work: Callable[[GrafanaAnnotations], object],
        right: str,
    ) -> None:
        grafana.draw(NOON, NOON + 10, "normal")
        grafana.role = "Viewer"
        book = open_book()
        assert every(book) == ["1"]
        with pytest.raises(GrafanaRefused, match=f"{right}, which .*Editor"):
            work(book)

    def test_reading_needs_one_too(self, grafana: QuirkyGrafana, open_book: Open) -> None:
        grafana.role = "None"
        with pytest.raises(GrafanaRefused, match="annotations:read"):
            every(open_book())

    def test_a_wrong_token_is_told(self, open_book: Open) -> None:
        with pytest.raises(GrafanaRefused, match="does not accept the credentials"):
            open_book("wrong").name()
