"""What `/query` answers: chunk after chunk, and a 200 that may hold errors all the same."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from backend.exceptions import StoreRefused, StoreUnavailable
from backend.stores.influx import json_rows, message_pack
from backend.stores.influx.columns import Columns, from_rows
from backend.stores.influx.generation import JSON, MESSAGE_PACK
from backend.stores.influx.inflow import Inflow, Truncated
from backend.stores.influx.message_pack import Malformed

_UNREADABLE = (
    *(Truncated, Malformed, ValueError, LookupError, TypeError),
    *(AttributeError, OverflowError, RecursionError),
)
"""What comes of bytes that end in the middle, or that are no answer."""


@dataclass(frozen=True)
class Part:
    """A piece of one series of an answer.

    Attributes:
        tags: values of the tags grouped by.
        columns: (N,) values by name, `time` among them.
    """

    tags: dict[str, str]
    columns: Columns

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))


class StatementError(StoreRefused):
    """The server understood the request and says no to the statement."""


def parts(inflow: Inflow, media: str, *, silent_when_empty: bool) -> Iterator[Part]:
    """The rows of one statement's answer as they arrive.

    Args:
        inflow: the answer's body.
        media: its Content-Type.
        silent_when_empty: whether an empty body means no rows rather than no answer.

    Raises:
        StatementError: the answer carries an error.
        StoreUnavailable: it is none, or ends in the middle.
    """
    answered, finished = silent_when_empty, True
    try:
        for answer in _objects(inflow, media):
            results = _results(answer)
            answered = answered or bool(results)
            for result in results:
                yield from map(_part, result.get("series") or ())
            finished = not any(result.get("partial") for result in results)
    except _UNREADABLE as error:
        raise StoreUnavailable("its answer ends in the middle or cannot be read") from error
    if not answered:
        raise StoreUnavailable("it sent an empty answer")
    if not finished:
        raise StoreUnavailable(
            "its answer ends before the last piece; if that happens each time, raise max-row-limit "
            "in the server's configuration or set it to 0"
        )


def _objects(inflow: Inflow, media: str) -> Iterator[dict[str, Any]]:
    """The chunks of an answer.

    Raises:
        StoreUnavailable: it is no answer at all.
        Truncated, Malformed, ValueError, LookupError, TypeError: it ends in the middle.
    """
    kind = media.partition(";")[0].strip().lower()
    if kind not in (JSON, MESSAGE_PACK):
        raise StoreUnavailable(
            f"its answer is {kind or 'of no known kind'} where {JSON} or {MESSAGE_PACK} was "
            "expected; check that the URL leads to an InfluxDB and not to a page before it"
        )
    yield from (_lines if kind == JSON else message_pack.objects)(inflow)


def _lines(inflow: Inflow) -> Iterator[dict[str, Any]]:
    """The objects of JSON, one a line."""
    while not inflow.ended():
        line = inflow.line()
        if line.strip():
            answer = json_rows.loads(line)
            if not isinstance(answer, dict):
                raise Malformed
            yield answer


def _results(answer: dict[str, Any]) -> list[dict[str, Any]]:
    if "error" in answer:
        raise StatementError(str(answer["error"]))
    results = answer["results"]
    if not isinstance(results, list) or not all(isinstance(result, dict) for result in results):
        raise Malformed
    for result in results:
        if "error" in result:
            raise StatementError(str(result["error"]))
    return results


def _part(series: dict[str, Any]) -> Part:
    names: list[str] = series["columns"]
    values = series.get("values")
    columns = values if isinstance(values, dict) else from_rows(names, values or ())
    return Part(series.get("tags") or {}, columns)


def pairs(found: list[Part], *names: str) -> Iterator[tuple[Any, ...]]:
    """The rows of a list such as SHOW gives, only these columns."""
    for part in found:
        columns = [np.asarray(part.columns[name]).tolist() for name in names]
        yield from zip(*columns, strict=True)
