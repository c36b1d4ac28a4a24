"""Long ranges are read piece by piece and thinned on the way: memory stays bounded.

Of a range that holds many more rows than are wanted, a store that reduces them itself is asked for
an outline in their place; see `outlines.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from backend.ports import Aggregate, Clock, Points, Query, SeriesStore
from backend.records import SeriesKey, series_key
from backend.services.downsampling import Table, join, mark_gaps, table, thin, usual_step
from backend.services.outlines import (
    Outline,
    bucket_length,
    deserves_outline,
    read_buckets,
    read_outlines,
)
from backend.services.pieces import Deadline, pieces

ROWS_HELD = 2_000_000
"""Rows kept in memory before they are thinned, all series together."""

LEAST_POINTS = 24
"""A series of a large fleet still gets so many points."""

SERIES_ASKED_ONE_BY_ONE = 16
"""Up to so many chosen series are read by their tags; beyond, all are read and sorted out."""


@dataclass(frozen=True)
class Span:
    """A range `[start, stop)` in nanoseconds and the number of points wanted for each series.

    Attributes:
        start: first nanosecond.
        stop: first nanosecond no longer in it.
        points: how many are wanted.
        wanted: asked while a long range is read, whether anyone still waits for it.
    """

    start: int
    stop: int
    points: int = 1000
    wanted: Callable[[], bool] = field(default=lambda: True, compare=False, repr=False)

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
        shown: columns that are wanted, where others are only looked at; all if not given.
        outlined: of a very long range least and greatest values may stand in place of rows, where
            the store finds them itself.
        aggregate: this number of each bucket in place of rows; buckets as long as it takes for
            `points` of them.
        wanted: as of a `Span`.
    """

    query: Query
    points: int
    rows: int
    step: int
    look_at: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    outlined: bool = False
    aggregate: Aggregate | None = None
    wanted: Callable[[], bool] = field(default=lambda: True, compare=False, repr=False)


def draw(store: SeriesStore, drawing: Drawing, clock: Clock) -> list[Table]:
    """Read and thin a range.

    Returns:
        Tables sorted by series, then in the order of the fields.

    Raises:
        InputError: the range could not be read within the time limit, or nobody waits for it.
        StoreError: the store is down or refused.
    """
    deadline = Deadline.of(clock, drawing.wanted)
    if drawing.aggregate:
        return _aggregated(store, drawing, drawing.aggregate, deadline)
    if drawing.outlined and store.reduces:
        outlined = _outlined(store, drawing, deadline)
        if outlined is not None:
            return outlined
    canvas = Canvas(drawing)
    for piece in pieces(store, drawing.query, drawing.step, deadline):
        for points in piece:
            canvas.add(points)
    return [_only_shown(one, drawing) for one in canvas.finished()]


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
        queries = [only(drawing.query, chosen[key]) for key in sorted(chosen)]
        tables = [t for query in queries for t in draw(store, replace(each, query=query), clock)]
    return [t for t in tables if not chosen or series_key(t.tags) in chosen]


def only(query: Query, tags: Mapping[str, str]) -> Query:
    """The query for one series; it may bring others that have more tags."""
    # No store can be asked for "lacks this tag" in one way: such series are sorted out afterwards.
    return replace(query, where={**query.where, **{t: v for t, v in tags.items() if v}})


def _only_shown(found: Table, drawing: Drawing) -> Table:
    return found.only(drawing.shown) if drawing.shown else found


def _share(drawing: Drawing, tables: int) -> int:
    """Rows that each of so many tables gets."""
    return max(min(drawing.points, drawing.rows // max(tables, 1)), LEAST_POINTS)


def _outlined(store: SeriesStore, drawing: Drawing, deadline: Deadline) -> list[Table] | None:
    """Outlines; where many series share the rows, with longer buckets. None if rows are better."""
    fields = drawing.shown or drawing.query.fields
    outline = Outline(
        query=replace(drawing.query, fields=fields),
        step=drawing.step,
        points=drawing.points,
        # Where others than the wanted columns are looked at, a row has all of them.
        counted=drawing.look_at[:1] if drawing.shown else fields,
        apart=not drawing.look_at,
    )
    if not deserves_outline(outline):
        return None
    return read_outlines(store, outline, lambda tables: _share(drawing, tables), deadline)


def _aggregated(
    store: SeriesStore, drawing: Drawing, aggregate: Aggregate, deadline: Deadline
) -> list[Table]:
    """Numbers of buckets, with pauses marked; where many series share the rows, of longer ones."""
    query = replace(drawing.query, fields=drawing.shown or drawing.query.fields)
    query = replace(query, aggregate=aggregate)
    tables = _numbers(store, query, drawing, drawing.points, deadline)
    count = len(tables) if drawing.look_at else len(tables) * len(query.fields)
    if _share(drawing, count) < drawing.points:
        tables = _numbers(store, query, drawing, _share(drawing, count), deadline)
    if drawing.look_at:
        return tables
    return [one.only([name]) for one in tables for name in query.fields]


def _numbers(
    store: SeriesStore, query: Query, drawing: Drawing, points: int, deadline: Deadline
) -> list[Table]:
    every = bucket_length(query.start, query.stop, drawing.step, points)
    found = read_buckets(store, replace(query, every=every), drawing.step, deadline)
    return [mark_gaps(one, every) for one in found.values()]


@dataclass
class Canvas:
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
        share = _share(self.drawing, len(keys))
        return [self._thin(join(self.parts[key]), share) for key in keys]

    def _append(self, key: tuple[SeriesKey, str], rows: Table, step: int) -> None:
        parts = self.parts.setdefault(key, [])
        last = int(parts[-1].times[-1]) if parts else None
        parts.append(mark_gaps(rows, step, last))
        self.held += len(parts[-1])

    def _press(self) -> None:
        # Thinned again and again a shape would wear down: more is kept than is shown in the end.
        share = 4 * _share(self.drawing, len(self.parts))
        self.parts = {key: [self._thin(join(parts), share)] for key, parts in self.parts.items()}
        self.held = sum(len(parts[0]) for parts in self.parts.values())
        # Of very many series even the thinned rows are more than that.
        self.most = max(self.most, 2 * self.held)

    def _thin(self, rows: Table, wanted: int) -> Table:
        return thin(rows, wanted, self.drawing.look_at or tuple(rows.columns))
