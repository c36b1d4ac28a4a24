"""HTTP to one Grafana: an end to every wait, JSON in and out, refusals in an operator's words."""

import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson
import urllib3

from backend.exceptions import GrafanaError, GrafanaRefused, GrafanaUnavailable, NotFound
from backend.ports import Credentials

_SHOWN = 300
_MOVED = (301, 302, 303, 307, 308)

Parameters = Mapping[str, str | int | Sequence[str]]


@dataclass(frozen=True)
class Patience:
    """Limits of one request, in seconds, and the pauses between tries.

    Attributes:
        connect_s: to open a connection.
        read_s: without an answer; a Grafana on SQLite gives up on a locked database after 30 s.
        pauses: before the second, the third … try.
    """

    connect_s: float = 5.0
    read_s: float = 40.0
    pauses: tuple[float, ...] = (0.5, 2.0)

    def tries(self) -> Iterator[bool]:
        """One item a try, after its pause; whether it is the last."""
        yield not self.pauses
        for number, pause in enumerate(self.pauses, 1):
            time.sleep(pause)
            yield number == len(self.pauses)


class GrafanaClient:
    """One Grafana; threads may share it."""

    def __init__(
        self, url: str, credentials: Credentials, patience: Patience | None = None
    ) -> None:
        """Nothing is reached yet.

        Args:
            url: where Grafana answers, such as `https://example.org/grafana`.
            credentials: a token, or user name and password; none for a Grafana open to everyone.
            patience: for tests.
        """
        self.url = url.rstrip("/")
        self.patience = patience or Patience()
        self._pool = urllib3.PoolManager(
            headers={
                "User-Agent": "normalcy",
                "Accept": "application/json",
                # Alert rules made by the API stay open to change by hand and by the next call.
                "X-Disable-Provenance": "true",
                **_shown(credentials),
            },
            timeout=urllib3.Timeout(connect=self.patience.connect_s, read=self.patience.read_s),
            retries=False,
        )

    def get(self, path: str, parameters: Parameters | None = None, *, needs: str = "") -> Any:
        """Ask; asked again while Grafana is busy. See `once` for what is raised."""
        query = f"?{urlencode(parameters, doseq=True)}" if parameters else ""
        return self._patiently("GET", path + query, None, needs)

    def put(self, path: str, body: Any, *, needs: str = "") -> Any:
        """Replace; sent again while Grafana is busy. See `once` for what is raised."""
        return self._patiently("PUT", path, body, needs)

    def delete(self, path: str, *, needs: str = "") -> Any:
        """Remove; sent again while Grafana is busy. See `once` for what is raised."""
        return self._patiently("DELETE", path, None, needs)

    def once(self, method: str, path: str, body: Any = None, *, needs: str = "") -> Any:
        """Send one request, once: what a POST did is not known when its answer is lost.

        Args:
            method: of HTTP.
            path: below the address of Grafana, with its query.
            body: JSON-ready.
            needs: the right it needs, for the message where it is missing.

        Raises:
            NotFound: there is nothing at this path.
            GrafanaRefused: Grafana said no.
            GrafanaUnavailable: it cannot be reached, or is busy.
        """
        data = None if body is None else orjson.dumps(body)
        headers = {**self._pool.headers, "Content-Type": "application/json"}
        try:
            answer = self._pool.request(
                method, self.url + path, body=data, headers=headers, redirect=False
            )
        except urllib3.exceptions.HTTPError as error:
            raise GrafanaUnavailable(
                f"Grafana at {self.url} does not answer ({_kind(error)}): check that it runs and "
                "that grafana.url is right."
            ) from error
        if answer.status >= 300:
            raise self._refusal(answer.status, answer.headers, answer.data, needs)
        return self._read(answer.data)

    def close(self) -> None:
        """Close what is open."""
        self._pool.clear()

    def _patiently(self, method: str, path: str, body: Any, needs: str) -> Any:
        for is_last in self.patience.tries():
            try:
                return self.once(method, path, body, needs=needs)
            except GrafanaUnavailable:
                if is_last:
                    raise
        raise AssertionError("there is always a last try")

    def _read(self, data: bytes) -> Any:
        try:
            return orjson.loads(data) if data else None
        except orjson.JSONDecodeError:
            raise GrafanaRefused(
                f"{self.url} answered with something that is not JSON: expected a Grafana there; "
                "check grafana.url, and a login page before it."
            ) from None

    def _refusal(
        self, status: int, headers: Mapping[str, str], data: bytes, needs: str
    ) -> GrafanaError | NotFound:
        said = _reason(data)
        if status == 404:
            return NotFound(f"Grafana at {self.url} has no such thing ({said}).")
        if status in _MOVED:
            place = headers.get("Location", "elsewhere")
            return GrafanaRefused(f"{self.url} sends callers to {place}: set grafana.url to that.")
        if status == 401:
            return GrafanaRefused(
                f"Grafana at {self.url} does not accept the credentials ({said}): check its token, "
                "or user name and password."
            )
        if status == 403:
            right = f" It needs {needs}." if needs else ""
            return GrafanaRefused(f"Grafana at {self.url} denies the right to do this.{right}")
        if status == 429 or status >= 500:
            return GrafanaUnavailable(f"Grafana at {self.url} is busy ({status}: {said}).")
        return GrafanaRefused(f"Grafana at {self.url} refused ({status}: {said}).")


def _shown(credentials: Credentials) -> dict[str, str]:
    if credentials.token:
        return {"Authorization": f"Bearer {credentials.token}"}
    if credentials.username:
        pair = f"{credentials.username}:{credentials.password or ''}"
        return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
    return {}


def _reason(data: bytes) -> str:
    try:
        answer = orjson.loads(data)
    except orjson.JSONDecodeError:
        answer = None
    text = data.decode(errors="replace")
    if isinstance(answer, dict):
        said = [str(answer[name]) for name in ("message", "error") if answer.get(name)]
        text = ": ".join(said) or text
    return " ".join(text.split())[:_SHOWN] or "no reason given"


def _kind(error: urllib3.exceptions.HTTPError) -> str:
    if isinstance(
        error, urllib3.exceptions.ConnectTimeoutError | urllib3.exceptions.ReadTimeoutError
    ):
        return "it took too long"
    if isinstance(error, urllib3.exceptions.SSLError):
        return f"its certificate is not accepted: {error}"
    return "no connection"
