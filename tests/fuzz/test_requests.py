"""What programs and browsers send where no document describes it: answered, or refused."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from backend.records import Role
from tests.fuzz.amount import tried
from tests.hostile import NAMES, RANGE
from tests.web.worlds import World, two_rooms, write_event

MANY = tried(40)
PASSWORD = "a long password"  # of a test
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20) | st.sampled_from(NAMES)
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def world() -> World:
    made = two_rooms()
    write_event(made, "R1")
    return made


@pytest.fixture(scope="module")
def client(world: World) -> FlaskClient:
    return world.client()


def some(**known: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects that have some of these keys, each as it should be or anything."""
    return st.fixed_dictionaries({}, optional={name: one | PLAIN for name, one in known.items()})


def send(client: FlaskClient, path: str, body: Any, method: str = "POST") -> TestResponse:
    """A request with JSON as the standard library writes it, whose numbers have no end."""
    content = json.dumps(body)
    return client.open(path, method=method, data=content, content_type="application/json")


def told(answer: Any) -> None:
    """No server's error, and a sentence with every refusal."""
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert len(answer.json["message"]) > 10


# -- Grafana's JSON datasource ---------------------------------------------------------------------

KINDS = ("fixed", "quantile", "budget", "sigma", "f1_max", "pot", "dynamic", "")
PAYLOAD = some(
    detector=st.sampled_from(["gas-room", "pump", "$detector"]),
    series=st.sampled_from(["room=R1", "(room=R1|room=R2)", "{room=R1,room=R2}", "$__all"]),
    channel=st.sampled_from(["temp", "(temp|NH3)", "All"]),
    what=st.sampled_from(["score", "(score|flag)", "reason"]),
    aggregation=st.sampled_from(["mean", "max", "last"]),
    kind=st.sampled_from(["normal", "anomaly"]),
    target=st.sampled_from(["detector", "series", "channel", "tag"]),
    tag=st.just("room"),
    what_if=some(threshold=some(kind=st.sampled_from(KINDS), value=st.just(1), q=st.just(0.9))),
    what_if_kind=st.sampled_from(KINDS),
    what_if_value=st.sampled_from(["1", "0.999", "5/week", "1e999", "9" * 5000, "nan", "²"]),
    what_if_for=st.sampled_from(["3", "0", "-1", "1e9"]),
    what_if_clear_below=st.sampled_from(["0.8", "2", "nan"]),
)
METRICS = (
    *("channel", "expected", "score", "scores", "contributions", "events", "labels", "detectors"),
    *("what_if_threshold", "what_if_flag", "what_if_alarm", "what_if_alerts", "worst", "coverage"),
)
TARGET = some(
    target=st.sampled_from(METRICS),
    refId=st.just("A"),
    hide=st.booleans(),
    payload=PAYLOAD | PAYLOAD.map(json.dumps),
    data=PAYLOAD,
)
FILTER = some(key=st.just("room"), operator=st.sampled_from(["=", "=~", "<", "!~"]), value=TEXT)
PANEL = some(
    range=st.just(RANGE) | some(**{"from": st.just(RANGE["from"]), "to": st.just(RANGE["to"])}),
    targets=st.lists(TARGET, min_size=1, max_size=3),
    maxDataPoints=st.sampled_from([1, 100, 10**30, 0.5, -1]),
    filters=st.lists(FILTER, max_size=2),
    adhocFilters=st.lists(FILTER, max_size=2),
)


@MANY
@given(PANEL)
@example({"range": RANGE, "targets": [{"target": "score", "payload": {"detector": 1e999}}]})
def test_any_panel_is_drawn_or_refused(client, body):
    told(send(client, "/grafana/query", body))


@MANY
@given(metric=st.sampled_from(METRICS), payload=PAYLOAD, filters=st.lists(FILTER, max_size=1))
def test_any_payload_of_a_known_metric_is_drawn_or_refused(client, metric, payload, filters):
    target = {"refId": "A", "target": metric, "payload": {"detector": "gas-room", **payload}}
    body = {"range": RANGE, "targets": [target], "adhocFilters": filters}
    told(send(client, "/grafana/query", body))


LISTS = ("variable", "metric-payload-options", "search", "tag-keys", "tag-values", "metrics")


@MANY
@given(
    place=st.sampled_from([*LISTS, "annotations"]),
    body=some(
        payload=PAYLOAD | PAYLOAD.map(json.dumps),
        name=st.sampled_from(["detector", "series", "channel"]),
        key=st.just("room"),
        target=TEXT,
        range=st.just(RANGE),
        annotation=some(name=TEXT, query=PAYLOAD | PAYLOAD.map(json.dumps), enable=st.booleans()),
    )
    | PLAIN,
)
def test_any_list_is_given_or_refused(client, place, body):
    told(send(client, f"/grafana/{place}", body))


@MANY
@given(place=st.sampled_from(["query", *LISTS]), content=st.binary(max_size=50))
def test_any_bytes_are_refused_where_they_are_no_json(client, place, content):
    told(client.post(f"/grafana/{place}", data=content, content_type="application/json"))


# -- Grafana's alerts ------------------------------------------------------------------------------

TIMES = st.sampled_from(
    ["2026-05-28T00:00:00Z", "0001-01-01T00:00:00Z", "", "9999-12-31T23:59:59Z", 0, 10**30, -1]
)
ADDRESS = st.sampled_from(["http://[", "javascript:alert(1)", "http://a/\n", "https://a/b", "//a"])
ALERT = some(
    status=st.sampled_from(["firing", "resolved"]),
    labels=st.just({"detector": "gas-room", "room": "R1"})
    | st.dictionaries(TEXT, TEXT, max_size=3),
    annotations=st.dictionaries(TEXT, TEXT, max_size=3),
    startsAt=TIMES,
    endsAt=TIMES,
    fingerprint=TEXT,
    values=st.dictionaries(TEXT, PLAIN, max_size=3),
    generatorURL=ADDRESS,
    dashboardURL=ADDRESS,
    panelURL=ADDRESS,
)
WHOLE = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["firing", "resolved"]),
        "labels": st.dictionaries(TEXT, TEXT, max_size=3),
        "startsAt": TIMES,
        "fingerprint": TEXT,
        "endsAt": TIMES,
        "values": st.dictionaries(TEXT, PLAIN, max_size=3),
        "panelURL": ADDRESS,
    }
)


@MANY
@given(some(alerts=st.lists(ALERT | WHOLE, max_size=3), truncatedAlerts=st.integers()) | PLAIN)
def test_any_delivery_of_alerts_is_kept_or_refused(client, body):
    told(send(client, "/hooks/grafana/alerts", body))


@MANY
@given(st.lists(WHOLE, min_size=1, max_size=3))
def test_what_was_kept_can_be_shown(client, alerts):
    told(send(client, "/hooks/grafana/alerts", {"alerts": alerts}))
    assert client.get("/alerts").status_code == 200
    assert client.get("/api/v1/alerts?limit=1000").status_code == 200


# -- who one is ------------------------------------------------------------------------------------

VALUE = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"))
SCHEMES = ("Bearer ", "Basic ", "Digest ", "Negotiate ", "bearer", "")
AUTHORIZATION = st.tuples(st.sampled_from(SCHEMES), VALUE).map("".join)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Authorization": AUTHORIZATION,
        "X-Api-Key": VALUE,
        "Cookie": st.tuples(
            st.sampled_from(["normalcy_session=", "language=", "timezone=", "a=", ""]), VALUE
        ).map("".join),
        "Accept-Language": VALUE,
        "Accept": VALUE,
        "Accept-Encoding": VALUE,
        "Content-Type": VALUE,
        "Host": VALUE,
        "Referer": VALUE,
        "Origin": VALUE,
        "Sec-Fetch-Site": VALUE,
        "X-Forwarded-For": VALUE,
        "X-Forwarded-Host": VALUE,
        "If-None-Match": VALUE,
        "If-Modified-Since": VALUE,
        "Range": VALUE,
        "X-CSRFToken": VALUE,
        "X-Grafana-User": VALUE,
    },
)


@pytest.fixture(scope="module")
def guarded(world: World) -> FlaskClient:
    made = two_rooms()
    made.access.add_user("ann", PASSWORD, Role.ADMIN, by="")
    return made.client()


def sent(client: FlaskClient, method: str, path: str, headers: dict[str, str]) -> Any:
    client.delete_cookie("normalcy_session")
    return client.open(
        path, method=method, headers=headers, data=b"{}" if method == "POST" else b""
    )


READ = ("/", "/api/v1/detectors", "/labels", "/static/base.css", "/healthz", "/readyz", "/grafana/")
WRITTEN = (
    "/api/v1/labels",
    "/labels",
    "/sign-in",
    "/sign-out",
    "/preferences",
    "/hooks/grafana/sync",
)


@MANY
@given(path=st.sampled_from(READ), headers=HEADERS)
@example(path="/", headers={"Authorization": "Basic \x80"})
def test_no_header_opens_or_breaks_what_is_read(guarded, path, headers):
    answer = sent(guarded, "GET", path, headers)
    assert answer.status_code < 500, answer.text
    assert "temp" not in answer.text


@MANY
@given(path=st.sampled_from(WRITTEN), headers=HEADERS)
@example(path="/sign-in", headers={"Content-Type": "application/x-www-form-urlencoded"})
@example(path="/sign-in", headers={"Content-Type": "multipart/form-data; boundary="})
@example(path="/sign-in", headers={"Content-Type": "multipart/form-data"})
@example(path="/sign-in", headers={"Content-Type": "application/json; charset=\xff"})
def test_no_header_opens_or_breaks_what_changes_something(guarded, path, headers):
    answer = sent(guarded, "POST", path, headers)
    assert answer.status_code in (303, 400, 401, 403, 404, 405, 413, 415, 422), answer.text


# -- pages -----------------------------------------------------------------------------------------

PAGES = (
    *("/", "/labels", "/alerts", "/work", "/setup", "/catalogue", "/series", "/fleet", "/access"),
    *("/detectors/gas-room", "/detectors/gas-room/labels", "/detectors/gas-room/models"),
    *("/detectors/gas-room/threshold", "/detectors/gas-room/sufficiency", "/said/abc"),
    *("/detectors/gas-room/models/1", "/detectors/gas-room/labels/history"),
)
ODD = st.sampled_from(["", "-1", "0", "1e999", "nan", "9" * 5000, "²", "%00", "[", "{}", "a=b=c"])
QUERY = st.dictionaries(
    st.sampled_from(
        [
            *(
                "from",
                "to",
                "series",
                "channel",
                "page",
                "limit",
                "state",
                "sort",
                "search",
                "detector",
            ),
            *("version", "kind", "value", "measurement", "name", "next", "weeks", "champion", "by"),
            *("for", "clear_below", "tab", "at", "format", "store", "edit", "id"),
        ]
    ),
    ODD | TEXT | st.lists(ODD | TEXT, max_size=3),
    max_size=5,
)


@MANY
@given(path=st.sampled_from(PAGES), query=QUERY)
def test_any_question_to_a_page_is_answered(client, path, query):
    answer = client.get(path, query_string=query)
    assert answer.status_code < 500, answer.text


@MANY
@given(path=TEXT, query=QUERY)
@example(path="/.", query={})
def test_any_address_is_answered(client, path, query):
    # Written into the request, else the client takes //a for the name of a host.
    asked = {"PATH_INFO": f"/{path}".encode().decode("latin-1")}
    told_page = client.get("/", query_string=query, environ_overrides=asked)
    assert told_page.status_code < 500, told_page.text


@pytest.mark.parametrize("levels", [10, 200, 253, 300, 900])
@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("PUT", "/api/v1/detectors/made", "threshold"),
        ("POST", "/api/v1/detectors/check", "spec"),
        ("POST", "/api/v1/detectors/preview", "spec"),
        ("POST", "/api/v1/detectors/gas-room/threshold", "threshold"),
        ("POST", "/api/v1/detectors/gas-room/threshold", "alarm"),
        ("POST", "/api/v1/labels", "tags"),
        ("POST", "/api/v1/requests", "kind"),
        ("POST", "/grafana/query", "targets"),
    ],
)
def test_what_is_deep_is_refused_at_once(client, method, path, name, levels):
    deep: Any = 1
    for _ in range(levels):
        deep = {"kind": deep}
    answer = send(client, path, {name: deep}, method)
    assert 400 <= answer.status_code < 500, answer.text
