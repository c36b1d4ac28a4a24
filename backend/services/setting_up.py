"""A detector is set up: proposed, checked, looked at, saved, and written as YAML."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backend.detection.grid import ceil_to, floor_to
from backend.detection.runs import spans
from backend.exceptions import ConfigurationError, Conflict, InputError, Problem, StoreError
from backend.ports import Clock, Query, SeriesStore
from backend.records import SeriesKey
from backend.services.definition_changes import Reader, changed
from backend.services.detector_yaml import as_yaml
from backend.services.detectors import Detectors
from backend.services.downsampling import Table
from backend.services.drawing import Drawing, Span, draw_chosen
from backend.services.names import missing_names
from backend.services.proposing import Proposal, Proposing
from backend.services.reading import Mask, read_rows
from backend.services.selection import check_range, chosen_series
from backend.specs import DetectorSpec

Reading = Callable[[str, Mapping[str, Any]], tuple[DetectorSpec | None, Sequence[Problem]]]
"""Reads a detector as normalcy.yaml would: it, or None, and every mistake at its key."""

_MOST_BUCKETS = 5_000
"""Buckets of a preview in which gaps are looked for."""
MOST_GAPS = 50
_PAGE = "new"
"""The page on which detectors are made stands where that of such a one would."""

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Checked:
    """A definition and what is wrong with it.

    Attributes:
        spec: the detector; None where there is any mistake.
        problems: every mistake, `where` is its key.
        notes: what could not be looked at, a sentence each.
    """

    spec: DetectorSpec | None
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preview:
    """Thinned data of a series.

    Attributes:
        tables: one a series and channel.
        gaps: ranges without any data, the first `MOST_GAPS`.
        gap_count: all of them.
    """

    tables: tuple[Table, ...]
    gaps: tuple[tuple[int, int], ...]
    gap_count: int


class SettingUp:
    """From the catalogue to a stored detector."""

    def __init__(
        self,
        source: SeriesStore,
        detectors: Detectors,
        clock: Clock,
        reading: Reading,
        read_value: Reader,
    ) -> None:
        """`reading` and `read_value` read definitions and values as normalcy.yaml does."""
        self._source = source
        self._detectors = detectors
        self._clock = clock
        self._reading = reading
        self._read_value = read_value
        self._proposing = Proposing(source)

    def propose(self, measurement: str) -> Proposal:
        """A detector to start with.

        Raises:
            NotFound: there is no such measurement.
            InputError: it holds no numbers, or no rows.
        """
        taken = [spec.name for spec in self._detectors.all()]
        return self._proposing.propose(measurement, taken)

    def series(self, spec: DetectorSpec, last: int) -> list[SeriesKey]:
        """Keys of the series of a detector that need not be stored, by its newest row's time."""
        query = Query(spec.measurement, spec.inputs, 0, last + 1, spec.where, spec.group_by)
        return self._proposing.series(query)

    def changed(self, body: Body, settings: Sequence[str]) -> dict[str, Any]:
        """A definition with other values, each as `model.window=20`.

        Raises:
            ConfigurationError: with every setting that cannot be read.
        """
        return changed(body, settings, self._read_value)

    def check(self, name: str, body: Body, *, new: bool = True, seen: bool = True) -> Checked:
        """Find every mistake in a definition.

        Args:
            name: of the detector.
            body: what would stand below it in normalcy.yaml.
            new: whether the name must be free; else it must not be one of normalcy.yaml.
            seen: whether the source must have the names it tells.
        """
        return self._checked(name, body, tuple(self._taken(name, new)), seen)

    def save(
        self, name: str, body: Body, *, by: str, new: bool = True, seen: bool = True
    ) -> DetectorSpec:
        """Store one detector, or replace a stored one; as `save_all`."""
        return self.save_all({name: body}, by=by, new=new, seen=seen)[0]

    def save_all(
        self, bodies: Mapping[str, Body], *, by: str, new: bool = True, seen: bool = True
    ) -> list[DetectorSpec]:
        """Store detectors or replace stored ones, all or none.

        Args:
            bodies: by name, what would stand below it in normalcy.yaml.
            by: who does it.
            new: whether the names must be free.
            seen: whether the source must have the names they tell.

        Raises:
            Conflict: a name is taken, or stands in normalcy.yaml.
            NotFound: one that is to be replaced is not there.
            ConfigurationError: with every mistake at its key.
        """
        for name in bodies:
            self._refuse(name, new)
        found = {name: self._checked(name, own, (), seen) for name, own in bodies.items()}
        problems = [
            replace(one, where=f"{name}.{one.where}".rstrip(".")) if len(bodies) > 1 else one
            for name, checked in found.items()
            for one in checked.problems
        ]
        specs = [checked.spec for checked in found.values() if checked.spec is not None]
        if problems:
            mistakes = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
            raise ConfigurationError(
                f"{', '.join(map(repr, bodies))} was not saved: {mistakes}", problems
            )
        for spec in specs:
            self._detectors.save(spec, by=by)
        return specs

    def export(self, names: Sequence[str] = ()) -> str:
        """Detectors as normalcy.yaml would hold them.

        Args:
            names: which; all that are stored if none is named.

        Raises:
            NotFound: there is no such detector.
            InputError: none is stored.
        """
        specs = [self._detectors.get(name) for name in names] if names else self._stored()
        if not specs:
            raise InputError("No detector is stored: those of normalcy.yaml stand there already.")
        return as_yaml(specs)

    def preview(self, spec: DetectorSpec, span: Span, series: Sequence[str] = ()) -> Preview:
        """What a detector would look at.

        Args:
            spec: it need not be stored.
            span: range, and points wanted for each series.
            series: keys of those wanted; all if none is named.

        Raises:
            InputError: the range is empty.
            NotFound: a key is not of the form of its series.
        """
        check_range(span)
        chosen = chosen_series(spec, series)
        query = Query(
            spec.measurement, spec.inputs, span.start, span.stop, spec.where, spec.group_by
        )
        drawing = Drawing(query, span.points, span.rows, spec.step)
        tables = draw_chosen(self._source, drawing, chosen, self._clock)
        gaps = self._gaps(spec, span, tuple(chosen)) if len(chosen) == 1 else []
        return Preview(tuple(tables), tuple(gaps[:MOST_GAPS]), len(gaps))

    def _gaps(self, spec: DetectorSpec, span: Span, keys: tuple[str, ...]) -> list[tuple[int, int]]:
        steps = max(1, (span.stop - span.start) // spec.step)
        grid = spec.step * -(-steps // _MOST_BUCKETS)
        start, stop = floor_to(span.start, grid), ceil_to(span.stop, grid)
        every = spec.every * (grid // spec.step)
        rows = read_rows(self._source, spec.model_copy(update={"every": every}), start, stop, keys)
        there: Mask = np.asarray(np.isfinite(rows.values).any(axis=(0, 2)))
        longest = spec.max_gap if grid == spec.step else 0
        # before the first row and behind the last one nothing is missing
        ends = np.flatnonzero(there)
        between = spans(~there[ends[0] : ends[-1]]) if ends.size else []
        found = [(a + ends[0], b + ends[0]) for a, b in between if b - a > longest]
        return [(int(rows.times[a]), int(rows.times[b - 1]) + grid) for a, b in found]

    def _stored(self) -> list[DetectorSpec]:
        return [
            spec for spec in self._detectors.all() if not self._detectors.is_configured(spec.name)
        ]

    def _checked(self, name: str, body: Body, told: Sequence[Problem], seen: bool) -> Checked:
        """A definition with its mistakes, behind those of its name that are told already."""
        spec, found = self._reading(name, body)
        problems = [*told, *found]
        notes: list[str] = []
        if spec is not None and seen:
            try:
                problems += missing_names(self._source, spec, called="field")
            except StoreError as error:
                notes.append(f"The source could not be asked for these names: {error}")
        return Checked(None if problems else spec, tuple(problems), tuple(notes))

    def _taken(self, name: str, new: bool) -> Iterator[Problem]:
        if name == _PAGE:
            yield Problem("name", f"{name!r} is the address of a page: choose another name")
        elif self._detectors.is_configured(name):
            yield Problem("name", f"the detector {name!r} stands in normalcy.yaml: change it there")
        elif new and name in [spec.name for spec in self._detectors.all()]:
            yield Problem("name", f"there is a detector {name!r} already: choose another name")

    def _refuse(self, name: str, new: bool) -> None:
        for problem in self._taken(name, new):
            raise Conflict(f"{problem.message[0].upper()}{problem.message[1:]}.")
        if not new:
            self._detectors.get(name)
