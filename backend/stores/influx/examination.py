"""A server looked at from every side: what is well, and what to do about the rest."""

from collections.abc import Iterator

from backend.exceptions import NormalcyError, StoreRefused
from backend.ports import Finding, SeriesStore
from backend.stores.examining import attempt, round_trip
from backend.stores.influx.client import Greeting, InfluxClient

_SECOND = 10**9
_TOLERANCE_S = 5.0
_KNOWN = {
    1: "InfluxDB {version}",
    2: "InfluxDB {version}, read by InfluxQL through its database mapping",
    3: "InfluxDB {version} (3 Core)",
}


class Examination:
    """One look at one database.

    Args:
        store: the store on it.
        client: asks the server past the store.
        at: the time now, UTC nanoseconds.
    """

    def __init__(self, store: SeriesStore, client: InfluxClient, at: int) -> None:
        self._store = store
        self._client = client
        self._at = at

    def findings(self, *, writing: bool, scratch: bool) -> Iterator[Finding]:
        """What is found, in an order in which one depends on the other; ends where nothing can."""
        try:
            greeting = self._client.greet()
        except NormalcyError as error:
            yield Finding("answers", False, str(error))
            return
        generation = greeting.generation
        words = _KNOWN[generation.major].format(version=generation.version)
        yield Finding("answers", True, words)
        yield self._clock(greeting)
        database = attempt("database", self._database)
        yield database
        if database.ok:
            yield attempt("reading", self._reading)
            yield self._writing(wanted=writing)
            if scratch:
                yield attempt("round trip", lambda: round_trip(self._store, self._at))

    def _clock(self, greeting: Greeting) -> Finding:
        if greeting.clock is None:
            return Finding("clock", True, "the server does not tell its time")
        ahead = greeting.clock - self._at / _SECOND
        if abs(ahead) <= _TOLERANCE_S:
            return Finding("clock", True, "agrees with this machine")
        where = "ahead of" if ahead > 0 else "behind"
        return Finding(
            "clock",
            False,
            f"the server's clock is {abs(ahead):.0f} s {where} this machine's; let both be set by "
            "a time server (NTP)",
        )

    def _database(self) -> str:
        self._store.ping()
        address = self._client.address
        return f"{address.bucket!r} is there"

    def _reading(self) -> str:
        count = len(self._store.measurements())
        return f"measurements seen: {count}"

    def _writing(self, *, wanted: bool) -> Finding:
        """Whether these credentials may write: an empty request asks without writing anything."""
        try:
            self._client.write(b"")
        except StoreRefused as error:
            denied = "denies the right" in str(error) or "does not accept" in str(error)
            if denied and not wanted:
                return Finding("writing", True, "these credentials may only read, as it should be")
            if denied:
                return Finding("writing", False, f"{error}; results have to be written there")
        except NormalcyError as error:
            return Finding("writing", False, str(error))
        if wanted:
            return Finding("writing", True, "these credentials may write")
        advice = "these credentials could also write; normalcy only reads here, and a user or token"
        return Finding("writing", True, f"{advice} that may only read is safer")
