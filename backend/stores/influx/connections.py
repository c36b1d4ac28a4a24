"""HTTP connections to one server, with an end to every wait."""

import socket
import threading
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


class Watch:
    """Hangs up on a server that sends a little now and then, and never ends.

    A limit on the silence between two bytes does not notice that; here a few kilobytes have to come
    in each period.
    """

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._received = self._seen = 0
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()
        self._over = False
        self.held: socket.socket | None = None
        self.hung_up = False

    def __enter__(self) -> "Watch":
        self._arm()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._over = True
            if self._timer is not None:
                self._timer.cancel()

    def count(self, size: int) -> None:
        """Take note of bytes received."""
        self._received += size

    def _arm(self) -> None:
        self._timer = threading.Timer(self._patience.stall_s, self._look)
        self._timer.daemon = True
        self._timer.start()

    def _look(self) -> None:
        with self._lock:
            if self._over:
                return
            if self._received - self._seen >= self._patience.stall_bytes:
                self._seen = self._received
                self._arm()
                return
            self.hung_up = True
        if self.held is not None:
            with suppress(OSError):  # it may be closed already
                # the plain method: that of an encrypted socket may not be called from here
                socket.socket.shutdown(self.held, socket.SHUT_RDWR)


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

    def __init__(self, response: urllib3.BaseHTTPResponse, watch: Watch) -> None:
        self._response = response
        self._watch = watch
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    def inflow(self) -> Inflow:
        """The body as it arrives."""
        return Inflow(self._read)

    def text(self, limit: int = 1 << 16) -> str:
        """The beginning of the body."""
        return self.inflow().look(limit).tobytes().decode(errors="replace")

    def _read(self, size: int) -> bytes:
        data = self._response.read(size)
        self._watch.count(len(data))
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
        self._patience = patience

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
        with Watch(self._patience) as watch:
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
                    yield Answer(response, watch)
                except urllib3.exceptions.HTTPError as error:
                    raise _explained(error, watch) from error

    def close(self) -> None:
        """Close what is open."""
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
