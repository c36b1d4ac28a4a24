"""Taking results back: rows that normalcy wrote for a detector, on request and never by itself."""

from dataclasses import dataclass

from backend.exceptions import InputError, NotFound
from backend.ports import Query, SeriesStore
from backend.schema import DETECTOR_TAG, RESULT_MEASUREMENTS


@dataclass(frozen=True)
class Forgotten:
    """How many rows of a measurement are gone."""

    measurement: str
    rows: int


class Forgetting:
    """Deletes from the store of the results; the sensors' rows cannot be reached from here."""

    def __init__(self, results: SeriesStore) -> None:
        self._results = results

    def run(self, detector: str, start: int, stop: int) -> list[Forgotten]:
        """Delete the results of a detector in `[start, stop)`; it need not be defined any more.

        Raises:
            InputError: the range is empty.
            NotFound: the store holds no results of a detector of this name.
            StoreRefused: the server cannot delete rows, or the right to do so is missing.
        """
        if start >= stop:
            raise InputError("The range is empty: it must end after its start.")
        held = [name for name in RESULT_MEASUREMENTS if self._holds(name, detector)]
        if not held:
            raise NotFound(f"The store holds no results of a detector {detector!r}.")
        return [self._forget(name, detector, start, stop) for name in held]

    def _holds(self, measurement: str, detector: str) -> bool:
        return detector in self._results.tag_values(measurement, DETECTOR_TAG)

    def _forget(self, measurement: str, detector: str, start: int, stop: int) -> Forgotten:
        where = {DETECTOR_TAG: detector}
        fields = tuple(self._results.fields(measurement))
        query = Query(measurement, fields, start, stop, where)
        rows = sum(map(len, self._results.stream(query, 20_000)))
        self._results.delete(measurement, where, start, stop)
        return Forgotten(measurement, rows)
