"""How processes log, and what must never stand in a line."""

from collections.abc import Iterator, Mapping
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from backend.settings.environment import PREFIX
from backend.settings.urls import RECORD_SCHEMES

LogForm = Literal["text", "json"]
_LONG = 12
"""A part of an address that is so long is a key, not a name."""


def log_form(environ: Mapping[str, str]) -> LogForm:
    """The form of log lines, known before anything else is: a wrong one is told of later."""
    return "json" if environ.get(f"{PREFIX}LOG_FORMAT") == "json" else "text"


def parts_of_secret(secret: str) -> Iterator[str]:
    """A secret, and what in it is one by itself: the password of an address, a webhook's key."""
    try:
        address = urlsplit(secret)
        password = address.password
    except ValueError:
        yield secret
        return
    if _is_database(address) and not password and not address.query:
        return
    yield secret
    if password:
        yield from {password, unquote(password)}
    yield from (one for key, one in parse_qsl(address.query) if key.endswith("password"))
    if address.scheme in ("http", "https"):  # a webhook: who knows its path may post
        yield from (part for part in address.path.split("/") if len(part) >= _LONG)
        yield from filter(None, [address.query])


def _is_database(address: SplitResult) -> bool:
    """Whether it is the address of a record store, which is a secret only for what is in it."""
    return address.scheme.split("+")[0] in RECORD_SCHEMES
