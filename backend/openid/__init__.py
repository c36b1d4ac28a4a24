"""People who sign in elsewhere, by OpenID Connect."""

from backend.openid.provider import Client, OpenIdProvider

__all__ = ["Client", "OpenIdProvider"]
