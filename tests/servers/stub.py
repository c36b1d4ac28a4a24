"""An HTTP server that says what a test wants, where a real one cannot be made to."""

import gzip
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Answer:
    """One answer; `cut` leaves the body shorter than announced."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    parameters: dict[str, str]
    body: bytes
    headers: dict[str, str]


class StubServer:
    """`with StubServer([Answer(...), ...]) as stub:`; the last answer is given again and again.

    Instead of a list it takes what makes an answer of a request.
    """

    def __init__(
        self,
        answers: Sequence[Answer] | Callable[[Asked], Answer],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._think = answers if callable(answers) else None
        self.answers = [] if callable(answers) else list(answers)
        self.asked: list[Asked] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._scheme = "influxdb+https" if tls else "influxdb"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_port

    @property
    def store_url(self) -> str:
        """Its URL as that of an InfluxDB; add `?version=` for one that is not asked for it."""
        return f"{self._scheme}://127.0.0.1:{self.port}/plant"

    def __enter__(self) -> "StubServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _next(self, asked: Asked) -> Answer:
        if self._think is not None:
            return self._think(asked)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                self._answer()

            def _answer(self) -> None:
                stub.asked.append(_asked(self))
                answer = stub._next(stub.asked[-1])
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body) + 100 * answer.cut))
                self.end_headers()
                self.wfile.write(answer.body)
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def _asked(handler: BaseHTTPRequestHandler) -> Asked:
    body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    return understood(handler.command, handler.path, dict(handler.headers), body)


def understood(method: str, target: str, headers: dict[str, str], body: bytes) -> Asked:
    """A request with its body unpacked and its parameters taken from where they are."""
    parts = urlsplit(target)
    if headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    form = parse_qs(body.decode()) if parts.path == "/query" else parse_qs(parts.query)
    parameters = {name: values[0] for name, values in form.items()}
    return Asked(method, parts.path, parameters, body, headers)
