"""Looking at a store: what all stores do alike."""

from collections.abc import Callable, Iterable
from contextlib import suppress

import numpy as np

from backend.exceptions import NormalcyError, StoreRefused
from backend.ports import Finding, Points, Query, SeriesStore
from backend.schema import SCRATCH, SCRATCH_FIELD

_SECOND = 10**9


def attempted(steps: Iterable[tuple[str, Callable[[], str]]]) -> list[Finding]:
    """Take steps, each of which says how it is or raises, up to the first that fails."""
    findings: list[Finding] = []
    for what, look in steps:
        findings.append(attempt(what, look))
        if not findings[-1].ok:
            break
    return findings


def attempt(what: str, look: Callable[[], str]) -> Finding:
    """One step."""
    try:
        return Finding(what, True, look())
    except NormalcyError as error:
        return Finding(what, False, str(error))


def round_trip(store: SeriesStore, at: int) -> str:
    """Write a point to the scratch measurement and read it back; it is stamped with the time now.

    Raises:
        StoreRefused: it is not there.
        StoreError: as the store does.
    """
    value = float(at % _SECOND)
    times = np.array([at], dtype=np.int64)
    store.write(SCRATCH, [Points({}, times, {SCRATCH_FIELD: np.array([value])})])
    found = store.read(Query(SCRATCH, (SCRATCH_FIELD,), at, at + 1))
    if not found or found[0].fields[SCRATCH_FIELD].tolist() != [value]:
        raise StoreRefused(
            "a point was written and is not there when read back; see the retention of the "
            "database and the server's log"
        )
    with suppress(StoreRefused):  # not every server can, and the point harms nobody
        store.delete(SCRATCH, {}, at, at + 1)
    return f"a point was written to {SCRATCH} and read back"
