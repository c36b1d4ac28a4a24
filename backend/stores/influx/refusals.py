"""What a server says when it does not do what was asked, as errors in an operator's words."""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import orjson

from backend.exceptions import PartialWrite, StoreError, StoreRefused, StoreUnavailable
from backend.stores.influx.address import Address

_DROPPED = re.compile(r"dropped=(\d+)")
_MISSING = re.compile(
    r"(database|retention policy) not found|no dbrp mapping|bucket .*not found"
    r"|database .*(not found|does not exist)",
    re.IGNORECASE,
)
_BUSY = re.compile(
    r"(query-timeout|max-concurrent-queries) limit|engine is closed|shutting down"
    r"|cache-max-memory-size exceeded|timeout$"
)
_TOO_MANY_FILES = re.compile(r"file limit|parquet files", re.IGNORECASE)
_FULL = re.compile(r"no space left|disk quota exceeded", re.IGNORECASE)
_DENIED = re.compile(r"authoriz|forbidden|insufficient permissions", re.IGNORECASE)
_OF_STATUS = {
    401: "{address} does not accept the credentials ({said}); check the user name and password or "
    "token of the store",
    403: "{address} denies the right to do this ({said}); grant it",
    413: "{address} takes no request of this size ({said}); raise max-body-size (InfluxDB 1), "
    "--max-http-request-size (InfluxDB 3) or the limit of the proxy before it",
}
_SHOWN = 500


class DatabaseMissing(StoreRefused):
    """The server has no such database, bucket, mapping or retention policy."""


class TooManyFiles(StoreRefused):
    """InfluxDB 3 Core would have to open more files for the query than it may."""


class Busy(StoreUnavailable):
    """Worth another try, no sooner than after `pause` seconds."""

    def __init__(self, message: str, pause: float = 0.0) -> None:
        self.pause = pause
        super().__init__(message)


class Hanging(Busy):
    """The server took the request and let it wait."""


def of_status(
    address: Address, status: int, headers: Mapping[str, str], text: str, longest_pause: float
) -> StoreError:
    """The error behind an answer that is no success.

    Args:
        address: of the server.
        status: of the answer, not 2xx.
        headers: of the answer.
        text: its body.
        longest_pause: most seconds to wait for it.
    """
    said = reason(text)
    if partial := partial_write(text):
        return partial
    if not _MISSING.search(said) and (status == 429 or status >= 500):
        if _TOO_MANY_FILES.search(said):
            return TooManyFiles(f"{address} refused: {said}")
        pause = min(_pause(headers), longest_pause)
        if _FULL.search(said):
            return Busy(f"{address} has no space left on its disk: make room there ({said})", pause)
        return Busy(f"{address} is busy ({status}: {said})", pause)
    if words := _OF_STATUS.get(status):
        return StoreRefused(words.format(address=address, said=said))
    return of_statement(address, said, f"{status}: ")


def of_statement(address: Address, said: str, prefix: str = "") -> StoreError:
    """The error behind a refusal that came in an answer, whatever its status."""
    if _MISSING.search(said):
        return DatabaseMissing(f"{address}: {said}")
    if _TOO_MANY_FILES.search(said):
        return TooManyFiles(f"{address} refused: {said}")
    if _BUSY.search(said):
        return Busy(f"{address} is busy ({said})")
    if _DENIED.search(said):
        return StoreRefused(_OF_STATUS[403].format(address=address, said=said))
    return StoreRefused(f"{address} refused: {prefix}{said}")


def reason(text: str) -> str:
    """The reason in a refusal: 1.x says `error`, 2.x `message`, a proxy in between HTML."""
    answer = _json(text)
    if isinstance(answer, Mapping):
        text = str(answer.get("error") or answer.get("message") or text)
    return " ".join(text.split())[:_SHOWN] or "no reason given"


def partial_write(text: str) -> PartialWrite | None:
    """What was dropped where some lines were stored; None where that is not what happened.

    1.x and 2.x say `partial write: REASON dropped=N`; 3 lists the lines it refused.
    """
    said = reason(text)
    if "partial write" not in said:
        return None
    refused = _refused_lines(text)
    counted = _DROPPED.search(said)
    # a line that could not be parsed is not counted by the server
    dropped = max(1, int(counted[1]) if counted else len(refused))
    why = f"{said}: {refused[0]}" if refused else said
    return PartialWrite(f"InfluxDB dropped {dropped} rows for ever: {why}", dropped)


def _refused_lines(text: str) -> list[str]:
    """Why InfluxDB 3 refused lines, one reason a line."""
    answer = _json(text)
    data = answer.get("data") if isinstance(answer, Mapping) else None
    lines = data if isinstance(data, list) else [data] if isinstance(data, Mapping) else []
    return [
        f"{line.get('error_message', 'no reason given')} (line {line.get('line_number', '?')})"
        for line in lines
        if isinstance(line, Mapping)
    ]


def _json(text: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _pause(headers: Mapping[str, str]) -> float:
    """The seconds of Retry-After; a time of day is meant by the clock of whoever answers."""
    told = headers.get("Retry-After", "").strip()
    if told.isascii() and told.isdigit():
        return float(told)
    try:
        until, now = (parsedate_to_datetime(date) for date in (told, headers.get("Date", "")))
        return max((until - now).total_seconds(), 0.0)
    except (ValueError, TypeError):  # no date, or only one of them with a zone
        return 0.0
