"""Sensors that hand in their course second by second, whatever happens to the server."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence

import requests

from backend.ports import Points
from benchmarks.soaking.course import SECOND, Course

PIECE = 20_000
"""Rows sent at once."""
_ANSWER_S = 5.0
_AGAIN_S = 0.5


class Sensors:
    """Writes the rows of some courses as their time comes; `with Sensors(…):` starts them.

    A row that the server did not acknowledge is sent again until it does, in order.

    Args:
        url: where the server answers at the moment.
        database: to write to.
        courses: what is measured.
    """

    def __init__(self, url: Callable[[], str], database: str, courses: Sequence[Course]) -> None:
        self._url = url
        self._database = database
        self._courses = courses
        self._stop = threading.Event()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="sensors")
        self.acknowledged = 0
        """Rows, those corrected twice."""
        self.refused = 0
        """Tries that the server did not take."""

    def __enter__(self) -> "Sensors":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def done(self) -> bool:
        """Whether every row of every course is stored."""
        return self._done.is_set()

    def write_history(self) -> None:
        """Hand in what was there before the run, at once."""
        for course in self._courses:
            self._hand_in(course, course.between(-1, course.live - 1))
        self.acknowledged = 0

    def _go_on(self) -> None:
        reached = [course.live - 1 for course in self._courses]
        last = [int(course.due.max()) for course in self._courses]
        while not self._stop.is_set() and reached != last:
            for place, course in enumerate(self._courses):
                until = min((time.time_ns() - course.start) // SECOND, last[place])
                if until > reached[place]:
                    self._hand_in(course, course.between(reached[place], until))
                    reached[place] = until
            self._stop.wait(1 - time.time() % 1)  # until the next second
        if reached == last:
            self._done.set()

    def _hand_in(self, course: Course, batches: Sequence[Points]) -> None:
        for rows in _pieces(list(lines(course.fleet.measurement, batches))):
            body = "\n".join(rows).encode()
            while not self._is_taken(body):
                self.refused += 1
                if self._stop.wait(_AGAIN_S):
                    return
            self.acknowledged += len(rows)

    def _is_taken(self, body: bytes) -> bool:
        address, database = f"{self._url()}/write", {"db": self._database}
        try:
            answer = requests.post(address, params=database, data=body, timeout=_ANSWER_S)
        except requests.RequestException:
            return False
        return answer.status_code == 204


def lines(measurement: str, batches: Sequence[Points]) -> Iterator[str]:
    """Line protocol of rows whose names need no quotes."""
    for points in batches:
        tags = ",".join(f"{name}={value}" for name, value in points.tags.items())
        columns = {name: column.astype(float).tolist() for name, column in points.fields.items()}
        for row, at in enumerate(points.times.tolist()):
            fields = ",".join(f"{name}={column[row]!r}" for name, column in columns.items())
            yield f"{measurement},{tags} {fields} {at}"


def _pieces(rows: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(rows), PIECE):
        yield rows[start : start + PIECE]
