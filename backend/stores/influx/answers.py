"""What `/query` answers: JSON, one object a line, and a 200 that may hold errors all the same."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from backend.exceptions import StoreRefused, StoreUnavailable

Rows = list[list[Any]]
Statement = dict[str, Any]


@dataclass
class Series:
    """One series of an answer.

    Attributes:
        tags: values of the tags grouped by.
        columns: names of the columns, `time` among them.
        chunks: rows as they came, chunk by chunk.
    """

    tags: dict[str, str]
    columns: list[str]
    chunks: list[Rows] = field(default_factory=list)

    def rows(self) -> Iterator[list[Any]]:
        """All rows in order."""
        for chunk in self.chunks:
            yield from chunk


class StatementError(StoreRefused):
    """The server understood the request and says no to the statement."""


def collect(lines: Iterable[bytes]) -> list[Series]:
    """Join the chunks of one statement's answer.

    Raises:
        StatementError: the answer carries an error, or the server cut it short on purpose.
        StoreUnavailable: the answer ends in the middle.
    """
    found: dict[tuple[object, ...], Series] = {}
    finished = False
    for line in lines:
        results = _results(line)
        for result in results:
            for part in result.get("series", ()):
                _append(found, part)
        finished = not any(result.get("partial") for result in results)
    if not finished and found:
        raise StatementError(
            "InfluxDB gave only part of the rows; raise max-row-limit in its configuration, or "
            "set it to 0"
        )
    if not finished:
        raise StoreUnavailable("InfluxDB sent an empty answer; try again")
    return list(found.values())


def _results(line: bytes) -> list[Statement]:
    try:
        answer = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise StoreUnavailable(
            "the answer ended in the middle or is not one of an InfluxDB; try again, and check "
            "the URL if it happens each time"
        ) from error
    if not isinstance(answer, dict):
        raise StoreUnavailable("the answer is not one of an InfluxDB; check the URL of the store")
    for holder in (answer, *answer.get("results", ())):
        if "error" in holder:
            raise StatementError(str(holder["error"]))
    results: list[Statement] = answer.get("results", [])
    return results


def _append(found: dict[tuple[object, ...], Series], part: dict[str, Any]) -> None:
    tags: dict[str, str] = part.get("tags") or {}
    columns: list[str] = part["columns"]
    key = (part.get("name"), tuple(tags.items()), tuple(columns))
    if part.get("values"):
        found.setdefault(key, Series(tags, columns)).chunks.append(part["values"])
