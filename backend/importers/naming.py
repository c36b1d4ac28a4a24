"""What tags and fields are called in the store, in the wide and in the long form."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backend.exceptions import ImportFileError
from backend.importers.columns import Column, field_names, refuse_unusable, tag_names
from backend.importers.options import ReadingOptions
from backend.importers.reading import OpenTable

Group = tuple[str, ...]


class Naming:
    """Names of one file.

    In the wide form each column of numbers is a field. In Grafana's long form the cells of one
    column name the fields, so that they are only known when all rows were read.

    Attributes:
        keys: columns whose cells part the rows into groups.
    """

    def __init__(self, table: OpenTable, options: ReadingOptions) -> None:
        """Settle the names that the header gives.

        Raises:
            ImportFileError: a column holds text, or a name is absent, double or unusable.
        """
        _refuse_text(table)
        self._options, layout = options, table.layout
        self._long = layout.series is not None
        self._tags = tag_names(layout, options.rename)
        self._numbers = table.numbers
        self.keys: tuple[Column, ...] = (
            *layout.tags,
            *([layout.series] if layout.series else []),
        )
        self._fields: list[str] = []
        self._name_units: dict[str, str] = {}
        if not self._long:
            self._fields, self._name_units = field_names(layout, options.rename)
        refuse_unusable(self._fields, [*self._tags, *options.tags])

    def kept(self, keys: Sequence[NDArray[np.object_]]) -> NDArray[np.bool_] | bool:
        """Rows of the long form that are not of a series to be dropped."""
        if not (self._long and self._options.drop):
            return True
        kept: NDArray[np.bool_] = ~np.isin(keys[-1].astype(str), self._options.drop)
        return kept

    def of(self, group: Group) -> tuple[dict[str, str], tuple[str, ...]]:
        """Tags and field names of a group of rows."""
        values = group[:-1] if self._long else group
        tags = {**self._options.tags, **dict(zip(self._tags, values, strict=True))}
        if not self._long:
            return tags, tuple(self._fields)
        return tags, (self._options.rename.get(group[-1], group[-1]),)

    def units(self) -> dict[str, str]:
        """Field to the unit taken off its name or values; `*` stands for all of the long form."""
        names = self._fields or ["*"]
        found = zip(names, self._numbers.values(), strict=True)
        return {**self._name_units, **{name: n.unit for name, n in found if n.unit}}

    def check(self, groups: Sequence[Group]) -> None:
        """Refuse names of the long form that fit no series, or join two.

        Raises:
            ImportFileError: with the names.
        """
        if not self._long:
            return
        series = list(dict.fromkeys(group[-1] for group in groups))
        known_names = {*series, *(column.header for column in self.keys[:-1])}
        absent = [name for name in self._options.rename if name not in known_names]
        if absent:
            known = ", ".join(map(repr, series[:20]))
            raise ImportFileError(f"There is no series {absent[0]!r}; expected one of {known}.")
        names = [self._options.rename.get(name, name) for name in series]
        refuse_unusable(names, [*self._tags, *self._options.tags])


def _refuse_text(table: OpenTable) -> None:
    if not table.texts:
        return
    shown = ", ".join(
        f"{column.header!r} (such as {cell!r})" for column, cell in table.texts.items()
    )
    first = next(iter(table.texts)).header
    raise ImportFileError(
        f"Not numbers but text stands in {shown}; leave it out with --drop {first!r}, or let it "
        f"part the rows into series with --tag-column {first!r}."
    )
