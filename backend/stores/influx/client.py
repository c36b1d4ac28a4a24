"""HTTP to an InfluxDB: sessions, time-outs, retries, and its refusals in an operator's words."""

import base64
import gzip
import re
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import orjson
import requests

from backend.exceptions import PartialWrite, StoreError, StoreRefused, StoreUnavailable
from backend.stores.influx import influxql
from backend.stores.influx.address import Address
from backend.stores.influx.answers import Series, StatementError, collect

_TIMEOUTS = (5.0, 60.0)  # seconds to connect; seconds without a byte
_PING_TIMEOUTS = (3.0, 3.0)
_PAUSES = (0.2, 1.0)  # seconds before the second and the third try
_LONGEST_PAUSE = 20.0
_PIECE = 1 << 20
_ROWS_A_CHUNK = 10_000
_DROPPED = re.compile(r"dropped=(\d+)")
_MISSING = re.compile(r"(database|retention policy) not found|no dbrp mapping|bucket .*not found")
_BUSY = re.compile(r"(query-timeout|max-concurrent-queries) limit|engine is closed|shutting down")
_Result = TypeVar("_Result")


class DatabaseMissing(StoreRefused):
    """The server has no such database or retention policy."""


class _Busy(StoreUnavailable):
    """Worth another try, no sooner than after `pause` seconds."""

    def __init__(self, message: str, pause: float = 0.0) -> None:
        self.pause = pause
        super().__init__(message)


class InfluxClient:
    """One database of one server; threads may share it."""

    def __init__(self, address: Address, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._address = address
        self._sleep = sleep
        self._session = requests.Session()
        # ~/.netrc would replace the credentials, and a web proxy does not lead to the plant
        self._session.trust_env = False
        # packing costs the server three times the work of the query itself
        self._session.headers["Accept-Encoding"] = "identity"
        self._session.verify = address.authority or True
        self._authenticate()

    def version(self) -> str:
        """The server's version, as it says itself.

        Raises:
            StoreUnavailable: nothing answers.
            StoreRefused: what answers is not an InfluxDB.
        """
        return self._patiently(self._ping)

    def query(self, statement: str, *, database: bool = True) -> list[Series]:
        """Run one statement and return all series of its answer.

        Args:
            statement: InfluxQL.
            database: False for a statement on the server itself.

        Raises:
            DatabaseMissing: the database or retention policy does not exist.
            StoreUnavailable: the server is down, busy, or broke off, after the last try.
            StoreRefused: it says no.
        """
        form = {"q": statement, "epoch": "ns", "chunked": "true", "chunk_size": str(_ROWS_A_CHUNK)}
        if database:
            form |= self._names()
        return self._patiently(lambda: self._query(form))

    def write(self, body: bytes) -> None:
        """Send lines of line protocol; trying again is safe, since writing twice changes nothing.

        Raises:
            PartialWrite: some lines were dropped, the others are stored.
            StoreError: as `query` does.
        """
        packed = gzip.compress(body, compresslevel=1)
        self._patiently(lambda: self._write(packed))

    def close(self) -> None:
        """Close connections."""
        self._session.close()

    def _authenticate(self) -> None:
        credentials = self._address.credentials
        if credentials.token:
            self._session.headers["Authorization"] = f"Token {credentials.token}"
        elif credentials.username:
            pair = f"{credentials.username}:{credentials.password or ''}".encode()
            self._session.headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"

    def _names(self) -> dict[str, str]:
        policy = {"rp": self._address.policy} if self._address.policy else {}
        return {"db": self._address.database, **policy}

    def _patiently(self, attempt: Callable[[], _Result]) -> _Result:
        for pause in _PAUSES:
            try:
                return attempt()
            except _Busy as error:
                self._sleep(max(pause, error.pause))
        return attempt()

    def _ping(self) -> str:
        with self._request("GET", "/ping", timeout=_PING_TIMEOUTS) as response:
            version: str | None = response.headers.get("X-Influxdb-Version")
        if version is None:
            raise StoreRefused(
                f"what answers at {self._address.base_url} is not an InfluxDB; check the URL"
            )
        return version.removeprefix("v")

    def _query(self, form: dict[str, str]) -> list[Series]:
        with self._request("POST", "/query", data=form) as response:
            try:
                return collect(filter(bytes.strip, _lines(response)))
            except StatementError as error:
                raise self._refusal(str(error)) from error
            except StoreUnavailable as error:
                raise _Busy(f"{self._address}: {error}") from error
            except requests.RequestException as error:
                raise _Busy(f"{self._address} broke off its answer ({_reason(error)})") from error

    def _write(self, packed: bytes) -> None:
        parameters = {**self._names(), "precision": "ns"}
        headers = {"Content-Encoding": "gzip", "Content-Type": "text/plain; charset=utf-8"}
        self._request("POST", "/write", params=parameters, data=packed, headers=headers).close()

    def _request(
        self,
        method: str,
        path: str,
        *,
        timeout: tuple[float, float] = _TIMEOUTS,
        **options: Any,
    ) -> requests.Response:
        try:
            response = self._session.request(
                method,
                self._address.base_url + path,
                timeout=timeout,
                stream=True,
                allow_redirects=False,
                **options,
            )
            if response.ok and not response.is_redirect:
                return response
            with response:
                raise self._failure(response)
        except requests.exceptions.SSLError as error:
            raise StoreRefused(
                f"{self._address} shows a certificate that is not trusted ({_reason(error)}); "
                "name its authority with ?ca=FILE in the store's URL"
            ) from error
        except requests.ReadTimeout as error:
            # It hangs: whoever asked has waited long enough already.
            raise StoreUnavailable(
                f"{self._address} takes requests and does not answer them; see to the server"
            ) from error
        except requests.RequestException as error:
            raise _Busy(
                f"{self._address} does not answer ({_reason(error)}); check that it runs and that "
                "the URL of the store is right"
            ) from error

    def _failure(self, response: requests.Response) -> StoreError:
        said = _said(response)
        if partial := _partial_write(said):
            return partial
        if response.status_code == 401:
            return StoreRefused(
                f"{self._address} does not accept the credentials ({said}); check the user name "
                "and password or token of the store"
            )
        if _MISSING.search(said):
            return self._refusal(said)
        if response.status_code == 429 or response.status_code >= 500:
            pause = _pause(response.headers.get("Retry-After", ""))
            return _Busy(f"{self._address} is busy ({response.status_code}: {said})", pause)
        return self._refusal(f"{response.status_code}: {said}")

    def _refusal(self, said: str) -> StoreError:
        """Put a refusal in an operator's words."""
        if _MISSING.search(said):
            return DatabaseMissing(
                f"{self._address}: {said}; create it with: influx -execute '{self._remedy(said)}'"
            )
        if _BUSY.search(said):
            return _Busy(f"{self._address} is busy ({said})")
        if "authoriz" in said or "forbidden" in said:
            return StoreRefused(f"{self._address} denies the right to do this ({said}); grant it")
        return StoreRefused(f"{self._address} refused: {said}")

    def _remedy(self, said: str) -> str:
        database, policy = self._address.database, self._address.policy
        if policy and "retention policy" in said:
            return influxql.create_retention_policy(database, policy)
        return influxql.create_database(database)


def _lines(response: requests.Response) -> Iterator[bytes]:
    begun: list[bytes] = []
    for piece in response.iter_content(_PIECE):
        *ends, rest = piece.split(b"\n")
        for end in ends:
            yield b"".join([*begun, end])
            begun.clear()
        begun.append(rest)
    yield b"".join(begun)


def _said(response: requests.Response) -> str:
    """The reason in a refusal: 1.x says `error`, 2.x `message`, a proxy in between HTML."""
    text = response.text.strip()
    try:
        answer = orjson.loads(text)
    except orjson.JSONDecodeError:
        answer = None
    if isinstance(answer, dict):
        text = str(answer.get("error") or answer.get("message") or text)
    return text[:500] or response.reason or "no reason given"


def _partial_write(said: str) -> PartialWrite | None:
    if "partial write" not in said:
        return None
    counted = _DROPPED.search(said)
    # a line that could not be parsed is not counted by the server
    dropped = max(1, int(counted[1])) if counted else 1
    return PartialWrite(f"InfluxDB dropped {dropped} rows for ever: {said}", dropped)


def _pause(seconds: str) -> float:
    return min(float(seconds), _LONGEST_PAUSE) if seconds.isdigit() else 0.0


def _reason(error: Exception) -> str:
    if isinstance(error, requests.Timeout):
        return "timed out"
    text = str(error)
    return "connection refused" if "refused" in text else text[:200]
