"""What a person may say about a file; everything else is found out from the file itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from backend.exceptions import ConfigurationError
from backend.specs.times import parse_zone

EPOCH_UNITS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
"""Nanoseconds of each unit that `time_format` may name instead of a pattern."""


@dataclass(frozen=True)
class ReadingOptions:
    """How to read a file; None and empty mean: find out.

    Attributes:
        time_column: header of the column with the times.
        time_format: `strptime` pattern, or `s`, `ms`, `us`, `ns` for epoch numbers.
        day_first: read 05/01/2024 as 5 January.
        timezone: zone of times that carry none.
        decimal: `.` or `,`.
        separator: one character between cells.
        encoding: of text files, when it is neither UTF-8 nor UTF-16.
        rename: header (or name without its unit) to the name it gets.
        drop: headers to leave out.
        tag_columns: headers whose text parts the rows into series.
        tags: tags that every row gets.
    """

    time_column: str | None = None
    time_format: str | None = None
    day_first: bool = False
    timezone: str | None = None
    decimal: str | None = None
    separator: str | None = None
    encoding: str | None = None
    rename: Mapping[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    tag_columns: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for problem in (self._wrong_marks(), self._wrong_encoding(), self._wrong_tags()):
            if problem:
                raise ConfigurationError(problem)
        self.zone()

    def zone(self) -> ZoneInfo:
        """The zone of times that carry none.

        Raises:
            ConfigurationError: there is no such zone.
        """
        try:
            return parse_zone(self.timezone or "UTC")
        except ValueError as error:
            raise ConfigurationError(
                f"There is no time zone {self.timezone!r}; expected a name such as Europe/Berlin."
            ) from error

    def _wrong_marks(self) -> str | None:
        if self.decimal not in (None, ".", ","):
            return f"The decimal mark is {self.decimal!r}; expected . or ,"
        if self.separator is not None and (len(self.separator) != 1 or self.separator in '"\r\n'):
            return f"The separator is {self.separator!r}; expected one character such as ; or ,"
        if self.separator is not None and self.separator == self.decimal:
            return f"The separator and the decimal mark are both {self.separator!r}."
        if self.day_first and self.time_format:
            return "A time format says the order of day and month itself; leave out day-first."
        return None

    def _wrong_encoding(self) -> str | None:
        try:
            "".encode(self.encoding or "utf-8")
        except LookupError:
            return f"There is no encoding {self.encoding!r}; expected one such as cp1252 or cp949."
        return None

    def _wrong_tags(self) -> str | None:
        empty = [tag for tag, value in self.tags.items() if not tag or not value]
        if empty:
            return f"The tag {empty[0]!r} has no value or no name; expected tag=value."
        return None
