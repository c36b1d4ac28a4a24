"""Requests as each version of the plugins sends them, whole, and what they are answered."""

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

RECORDED = Path(__file__).with_name("recorded")
FILES = sorted(RECORDED.glob("*/*.json"))
PLUGINS = {"simple-json-1.4.2", "simpod-0.5.0", "simpod-0.6.3", "simpod-0.6.5", "simpod-0.6.7"}
ENDPOINTS = {"query", "search", "annotations", "tag-keys", "tag-values", "variable", "metrics"}


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} in the answer")


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_recorded_request_is_answered(client: FlaskClient, file: Path, slash: str) -> None:
    recorded = json.loads(file.read_text())
    path = f"/grafana/{recorded['request']}{slash}"

    answer = client.post(path, json=recorded["body"], headers={"Accept": "application/json"})

    expected = recorded["answer"]
    assert answer.status_code == expected["status"], answer.text
    found = json.loads(answer.get_data(), parse_constant=refuse)
    if expected["status"] != 200:
        assert expected["message"] in found["message"]
        assert isinstance(found["error"], str)
        return
    assert isinstance(found, list)
    {"query": check_frames, "annotations": check_annotations}.get(recorded["request"], check_texts)(
        found, expected
    )


def check_frames(found: list[dict[str, Any]], expected: dict[str, Any]) -> None:
    assert [frame["refId"] for frame in found] == expected["refIds"]
    names = [[field["name"] for field in frame["fields"][1:]] for frame in found]
    wanted = expected["fields"] * (len(found) if len(expected["fields"]) == 1 else 1)
    assert names == [one if isinstance(one, list) else [one] for one in wanted][: len(found)]
    for frame in found:
        check_frame(frame)
        assert expected.get("types") in (None, [field["type"] for field in frame["fields"]])
    if "rooms" in expected:
        rooms = [frame["fields"][1]["labels"]["room"] for frame in found]
        assert rooms == expected["rooms"]


def check_frame(frame: dict[str, Any]) -> None:
    """Explicit types, one length, and times as ascending epoch milliseconds."""
    assert {field["type"] for field in frame["fields"]} <= {"time", "number", "string", "boolean"}
    assert len({len(field["values"]) for field in frame["fields"]}) == 1
    for field in frame["fields"]:
        if field["name"] == "time":
            assert field["type"] == "time"
            assert all(isinstance(time, int) and time > 10**12 for time in field["values"])
            assert field["values"] == sorted(set(field["values"]))


def check_annotations(found: list[dict[str, Any]], expected: dict[str, Any]) -> None:
    assert [one["title"] for one in found] == expected["titles"]
    for one in found:
        assert isinstance(one["tags"], list)
        assert one["text"]
        assert one["timeEnd"] > one["time"] > 10**12


def check_texts(found: list[Any], expected: dict[str, Any]) -> None:
    """Lists of texts, or of objects that carry them; texts are unique."""
    keys = ("value", "__value", "text")
    texts = [
        next(one[key] for key in keys if key in one) if isinstance(one, dict) else one
        for one in found
    ]
    assert len(set(texts)) == len(texts)
    wanted = expected.get("values", expected.get("texts"))
    if wanted is not None:
        assert texts == wanted
    else:
        assert set(expected["includes"]) <= set(texts)


def test_every_plugin_and_endpoint_is_on_record() -> None:
    recorded = [json.loads(file.read_text()) for file in FILES]
    assert {one["plugin"] for one in recorded} == PLUGINS
    assert {one["request"] for one in recorded} == {*ENDPOINTS, "metric-payload-options"}
    for one in recorded:
        if one["request"] == "query":
            assert {"range", "targets", "timezone", "requestId"} <= set(one["body"])
