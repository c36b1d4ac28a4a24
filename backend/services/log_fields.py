"""What the log lines of one piece of work have in common, so that they can be found together.

A piece of work is given a run id where it begins: by the jobs, for each task. It goes with the task
to its worker, stands in every line that either of them logs meanwhile, and in the run on record.
What the web logs of a request has a request id in the same way. Where the web asked for the work,
its number as a request on record stands in the lines of both.
"""

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from logging import LogRecord
from typing import Any

RUN = "run_id"
REQUEST = "request_id"
_OF_WORK = (RUN, "detector", "request")

_FIELDS = ContextVar[Mapping[str, str]]("log fields")
_SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)


def new_id() -> str:
    """An id that no other piece of work has, short enough to be read aloud."""
    return secrets.token_hex(6)


def sane_id(text: str | None) -> str | None:
    """An id that somebody else gave, if it may stand in a log line as it is."""
    return text if text and _SANE.fullmatch(text) else None


def fields() -> Mapping[str, str]:
    """What is bound here and now."""
    return _FIELDS.get({})


@contextmanager
def log_fields(**values: str | None) -> Iterator[None]:
    """Let every line that is logged inside carry these; what is None is left out."""
    given = {name: value for name, value in values.items() if value is not None}
    token = _FIELDS.set({**fields(), **given})
    try:
        yield
    finally:
        _FIELDS.reset(token)


def work_fields(arguments: Mapping[str, Any]) -> AbstractContextManager[None]:
    """The fields of a piece of work, from what its worker is told of it."""
    found = {name: arguments.get(name) for name in _OF_WORK}
    return log_fields(**{name: None if one is None else str(one) for name, one in found.items()})


def run_details() -> dict[str, str]:
    """What a run on record keeps of this: its id in the log, if it has one."""
    return {RUN: fields()[RUN]} if RUN in fields() else {}


_TOLD = "told"


def told(event: str, **values: object) -> dict[str, dict[str, object]]:
    """What a line says beside its message, for machines: pass it as `extra`.

    Args:
        event: what happened, in the same words each time.
        values: what it is about, by name.
    """
    return {_TOLD: {"event": event, **values}}


def event_of(record: LogRecord) -> tuple[str, dict[str, object]]:
    """What happened, and what it is about; a line that says no more is its own event."""
    given: dict[str, object] = dict(getattr(record, _TOLD, {}))
    return str(given.pop("event", record.msg)), given
