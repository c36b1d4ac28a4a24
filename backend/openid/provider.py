"""A provider of OpenID Connect: where it leads browsers, and what it states of who came back.

The code flow with PKCE, as RFC 6749, RFC 7636 and OpenID Connect Core 1.0 have it. Everything is
asked when somebody signs in, never at start, so that a provider that is away stops nothing else.
"""

import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from backend.exceptions import SignInRefused
from backend.openid.fetching import TIMEOUT_S, UNREACHABLE, Read, get_json, unfit, unreachable
from backend.ports import Clock, Departure

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "Ed25519")
"""Signatures that only the provider can make: none by a secret that both know, and never none."""

AT_ONCE = 4
"""People who wait for the provider: each holds a thread, and other pages need some too."""

_WELL_KNOWN = "/.well-known/openid-configuration"
_NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_KEPT_NS = 3600 * 1_000_000_000
_SECOND = 1_000_000_000
_LEEWAY_S = 60
"""Clocks of two machines differ."""


@dataclass(frozen=True)
class Client:
    """What normalcy is to a provider.

    Attributes:
        issuer: the provider's address, as it writes it itself.
        client_id: what it calls normalcy.
        secret: that only the two know; None for a public client.
        scopes: what is asked of it.
    """

    issuer: str
    client_id: str
    secret: str | None = field(default=None, repr=False)
    scopes: Sequence[str] = ("openid", "profile", "email")


class OpenIdProvider:
    """`IdentityProvider` by OpenID Connect."""

    def __init__(self, client: Client, clock: Clock) -> None:
        """Nothing is asked yet.

        Args:
            client: what normalcy is to the provider.
            clock: the time.
        """
        self._client = client
        self._clock = clock
        self._places = threading.BoundedSemaphore(AT_ONCE)
        self._found: tuple[int, Mapping[str, Any]] | None = None

    @property
    def issuer(self) -> str:
        """What it calls itself."""
        return self._client.issuer

    def depart(self, back: str) -> Departure:
        """Lead a browser there."""
        if self._fresh() is None:
            with self._waiting():
                self._discovered()
        place = self._discovered()["authorization_endpoint"]
        verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
        with self._session(back) as session:
            url, state = session.create_authorization_url(
                place, state=secrets.token_urlsafe(24), code_verifier=verifier, nonce=nonce
            )
        return Departure(url, state, nonce, verifier)

    def arrive(self, code: str, left: Departure, back: str) -> Mapping[str, Any]:
        """What the provider states of the person who came back, verified."""
        with self._waiting():
            told = self._exchange(code, left.verifier, back)
            statement = told.get("id_token")
            if not isinstance(statement, str):
                raise unfit("it holds no statement of who signed in")
            claims = self._verified(statement, left.nonce)
            return {**self._more(told.get("access_token"), claims["sub"]), **claims}

    def farewell(self, back: str) -> str | None:
        """Where a person signs out there; only what was found at the sign-in is used."""
        _, found = self._found or (0, {})
        place = found.get("end_session_endpoint")
        if not isinstance(place, str) or not self._is_safe(place):
            return None
        asked = {"client_id": self._client.client_id, "post_logout_redirect_uri": back}
        return f"{place}{'&' if urlsplit(place).query else '?'}{urlencode(asked)}"

    # -- asking the provider

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        """Wait for the provider, as long as not too many do already."""
        if not self._places.acquire(blocking=False):
            raise SignInRefused(
                f"The sign-in service at {self.issuer} keeps {AT_ONCE} people waiting already: try "
                "again in a moment, or sign in with a local account.",
                "unreachable",
            )
        try:
            yield
        finally:
            self._places.release()

    def _fresh(self) -> Mapping[str, Any] | None:
        """What the provider said of itself within the last hour."""
        if self._found is None:
            return None
        at, found = self._found
        return found if 0 <= self._clock.now() - at < _KEPT_NS else None

    def _discovered(self) -> Mapping[str, Any]:
        """What the provider says of itself, read again each hour."""
        found = self._fresh()
        if found is None:
            found = self._discover()
            self._found = self._clock.now(), found
        return found

    def _discover(self) -> Mapping[str, Any]:
        found = get_json(self._client.issuer.rstrip("/") + _WELL_KNOWN)
        if found.get("issuer") != self._client.issuer:
            raise unfit(
                f"it calls itself {str(found.get('issuer'))[:200]!r}, and web.oidc.issuer names "
                f"{self._client.issuer!r}"
            )
        for name in _NEEDED:
            if not isinstance(found.get(name), str) or not self._is_safe(found[name]):
                raise unfit(f"its document names no safe {name}")
        return found

    def _is_safe(self, url: str) -> bool:
        """Whether an address is as safe as the issuer's own: over TLS, unless that is not."""
        scheme = urlsplit(url).scheme
        return scheme == "https" or (
            scheme == "http" and urlsplit(self._client.issuer).scheme == "http"
        )

    def _exchange(self, code: str, verifier: str, back: str) -> Mapping[str, Any]:
        place = self._discovered()["token_endpoint"]
        try:
            with self._session(back) as session:
                session.register_compliance_hook("access_token_response", Read)
                told: Mapping[str, Any] = session.fetch_token(
                    place,
                    code=code,
                    code_verifier=verifier,
                    grant_type="authorization_code",
                    timeout=TIMEOUT_S,
                    allow_redirects=False,
                    stream=True,
                )
        except UNREACHABLE as error:
            raise unreachable(place, error) from error
        except (AuthlibBaseError, ValueError, TypeError) as error:
            raise unfit("it does not take the code that the browser brought") from error
        return told

    def _session(self, back: str) -> OAuth2Session:
        return OAuth2Session(
            self._client.client_id,
            self._client.secret,
            scope=" ".join(self._client.scopes),
            redirect_uri=back,
            code_challenge_method="S256",
            token_endpoint_auth_method=self._way_to_authenticate(),
        )

    def _way_to_authenticate(self) -> str:
        if self._client.secret is None:
            return "none"
        known = self._discovered().get("token_endpoint_auth_methods_supported")
        offered = known if isinstance(known, list) else ["client_secret_basic"]
        return "client_secret_basic" if "client_secret_basic" in offered else "client_secret_post"

    # -- believing what it states

    def _verified(self, statement: str, nonce: str) -> dict[str, Any]:
        try:
            claims = self._signed(statement)
            registry = jwt.JWTClaimsRegistry(
                now=self._clock.now() // _SECOND,
                leeway=_LEEWAY_S,
                iss={"essential": True, "value": self._client.issuer},
                aud={"essential": True, "value": self._client.client_id},
                sub={"essential": True},
                exp={"essential": True},
                iat={"essential": True},
                nonce={"essential": True, "value": nonce},
            )
            registry.validate(claims)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise unfit(f"its statement does not hold ({error})") from error
        return self._for_us(claims)

    def _signed(self, statement: str) -> dict[str, Any]:
        """The claims of a statement that the provider signed; keys are read anew each time."""
        keys = _understood(get_json(self._discovered()["jwks_uri"])["keys"])
        return jwt.decode(statement, keys, algorithms=ALGORITHMS).claims

    def _for_us(self, claims: dict[str, Any]) -> dict[str, Any]:
        """What the registry does not look at: that the statement was made for us alone."""
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        party = claims.get("azp", None if several else self._client.client_id)
        if party != self._client.client_id:
            raise unfit("its statement was made for another program")
        subject = claims["sub"]
        if not isinstance(subject, str) or len(subject) > 255 or not subject.isprintable():
            raise unfit("its statement names nobody")
        return claims

    def _more(self, token: object, subject: str) -> Mapping[str, Any]:
        """What it tells of the person beside the statement, such as groups; often nothing."""
        place = self._discovered().get("userinfo_endpoint")
        if not isinstance(token, str) or not isinstance(place, str) or not self._is_safe(place):
            return {}
        try:
            told = get_json(place, {"Authorization": f"Bearer {token}"})
        except SignInRefused:
            return {}  # the statement alone decides
        return told if told.get("sub") == subject else {}


def _understood(told: Sequence[Any]) -> KeySet:
    """The keys that can be read: the others are passed over, see RFC 7517, section 5."""
    keys = []
    for one in told:
        with suppress(JoseError, ValueError, TypeError, KeyError, AttributeError):
            keys.append(KeySet.registry_cls.import_key(one))
    return KeySet(keys)
