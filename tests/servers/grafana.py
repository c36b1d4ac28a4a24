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

    def __init__(
        self, url: str, session: requests.Session, login: dict[str, str] | None = None
    ) -> None:
        self.url = url.rstrip("/")
        self.login = login or {}
        """The environment by which normalcy shows who it is."""
        self._session = session
        self._session.headers["X-Disable-Provenance"] = "true"

    def get(self, path: str) -> Any:
        return self._call("GET", path)

    def find(self, path: str) -> Any:
        """What is there, or None."""
        answer = self._session.get(self.url + path, timeout=_TIMEOUT_S)
        return None if answer.status_code == 404 else self._read("GET", path, answer)

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
        answer = self._session.request(method, self.url + path, json=body, timeout=_TIMEOUT_S)
        return self._read(method, path, answer)

    def _read(self, method: str, path: str, answer: requests.Response) -> Any:
        assert answer.ok, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None


def user_and_password() -> tuple[str, str]:
    """Who signs in, in a browser too."""
    return os.environ.get("GRAFANA_USER", "admin"), os.environ.get("GRAFANA_PASSWORD", "admin")


def require_grafana() -> Grafana:
    """Skip loudly where no Grafana is named; one that is named has to answer."""
    url = os.environ.get("GRAFANA_URL")
    if not url:
        pytest.skip("GRAFANA_URL is not set: nothing was tested against a real Grafana")
    session = requests.Session()
    if token := os.environ.get("GRAFANA_TOKEN"):
        session.headers["Authorization"] = f"Bearer {token}"
        login = {"NORMALCY_GRAFANA_TOKEN": token}
    else:
        user, password = user_and_password()
        session.auth = user, password
        login = {"NORMALCY_GRAFANA_USERNAME": user, "NORMALCY_GRAFANA_PASSWORD": password}
    grafana = Grafana(url, session, login)
    grafana.get("/api/health")
    return grafana
