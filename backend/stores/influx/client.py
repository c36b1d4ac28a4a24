"""Requests to one database of an InfluxDB: which generation it is, time-outs, and trying again."""

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import HTTPError, ReadTimeoutError, SSLError, TimeoutError

from backend.exceptions import StoreError, StoreRefused, StoreUnavailable
from backend.stores.influx import refusals
from backend.stores.influx.address import Address
from backend.stores.influx.answers import Part, StatementError, parts
from backend.stores.influx.connections import Answer, Connections, Stalled
from backend.stores.influx.generation import (
    Generation,
    authorization,
    names,
    recognise,
    write_target,
)
from backend.stores.influx.patience import Patience
from backend.stores.influx.refusals import Busy, Hanging

_ROWS_A_CHUNK = 10_000
_WRITTEN = 204
_FORM = "application/x-www-form-urlencoded"
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Greeting:
    """What a server says of itself: its generation, and its clock in seconds if it tells."""

    generation: Generation
    clock: float | None


class InfluxClient:
    """One database of one server; threads may share it.

    Args:
        address: server, database and credentials.
        sleep: waits between two tries.
        patience: limits and pauses.
    """

    def __init__(
        self,
        address: Address,
        *,
        sleep: Callable[[float], None] = time.sleep,
        patience: Patience | None = None,
    ) -> None:
        self._address = address
        self._sleep = sleep
        self._patience = patience or Patience()
        self._connections = Connections(address, self._patience)
        self._known: Generation | None = None
        self._lock = threading.Lock()

    @property
    def address(self) -> Address:
        """The database that is asked."""
        return self._address

    def greet(self) -> Greeting:
        """Ask the server which it is.

        Raises:
            StoreUnavailable: nothing answers.
            StoreRefused: what answers is not an InfluxDB.
        """
        return self.patiently(self._ping)

    def generation(self) -> Generation:
        """The server's generation as configured, or asked for once; raises as `greet` does."""
        return self.patiently(self._generation)

    def query(
        self, statement: str, *, database: bool = True, columns: Collection[str] = ()
    ) -> list[Part]:
        """Run one statement and return its whole answer, asking again where that may help.

        Args:
            statement: InfluxQL.
            database: False for a statement on the server itself.
            columns: that the answer has to have; another one is not that of the statement.

        Raises:
            DatabaseMissing: the database or retention policy does not exist.
            StoreUnavailable: the server is down, busy, or broke off, after the last try.
            StoreRefused: it says no.
        """
        return self.patiently(
            lambda: list(self.stream(statement, database=database, columns=columns))
        )

    def stream(
        self,
        statement: str,
        *,
        database: bool = True,
        columns: Collection[str] = (),
        rows: int = _ROWS_A_CHUNK,
    ) -> Iterator[Part]:
        """Run one statement once and hand out its answer as it arrives, `rows` rows at a time.

        Raises:
            Busy: asking again may help.
            DatabaseMissing, StoreRefused: as `query`.
        """
        generation = self._generation()
        form = {"q": statement, "epoch": "ns", "chunked": "true", "chunk_size": str(rows)}
        form |= names(self._address) if database else {}
        headers = {"Accept": generation.media, "Content-Type": _FORM}
        body = urlencode(form).encode()
        with self._request("POST", "/query", body, headers) as answer:
            media = answer.headers.get("Content-Type", "")
            # headers that end before they say how long the body is leave it empty as well
            silent = generation.silent_when_empty and answer.framed
            try:
                for part in parts(answer.inflow(), media, silent_when_empty=silent):
                    if lacking := set(columns) - part.columns.keys():
                        raise StoreUnavailable(f"its answer lacks {', '.join(sorted(lacking))}")
                    yield part
            except StatementError as error:
                raise refusals.of_statement(self._address, str(error)) from error
            except Busy:
                raise
            except StoreUnavailable as error:
                raise Busy(f"{self._address} cannot be understood: {error}") from error

    def write(self, body: bytes, encoding: str | None = None) -> None:
        """Send lines of line protocol; trying again is safe, since writing twice changes nothing.

        Args:
            body: lines, nanoseconds.
            encoding: `gzip` where they are packed.

        Raises:
            PartialWrite: some lines were dropped, the others are stored.
            StoreError: as `query` does.
        """
        self.patiently(lambda: self._write(body, encoding), even_if_hanging=True)

    def post(self, path: str, body: bytes, media: str) -> str:
        """Send something else, and return the text of the answer; raises as `query` does."""

        def attempt() -> str:
            with self._request("POST", path, body, {"Content-Type": media}) as answer:
                return answer.text()

        return self.patiently(attempt)

    def close(self) -> None:
        """Close connections."""
        self._connections.close()

    def patiently(
        self, attempt: Callable[[], _Result], *, even_if_hanging: bool = False
    ) -> _Result:
        """Try until it works, the server says no, or patience ends.

        Args:
            attempt: safe to be made twice.
            even_if_hanging: also after a time-out. Whoever asked a question has waited long enough
                by then; what is to be written must not be lost.
        """
        for pause in self._patience.pauses:
            try:
                return attempt()
            except Hanging as error:
                if not even_if_hanging:
                    raise
                waiting = max(pause, error.pause)
            except Busy as error:
                waiting = max(pause, error.pause)
            self._sleep(waiting)
        return attempt()

    def _generation(self) -> Generation:
        """The same without patience, for what is tried again as a whole."""
        if told := self._address.version:
            return recognise(f"{told}.x")
        with self._lock:
            return self._known or self._ping().generation

    def _ping(self) -> Greeting:
        timeout = urllib3.Timeout(connect=self._patience.ping_s, read=self._patience.ping_s)
        with self._request("GET", "/ping", None, {}, timeout) as answer:
            said = answer.headers
        version = said.get("X-Influxdb-Version")
        if version is None:
            raise StoreRefused(
                f"what answers at {self._address.base_url} is not an InfluxDB; check the URL"
            )
        build = said.get("X-Influxdb-Build", "")
        self._known = recognise(version, build, self._address.version)
        return Greeting(self._known, _clock(said.get("Date")))

    def _write(self, body: bytes, encoding: str | None) -> None:
        path, parameters = write_target(self._address, self._generation())
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        if encoding:
            headers["Content-Encoding"] = encoding
        with self._request("POST", f"{path}?{urlencode(parameters)}", body, headers) as answer:
            answer.text()
            if answer.status != _WRITTEN:
                raise Busy(
                    f"{self._address} answers {answer.status} to a write where {_WRITTEN} was "
                    "expected; check that the URL leads to an InfluxDB and not to a page before it"
                )

    @contextmanager
    def _request(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        timeout: urllib3.Timeout | None = None,
    ) -> Iterator[Answer]:
        """The answer to a request, while it can be read; errors on the way become ours."""
        patience = self._patience
        timeout = timeout or urllib3.Timeout(connect=patience.connect_s, read=patience.read_s)
        said = authorization(self._address.credentials, self._major())
        identity = {"Authorization": said} if said else {}
        try:
            with self._connections.request(
                method, path, timeout=timeout, headers={**headers, **identity}, body=body
            ) as answer:
                if not 200 <= answer.status < 300:
                    raise self._failure(answer)
                if "Date" not in answer.headers:
                    # headers that end early look whole, and a write must not count as done for that
                    raise Busy(f"{self._address} broke off in the middle of an answer's headers")
                yield answer
        except HTTPError as error:
            raise self._broken(error) from error

    def _major(self) -> int | None:
        return self._address.version or (self._known.major if self._known else None)

    def _failure(self, answer: Answer) -> StoreError:
        return refusals.of_status(
            self._address,
            answer.status,
            answer.headers,
            answer.text(),
            self._patience.longest_pause,
        )

    def _broken(self, error: HTTPError) -> StoreError:
        """What a failure on the way to the server means."""
        # a server that is started again may be another one
        self._known = None
        if isinstance(error, SSLError):
            return StoreRefused(
                f"{self._address} shows a certificate that is not trusted, or asks for one "
                f"({_reason(error)}); name its authority with ?ca=FILE in the store's URL, and "
                "what it asks for with cert=FILE&key=FILE"
            )
        if isinstance(error, ReadTimeoutError | Stalled):
            return Hanging(
                f"{self._address} takes requests and does not answer them in time; see to the "
                "server"
            )
        return Busy(
            f"{self._address} does not answer ({_reason(error)}); check that it runs and that "
            "the URL of the store is right"
        )


def _clock(date: str | None) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() if date else None
    except ValueError:
        return None


def _reason(error: Exception) -> str:
    text = str(error)
    if "refused" in text:
        return "connection refused"
    return "timed out" if isinstance(error, TimeoutError) else text[:200]
