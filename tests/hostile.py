"""Names that no one should be harmed by, and every place where the web takes one."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import numpy as np
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from backend.ports import Points

NAMES = [
    "",
    '"',
    "'",
    '"; DROP MEASUREMENT "air"; --',
    "' OR '1'='1",
    "back\\slash",
    "ends in\\",
    "line\nbreak",
    "\r\n",
    "\x00",
    "\x1b[2J",
    "semi;colon; DROP DATABASE test",
    "$timeFilter",
    "${room:json} $__interval [[x]] {0} %s",
    "日本語 ö 🙂",
    "\u202eback\u2028wards\x9b2J",
    "/.*/",
    "*",
    "../..",
    "zone=\\",
    "=",
    "(a|b)",
]
"""None of them is the name of anything."""

HOLDABLE = [name for name in NAMES if name and name.isprintable() and not name.endswith("\\")]
"""Those that a store can hold."""

STATUS = (200, 308, 400, 404, 422)
"""What the web may say to them: nothing there, elsewhere, or a refusal."""

Place = Callable[[FlaskClient, str], TestResponse]

RANGE = {"from": "2026-05-28T00:00:00Z", "to": "2026-05-29T00:00:00Z"}
_LABEL = {"detector": "gas-room", "kind": "normal", "from": 1, "to": 2}
_KNOWN = {
    "name": "gas-room",
    "detector": "gas-room",
    "measurement": "air",
    "number": "1",
    "id": "1",
    "kind": "fixed",
    "value": "1",
}


def places(client: FlaskClient) -> Iterator[tuple[str, Place]]:
    """Every place of the API, the pages and the datasource that takes a text, with its name."""
    yield from _asked(client.get("/api/v1/openapi.json").json["paths"])
    for path, body in {**_STATEMENTS, **_PANELS}.items():
        yield path, _posting(path.split(" ")[0], body)
    yield "definition", _put
    yield "page", lambda client, name: client.get("/catalogue", query_string={"measurement": name})


def definition(part: str, name: str) -> dict[str, Any]:
    """A detector with a name in one of its parts."""
    odd = {"measurement": name, "channels": [name], "group_by": [name], "where": {name: name}}
    return {"measurement": "air", "channels": ["temp"], "every": "1m", part: odd[part]}


def rows(name: str) -> list[Points]:
    """One row in which everything has a name."""
    values = {name: np.array([1.5]), "text": np.array([name], dtype=object)}
    return [Points({name: name}, np.array([1_700_000_000_000_000_000]), values)]


def _asked(paths: dict[str, Any]) -> Iterator[tuple[str, Place]]:
    """The parameters of what only reads, from the description of the API itself."""
    for path, methods in paths.items():
        for parameter in methods.get("get", {}).get("parameters", []):
            needed = [one["name"] for one in methods["get"]["parameters"] if one["required"]]
            yield f"{path} {parameter['name']}", _getting(path, parameter, needed)


def _getting(path: str, parameter: dict[str, Any], needed: list[str]) -> Place:
    def get(client: FlaskClient, name: str) -> TestResponse:
        given = {one: _KNOWN[one] for one in needed} | {parameter["name"]: name}
        inside = {key: quote(value, safe="") for key, value in given.items()}
        asked = {key: value for key, value in given.items() if "{" + key + "}" not in path}
        return client.get(path.format(**inside), query_string=asked)

    return get


def _posting(path: str, body: Callable[[str], Any]) -> Place:
    return lambda client, name: client.post(path, json=body(name))


def _put(client: FlaskClient, name: str) -> TestResponse:
    spec = {"measurement": "air", "channels": ["temp"], "every": "1m"}
    return client.put(f"/api/v1/detectors/{quote(name, safe='')}", json=spec)


_STATEMENTS: dict[str, Callable[[str], Any]] = {
    "/api/v1/labels posted detector": lambda name: {**_LABEL, "detector": name},
    "/api/v1/labels posted kind": lambda name: {**_LABEL, "kind": name},
    "/api/v1/labels posted tag": lambda name: {**_LABEL, "tags": {name: "R1"}},
    "/api/v1/labels posted time": lambda name: {**_LABEL, "from": name},
    "/api/v1/requests posted kind": lambda name: {"kind": name, "detector": "gas-room"},
    "/api/v1/requests posted detector": lambda name: {"kind": "retrain", "detector": name},
}


def _panel(target: Any, **more: Any) -> dict[str, Any]:
    return {"range": RANGE, "targets": [{"refId": "A", **target}], **more}


def _score(**payload: Any) -> dict[str, Any]:
    return {"target": "score", "payload": {"detector": "gas-room", **payload}}


def _filter(**change: str) -> list[dict[str, str]]:
    return [{"key": "room", "operator": "=", "value": "R1", **change}]


_PANELS: dict[str, Callable[[str], Any]] = {
    "/grafana/query metric": lambda name: _panel({"target": name}),
    "/grafana/query payload": lambda name: _panel({"target": "score", "payload": name}),
    "/grafana/query detector": lambda name: _panel(_score(detector=name)),
    "/grafana/query series": lambda name: _panel(_score(series=name)),
    "/grafana/query series key": lambda name: _panel(_score(series=f"room={name}")),
    "/grafana/query channel": lambda name: _panel({**_score(channel=name), "target": "channel"}),
    "/grafana/query what": lambda name: _panel({**_score(what=name), "target": "scores"}),
    "/grafana/query aggregation": lambda name: _panel(_score(aggregation=name)),
    "/grafana/query what-if": lambda name: _panel(
        {**_score(what_if=name), "target": "what_if_flag"}
    ),
    "/grafana/query what-if kind": lambda name: _panel(
        {**_score(what_if_kind=name, what_if_value="1"), "target": "what_if_flag"}
    ),
    "/grafana/query what-if value": lambda name: _panel(
        {**_score(what_if_kind="budget", what_if_value=name), "target": "what_if_alerts"}
    ),
    "/grafana/query filter key": lambda name: _panel(_score(), adhocFilters=_filter(key=name)),
    "/grafana/query filter value": lambda name: _panel(_score(), filters=_filter(value=name)),
    "/grafana/query operator": lambda name: _panel(_score(), filters=_filter(operator=name)),
    "/grafana/query time": lambda name: {**_panel(_score()), "range": {**RANGE, "from": name}},
    "/grafana/variable text": lambda name: {"payload": name},
    "/grafana/variable target": lambda name: {"payload": {"target": name}},
    "/grafana/variable detector": lambda name: {"payload": {"target": "series", "detector": name}},
    "/grafana/variable tag": lambda name: {
        "payload": {"target": "tag", "detector": "gas-room", "tag": name}
    },
    "/grafana/metric-payload-options name": lambda name: {"name": name, "payload": {}},
    "/grafana/metric-payload-options detector": lambda name: {
        "name": "series",
        "payload": {"detector": name},
    },
    "/grafana/search target": lambda name: {"target": name},
    "/grafana/tag-values key": lambda name: {"key": name},
    "/grafana/annotations query": lambda name: {
        "range": RANGE,
        "annotation": {"name": name, "query": name},
    },
    "/grafana/annotations detector": lambda name: {
        "range": RANGE,
        "annotation": {"query": {"target": "events", "detector": name}},
    },
}
