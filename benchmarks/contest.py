"""Who takes part on one server, and that all of them do the same work."""

import re
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd

from backend.ports import Credentials, SeriesStore
from backend.stores.opening import open_series_store
from benchmarks.races import Contestant, Measured, race
from benchmarks.rivals import ClientLibrary, Writer, rival_of
from benchmarks.rows import FIELDS, frame, query_of, rows_of
from benchmarks.server import Server, bodies, lines
from benchmarks.verdicts import OURS, SERVER, Standing, standings

EMBEDDED = "embedded"
LINES = "influxdb-client, lines made before"


class Contest:
    """One server with a store of ours and a rival on it, and an embedded store beside them.

    Args:
        url: a database that is there.
        credentials: for it.
        home: directory for the embedded store.
        rows: to write, and to read again.
    """

    def __init__(self, url: str, credentials: Credentials, home: Path, rows: int) -> None:
        self.rows = rows
        self.points = rows_of(rows)
        self.store = open_series_store(url, credentials, create=False)
        self.embedded = open_series_store(f"embedded://{home}/embedded", Credentials(), create=True)
        self.server = Server(url, credentials)
        self.answers = self.store.ping()
        self.rival = rival_of(self.answers, url, credentials)
        self._run = uuid.uuid4().hex[:8]

    def measurement(self, contestant: str, number: int) -> str:
        """The measurement that a contestant writes in a round: new in each run, so new data."""
        return re.sub(r"\W+", "_", f"{self._run} {contestant} {number}")

    def write(self, repeat: int) -> list[Standing]:
        """Every contestant writes a measurement of its own in every round."""
        measured = race("write", self.rows, repeat, self._writing())
        for one in measured:
            self._check_written(one)
        return standings(measured, self.rival.writers)

    def read(self, repeat: int) -> list[Standing]:
        """All read what our store wrote first."""
        self._check_read()
        measured = race("read", self.rows, repeat, self._reading())
        return standings(measured, self.rival.readers)

    def close(self) -> None:
        """Close connections."""
        for one in (self.store, self.embedded, self.server, self.rival):
            one.close()

    def _writing(self) -> dict[str, Contestant]:
        points, given, name = [self.points], frame(self.points), self.measurement
        contestants: dict[str, Contestant] = {
            OURS: lambda n: partial(self.store.write, name(OURS, n), points)
        }
        for way, writer in self.rival.writers.items():
            contestants[way] = self._framed(way, writer, given)
        contestants[SERVER] = lambda n: partial(self.server.write, bodies(name(SERVER, n), points))
        if isinstance(self.rival, ClientLibrary):
            write = self.rival.write_lines
            contestants[LINES] = lambda n: partial(write, lines(bodies(name(LINES, n), points)))
        contestants[EMBEDDED] = lambda n: partial(self.embedded.write, name(EMBEDDED, n), points)
        return contestants

    def _framed(self, way: str, writer: Writer, given: pd.DataFrame) -> Contestant:
        return lambda n: partial(writer, self.measurement(way, n), given)

    def _reading(self) -> dict[str, Contestant]:
        query = query_of(self.measurement(OURS, 0), self.rows)
        contestants: dict[str, Contestant] = {OURS: lambda _: partial(self._read, OURS, 0)}
        for way, reader in self.rival.readers.items():
            contestants[way] = _always(partial(reader, query))
        contestants[SERVER] = lambda _: partial(self.server.read, query)
        contestants[EMBEDDED] = lambda _: partial(self._read, EMBEDDED, 0)
        return contestants

    def _read(self, contestant: str, number: int) -> pd.DataFrame:
        """What a contestant wrote in a round, by a store of ours."""
        store: SeriesStore = self.embedded if contestant == EMBEDDED else self.store
        query = query_of(self.measurement(contestant, number), self.rows)
        return pd.concat(map(frame, store.read(query)))

    def _check_written(self, one: Measured) -> None:
        """A write that lost rows says nothing by its speed."""
        number = len(one.seconds)
        pd.testing.assert_frame_equal(self._read(one.contestant, number), frame(self.points))

    def _check_read(self) -> None:
        """Neither does a reader that brings other numbers, or a server that answers less."""
        query = query_of(self.measurement(OURS, 0), self.rows)
        for reader in self.rival.readers.values():
            theirs = reader(query)[list(FIELDS)]
            theirs.index = pd.DatetimeIndex(theirs.index).as_unit("ns")  # it keeps microseconds
            pd.testing.assert_frame_equal(theirs, self._read(OURS, 0), check_names=False)
        if (size := self.server.read(query)) < self.rows * len(FIELDS):
            raise RuntimeError(f"the server answers {self.rows} rows in {size} bytes")


def _always(run: Callable[[], object]) -> Contestant:
    return lambda _: run
