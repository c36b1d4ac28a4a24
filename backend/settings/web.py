"""The part of normalcy.yaml about the pages: where they listen, and how people sign in."""

from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator

from backend.records import Role
from backend.settings.environment import Variables
from backend.settings.grafana import WebUrl
from backend.settings.values import (
    DEFAULT_HOST,
    DEFAULT_PORT,
    OidcSettings,
    SessionSettings,
    WebSettings,
)
from backend.specs import Duration, Spec

SHORTEST_SECRET = 16


def _check_network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        raise ValueError("expected an address such as 10.0.0.7, or a network 10.0.0.0/24") from None


def _check_issuer(text: str) -> str:
    parts = urlsplit(text)
    if parts.query or parts.fragment or parts.username or not parts.hostname:
        raise ValueError("expected the issuer's address, https://…")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_here(parts.hostname)):
        raise ValueError("expected https://…: who listens in could sign in as anybody")
    return text


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


Network = Annotated[str, AfterValidator(_check_network)]
Issuer = Annotated[str, AfterValidator(_check_issuer)]
Word = Annotated[str, Field(min_length=1, max_length=200)]


class OidcPart(Spec):
    """Who else may say who somebody is, and what those people may do."""

    issuer: Issuer = Field(description="expected the address of who vouches for people, https://…")
    client_id: Word = Field(description="expected what the issuer calls normalcy")
    label: str | None = Field(None, min_length=1, max_length=60)
    scopes: tuple[Word, ...] = ("openid", "profile", "email")
    name_claim: Word = "preferred_username"
    groups_claim: Word = "groups"
    roles: dict[str, Role] = Field(default_factory=dict)
    default_role: Role | None = None

    @field_validator("scopes")
    @classmethod
    def _with_openid(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in scopes:
            raise ValueError("expected openid among the scopes")
        return scopes

    @model_validator(mode="after")
    def _lets_somebody_in(self) -> "OidcPart":
        if not self.roles and self.default_role is None:
            raise ValueError(
                "nobody could sign in: expected roles, as {group: viewer}, or a default_role"
            )
        return self

    def settings(self, secret: str | None) -> OidcSettings:
        """As the rest of the program takes it."""
        return OidcSettings(**dict(self), secret=secret)


class SessionsPart(Spec):
    """How long somebody stays signed in."""

    idle: Duration = Field(timedelta(hours=12), ge=timedelta(minutes=1), le=timedelta(days=366))
    longest: Duration = Field(timedelta(days=7), ge=timedelta(minutes=1), le=timedelta(days=366))
    elsewhere: Duration = Field(
        timedelta(hours=12), ge=timedelta(minutes=1), le=timedelta(days=366)
    )

    def settings(self) -> SessionSettings:
        """As the rest of the program takes it."""
        return SessionSettings(**dict(self))


class WebPart(Spec):
    """The key `web` of the file."""

    host: str | None = Field(None, min_length=1)
    port: int | None = Field(None, ge=1, le=65535)
    url: WebUrl | None = None
    trusted_proxies: tuple[Network, ...] = Field((), max_length=100)
    sessions: SessionsPart = SessionsPart()
    oidc: OidcPart | None = None

    def settings(self, variables: Variables, url: str | None) -> WebSettings:
        """As the rest of the program takes it; what the environment says goes before the file."""
        secret, oidc = variables.secret("OIDC_SECRET"), self.oidc
        if secret and oidc is None:
            variables.wrong("OIDC_SECRET", "is set without web: {oidc: …} in normalcy.yaml")
        return WebSettings(
            host=variables.text("HOST") or self.host or DEFAULT_HOST,
            port=variables.port("PORT") or self.port or DEFAULT_PORT,
            token=variables.secret("TOKEN"),
            address=url or self.url,
            trusted_proxies=self.trusted_proxies,
            sessions=self.sessions.settings(),
            oidc=oidc.settings(secret) if oidc else None,
            grafana_secret=_long_enough(variables, "GRAFANA_USER_SECRET"),
        )


class AuditPart(Spec):
    """The key `audit` of the file."""

    keep: Duration = Field(
        timedelta(days=730), ge=timedelta(days=1), description="expected how long entries are kept"
    )


def _long_enough(variables: Variables, name: str) -> str | None:
    """A secret that two programs share; short ones are guessed."""
    secret = variables.secret(name)
    if secret is not None and len(secret) < SHORTEST_SECRET:
        variables.wrong(name, f"expected at least {SHORTEST_SECRET} characters")
    return secret
