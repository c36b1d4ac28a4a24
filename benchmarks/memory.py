"""How much a process grows while it reads many rows in pieces.

    echo TOKEN | python -m benchmarks.memory URL ROWS MEASUREMENT

Prints megabytes. The rows are written first, by another process.
"""

import multiprocessing
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from backend.ports import Credentials
from backend.stores.opening import open_series_store
from benchmarks.rows import query_of, series_of

_PIECE = 500_000
_ROWS = 20_000
_FEW = 1000
_STATUS = Path("/proc/self/status")


def grown(url: str, credentials: Credentials, rows: int, measurement: str) -> float:
    """Megabytes by which a fresh process grows at its peak while it reads in pieces."""
    command = [sys.executable, "-m", "benchmarks.memory", url, str(rows), measurement]
    # the list of processes shows arguments to everybody, so the token comes another way
    token = credentials.token or ""
    done = subprocess.run(command, check=True, input=token, stdout=subprocess.PIPE, text=True)
    return float(done.stdout)


def write(url: str, token: str, rows: int, measurement: str) -> None:
    """Write the rows."""
    store = open_series_store(url, Credentials(token=token or None), create=False)
    for points in series_of(rows, _PIECE):
        store.write(measurement, [points])
    store.close()


def read(url: str, token: str, rows: int, measurement: str) -> float:
    """Read them all in pieces; megabytes between the peak and what a small read left."""
    store = open_series_store(url, Credentials(token=token or None), create=False)
    sum(map(len, store.stream(query_of(measurement, _FEW), _ROWS)))
    before = resident("VmRSS")
    count = sum(map(len, store.stream(query_of(measurement, rows), _ROWS)))
    after = resident("VmHWM")
    store.close()
    if count != rows:
        raise RuntimeError(f"{count} of {rows} rows were read")
    return after - before


def resident(what: str) -> float:
    """Megabytes as Linux counts them.

    `resource.getrusage` would not do: the peak that it tells is inherited from the process that
    started this one.
    """
    for line in _STATUS.read_text().splitlines():
        name, _, size = line.partition(":")
        if name == what:
            return int(size.split()[0]) / 1024
    raise RuntimeError(f"{_STATUS} does not tell {what}")


def main(arguments: Sequence[str]) -> None:
    """Write in another process, read in this one, and print the growth."""
    url, rows, measurement = arguments[0], int(arguments[1]), arguments[2]
    work = (url, sys.stdin.read().strip(), rows, measurement)
    writer = multiprocessing.get_context("spawn").Process(target=write, args=work)
    writer.start()
    writer.join()
    if writer.exitcode:
        raise RuntimeError("the rows could not be written")
    sys.stdout.write(f"{read(*work):.1f}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
