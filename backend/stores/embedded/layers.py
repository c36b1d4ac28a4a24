"""Rows as columns in memory, and laying newer rows over older ones."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from backend.ports import Floats, Strings, Times
from backend.stores.rows import absent, kind_of, present


@dataclass(frozen=True)
class Layer:
    """Rows of one series.

    Attributes:
        times: (T,) nanoseconds, strictly ascending.
        columns: name to (T,) values, NaN or None where absent.
    """

    times: Times
    columns: Mapping[str, Floats | Strings]

    def __len__(self) -> int:
        return len(self.times)

    def take(self, rows: slice | NDArray[np.bool_] | NDArray[np.intp]) -> Self:
        """Only these rows."""
        columns = {name: values[rows] for name, values in self.columns.items()}
        return type(self)(self.times[rows], columns)

    def within(self, start: int, stop: int) -> Self:
        """Only the rows with `start <= time < stop`."""
        first, last = np.searchsorted(self.times, [start, stop])
        return self if last - first == len(self) else self.take(slice(first, last))

    def filled(self) -> Self:
        """Only the rows that carry a value."""
        rows = np.zeros(len(self), dtype=np.bool_)
        for values in self.columns.values():
            rows |= present(values)
        return self if rows.all() else self.take(rows)


def sorted_layer(times: Times, columns: Mapping[str, Floats | Strings]) -> Layer:
    """A layer of rows in any order; of equal times the later row wins, field by field."""
    layer = Layer(times, columns)
    return layer if (times[1:] > times[:-1]).all() else _overlaid([layer])


def overlay(layers: Sequence[Layer]) -> Layer:
    """Lay layers over each other, oldest first: a newer value wins, an absent one shows through."""
    return layers[0] if len(layers) == 1 else _overlaid(layers)


def _overlaid(layers: Sequence[Layer]) -> Layer:
    times = np.unique(np.concatenate([layer.times for layer in layers]))
    columns: dict[str, Floats | Strings] = {}
    for layer in layers:
        rows = np.searchsorted(times, layer.times)
        for name, values in layer.columns.items():
            column = columns.setdefault(name, absent(kind_of(values), len(times)))
            carried = present(values)
            # where a row comes twice, numpy assigns the later value
            column[rows[carried]] = values[carried]
    return Layer(times, columns)


def concatenate(layers: Sequence[Layer], columns: Mapping[str, Floats | Strings]) -> Layer:
    """Put layers behind each other that do not overlap.

    Args:
        layers: in the order of time.
        columns: an empty column of every field wanted, by name, telling its kind.
    """
    joined = {
        name: np.concatenate([_column(layer, name, empty) for layer in layers] or [empty])
        for name, empty in columns.items()
    }
    times = [layer.times for layer in layers] or [np.empty(0, dtype=np.int64)]
    return Layer(np.concatenate(times), joined)


def _column(layer: Layer, name: str, empty: Floats | Strings) -> Floats | Strings:
    found = layer.columns.get(name)
    return absent(kind_of(empty), len(layer)) if found is None else found


def merged(
    sources: Sequence[Iterator[Layer]], columns: Mapping[str, Floats | Strings]
) -> Iterator[Layer]:
    """The rows of several series in one order of time, never more of them in memory than needed.

    Args:
        sources: each in the order of time; rows of equal times come in the order of the sources.
        columns: an empty column of every field wanted, by name, telling its kind.
    """
    waiting = [_next(source) for source in sources]
    while held := [layer for layer in waiting if layer is not None]:
        # whatever comes later in any source comes after its rows at hand
        until = min(int(layer.times[-1]) for layer in held)
        due = [layer.within(int(layer.times[0]), until + 1) for layer in held]
        rows = concatenate([layer for layer in due if len(layer)], columns)
        yield rows.take(np.argsort(rows.times, kind="stable")) if len(due) > 1 else rows
        for number, source in enumerate(sources):
            waiting[number] = _after(waiting[number], until, source)


def _after(layer: Layer | None, until: int, source: Iterator[Layer]) -> Layer | None:
    """What is left of a layer behind a time, or the next one."""
    if layer is None or layer.times[-1] <= until:
        return None if layer is None else _next(source)
    return layer.take(slice(int(np.searchsorted(layer.times, until, side="right")), None))


def _next(source: Iterator[Layer]) -> Layer | None:
    return next((layer for layer in source if len(layer)), None)


def parted(layer: Layer, times: Sequence[int]) -> list[Layer]:
    """Cut before each of some ascending times: one part more than there are times."""
    cuts = np.searchsorted(layer.times, np.array(times, dtype=np.int64)).tolist()
    return [layer.take(slice(start, stop)) for start, stop in pairwise([0, *cuts, len(layer)])]


def pieces(layer: Layer, rows: int) -> Iterator[Layer]:
    """Cut into pieces of at most `rows` rows and about the same size."""
    count = -(-len(layer) // rows)
    edges = np.linspace(0, len(layer), count + 1).astype(int).tolist()
    for start, stop in pairwise(edges):
        yield layer.take(slice(start, stop))
