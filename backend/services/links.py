"""Signed links: each allows one statement on one alert, for a while, to whoever holds it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from itsdangerous import BadData, URLSafeSerializer

from backend.exceptions import LinkError, LinkExpired
from backend.records import LabelKind
from backend.specs import format_duration, nanoseconds

_SALT = "normalcy.said.1"
_SECOND = 1_000_000_000
_LONGEST = 500


@dataclass(frozen=True)
class Statement:
    """What a link says: that an alert was normal, an anomaly, or to be left out."""

    alert: int
    kind: LabelKind


class Links:
    """Makes links and reads them back; who holds one needs no token of the product."""

    def __init__(self, key: Callable[[], str], address: str, lifetime: timedelta) -> None:
        """Nothing is read yet.

        Args:
            key: the secret that signs, the same in all processes of an installation.
            address: where browsers reach the pages, without a slash at the end.
            lifetime: how long a link works.
        """
        self._key = key
        self.address = address
        self._lifetime = lifetime

    def to_say(self, statement: Statement, now: int) -> str:
        """The address under which a statement can be made."""
        until = (now + nanoseconds(self._lifetime)) // _SECOND
        content = [statement.alert, statement.kind.value, until]
        return f"{self.address}/said/{self._signer().dumps(content)}"

    def read(self, token: str, now: int) -> Statement:
        """The statement of a link.

        Raises:
            LinkError: it is damaged or forged.
            LinkExpired: its time is over.
        """
        try:
            if len(token) > _LONGEST:
                raise BadData("too long")
            content = self._signer().loads(token)
            # Base64 is read leniently: what was used up could come again, written otherwise.
            if self._signer().dumps(content) != token:
                raise BadData("written otherwise")
            alert, kind, until = content
        except BadData as error:
            raise LinkError(
                "This link is damaged or was not made here: open it again from the message, whole."
            ) from error
        if now // _SECOND >= until:
            lifetime = format_duration(self._lifetime)
            raise LinkExpired(
                f"This link has expired (links work for {lifetime}): say it on the label page."
            )
        return Statement(alert, LabelKind(kind))

    def _signer(self) -> URLSafeSerializer:
        how = {"key_derivation": "hmac", "digest_method": sha256}
        return URLSafeSerializer(self._key(), salt=_SALT, signer_kwargs=how)
