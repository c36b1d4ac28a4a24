"""Ranges of time in the addresses of pages: asked for, and led to."""

from flask import request

from backend.services.drawing import Span
from backend.web.instants import milliseconds, parse_instant

DAY = 86_400_000_000_000


def asked_range(now: int, usual: int = DAY) -> Span:
    """`from` and `to` of the address, else the last `usual` nanoseconds; nonsense is ignored."""
    stop = _instant("to", now)
    start = _instant("from", max(stop - usual, 0))
    return Span(start, stop) if start < stop else Span(max(stop - usual, 0), stop)


def from_to(start: int, stop: int, beside: int = 0) -> dict[str, int]:
    """`from` and `to` of an address in epoch milliseconds, with so many nanoseconds beside."""
    return {"from": milliseconds(max(start - beside, 0)), "to": milliseconds(stop + beside)}


def _instant(name: str, otherwise: int) -> int:
    try:
        return parse_instant(request.args[name])
    except (KeyError, ValueError):
        return otherwise
