"""Columns for a chart, as the pages ask for them."""

import numpy as np
import pytest

from backend import schema
from backend.ports import Points
from tests.web.worlds import NOW, START

MS = 1_000_000
CHART = "/api/v1/detectors/gas-room/chart"
RANGE = {"from": START // MS, "to": NOW // MS, "series": "room=R1"}


def tables(client, **asked):
    answer = client.get(CHART, query_string={**RANGE, **asked})
    assert answer.status_code == 200, answer.text
    return answer.json["tables"]


def test_channels_and_scores_come_as_columns_on_their_times(client):
    found = tables(client)
    assert [(one["what"], [*one["columns"]]) for one in found[:2]] == [
        ("channels", ["temp"]),
        ("channels", ["NH3"]),
    ]
    assert found[-1]["what"] == "scores"
    for one in found:
        assert one["series"] == "room=R1"
        assert one["time"][0] == START // MS
        assert {len(values) for values in one["columns"].values()} == {len(one["time"])}


def test_only_the_numbers_asked_for_are_read(client):
    (scores,) = tables(client, what="scores", field=["score", "threshold"])
    assert [*scores["columns"]] == ["score", "threshold"]
    (whole,) = tables(client, what="scores")
    assert set(whole["columns"]) == set(schema.SCORE_NUMBERS)


def test_a_number_that_is_none_of_the_scores_is_refused(client):
    answer = client.get(CHART, query_string={**RANGE, "field": "model"})
    assert answer.status_code == 422
    assert "expected any of error, smoothed" in answer.text


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (20 + 1 / 3, 20.333334),
        (0.1 + 0.2, 0.3),
        (1e9 + 1 / 3, 1e9 + 1 / 3),  # beside others near it its last digits are all there is
        (1e300, 1e300),
        (-1.7e308, -1.7e308),
        (float("nan"), None),
    ],
)
def test_numbers_have_the_digits_that_a_chart_can_show(client, world, value, written):
    last = 3 * value if 0 < value < 1e6 else abs(value)
    fields = {"temp": np.array([value, value + value / 1e9, last])}
    times = START + np.arange(3) * 60 * 10**9
    world.source.write("air", [Points({"site": "plant-1", "room": "R9"}, times, fields)])
    found = tables(client, what="channels", channel="temp", series="room=R9")
    if written is None:
        assert found == []
    else:
        assert found[0]["columns"]["temp"][0] == written


def test_a_gap_is_null(client, world):
    times = START + np.array([0, 1, 2, 30, 31]) * 60 * 10**9
    point = Points({"site": "plant-1", "room": "R9"}, times, {"temp": np.arange(5.0)})
    world.source.write("air", [point])
    (found,) = tables(client, what="channels", channel="temp", series="room=R9")
    assert found["columns"]["temp"] == [0.0, 1.0, 2.0, None, 3.0, 4.0]


def test_what_nobody_waits_for_is_not_read_to_its_end(client, world):
    asked = []
    read = world.source.read
    world.source.read = lambda query: asked.append(query) or read(query)
    gone = {"waitress.client_disconnected": lambda: len(asked) >= 2}
    # A century of minutes takes many reads.
    century = {**RANGE, "from": 0, "what": ["channels", "expected"]}
    answer = client.get(CHART, query_string=century, environ_overrides=gone)
    assert answer.status_code == 422
    assert "has gone on" in answer.text
    assert len(asked) == 2
