"""A provider of OpenID Connect on loopback that can be told to lie, over real HTTP."""

import hmac
import json
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

Change = Callable[[dict[str, Any]], None]


@dataclass
class Provider:
    """What it answers, and what it was asked.

    Attributes:
        issuer: its address.
        claims: what it states of whoever signs in.
        userinfo: what it tells beside the statement; nothing if None.
        change: lies in the claims of the statement just before they are signed.
        discovery: lies in the document that says how it is asked.
        header: of the statement.
        key: what it signs with; its document always names the first one.
        beside: what its document names before that one.
        broken: status of every answer instead.
        odd: paths whose answers break off, or are not packed as they say.
        asked: paths and forms, in order.
    """

    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] | None = None
    change: Change = lambda claims: None
    discovery: Change = lambda document: None
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "RS256", "kid": "1"})
    key: Any = None
    published: Any = None
    beside: tuple[Any, ...] = ()
    broken: int | None = None
    odd: dict[str, str] = field(default_factory=dict)
    nonce: str = ""
    challenge: str = ""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, Any]:
        """Status and JSON of an answer."""
        self.asked.append((path, form))
        if self.broken is not None:
            return self.broken, {"error": "broken"}
        if path == "/.well-known/openid-configuration":
            return 200, self._document()
        if path == "/jwks":
            return 200, {"keys": [*self.beside, self.published.as_dict(private=False)]}
        if path == "/userinfo":
            return (404, {}) if self.userinfo is None else (200, self.userinfo)
        if path == "/token":
            return self._token(form)
        return 404, {}

    def approve(self, leading: str, **claims: Any) -> dict[str, str]:
        """Somebody signs in whose browser was led here; what it brings back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(leading).query).items()}
        self.nonce, self.challenge = asked["nonce"], asked["code_challenge"]
        self.claims = {"sub": "7", "preferred_username": "mia", **claims}
        return {"code": "the-code", "state": asked["state"]}

    def _document(self) -> dict[str, Any]:
        document = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "end_session_endpoint": f"{self.issuer}/logout",
        }
        self.discovery(document)
        return document

    def _token(self, form: dict[str, str]) -> tuple[int, Any]:
        if form.get("code") != "the-code" or not form.get("code_verifier"):
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": "normalcy",
            "iat": now,
            "exp": now + 300,
            "nonce": self.nonce,
            **self.claims,
        }
        self.change(claims)
        statement = self._signed(claims)
        return 200, {"access_token": "at", "token_type": "Bearer", "id_token": statement}

    def _signed(self, claims: dict[str, Any]) -> str:
        if self.header["alg"] == "RS256":
            return jwt.encode(self.header, claims, self.key, algorithms=["RS256"])
        # No library makes what follows: it is what somebody would make who has only public things.
        content = ".".join(_part(json.dumps(one).encode()) for one in (self.header, claims))
        if self.header["alg"] == "none":
            return f"{content}."
        public = self.published.as_pem(private=False)
        return f"{content}.{_part(hmac.digest(public, content.encode(), 'sha256'))}"


def _part(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


class _Handler(BaseHTTPRequestHandler):
    provider: Provider

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        self._answer({**form, "authorization": self.headers.get("Authorization", "")})

    def _answer(self, form: dict[str, str]) -> None:
        path = urlsplit(self.path).path
        status, told = self.provider.answer(path, form)
        body = told if isinstance(told, bytes) else json.dumps(told).encode()
        odd = self.provider.odd.get(path)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body) + (odd == "broken off")))
        if odd == "not packed":
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def running_provider() -> Iterator[Provider]:
    """A provider that answers until the block ends."""
    provider = Provider()
    provider.key = RSAKey.generate_key(2048, {"kid": "1"})
    provider.published = provider.key
    handler = type("Handler", (_Handler,), {"provider": provider})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        provider.issuer = f"http://127.0.0.1:{server.server_port}"
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        try:
            yield provider
        finally:
            server.shutdown()
            serving.join()
