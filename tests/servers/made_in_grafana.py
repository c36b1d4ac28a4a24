"""The part of Grafana's HTTP API by which things are made, with the quirks of version 9.3.2.

In memory: folders, datasources, dashboards, alert rules. Annotations are `tests.fakes.grafana`'s.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

ADDED = {"intervalMs": 1000, "maxDataPoints": 43200}
"""What Grafana adds to the model of each query of a rule."""

Thing = dict[str, Any]


@contextmanager
def served(application: Callable[..., Any]) -> Iterator[str]:
    """The address of a WSGI application on this machine."""
    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class MadeInGrafana:
    """A Grafana that can be filled; a WSGI application."""

    def __init__(self, version: str = "9.3.2", plugins: tuple[str, ...] = ()) -> None:
        self.version, self.plugins = version, plugins
        self.folders: dict[str, Thing] = {}
        self.datasources: dict[str, Thing] = {}
        self.dashboards: dict[str, Thing] = {}
        self.provisioned: set[str] = set()
        """Uids of dashboards, rules and datasources that came from files."""
        self.drawn_on: set[str] = set()
        self.rules: dict[str, Thing] = {}
        self.intervals: dict[tuple[str, str], int] = {}
        self.states: list[Thing] = []
        """Rules with their state, as the state API tells them."""
        self.unwell: dict[str, str] = {}
        """Uid of a datasource to what is wrong with it."""
        self.denied: set[str] = set()
        """Beginnings of paths that answer 403."""
        self.writes: list[tuple[str, str]] = []

    def __call__(self, environ: Any, start: Any) -> Any:
        request = Request(environ)
        answer = self._answer(request)
        return answer(environ, start)

    def _answer(self, request: Request) -> Response:
        path, method = request.path, request.method
        if any(path.startswith(one) for one in self.denied):
            return _said(403, {"message": "You'll need additional permissions"})
        if method != "GET":
            self.writes.append((method, path))
        body = request.get_json() if request.data else None
        for prefix, answer in (
            ("/api/health", self._health),
            ("/api/plugins", self._plugins),
            ("/api/folders", self._folders),
            ("/api/datasources", self._datasources),
            ("/api/dashboards", self._dashboards),
            ("/api/search", self._search),
            ("/api/annotations", self._annotations),
            ("/api/ruler", self._ruler),
            ("/api/prometheus", self._state),
            ("/api/v1/provisioning/alert-rules", self._rules),
            ("/api/v1/provisioning/folder", self._group),
        ):
            if path.startswith(prefix):
                return answer(method, path, body, request)
        return _said(404, {"message": "Not found"})

    def _health(self, method: str, path: str, body: Any, request: Request) -> Response:
        return _said(200, {"version": self.version, "database": "ok"})

    def _plugins(self, method: str, path: str, body: Any, request: Request) -> Response:
        return _said(200, [{"id": one} for one in self.plugins])

    def _folders(self, method: str, path: str, body: Any, request: Request) -> Response:
        if method == "POST":
            self.folders[body["uid"]] = body
            return _said(200, body)
        if path == "/api/folders":
            return _said(200, list(self.folders.values()))
        return _found(self.folders.get(path.rpartition("/")[2]), "folder not found")

    def _datasources(self, method: str, path: str, body: Any, request: Request) -> Response:
        if path.endswith("/health"):
            return self._reached(path.split("/")[-2])
        uid = path.rpartition("/")[2]
        if "/name/" in path:
            named = [one for one in self.datasources.values() if one.get("name") == uid]
            return _found(named[0] if named else None, "Data source not found")
        if method == "GET":
            return _found(self.datasources.get(uid), "Data source not found")
        secrets = body.pop("secureJsonData", {})
        there = {**body, "id": 1, "secureJsonFields": dict.fromkeys(secrets, True)}
        self.datasources[body["uid"]] = {**there, "readOnly": False, "version": 1}
        return _said(200, there)

    def _reached(self, uid: str) -> Response:
        if uid not in self.datasources:
            return _said(500, {"message": "Unable to load datasource metadata"})
        if uid in self.unwell:
            return _said(200, {"status": "ERROR", "message": self.unwell[uid]})
        return _said(200, {"status": "OK", "message": "1 measurements found"})

    def _state(self, method: str, path: str, body: Any, request: Request) -> Response:
        return _said(200, {"data": {"groups": [{"rules": self.states}]}})

    def _dashboards(self, method: str, path: str, body: Any, request: Request) -> Response:
        uid = path.rpartition("/")[2]
        if method == "POST":
            board = {**body["dashboard"], "id": 1, "version": 1}
            uid = board["uid"]
            if uid in self.provisioned:
                return _said(400, {"message": "Cannot save provisioned dashboard"})
            self.dashboards[uid] = {"dashboard": board, "folder": body["folderUid"]}
            return _said(200, {"uid": uid})
        if method == "DELETE":
            self.dashboards.pop(uid)
            return _said(200, {"title": uid})
        if (found := self.dashboards.get(uid)) is None:
            return _said(404, {"message": "Dashboard not found"})
        meta = {"provisioned": uid in self.provisioned, "folderUid": found["folder"]}
        return _said(200, {"dashboard": found["dashboard"], "meta": meta})

    def _search(self, method: str, path: str, body: Any, request: Request) -> Response:
        tag = request.args["tag"]
        boards = [one["dashboard"] for one in self.dashboards.values()]
        return _said(200, [{"uid": d["uid"]} for d in boards if tag in d.get("tags", ())])

    def _annotations(self, method: str, path: str, body: Any, request: Request) -> Response:
        drawn = request.args.get("dashboardUID") in self.drawn_on
        return _said(200, [{"id": 1}] if drawn else [])

    def _ruler(self, method: str, path: str, body: Any, request: Request) -> Response:
        titles = {uid: folder["title"] for uid, folder in self.folders.items()}
        found: dict[str, list[Thing]] = {}
        for rule in self.rules.values():
            group = {"name": rule["ruleGroup"], "rules": [{"grafana_alert": {"uid": rule["uid"]}}]}
            found.setdefault(titles[rule["folderUID"]], []).append(group)
        return _said(200, found)

    def _rules(self, method: str, path: str, body: Any, request: Request) -> Response:
        uid = path.rpartition("/")[2]
        if method == "POST":
            return self._keep(body)
        if uid not in self.rules:
            return _said(500, {"message": "could not find alert rule"})
        if method == "GET":
            return _said(200, self.rules[uid])
        if uid in self.provisioned:
            return _said(500, {"message": "cannot changed provenance"})
        if method == "DELETE":
            self.rules.pop(uid)
            return Response(status=204)
        return self._keep(body)

    def _keep(self, body: Thing) -> Response:
        nodes = [{**node, "model": {**node["model"], **ADDED}} for node in body["data"]]
        provenance = "file" if body["uid"] in self.provisioned else ""
        self.rules[body["uid"]] = {**body, "data": nodes, "provenance": provenance, "id": 1}
        self.intervals.setdefault((body["folderUID"], body["ruleGroup"]), 60)
        return _said(201, self.rules[body["uid"]])

    def _group(self, method: str, path: str, body: Any, request: Request) -> Response:
        _, _, folder, _, group = path.removeprefix("/api/v1/").split("/")
        if method == "PUT":
            self.intervals[folder, group] = body["interval"]
            return _said(200, body)
        rules = [rule for rule in self.rules.values() if rule["folderUID"] == folder]
        interval = self.intervals.get((folder, group))
        return _found(
            interval and {"title": group, "interval": interval, "rules": rules}, "no such group"
        )


def _said(status: int, body: Any) -> Response:
    return Response(json.dumps(body), status=status, content_type="application/json")


def _found(thing: Any, otherwise: str) -> Response:
    return _said(200, thing) if thing else _said(404, {"message": otherwise})
