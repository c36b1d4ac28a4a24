"""How much a process grows while it reads many rows in pieces.

    python -m benchmarks.memory URL TOKEN ROWS

Prints megabytes. The rows are written first, by another process.
"""

import multiprocessing
import resource
import sys
from collections.abc import Sequence

from backend.ports import Credentials, Query
from backend.stores.opening import open_series_store
from benchmarks.contestants import FIELDS, START, STEP, series_of

_MEASUREMENT = "many"
_PIECE = 500_000
_ROWS = 20_000


def write(url: str, token: str, rows: int) -> None:
    """Write the rows."""
    store = open_series_store(url, Credentials(token=token or None), create=False)
    for points in series_of(rows, _PIECE):
        store.write(_MEASUREMENT, [points])
    store.close()


def read(url: str, token: str, rows: int) -> float:
    """Read them all in pieces; megabytes by which the peak grew over what a small read takes."""
    store = open_series_store(url, Credentials(token=token or None), create=False)
    few = Query(_MEASUREMENT, FIELDS, START, START + 1000 * STEP, group_by=("room",))
    count = sum(map(len, store.stream(few, _ROWS)))
    before = _peak()
    all_ = Query(_MEASUREMENT, FIELDS, START, START + rows * STEP, group_by=("room",))
    count = sum(map(len, store.stream(all_, _ROWS)))
    store.close()
    if count != rows:
        raise RuntimeError(f"{count} of {rows} rows were read")
    return _peak() - before


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(arguments: Sequence[str]) -> None:
    """Write in another process, read in this one, and print the growth."""
    url, token, rows = arguments[0], arguments[1], int(arguments[2])
    writer = multiprocessing.get_context("spawn").Process(target=write, args=(url, token, rows))
    writer.start()
    writer.join()
    if writer.exitcode:
        raise RuntimeError("the rows could not be written")
    sys.stdout.write(f"{read(url, token, rows):.1f}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
