"""InfluxDB 2 and 3 that stand somewhere already, told by the environment.

    INFLUXDB2_URL=http://127.0.0.1:8086  INFLUXDB2_TOKEN=…  INFLUXDB2_ORG=…  INFLUXDB2_BUCKET=…
    INFLUXDB3_URL=http://127.0.0.1:8181  INFLUXDB3_TOKEN=…  INFLUXDB3_DATABASE=…

Each test gets a bucket or database of its own, removed by `drop` or at the end. A token that may
not create any is used with INFLUXDB2_BUCKET or INFLUXDB3_DATABASE, which has to be empty.
"""

import os
import uuid
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import pytest
import requests

from backend.ports import Credentials

_SECONDS = 30


def require(variable: str) -> str:
    """The value of a variable, or a skip that says what was not tested."""
    if value := os.environ.get(variable):
        return value
    return pytest.skip(f"{variable} is not set: nothing was tested against that InfluxDB")


class RemoteServer(ABC):
    """One server; what was created on it is removed when the block is left."""

    scheme = "Token"

    def __init__(self, url: str, token: str, fixed: str | None) -> None:
        self.url = url.rstrip("/")
        self.credentials = Credentials(token=token or None)
        self._fixed = fixed
        self._session = requests.Session()
        self._session.trust_env = False
        if token:
            self._session.headers["Authorization"] = f"{self.scheme} {token}"
        self._created: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for store_url in list(self._created):
            self.drop(store_url)
        self._session.close()

    def new_database(self) -> str:
        """The store URL of an empty bucket or database."""
        if self._fixed:
            return self.store_url(self._fixed)
        name = f"test_{uuid.uuid4().hex[:12]}"
        store_url = self.store_url(name)
        self._created[store_url] = self._create(name)
        return store_url

    def drop(self, store_url: str) -> None:
        """Remove what `new_database` made; InfluxDB 3 Core has room for five databases only."""
        if store_url in self._created:
            self._remove(self._created.pop(store_url))

    def store_url(self, name: str) -> str:
        """The store URL of a bucket or database, which need not exist."""
        parts = urlsplit(self.url)
        scheme = "influxdb+https" if parts.scheme == "https" else "influxdb"
        return f"{scheme}://{parts.netloc}/{name}"

    def write_lines(self, store_url: str, lines: str) -> None:
        """Write line protocol past the code under test."""
        parameters = {"db": urlsplit(store_url).path.lstrip("/")}
        self.call("POST", "/write", params=parameters, data=lines.encode())

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """A request past the code under test."""
        answer = self._session.request(method, self.url + path, timeout=_SECONDS, **options)
        answer.raise_for_status()
        return answer

    @abstractmethod
    def _create(self, name: str) -> str:
        """Create a bucket or database, and tell what removes it."""

    @abstractmethod
    def _remove(self, created: str) -> None:
        """Remove what was created."""


class InfluxServer2(RemoteServer):
    """An InfluxDB 2.x."""

    def _create(self, name: str) -> str:
        return self.create_bucket(name)

    def create_bucket(self, name: str, **more: object) -> str:
        """Create a bucket, with the mapping for InfluxQL that versions before 2.4 do not make."""
        organization = self.organization()["id"]
        wanted = {"name": name, "orgID": organization, **more}
        bucket: str = self.call("POST", "/api/v2/buckets", json=wanted).json()["id"]
        database, _, policy = name.partition("/")
        asked = {"orgID": organization, "bucketID": bucket, "db": database}
        if not self.call("GET", "/api/v2/dbrps", params=asked).json()["content"]:
            mapping = {
                "orgID": organization,
                "bucketID": bucket,
                "database": database,
                "retention_policy": policy or "autogen",
                "default": not policy,
            }
            self.call("POST", "/api/v2/dbrps", json=mapping)
        return bucket

    def organization(self) -> dict[str, str]:
        """The organization named by INFLUXDB2_ORG, or the first one."""
        found: list[dict[str, str]] = self.call("GET", "/api/v2/orgs").json()["orgs"]
        name = os.environ.get("INFLUXDB2_ORG")
        return next(org for org in found if name in (None, org["name"]))

    def _remove(self, created: str) -> None:
        self.call("DELETE", f"/api/v2/buckets/{created}")


class InfluxServer3(RemoteServer):
    """An InfluxDB 3 Core."""

    scheme = "Bearer"

    def _create(self, name: str) -> str:
        self.call("POST", "/api/v3/configure/database", json={"db": name})
        return name

    def _remove(self, created: str) -> None:
        self.call("DELETE", "/api/v3/configure/database", params={"db": created})
