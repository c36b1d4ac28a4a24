"""Long ranges are read piece by piece and thinned on the way: memory stays bounded."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from backend.exceptions import InputError
from backend.ports import Clock, Points, Query, SeriesStore
from backend.records import SeriesKey, series_key
from backend.services.downsampling import Table, join, mark_gaps, table, thin, usual_step

FIRST_PIECE_STEPS = 5_000
"""Grid steps of the first piece; the next ones follow the number of rows found."""

ROWS_A_PIECE = 400_000
"""Rows aimed at in one read, all series together."""

ROWS_HELD = 2_000_000
"""Rows kept in memory before they are thinned, all series together."""

LEAST_POINTS = 24
"""A series of a large fleet still gets so many points."""

SERIES_ASKED_ONE_BY_ONE = 16
"""Up to so many chosen series are read by their tags; beyond, all are read and sorted out."""

TIME_LIMIT_NS = 15_000_000_000
"""Grafana gives up after 30 s, and a person before."""


@dataclass(frozen=True)
class Span:
    """A range `[start, stop)` in nanoseconds and the number of points wanted for each series."""

    start: int
    stop: int
    points: int = 1000

    @property
    def rows(self) -> int:
        """Rows of all series together that an answer may have."""
        return 10 * self.points


@dataclass(frozen=True)
class Drawing:
    """What is read and how it is thinned.

    Attributes:
        query: measurement, fields, tags; its range is the one drawn.
        points: rows wanted for each series.
        rows: rows wanted at most for all series together.
        step: nanoseconds of the detector's grid.
        look_at: columns whose shape must survive together on one time axis; empty where each column
            is thinned for itself and becomes a table of its own.
    """

    query: Query
    points: int
    rows: int
    step: int
    look_at: tuple[str, ...] = ()


def draw(store: SeriesStore, drawing: Drawing, clock: Clock) -> list[Table]:
    """Read and thin a range.

    Returns:
        Tables sorted by series, then in the order of the fields.

    Raises:
        InputError: the range could not be read within the time limit.
        StoreError: the store is down or refused.
    """
    limit = clock.now() + TIME_LIMIT_NS
    canvas = _Canvas(drawing)
    for piece in _pieces(store, drawing):
        for points in piece:
            canvas.add(points)
        if clock.now() > limit:
            raise InputError(
                "The range holds more than can be read within 15 s: choose a shorter range or "
                "fewer series."
            )
    return canvas.finished()


def draw_chosen(
    store: SeriesStore,
    drawing: Drawing,
    chosen: Mapping[SeriesKey, Mapping[str, str]],
    clock: Clock,
) -> list[Table]:
    """Read and thin the chosen series only; none chosen means all."""
    if not chosen or len(chosen) > SERIES_ASKED_ONE_BY_ONE:
        tables = draw(store, drawing, clock)
    else:
        each = replace(drawing, rows=max(drawing.rows // len(chosen), LEAST_POINTS))
        queries = [_only(drawing.query, chosen[key]) for key in sorted(chosen)]
        tables = [t for query in queries for t in draw(store, replace(each, query=query), clock)]
    return [t for t in tables if not chosen or series_key(t.tags) in chosen]


def _only(query: Query, tags: Mapping[str, str]) -> Query:
    # No store can be asked for "lacks this tag" in one way: such series are sorted out afterwards.
    return replace(query, where={**query.where, **{t: v for t, v in tags.items() if v}})


def _pieces(store: SeriesStore, drawing: Drawing) -> Iterator[list[Points]]:
    query = drawing.query
    start, length = query.start, FIRST_PIECE_STEPS * drawing.step
    while start < query.stop:
        stop = min(start + length, query.stop)
        found = store.read(replace(query, start=start, stop=stop))
        yield found
        rows = sum(len(points) for points in found)
        # Empty time is crossed in growing strides, dense time in smaller ones.
        length = max(int(length * min(8.0, ROWS_A_PIECE / max(rows, 1))), drawing.step)
        start = stop


@dataclass
class _Canvas:
    """Rows read so far by series and column, how many they are, and how many they may be."""

    drawing: Drawing
    parts: dict[tuple[SeriesKey, str], list[Table]] = field(default_factory=dict)
    held: int = 0
    most: int = field(default_factory=lambda: ROWS_HELD)

    def add(self, points: Points) -> None:
        """Append rows of one series; when much is held, everything is thinned."""
        key, rows = series_key(points.tags), table(points)
        if self.drawing.look_at:
            self._append((key, ""), rows, self.drawing.step)
        else:
            step = usual_step(rows.times, self.drawing.step)
            for name in self.drawing.query.fields:
                self._append((key, name), rows.only([name]), step)
        if self.held > self.most:
            self._press()

    def finished(self) -> list[Table]:
        """Every table at its final size."""
        order = {name: place for place, name in enumerate(self.drawing.query.fields)}
        keys = sorted(self.parts, key=lambda key: (key[0], order.get(key[1], 0)))
        return [self._thin(join(self.parts[key]), self._share) for key in keys]

    @property
    def _share(self) -> int:
        shared = self.drawing.rows // max(len(self.parts), 1)
        return max(min(self.drawing.points, shared), LEAST_POINTS)

    def _append(self, key: tuple[SeriesKey, str], rows: Table, step: int) -> None:
        parts = self.parts.setdefault(key, [])
        last = int(parts[-1].times[-1]) if parts else None
        parts.append(mark_gaps(rows, step, last))
        self.held += len(parts[-1])

    def _press(self) -> None:
        # Thinned again and again a shape would wear down: more is kept than is shown in the end.
        share = 4 * self._share
        self.parts = {key: [self._thin(join(parts), share)] for key, parts in self.parts.items()}
        self.held = sum(len(parts[0]) for parts in self.parts.values())
        # Of very many series even the thinned rows are more than that.
        self.most = max(self.most, 2 * self.held)

    def _thin(self, rows: Table, wanted: int) -> Table:
        return thin(rows, wanted, self.drawing.look_at or tuple(rows.columns))
