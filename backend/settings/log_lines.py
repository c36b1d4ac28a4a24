"""How processes log, and what must never stand in a line."""

from collections.abc import Iterator, Mapping
from typing import Literal
from urllib.parse import unquote, urlsplit

from backend.settings.environment import PREFIX

LogForm = Literal["text", "json"]
_LONG = 12
"""A part of an address that is so long is a key, not a name."""


def log_form(environ: Mapping[str, str]) -> LogForm:
    """The form of log lines, known before anything else is: a wrong one is told of later."""
    return "json" if environ.get(f"{PREFIX}LOG_FORMAT") == "json" else "text"


def parts_of_secret(secret: str) -> Iterator[str]:
    """A secret, and what in it is one by itself: the password of an address, a webhook's key."""
    yield secret
    try:
        address = urlsplit(secret)
        password = address.password
    except ValueError:
        return
    if password:
        yield from {password, unquote(password)}
    if address.scheme in ("http", "https"):  # a webhook: who knows its path may post
        yield from (part for part in address.path.split("/") if len(part) >= _LONG)
        yield from filter(None, [address.query])
