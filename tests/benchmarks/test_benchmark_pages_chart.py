"""The benchmark of the chart: what it stores, and what it says of its figures."""

from dataclasses import replace

from backend import schema
from backend.ports import Query
from benchmarks.pages_chart import (
    SERIES,
    START,
    STEP,
    Looked,
    Way,
    fill,
    flow,
    raw,
    table,
    verdicts,
)
from tests.web.worlds import make_world

GOOD = Looked(1500, 2000, 20_000, 30, 400, 30, 300, 50, 60, 200 * 10**6)
ROWS = 1_000


def way(name: str, *looks: Looked, why: str = "") -> Way:
    return Way(name, ROWS, looks, why)


def test_the_sensor_and_its_scores_have_every_row_and_the_peak():
    world = make_world()
    fill(world, ROWS, scored=True)
    stop = START + ROWS * STEP
    (found,) = world.source.read(Query("pump", ("flow",), START, stop, group_by=("pump",)))
    assert len(found) == ROWS
    assert found.fields["flow"].argmax() == 777
    (scores,) = world.results.read(Query(schema.SCORES, ("score", "flag"), START, stop))
    assert scores.fields["flag"][777] == 1.0
    assert world.records.watermarks("pump") == {SERIES: stop}


def test_the_rival_is_given_every_point():
    client = raw(ROWS).test_client()
    assert client.get("/value").data == flow(ROWS).tobytes()
    assert len(client.get("/time").data) == 8 * ROWS
    assert f"[{START // 10**6}, {START // 10**6 + 1000 * ROWS}]" in client.get("/raw.js").text
    assert 'src="/raw.js"' in client.get("/").text


def test_every_goal_is_judged():
    part = way("raw", replace(GOOD, zoom_fine=900))
    assert set(verdicts([way("ours", GOOD)], part).values()) == {True}
    slow = replace(GOOD, first=9_000, pan=300, zoom_fine=1_000)
    assert set(verdicts([way("ours", slow)], part).values()) == {False}
    assert verdicts([way("ours", why="no chart")], part) == {"ours: there is a chart": False}
    assert len(verdicts([way("ours", GOOD)], way("raw", why="the tab ended"))) == 2


def test_each_way_is_a_line_and_one_without_a_chart_says_why():
    quick, slow = replace(GOOD, first=1_234), replace(GOOD, first=99_999)
    head, ours, rival = table([way("ours", quick, GOOD, slow), way("raw", why="the tab ended")])
    assert "zoom_fine" in head
    assert ("2000" in ours, "99999" in ours) == (True, False)
    assert rival.endswith("the tab ended")
