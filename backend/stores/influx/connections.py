"""HTTP connections to one server, with an end to every wait."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.ssl_ import create_urllib3_context

from backend.exceptions import ConfigurationError
from backend.stores.influx.address import Address, Tls
from backend.stores.influx.inflow import Inflow
from backend.stores.influx.patience import Patience

_CONNECTIONS = 8
_LARGEST_PIECE = 1 << 18
_AT_ONCE_S = 0.05


class Watch:
    """One request, and what has come of its answer."""

    def __init__(self) -> None:
        self.received = 0
        self.held: socket.socket | None = None
        self.hung_up = False
        self._seen = 0
        self._since = time.monotonic()

    def look(self, now: float, patience: Patience) -> None:
        """Hang up if too little has come for too long."""
        if self.received - self._seen >= patience.stall_bytes:
            self._seen, self._since = self.received, now
        elif now - self._since >= patience.stall_s and self.held is not None:
            self.hung_up = True
            with suppress(OSError):  # it may be closed already
                # the plain method: that of an encrypted socket may not be called from here
                socket.socket.shutdown(self.held, socket.SHUT_RDWR)


class Watchman:
    """Hangs up on a server that sends a little now and then, and never ends.

    A limit on the silence between two bytes does not notice that. One thread looks after all
    requests: one for each of them would cost more than the request.
    """

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._watches: set[Watch] = set()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def watching(self) -> Iterator[Watch]:
        """Look after one request."""
        watch = Watch()
        with self._lock:
            self._watches.add(watch)
            # a process that was forked has no thread but its own
            if self._thread is None or not self._thread.is_alive():
                self._closed.clear()
                self._thread = threading.Thread(target=self._patrol, name="watch", daemon=True)
                self._thread.start()
        try:
            yield watch
        finally:
            with self._lock:
                self._watches.discard(watch)

    def close(self) -> None:
        """Let the thread end."""
        self._closed.set()

    def _patrol(self) -> None:
        while not self._closed.wait(self._patience.stall_s / 4):
            with self._lock:
                watches = list(self._watches)
            for watch in watches:
                watch.look(time.monotonic(), self._patience)


_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)


class _Watched(HTTPConnection):
    def request(self, *args: Any, **options: Any) -> None:
        super().request(*args, **options)
        if watch := _watch.get():
            watch.held = self.sock


class _WatchedTls(_Watched, HTTPSConnection):
    pass


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Watched


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _WatchedTls


class Answer:
    """An answer whose body has not been read yet."""

    def __init__(self, response: urllib3.BaseHTTPResponse, watch: Watch, piece: int) -> None:
        self._response = response
        self._watch = watch
        self._piece = self._smallest = piece
        self.framed = bool(response.chunked) or response.length_remaining is not None
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    def inflow(self) -> Inflow:
        """The body as it arrives."""
        return Inflow(self._read)

    def text(self, limit: int = 1 << 16) -> str:
        """The beginning of the body."""
        return self.inflow().look(limit).tobytes().decode(errors="replace")

    def _read(self, size: int) -> bytes:
        # A piece is counted when all of it has come: large ones only while they come at once.
        begin = time.monotonic()
        data = self._response.read(min(size, self._piece))
        quick = time.monotonic() - begin < _AT_ONCE_S
        self._piece = min(self._piece * 2, _LARGEST_PIECE) if quick else self._smallest
        self._watch.received += len(data)
        return data


class Connections:
    """Connections to one server; threads may share them."""

    def __init__(self, address: Address, patience: Patience) -> None:
        """Open nothing yet.

        Raises:
            ConfigurationError: a file of a certificate cannot be read.
        """
        url = urllib3.util.parse_url(address.base_url)
        # packing its answers costs the server three times the work of the query itself
        headers = {"User-Agent": "normalcy", "Accept-Encoding": "identity"}
        options: dict[str, Any] = {"headers": headers, "maxsize": _CONNECTIONS, "block": False}
        pool: Callable[..., urllib3.HTTPConnectionPool] = _Pool
        if url.scheme == "https":
            pool, options["ssl_context"] = _TlsPool, _context(address.tls)
        self._pool = pool(url.host, port=url.port, **options)
        self._watchman = Watchman(patience)
        self._piece = patience.stall_bytes

    @contextmanager
    def request(
        self,
        method: str,
        path: str,
        *,
        timeout: urllib3.Timeout,
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> Iterator[Answer]:
        """Send a request; the body of its answer is read inside the block.

        Raises:
            urllib3.exceptions.HTTPError: anything between here and the server.
        """
        with self._watchman.watching() as watch:
            token = _watch.set(watch)
            try:
                response = self._pool.urlopen(
                    method,
                    path,
                    body=body,
                    headers={**self._pool.headers, **headers},
                    timeout=timeout,
                    retries=False,
                    redirect=False,
                    preload_content=False,
                )
            except urllib3.exceptions.HTTPError as error:
                raise _explained(error, watch) from error
            finally:
                _watch.reset(token)
            with _released(response):
                if watch.hung_up:
                    raise Stalled
                try:
                    yield Answer(response, watch, self._piece)
                except urllib3.exceptions.HTTPError as error:
                    raise _explained(error, watch) from error

    def close(self) -> None:
        """Close what is open."""
        self._watchman.close()
        self._pool.close()


class Stalled(urllib3.exceptions.HTTPError):
    """The server sent almost nothing for too long."""


def _explained(error: urllib3.exceptions.HTTPError, watch: Watch) -> Exception:
    return Stalled() if watch.hung_up else error


@contextmanager
def _released(response: urllib3.BaseHTTPResponse) -> Iterator[None]:
    """Give a connection back if its answer was read to the end, and close it if it was not."""
    try:
        yield
        if response.read(1):
            response.close()
    except BaseException:
        response.close()
        raise
    finally:
        response.release_conn()


def _context(tls: Tls) -> Any:
    context = create_urllib3_context()
    try:
        if tls.authority:
            context.load_verify_locations(tls.authority)
        else:
            context.load_default_certs()
        if tls.certificate:
            context.load_cert_chain(tls.certificate, tls.key)
    except OSError as error:
        files = ", ".join(filter(None, (tls.authority, tls.certificate, tls.key)))
        raise ConfigurationError(
            f"the certificates of the store cannot be read ({error.strerror or error}): {files}; "
            "check ca=, cert= and key= in its URL"
        ) from error
    return context
