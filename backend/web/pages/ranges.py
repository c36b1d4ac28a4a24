"""The range of time that a page's address asks for."""

from flask import request

from backend.services.drawing import Span
from backend.web.instants import parse_instant

DAY = 86_400_000_000_000


def asked_range(now: int, usual: int = DAY) -> Span:
    """`from` and `to` of the address, else the last `usual` nanoseconds; nonsense is ignored."""
    stop = _instant("to", now)
    start = _instant("from", max(stop - usual, 0))
    return Span(start, stop) if start < stop else Span(max(stop - usual, 0), stop)


def _instant(name: str, otherwise: int) -> int:
    try:
        return parse_instant(request.args[name])
    except (KeyError, ValueError):
        return otherwise
