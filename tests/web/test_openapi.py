import re

import pytest
from pydantic import BaseModel

from backend.web import create_app
from backend.web.api.asked import Asked, DetectorPath
from backend.web.api.described import Described
from backend.web.api.rows import ProblemAnswer
from tests.web.worlds import make_world

METHODS = {"get", "post", "put", "delete"}


@pytest.fixture
def document(client):
    return client.get("/api/v1/openapi.json").json


def operations(document):
    return [
        (path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def references(node):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_route_of_the_api_is_described(document):
    described = {(path, method) for path, method, _ in operations(document)}
    routes = set()
    for rule in create_app(make_world()).url_map.iter_rules():
        if rule.rule.startswith("/api/v1/") and rule.endpoint != "openapi":
            path = re.sub(r"<(?:[^:<]+:)?([^>]+)>", r"{\1}", rule.rule)
            routes |= {(path, m.lower()) for m in rule.methods - {"HEAD", "OPTIONS"}}
    assert described == routes
    assert len(routes) >= 20


def test_every_reference_leads_somewhere(document):
    found = set(references(document))
    assert found
    for reference in found:
        place = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]
        assert place


def test_every_operation_says_what_it_does_and_answers(document):
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids))
    for path, method, operation in operations(document):
        assert operation["summary"], (path, method)
        assert operation["security"], (path, method)
        assert any(status.startswith("2") for status in operation["responses"]), (path, method)
        assert "422" in operation["responses"]


def test_every_part_of_a_path_is_a_parameter(document):
    for path, method, operation in operations(document):
        named = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", path)), (path, method)


def test_the_head_is_complete(document):
    assert document["openapi"].startswith("3.1")
    assert document["info"]["title"] == "normalcy"
    used = {name for _, _, op in operations(document) for one in op["security"] for name in one}
    assert used == set(document["components"]["securitySchemes"])


def test_no_page_of_the_library_is_served(client):
    for path in ("/openapi/", "/openapi", "/openapi/swagger", "/openapi/openapi.json"):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize("model", [ProblemAnswer, DetectorPath, Asked])
def test_a_description_is_made_once_and_is_left_as_it_is(
    model: type[Described], document, client
) -> None:
    assert client.get("/api/v1/detectors/gas-room/events?from=0&to=1").status_code == 200
    anew = BaseModel.model_json_schema.__func__(model, mode="serialization")
    assert model.model_json_schema(mode="serialization") == anew
    assert model.model_json_schema() is model.model_json_schema()
