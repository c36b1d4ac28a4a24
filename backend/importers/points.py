"""A file as points for a series store."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from backend.importers.naming import Naming
from backend.importers.options import ReadingOptions
from backend.importers.ordering import order_rows
from backend.importers.reading import OpenTable, open_table
from backend.importers.spool import Grouping, Spool
from backend.ports import Points, Progress
from backend.services.importing import FileReport


@contextmanager
def parse_file(path: Path, options: ReadingOptions, progress: Progress) -> Iterator["SpooledFile"]:
    """Read a file to its end, every wrong row noted; the rows wait on disk until written.

    Raises:
        ImportFileError: the file or a column as a whole cannot be read. Wrong rows do not raise,
            they are in the report.
        ConfigurationError: an option is wrong.
    """
    with open_table(path, options, progress) as table:
        naming = Naming(table, options)
        with Spool(len(table.numbers)) as spool:
            yield SpooledFile(spool, _fill(spool, table, naming), naming, table.report)


class SpooledFile:
    """A file read to its end; a `ParsedFile`."""

    def __init__(
        self, spool: Spool, grouping: Grouping, naming: Naming, report: FileReport
    ) -> None:
        """Put the rows in order.

        Raises:
            ImportFileError: a series to rename did not appear.
        """
        naming.check(grouping.keys)
        self._series = [naming.of(key) for key in grouping.keys]
        self._times, groups, self._values = spool.finish()
        self._ordered = order_rows(self._times, groups, len(grouping.keys))
        self.report = report
        report.units = naming.units()
        report.duplicates, report.unsorted = self._ordered.duplicates, self._ordered.unsorted
        self.rows = len(self._ordered.rows)
        self.fields = tuple(dict.fromkeys(name for _, names in self._series for name in names))
        self.series = len({tuple(tags.items()) for tags, _ in self._series})
        self.start = int(self._times.min()) if self.rows else 0
        self.last = int(self._times.max()) if self.rows else 0

    def points(self, rows: int) -> Iterator[Points]:
        """Rows by series and ascending time, at most `rows` at once."""
        bounds = self._ordered.bounds.tolist()
        for (tags, names), first, end in zip(self._series, bounds[:-1], bounds[1:], strict=True):
            for at in range(first, end, rows):
                chosen = self._ordered.rows[at : min(at + rows, end)]
                values = [np.asarray(column[chosen]) for column in self._values]
                fields = dict(zip(names, values, strict=True))
                yield Points(tags, np.asarray(self._times[chosen]), fields)


def _fill(spool: Spool, table: OpenTable, naming: Naming) -> Grouping:
    """Spool all rows but those without any value, which are only counted."""
    grouping = Grouping()
    for chunk in table.chunks:
        values = [chunk.columns[column.header] for column in table.numbers]
        keys = [chunk.columns[column.header] for column in naming.keys]
        filled = ~np.logical_and.reduce([np.isnan(column) for column in values])
        table.report.empty_rows += int((~filled).sum())
        kept = filled & naming.kept(keys)
        groups = grouping.number([key[kept] for key in keys], int(kept.sum()))
        times = chunk.columns[table.layout.time.header][kept]
        spool.append(times, groups, [column[kept] for column in values])
    return grouping
