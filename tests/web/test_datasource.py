"""Grafana's JSON datasource: shapes as Grafana takes them, and everything it may send."""

import json
from pathlib import Path

import numpy as np
import pytest

from backend import schema
from backend.exceptions import StoreUnavailable
from backend.ports import Points, Query
from backend.web.datasource.metrics import MOST_FRAMES
from tests.fakes.series import MemorySeriesStore
from tests.web.worlds import MINUTE, NOW, START, add_label, make_world, write_event

GOLDEN = Path(__file__).with_name("golden")
RANGE = {"from": "2026-05-28T10:26:00.000Z", "to": "2026-05-28T20:26:00.000Z"}
DETECTOR = {"detector": "gas-room"}
LOWER = {"what_if": {"threshold": {"kind": "fixed", "value": 0.05}, "alarm": {"for": 2}}}


def body(*targets, **more):
    return {"range": RANGE, "targets": list(targets), "maxDataPoints": 1000, **more}


def target(metric="score", ref_id="A", **more):
    return {"refId": ref_id, "target": metric, "payload": DETECTOR, **more}


def ask(client, *targets, **more):
    """The frames of a panel, read by a reader that takes no NaN, each checked for its shape."""
    answer = client.post("/grafana/query", json=body(*targets, **more))
    assert answer.status_code == 200, answer.text

    def refuse(constant):
        raise AssertionError(f"{constant} in the answer")

    frames = json.loads(answer.get_data(), parse_constant=refuse)
    assert isinstance(frames, list)
    for frame in frames:
        check_frame(frame)
    return frames


def check_frame(frame):
    lengths = {len(field["values"]) for field in frame["fields"]}
    assert len(lengths) == 1
    for field in frame["fields"]:
        assert field["type"] in ("time", "number", "string", "boolean")
    times = frame["fields"][0]
    if times["name"] == "time":
        assert times["type"] == "time"
        assert all(isinstance(time, int) for time in times["values"])
        if len(frame["fields"]) < 4:
            assert (np.diff(times["values"]) > 0).all()


def values(frame, name=None):
    fields = {field["name"]: field["values"] for field in frame["fields"]}
    return fields[name] if name else list(fields.values())[1]


def golden(name):
    return json.loads((GOLDEN / f"{name}.json").read_text())


class TestHealth:
    @pytest.mark.parametrize("path", ["/grafana", "/grafana/"])
    def test_all_is_well(self, client, path):
        assert client.get(path).status_code == 200

    def test_a_store_that_is_down_is_named_where_grafana_shows_it(self, world):
        class Down(MemorySeriesStore):
            def ping(self) -> str:
                raise StoreUnavailable("InfluxDB does not answer.")

        world.with_results(Down())
        answer = world.client().get("/grafana/")
        assert answer.status_code == 503
        assert answer.json["error"]["message"] == "results: InfluxDB does not answer."
        assert answer.json["message"] == answer.json["error"]["message"]


class TestGolden:
    """The shapes as they leave, byte for byte the same meaning."""

    @pytest.fixture
    def client(self):
        """Four points, one of them flagged, a gap after the second."""
        world = make_world()
        times = START + MINUTE * np.array([0, 1, 8, 9], dtype=np.int64)
        score = np.array([0.5, 0.75, 2.0, 1.0])
        fields = {"score": score, "error": score / 4, "threshold": np.full(4, 0.25)}
        fields |= {"flag": np.array([0.0, 0.0, 1.0, 0.0]), "alarm": np.zeros(4)}
        fields |= {"smoothed": score / 4, "judged": np.array([1.0, 0.0, 1.0, 1.0])}
        tags = {"detector": "gas-room", "room": "R1"}
        world.results.write(schema.SCORES, [Points(tags, times, fields)])
        write_event(world, "R1", 8)
        write_event(world, "R1", 500, open_=True, provisional=1.0)
        add_label(world, tags={"room": "R1"}, note="a calm hour")
        return world.client()

    @pytest.mark.parametrize(
        "metric",
        ["score", "threshold", "flag", "events", "labels", "detectors", "scores"],
    )
    def test_query(self, client, metric):
        payload = {**DETECTOR, "what": ["smoothed", "score", "alarm"]}
        assert ask(client, target(metric, payload=payload)) == golden(metric)

    @pytest.mark.parametrize("metric", ["what_if_threshold", "what_if_flag", "what_if_alerts"])
    def test_what_if(self, client, metric):
        assert ask(client, target(metric, payload={**DETECTOR, **LOWER})) == golden(metric)

    def test_metrics(self, client):
        assert client.post("/grafana/metrics", json={}).json == golden("metrics")

    def test_legacy_annotations(self, client):
        asked = {"name": "Events", "query": "events gas-room", "enable": True}
        answer = client.post("/grafana/annotations", json={"range": RANGE, "annotation": asked})
        assert answer.json == golden("annotations")


class TestQuery:
    def test_every_series_is_a_frame_with_its_labels(self, client):
        frames = ask(client, target())
        assert [frame["fields"][1]["labels"] for frame in frames] == [
            {"detector": "gas-room", "room": "R1"},
            {"detector": "gas-room", "room": "R2"},
        ]
        assert {frame["refId"] for frame in frames} == {"A"}

    def test_each_query_answers_under_its_own_ref_id(self, client):
        frames = ask(client, target("score", "A"), target("threshold", "B"))
        assert [frame["refId"] for frame in frames] == ["A", "A", "B", "B"]
        assert values(frames[0], "time") == values(frames[2], "time")

    def test_hidden_and_empty_queries_are_passed_over(self, client):
        hidden, empty = target(hide=True), {"refId": "B", "target": "", "payload": {}}
        assert ask(client, hidden, empty, {"refId": "C"}) == []

    def test_peaks_and_flags_survive_a_small_panel(self, client):
        score, flag, alarm = ask(
            client,
            *(
                target(m, m, payload={**DETECTOR, "series": "room=R1"})
                for m in ("score", "flag", "alarm")
            ),
            maxDataPoints=30,
        )
        assert len(values(score)) <= 30
        assert max(values(score)) == 4.0
        assert max(values(flag)) == max(values(alarm)) == 1.0

    def test_measured_values_come_by_channel(self, client):
        payload = {**DETECTOR, "series": ["room=R1"], "channel": ["temp", "load"]}
        frames = ask(client, target("channel", payload=payload))
        assert [frame["fields"][1]["name"] for frame in frames] == ["temp", "load"]

    def test_expected_values_and_contributions(self, client, world):
        tags = {"detector": "gas-room", "room": "R1"}
        for measurement in (schema.EXPECTED, schema.CONTRIBUTIONS):
            fields = {"temp": np.array([0.25]), "NH3": np.array([0.75])}
            world.results.write(measurement, [Points(tags, np.array([START]), fields)])
        assert len(ask(client, target("expected"))) == 2
        (frame,) = ask(client, target("contributions"))
        assert [field["name"] for field in frame["fields"]] == ["time", "temp", "NH3"]

    def test_a_gap_is_null(self, client, world):
        later = NOW - MINUTE + 30 * MINUTE
        fields = {"score": np.array([0.5])}
        tags = {"detector": "gas-room", "room": "R1"}
        world.results.write(schema.SCORES, [Points(tags, np.array([later]), fields)])
        to = {"from": RANGE["from"], "to": (NOW + 60 * MINUTE) // 1_000_000}
        frames = ask(client, target(), range=to)
        assert values(frames[0])[-2:] == [None, 0.5]

    def test_infinity_in_the_source_never_leaves(self, client, world, monkeypatch):
        read = world.source.read

        def with_infinity(query: Query):
            found = read(query)
            found[0].fields["temp"][3] = np.inf
            return found

        monkeypatch.setattr(world.source, "read", with_infinity)
        frames = ask(client, target("channel", payload={**DETECTOR, "channel": "temp"}))
        assert None in values(frames[0])

    def test_no_data_is_an_empty_list(self, client):
        assert ask(client, target(payload={"detector": "pump"})) == []
        assert ask(client, target("events", payload={"detector": "pump"})) == []
        assert ask(client, target("labels")) == []

    def test_the_range_ends_before_its_end(self, client):
        first = START // 1_000_000
        frames = ask(client, target(), range={"from": first, "to": first + 120_000})
        assert values(frames[0], "time") == [first, first + 60_000]

    def test_rows_within_a_millisecond_become_one(self, client, world):
        times = START + np.array([0, 1000, 2_000_000], dtype=np.int64)
        fields = {"flow": np.array([1.0, 2.0, 3.0])}
        world.source.write("pump", [Points({}, times, fields)])
        frames = ask(client, target("channel", payload={"detector": "pump"}))
        assert values(frames[0]) == [2.0, 3.0]

    def test_a_large_fleet_says_what_is_not_shown(self, client, world):
        for number in range(MOST_FRAMES + 5):
            tags = {"detector": "gas-room", "room": f"X{number:03}"}
            fields = {"score": np.array([0.5])}
            world.results.write(schema.SCORES, [Points(tags, np.array([START]), fields)])
        frames = ask(client, target())
        assert len(frames) == MOST_FRAMES
        notice = frames[0]["meta"]["notices"][0]
        assert notice["severity"] == "warning"
        assert "207 series" in notice["text"]


class TestWhatGrafanaSends:
    @pytest.mark.parametrize(
        "series",
        [
            "room=R1",
            ["room=R1"],
            "(room=R1)",
            "(room=R1|room=R1)",
            "{room=R1,room=R1}",
            ["(room=R1)"],
        ],
        ids=repr,
    )
    def test_a_series_in_every_form(self, client, series):
        frames = ask(client, target(payload={**DETECTOR, "series": series}))
        assert {frame["fields"][1]["labels"]["room"] for frame in frames} == {"R1"}

    @pytest.mark.parametrize("series", [None, "", [], "$__all", ["$__all"], "All"], ids=repr)
    def test_no_series_means_all(self, client, series):
        assert len(ask(client, target(payload={**DETECTOR, "series": series}))) == 2

    @pytest.mark.parametrize(
        "detector", ["gas-room", ["gas-room"], "(gas-room)", r"gas\-room", r"(gas\-room)"], ids=repr
    )
    def test_a_detector_in_every_form(self, client, detector):
        assert len(ask(client, target(payload={"detector": detector}))) == 2

    @pytest.mark.parametrize(
        "payload",
        [
            None,
            {},
            "",
            "{}",
            {"detector": None},
            {"detector": ""},
            {"detector": []},
            {"detector": "$__all"},
            {"detector": ["gas-room", "pump"]},
            {"detector": "(gas-room|pump)"},
        ],
        ids=repr,
    )
    def test_a_query_must_name_one_detector(self, client, payload):
        answer = client.post("/grafana/query", json=body(target(payload=payload)))
        assert answer.status_code == 422
        assert "gas-room, pump" in answer.json["message"]

    @pytest.mark.parametrize("key", ["payload", "data"])
    def test_a_payload_may_be_a_text(self, client, key):
        one = {"refId": "A", "target": "score", key: '{"detector": "gas-room"}'}
        assert len(ask(client, one)) == 2

    @pytest.mark.parametrize("payload", ["gas-room", '{"a": "b"', 5, [1], True], ids=repr)
    def test_a_payload_that_is_none_is_explained(self, client, payload):
        answer = client.post("/grafana/query", json=body(target(payload=payload)))
        assert answer.status_code == 422
        assert "JSON" in answer.json["message"]

    @pytest.mark.parametrize(
        "more",
        [
            {"panelId": "panel-7"},
            {"panelId": 7, "dashboardUID": None, "requestId": "Q1", "timezone": "browser"},
            {"scopedVars": {"undefined": {"text": "x", "value": ["a"]}, "__interval": {}}},
            {"scopedVars": None, "rangeRaw": {"from": "now-6h", "to": "now"}},
            {"maxDataPoints": None},
            {"maxDataPoints": 99.5},
            {"maxDataPoints": 10**15},
            {"filters": None, "adhocFilters": []},
            {"range": {**RANGE, "raw": {"from": "now-6h", "to": "now"}}},
            {"intervalMs": None, "app": "dashboard", "liveStreaming": False, "unheard-of": [{}]},
        ],
        ids=repr,
    )
    def test_what_versions_of_grafana_add_or_leave_out(self, client, more):
        assert len(ask(client, target(), **more)) == 2

    def test_without_a_number_of_points_there_are_a_thousand(self, client, world):
        times = START + np.arange(36_000, dtype=np.int64) * 10**9
        fields = {"flow": np.sin(np.arange(36_000) / 50)}
        world.source.write("pump", [Points({}, times, fields)])
        asked = body(target("channel", payload={"detector": "pump"}))
        del asked["maxDataPoints"]
        (frame,) = client.post("/grafana/query", json=asked).json
        assert 500 < len(values(frame)) <= 1000

    @pytest.mark.parametrize(
        "more",
        [
            {"range": None},
            {"range": {}},
            {"range": {"from": "now-6h", "to": "now"}},
            {"range": {"from": RANGE["to"], "to": RANGE["from"]}},
            {"range": [1, 2]},
            {"targets": "score"},
            {"targets": [{"target": 5}]},
            {"targets": [{"target": "score", "payload": DETECTOR}] * 101},
            {"maxDataPoints": "many"},
            {"maxDataPoints": 0},
            {"maxDataPoints": True},
            {"filters": "x"},
            {"filters": [{"operator": "="}]},
            {"adhocFilters": [5]},
        ],
        ids=lambda more: repr(more)[:60],
    )
    def test_what_no_grafana_sends_is_refused_with_a_sentence(self, client, more):
        answer = client.post("/grafana/query", json=body(target(), **more))
        assert answer.status_code == 422
        assert set(answer.json) == {"message", "error"}
        assert answer.json["message"]

    @pytest.mark.parametrize("text", ["[]", "5", '"x"', "null"])
    def test_a_body_that_is_no_object_is_refused(self, client, text):
        answer = client.post("/grafana/query", data=text, content_type="application/json")
        assert answer.status_code == 400

    @pytest.mark.parametrize(
        ("metric", "payload"),
        [
            ("score; DROP MEASUREMENT air", DETECTOR),
            ("__class__", DETECTOR),
            ("score", {"detector": 'gas-room"; DROP SERIES'}),
            ("score", {"detector": "gas-room' OR '1'='1"}),
            ("score", {**DETECTOR, "series": "R1"}),
            ("score", {**DETECTOR, "series": "room=R1,site=x"}),
            ("channel", {**DETECTOR, "channel": 'temp"; DROP MEASUREMENT air'}),
            ("channel", {**DETECTOR, "channel": "password"}),
        ],
    )
    def test_names_outside_the_catalogue_are_refused(self, client, metric, payload):
        answer = client.post("/grafana/query", json=body(target(metric, payload=payload)))
        assert answer.status_code == 404
        assert set(answer.json) == {"message", "error"}

    @pytest.mark.parametrize(
        "value", [{"a": 1}, [[1]], [None], ["x"] * 2000], ids=lambda v: repr(v)[:20]
    )
    def test_a_field_of_another_type_is_refused(self, client, value):
        payload = {**DETECTOR, "series": value}
        answer = client.post("/grafana/query", json=body(target(payload=payload)))
        assert answer.status_code == 422


class TestChoice:
    """What is shown, and how rows become points."""

    def test_several_fields_stand_in_one_frame_on_one_time_axis(self, client):
        payload = {**DETECTOR, "series": "room=R1", "what": ["error", "threshold", "flag"]}
        (frame,) = ask(client, target("scores", payload=payload))
        assert [field["name"] for field in frame["fields"]] == [
            "time",
            "error",
            "threshold",
            "flag",
        ]
        shown = {"displayNameFromDS": "flag R1"}
        assert frame["fields"][3]["config"] == {**shown, "min": 0, "max": 1}
        assert set(frame["fields"][1]["config"]) == set(shown)

    @pytest.mark.parametrize(
        ("what", "names"),
        [
            (None, ["score"]),
            ([], ["score"]),
            ("judged", ["judged"]),
            ("(score|alarm)", ["score", "alarm"]),
            ("{smoothed,threshold}", ["smoothed", "threshold"]),
            (["score", "score"], ["score"]),
            ("$__all", list(schema.SCORE_NUMBERS)),
        ],
        ids=repr,
    )
    def test_what_in_every_form(self, client, what, names):
        payload = {**DETECTOR, "series": "room=R1", "what": what}
        (frame,) = ask(client, target("scores", payload=payload))
        assert [field["name"] for field in frame["fields"][1:]] == names

    @pytest.mark.parametrize("what", ["model", "password", ["score", 'x"; DROP']], ids=repr)
    def test_what_is_not_a_number_of_the_scores_is_refused(self, client, what):
        payload = {**DETECTOR, "what": what}
        answer = client.post("/grafana/query", json=body(target("scores", payload=payload)))
        assert answer.status_code == 404
        assert "smoothed" in answer.json["message"]

    @pytest.mark.parametrize(
        ("aggregation", "first"),
        [("mean", 0.5), ("min", 0.5), ("max", 4.0), ("last", 0.5), ("(max)", 4.0), (["max"], 4.0)],
        ids=repr,
    )
    def test_one_number_of_each_bucket(self, client, aggregation, first):
        payload = {**DETECTOR, "series": "room=R1", "aggregation": aggregation}
        (frame,) = ask(client, target("score", payload=payload), maxDataPoints=2)
        assert len(values(frame)) <= 2
        assert max(values(frame)) == first or aggregation == "mean"
        if aggregation == "mean":
            assert 0.5 <= max(values(frame)) < 0.7

    @pytest.mark.parametrize("metric", ["channel", "expected", "contributions", "threshold"])
    def test_every_drawn_metric_can_be_aggregated(self, client, world, metric):
        tags = {"detector": "gas-room", "room": "R1"}
        for measurement in (schema.EXPECTED, schema.CONTRIBUTIONS):
            fields = {"temp": np.full(600, 0.25), "NH3": np.full(600, 0.75)}
            world.results.write(
                measurement, [Points(tags, START + MINUTE * np.arange(600), fields)]
            )
        payload = {**DETECTOR, "series": "room=R1", "aggregation": "max"}
        frames = ask(client, target(metric, payload=payload), maxDataPoints=10)
        assert frames
        assert all(1 < len(values(frame)) <= 10 for frame in frames)

    @pytest.mark.parametrize("aggregation", [None, "", "shape", "$__all", "(shape)"], ids=repr)
    def test_without_one_the_shape_is_kept(self, client, aggregation):
        payload = {**DETECTOR, "series": "room=R1", "aggregation": aggregation}
        shaped = ask(client, target(payload={**DETECTOR, "series": "room=R1"}), maxDataPoints=30)
        assert ask(client, target(payload=payload), maxDataPoints=30) == shaped

    @pytest.mark.parametrize("aggregation", ["median", "(mean|max)", "count", "mean)", 5], ids=repr)
    def test_another_aggregation_is_refused(self, client, aggregation):
        payload = {**DETECTOR, "aggregation": aggregation}
        answer = client.post("/grafana/query", json=body(target(payload=payload)))
        assert answer.status_code == 422
        assert "shape, mean, min, max, last" in answer.json["message"]

    def test_every_form_field_with_fixed_options_lists_them(self, client):
        metrics = client.post("/grafana/metrics", json={}).json
        fields = {one["name"]: one for metric in metrics for one in metric["payloads"]}
        for name, field in fields.items():
            if "options" in field:
                asked = {"metric": "scores", "name": name, "payload": {}}
                answer = client.post("/grafana/metric-payload-options", json=asked).json
                assert [one["value"] for one in answer] == [o["value"] for o in field["options"]]
        assert {"what", "aggregation", "what_if_kind"} <= set(fields)
        for field in fields.values():
            assert field["type"] in ("input", "select", "multi-select", "textarea")


class TestWhatIf:
    """The stored errors are 0.1, in rows 300 to 309 they are 0.4, and one is 0.8."""

    def payload(self, **more):
        return {**DETECTOR, "series": ["room=R1"], **more}

    @pytest.mark.parametrize(
        ("metric", "expected"),
        [
            ("what_if_threshold", {0.05}),
            ("what_if_flag", {1.0}),
            ("what_if_alarm", {0.0, 1.0}),
            ("what_if_score", {2.0, 8.0, 16.0}),
        ],
    )
    def test_a_line_that_is_lower(self, client, metric, expected):
        (frame,) = ask(client, target(metric, payload=self.payload(**LOWER)))
        assert frame["fields"][1]["name"] == metric
        assert frame["fields"][1]["labels"]["room"] == "R1"
        assert {round(value, 9) for value in values(frame)} == expected

    def test_alerts_now_and_then_are_a_table(self, client):
        payload = {**DETECTOR, "what_if": {"threshold": {"kind": "fixed", "value": 0.5}}}
        (frame,) = ask(client, target("what_if_alerts", payload=payload))
        assert {f["name"]: f["values"] for f in frame["fields"]} == {
            "series": ["room=R1", "room=R2"],
            "alerts_now": [1, 1],
            "alerts_then": [0, 0],
            "flagged_now": [10, 10],
            "flagged_then": [1, 1],
        }
        assert [field["type"] for field in frame["fields"]] == ["string"] + ["number"] * 4

    def test_the_alarm_rule_can_be_another(self, client):
        what_if = {"threshold": {"kind": "fixed", "value": 0.5}, "alarm": {"for": 1}}
        (frame,) = ask(client, target("what_if_alerts", payload=self.payload(what_if=what_if)))
        assert values(frame, "alerts_then") == [1]

    @pytest.mark.parametrize(
        "fields",
        [
            {"what_if_kind": "fixed", "what_if_value": "0.5", "what_if_for": "1"},
            {"what_if_kind": "(fixed)", "what_if_value": 0.5, "what_if_for": 1},
            {"what_if_kind": "fixed", "what_if_value": r"0\.5", "what_if_for": "1"},
            {"what_if_kind": ["fixed"], "what_if_value": ["0.5"], "what_if_for": ["1"]},
            {
                "what_if_kind": "fixed",
                "what_if_value": " 0.5 ",
                "what_if_for": "1",
                "what_if_clear_below": "1",
            },
            {"what_if": '{"threshold": {"kind": "fixed", "value": 0.5}, "alarm": {"for": 1}}'},
        ],
        ids=repr,
    )
    def test_the_fields_of_the_form_say_the_same(self, client, fields):
        (frame,) = ask(client, target("what_if_alerts", payload=self.payload(**fields)))
        assert values(frame, "alerts_then") == [1]

    def test_series_can_be_filtered(self, client):
        one = {"key": "room", "operator": "=", "value": "R2"}
        for metric in ("what_if_flag", "what_if_alerts"):
            asked = target(metric, payload={**DETECTOR, **LOWER})
            assert len(ask(client, asked, filters=[one])) == 1
            assert ask(client, asked, filters=[{**one, "value": "R9"}]) == []

    def test_calibration_that_is_lost_is_told_in_the_corner_of_the_panel(self, client):
        payload = {**DETECTOR, "what_if": {"threshold": {"kind": "quantile", "q": 0.999}}}
        for metric in ("what_if_threshold", "what_if_alerts"):
            first, *_ = ask(client, target(metric, payload=payload))
            (notice,) = first["meta"]["notices"]
            assert notice["severity"] == "warning"
            assert "gas-room/1 are lost" in notice["text"]
        first, *_ = ask(client, target("what_if_threshold", payload=payload))
        assert set(values(first)) == {None}
        assert first["fields"][1]["type"] == "number"

    def test_no_data_is_an_empty_list(self, client):
        payload = {"detector": "pump", **LOWER}
        for metric in ("what_if_flag", "what_if_alerts"):
            assert ask(client, target(metric, payload=payload)) == []

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({}, "must name another threshold"),
            ({"what_if": "[object Object]"}, "in the builder choose a kind"),
            ({"what_if": [1]}, "must be a JSON object"),
            ({"what_if": {"threshold": {"kind": "quantile", "q": 2}}}, "what_if.threshold"),
            ({"what_if_kind": "fixed"}, "limit of the smoothed error"),
            ({"what_if_kind": "fixed", "what_if_value": "high"}, "what_if.threshold.fixed.value"),
            ({"what_if_kind": "magic", "what_if_value": "1"}, "expected fixed, quantile"),
            ({"what_if_kind": "(fixed|sigma)", "what_if_value": "1"}, "another threshold"),
            ({"what_if_kind": "fixed", "what_if_value": ["1", "2"]}, "must be one value"),
            (
                {"what_if_kind": "fixed", "what_if_value": "1", "what_if_for": "0"},
                "what_if.alarm.for",
            ),
            ({"what_if_kind": "budget", "what_if_value": "often"}, "5/week"),
        ],
        ids=repr,
    )
    def test_a_question_that_is_none_is_explained(self, client, fields, message):
        asked = body(target("what_if_flag", payload={**DETECTOR, **fields}))
        answer = client.post("/grafana/query", json=asked)
        assert answer.status_code == 422
        assert message in answer.json["message"]


class TestFilters:
    @pytest.mark.parametrize("name", ["filters", "adhocFilters"])
    @pytest.mark.parametrize(
        ("operator", "value", "rooms"),
        [
            ("=", "R1", ["R1"]),
            ("!=", "R1", ["R2"]),
            ("=~", "R1|R2", ["R1", "R2"]),
            ("=~", "^(R2|R9)$", ["R2"]),
            ("!~", "(R1)", ["R2"]),
            ("=~", "R.*", []),
        ],
    )
    def test_series_are_filtered_by_tag(self, client, name, operator, value, rooms):
        one = {"key": "room", "operator": operator, "value": value}
        frames = ask(client, target(), **{name: [one]})
        assert [frame["fields"][1]["labels"]["room"] for frame in frames] == rooms

    def test_events_are_filtered_too(self, client):
        one = {"key": "room", "operator": "=", "value": "R2"}
        assert ask(client, target("events"), filters=[one]) == []

    def test_a_tag_that_is_not_there_counts_as_empty(self, client):
        assert ask(client, target(), filters=[{"key": "x", "operator": "=", "value": "1"}]) == []
        assert (
            len(ask(client, target(), filters=[{"key": "x", "operator": "!=", "value": "1"}])) == 2
        )

    @pytest.mark.parametrize(("operator", "expected"), [("<", ["3"]), (">", ["20"])])
    def test_numbers_are_compared_as_numbers(self, client, world, operator, expected):
        world.results.delete(schema.SCORES, {}, 0, 2**62)
        for room in ("3", "20"):
            tags = {"detector": "gas-room", "room": room}
            point = Points(tags, np.array([START]), {"score": np.array([0.5])})
            world.results.write(schema.SCORES, [point])
        frames = ask(
            client, target(), filters=[{"key": "room", "operator": operator, "value": "10"}]
        )
        assert [frame["fields"][1]["labels"]["room"] for frame in frames] == expected

    @pytest.mark.parametrize(
        ("operator", "value"), [("<", "10"), (">", "x"), ("LIKE", "x"), ("", "")]
    )
    def test_a_filter_that_makes_no_sense_is_refused(self, client, operator, value):
        one = {"key": "room", "operator": operator, "value": value}
        answer = client.post("/grafana/query", json=body(target(), filters=[one]))
        assert answer.status_code == 422
        assert "'room'" in answer.json["message"]


class TestAnnotations:
    def test_an_event_without_channels_still_has_a_text(self, client):
        (frame,) = ask(client, target("events"))
        assert [field["type"] for field in frame["fields"]] == ["time", "time", *["string"] * 4]
        assert "score up to 4" in values(frame, "text")[0]

    def test_labels_are_in_the_range_only(self, client, world):
        add_label(world)
        assert len(values(ask(client, target("labels"))[0], "id")) == 1
        later = {"from": (NOW - MINUTE) // 1_000_000, "to": NOW // 1_000_000}
        assert ask(client, target("labels"), range=later) == []

    def test_a_comma_in_a_tag_parts_nothing(self, client, world):
        write_event(world, "A,B", 100)
        frame = ask(client, target("events"))[0]
        assert values(frame, "tags")[0].count(",") == 2

    @pytest.mark.parametrize(
        "query", ["labels gas-room", '{"target": "labels", "detector": "gas-room"}']
    )
    def test_the_older_plugin_can_ask_for_labels(self, client, world, query):
        add_label(world)
        asked = {"name": "x", "query": query}
        answer = client.post("/grafana/annotations", json={"range": RANGE, "annotation": asked})
        assert [row["title"] for row in answer.json] == ["normal"]
        assert answer.json[0]["isRegion"] is True

    @pytest.mark.parametrize(
        "asked", [None, {}, {"query": "score gas-room"}, {"query": 5}], ids=repr
    )
    def test_another_annotation_query_is_refused(self, client, asked):
        answer = client.post("/grafana/annotations", json={"range": RANGE, "annotation": asked})
        assert answer.status_code == 422


class TestLists:
    @pytest.mark.parametrize("slash", ["", "/"])
    def test_both_forms_of_every_address(self, client, slash):
        for path in ("metrics", "search", "tag-keys"):
            assert client.post(f"/grafana/{path}{slash}", json={}).status_code == 200
        assert client.post(f"/grafana/query{slash}", json=body(target())).status_code == 200
        asked = {"payload": {"target": "detectors"}}
        assert client.post(f"/grafana/variable{slash}", json=asked).status_code == 200
        assert client.post(f"/grafana/tag-values{slash}", json={"key": "room"}).status_code == 200

    @pytest.mark.parametrize(
        ("name", "payload", "expected"),
        [
            ("detector", {}, ["gas-room", "pump"]),
            ("series", DETECTOR, ["room=R1", "room=R2"]),
            ("channel", DETECTOR, ["temp", "NH3", "load"]),
            ("channel", '{"detector": "pump"}', ["flow"]),
            ("series", {}, []),
            ("unknown", DETECTOR, []),
        ],
        ids=repr,
    )
    def test_options_of_a_field(self, client, name, payload, expected):
        asked = {"metric": "score", "name": name, "payload": payload}
        answer = client.post("/grafana/metric-payload-options", json=asked)
        assert [one["value"] for one in answer.json] == expected

    def test_search_narrows_by_what_is_typed(self, client):
        assert "score" in client.post("/grafana/search", json={"target": ""}).json
        assert client.post("/grafana/search", json={"target": "FLAG"}).json == [
            "flag",
            "what_if_flag",
        ]
        assert "score" in client.post("/grafana/search", json={"target": None}).json

    @pytest.mark.parametrize(
        ("payload", "expected"),
        [
            ({"target": "detectors"}, ["gas-room", "pump"]),
            ("detectors", ["gas-room", "pump"]),
            ({"target": "series", "detector": "gas-room"}, ["room=R1", "room=R2"]),
            ({"target": "series gas-room"}, ["room=R1", "room=R2"]),
            ('{"target": "channels", "detector": "pump"}', ["flow"]),
            ({"target": "series", "detector": "(gas-room)"}, ["room=R1", "room=R2"]),
            ("sensors pump", ["flow"]),
            ({"target": "tag gas-room room"}, ["R1", "R2"]),
            ({"target": "tag", "detector": "(gas-room)", "tag": "room"}, ["R1", "R2"]),
        ],
        ids=repr,
    )
    def test_variables(self, client, payload, expected):
        answer = client.post("/grafana/variable", json={"payload": payload, "range": RANGE})
        assert answer.json == [{"__text": text, "__value": text} for text in expected]

    @pytest.mark.parametrize(
        "payload", [None, {}, "series", {"target": "x"}, {"target": 5}], ids=repr
    )
    def test_a_variable_that_is_none_is_explained(self, client, payload):
        answer = client.post("/grafana/variable", json={"payload": payload})
        assert answer.status_code == 422
        assert "detector" in answer.json["message"]

    @pytest.mark.parametrize(
        ("payload", "message"),
        [
            ("tag gas-room site", "they have room"),
            ("tag gas-room", "they have room"),
            ("tag pump room", "one series without tags"),
        ],
    )
    def test_a_tag_that_its_series_lack_is_explained(self, client, payload, message):
        answer = client.post("/grafana/variable", json={"payload": payload})
        assert answer.status_code == 404
        assert message in answer.json["message"]

    def test_tags_for_filters(self, client):
        assert client.post("/grafana/tag-keys", json={}).json == [
            {"type": "string", "text": "detector"},
            {"type": "string", "text": "room"},
        ]
        rooms = client.post("/grafana/tag-values", json={"key": "room", "timeRange": {}}).json
        assert rooms == [{"text": "R1"}, {"text": "R2"}]
        assert client.post("/grafana/tag-values", json={"key": "password"}).json == []
        assert len(client.post("/grafana/tag-values", json={"key": "detector"}).json) == 2


def test_a_panel_that_takes_too_long_ends_with_a_sentence(world):
    def slow() -> int:
        world.clock.time += 4 * 10**9
        return world.clock.time

    client = world.client()
    world.clock.now = slow
    answer = client.post("/grafana/query", json=body(*(target(ref_id=name) for name in "ABCD")))
    assert answer.status_code == 422
    assert "shorter range" in answer.json["message"]
