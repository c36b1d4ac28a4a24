"""The table of every series on the overview, and its rows in the API."""

import re

import pytest

from backend.records import SetAside
from tests.web.test_pages import outline
from tests.web.worlds import MINUTE, NOW, World, add_version, make_world, write_event, write_scores

MANY = 230


@pytest.fixture
def many() -> World:
    """A fleet of more series than a page holds; R7 deviates, R9 is set aside."""
    made = make_world()
    add_version(made)
    marks = {f"room=R{number}": NOW for number in range(MANY)}
    made.records.set_watermarks("gas-room", marks)
    for room in ("R7", "R8"):
        write_scores(made, room)
    write_event(made, "R7", 595, open_=True)
    made.records.set_aside(SetAside("gas-room", "room=R9", "flat for 3 days", NOW, NOW + MINUTE))
    return made


def rows(text: str) -> list[str]:
    table = re.search(r'<table role="table" class="series">(.*?)</table>', text, re.DOTALL)
    return re.findall(r'class="name"><a href="[^"]*">([^<]*)<', table[1]) if table else []


def test_a_page_has_a_hundred_rows_the_most_urgent_first_and_leads_on(many):
    text = many.client().get("/").text
    assert len(rows(text)) == 100
    assert rows(text)[0] == "room=R7"
    assert 'rel="next" href="/?page=2"' in text
    last = many.client().get("/?page=3").text
    assert len(rows(last)) == MANY - 200
    assert 'rel="next"' not in last


def test_search_filter_and_order_come_from_the_address(many):
    client = many.client()
    assert rows(client.get("/?q=r7&state=anomalous").text) == ["room=R7"]
    assert rows(client.get("/?state=set+aside").text) == ["room=R9"]
    assert rows(client.get("/?sort=name&q=R10").text)[:2] == ["room=R10", "room=R100"]
    assert rows(client.get("/?detector=pump").text) == []


def test_links_keep_what_was_asked_for(many):
    text = many.client().get("/?q=room&sort=name&state=blind").text
    assert 'href="/?q=room&amp;state=blind&amp;sort=name&amp;page=2"' in text
    assert 'name="q" value="room"' in text
    assert '<input type="hidden" name="state" value="blind">' in text


def test_nothing_found_says_what_to_do(many):
    text = many.client().get("/?q=nowhere").text
    assert rows(text) == []
    assert "No series matches" in text
    assert "Show all" in text


@pytest.mark.parametrize(
    "asked", ["page=x", "page=-1", "page=999999999999", "state=odd", "sort=odd"]
)
def test_nonsense_in_the_address_is_passed_over(many, asked):
    answer = many.client().get(f"/?{asked}")
    assert answer.status_code == 200
    assert rows(answer.text)


def test_the_view_of_series_leaves_out_detectors_and_runs(many):
    text = many.client().get("/?view=series").text
    assert rows(text)
    assert 'class="cards"' not in text
    assert "Recent runs" not in text


def test_a_script_gets_the_rows_alone(many):
    text = many.client().get("/?part=series&q=R7").text
    assert rows(text) == ["room=R7", "room=R70", "room=R71"] + [f"room=R7{n}" for n in range(2, 10)]
    assert "<html" not in text
    outline(text)


def test_the_last_day_is_a_picture_that_says_the_same_in_words(many):
    text = many.client().get("/?q=R7&state=anomalous").text
    assert (
        'aria-label="Highest score of the last 24 hours: 4.00. Above the threshold in 2 of' in text
    )
    parsed = outline(text)
    kinds = [a.get("class") for tag, a in parsed.seen if tag == "path"]
    assert kinds == ["line", "scores", "over"]


def test_a_series_leads_to_its_charts(many):
    text = many.client().get("/?state=anomalous").text
    assert 'href="/detectors/gas-room?series=room%3DR7"' in text
    assert '<h3><a href="/detectors/pump">pump</a></h3>' in text


def test_a_detector_without_a_model_leads_to_its_next_step(many):
    text = many.client().get("/").text
    card = text[text.index('href="/detectors/pump">') :]
    steps = re.search(r'<p class="steps">(.*?)</p>', card, re.DOTALL)[1]
    assert "Say what was normal" in steps
    assert "pump" in steps
    add_version(many, "pump", promoted=False)
    assert "Review the new model" in many.client().get("/").text


def test_korean_readers_read_korean(many):
    text = many.client().get("/", headers={"Accept-Language": "ko"}).text
    assert '<html lang="ko"' in text
    assert "모든 시리즈" in text


class TestApi:
    def test_rows_in_pages(self, many):
        answer = many.client().get("/api/v1/series?limit=50&page=2").json
        assert (len(answer["series"]), answer["found"], answer["total"]) == (50, MANY, MANY)
        assert (answer["page"], answer["pages"]) == (2, 5)
        assert sum(answer["states"].values()) == MANY

    def test_a_row_tells_state_and_reason(self, many):
        (row,) = many.client().get("/api/v1/series?state=set%20aside").json["series"]
        assert row == {
            "detector": "gas-room",
            "series": "room=R9",
            "state": "set aside",
            "why": "flat for 3 days",
            "score": None,
            "open_events": 0,
            "scored_to": NOW // 10**6,
            "retry_at": (NOW + MINUTE) // 10**6,
        }

    @pytest.mark.parametrize("asked", ["limit=0", "limit=1001", "page=0", "state=odd", "sort=odd"])
    def test_what_is_not_understood_is_refused(self, many, asked):
        assert many.client().get(f"/api/v1/series?{asked}").status_code == 422
