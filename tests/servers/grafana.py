"""A Grafana that runs already, named by the environment.

GRAFANA_URL, and GRAFANA_TOKEN (of an administrator) or GRAFANA_USER and GRAFANA_PASSWORD.
"""

import os
from typing import Any

import pytest
import requests

_TIMEOUT_S = 30


class Grafana:
    """Its HTTP API; what it creates is open to change by hand and by the next call."""

    def __init__(self, url: str, session: requests.Session) -> None:
        self._url = url.rstrip("/")
        self._session = session
        self._session.headers["X-Disable-Provenance"] = "true"

    def get(self, path: str) -> Any:
        return self._call("GET", path)

    def post(self, path: str, body: Any) -> Any:
        return self._call("POST", path, body)

    def put(self, path: str, body: Any) -> Any:
        return self._call("PUT", path, body)

    def delete(self, path: str) -> Any:
        return self._call("DELETE", path)

    def frames(self, query: dict[str, Any], *, since: str = "now-24h") -> list[Any]:
        """Frames of one panel query, as the time range `since` to now gives them."""
        asked = {"intervalMs": 600_000, "maxDataPoints": 1000, **query, "refId": "A"}
        answer = self.post("/api/ds/query", {"from": since, "to": "now", "queries": [asked]})
        assert "error" not in answer["results"]["A"], (query, answer)
        return list(answer["results"]["A"]["frames"])

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._session.request(method, self._url + path, json=body, timeout=_TIMEOUT_S)
        assert answer.ok, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None


def require_grafana() -> Grafana:
    """Skip loudly where no Grafana is named; one that is named has to answer."""
    url = os.environ.get("GRAFANA_URL")
    if not url:
        pytest.skip("GRAFANA_URL is not set: nothing was tested against a real Grafana")
    session = requests.Session()
    if token := os.environ.get("GRAFANA_TOKEN"):
        session.headers["Authorization"] = f"Bearer {token}"
    else:
        name = os.environ.get("GRAFANA_USER", "admin")
        session.auth = (name, os.environ.get("GRAFANA_PASSWORD", "admin"))
    grafana = Grafana(url, session)
    grafana.get("/api/health")
    return grafana
