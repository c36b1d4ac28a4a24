"""Writing rows: encoded and packed ahead, while the server is busy with those before."""

import gzip
import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import chain

from backend.exceptions import PartialWrite
from backend.ports import Points
from backend.stores.influx import lineprotocol

_log = logging.getLogger(__name__)
_LEVEL = 1  # higher ones take longer than the network saves
_AHEAD = 2
_WORTH_PACKING = 512  # bytes

Send = Callable[[bytes, str | None], None]
"""Sends a body with its encoding; raises `PartialWrite` where lines were dropped."""


def write(tables: Mapping[str, Sequence[Points]], send: Send) -> None:
    """Send admitted rows, in order.

    Args:
        tables: measurements with their rows.
        send: is given one body after the other.

    Raises:
        PartialWrite: some rows were dropped; all others were sent.
    """
    dropped: list[PartialWrite] = []
    with closing(_packed(tables)) as packed:
        for body, encoding in packed:
            try:
                send(body, encoding)
            except PartialWrite as error:
                _log.warning("Writing %s: %s", ", ".join(map(repr, tables)), error)
                dropped.append(error)
    if dropped:
        raise PartialWrite(str(dropped[0]), sum(error.dropped for error in dropped))


def _packed(tables: Mapping[str, Sequence[Points]]) -> Generator[tuple[bytes, str | None]]:
    """Bodies ready to be sent; a few are made ahead in another thread."""
    bodies = chain.from_iterable(lineprotocol.bodies(*table) for table in tables.items())
    lines = sum(len(points) for batches in tables.values() for points in batches)
    if lines <= lineprotocol.LINES_A_BODY:
        yield from map(_pack, _together(bodies))
        return
    with ThreadPoolExecutor(1, "encode") as worker:

        def ask() -> Future[tuple[bytes, str | None] | None]:
            return worker.submit(lambda: next(map(_pack, bodies), None))

        asked = [ask() for _ in range(_AHEAD)]
        while (packed := asked.pop(0).result()) is not None:
            asked.append(ask())
            yield packed


def _together(bodies: Iterable[bytes]) -> Iterator[bytes]:
    """Bodies with few lines as few, none of them larger than a server takes."""
    waiting: list[bytes] = []
    for body in bodies:
        if waiting and sum(map(len, waiting)) + len(body) > lineprotocol.BYTES_A_BODY:
            yield b"".join(waiting)
            waiting = []
        waiting.append(body)
    if waiting:
        yield b"".join(waiting)


def _pack(body: bytes) -> tuple[bytes, str | None]:
    if len(body) < _WORTH_PACKING:
        return body, None
    return gzip.compress(body, compresslevel=_LEVEL), "gzip"
