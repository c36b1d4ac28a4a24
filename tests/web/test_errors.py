import inspect
import logging

import pytest

from backend import exceptions
from backend.exceptions import (
    ConfigurationError,
    Conflict,
    InputError,
    LabelError,
    NoData,
    NotFound,
    StoreRefused,
    StoreUnavailable,
)
from backend.web import create_app
from backend.web.errors import HTTP_REASONS, status_of


def client_that_raises(world, error):
    app = create_app(world)
    app.config["PROPAGATE_EXCEPTIONS"] = False

    def fail():
        raise error

    app.add_url_rule("/api/v1/fail", "fail", fail)
    app.add_url_rule("/fail", "fail-page", fail)
    return app.test_client()


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFound("x"), 404),
        (Conflict("x"), 409),
        (InputError("x"), 422),
        (LabelError("x"), 422),
        (NoData("x"), 422),
        (ConfigurationError("x"), 400),
        (StoreUnavailable("x"), 503),
        (StoreRefused("x"), 500),
    ],
)
def test_one_table_says_the_status(world, error, status):
    answer = client_that_raises(world, error).get("/api/v1/fail")
    assert (answer.status_code, answer.json["message"]) == (status, "x")
    assert answer.json["error"] == HTTP_REASONS[status]


def test_every_error_of_ours_has_a_status():
    kinds = [
        kind
        for _, kind in inspect.getmembers(exceptions, inspect.isclass)
        if issubclass(kind, exceptions.NormalcyError)
    ]
    assert len(kinds) > 10
    assert {status_of(kind.__new__(kind)) for kind in kinds} <= set(HTTP_REASONS)


def test_the_unforeseen_is_a_sentence_with_the_number_that_is_logged(world, caplog):
    client = client_that_raises(world, ZeroDivisionError("secret detail"))
    with caplog.at_level(logging.ERROR):
        answer = client.get("/api/v1/fail")
    assert answer.status_code == 500
    assert answer.json["id"] in caplog.text
    assert "secret detail" in caplog.text
    assert "secret detail" not in answer.text
    assert "Traceback" not in answer.text


def test_people_get_a_page(world):
    answer = client_that_raises(world, NotFound("There is no <b>such</b> thing.")).get("/fail")
    assert answer.status_code == 404
    assert answer.mimetype == "text/html"
    assert "&lt;b&gt;such&lt;/b&gt;" in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("PATCH", "/api/v1/labels", 405),
        ("GET", "/grafana/query", 405),
        ("GET", "/grafana/nothing", 404),
    ],
)
def test_wrong_addresses_and_methods_are_json_for_machines(client, method, path, status):
    answer = client.open(path, method=method, json={} if method != "GET" else None)
    assert answer.status_code == status
    assert set(answer.json) == {"message", "error"}


@pytest.mark.parametrize("body", ["{", "nothing", '{"a": NaN}', "[" * 100_000])
def test_what_is_not_json_is_refused(client, body):
    for path in ("/api/v1/labels", "/grafana/query"):
        answer = client.post(path, data=body, content_type="application/json")
        assert answer.status_code == 400
        assert "JSON" in answer.json["message"]


def test_an_address_cannot_write_lines_of_its_own_into_the_log(world, caplog):
    client = client_that_raises(world, RuntimeError("x"))
    app = client.application
    app.add_url_rule("/any/<what>", "any", lambda what: app.view_functions["fail"]())
    with caplog.at_level(logging.ERROR):
        assert client.get("/any/a%0aERROR%20forged").status_code == 500
    assert "ERROR forged" in caplog.text
    assert not any(line.startswith("ERROR forged") for line in caplog.text.splitlines())
