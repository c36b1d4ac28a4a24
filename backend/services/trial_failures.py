"""Failures that a trial is measured by, and which series each of them was of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from backend.exceptions import InputError
from backend.records import SeriesKey, parse_series_key

_SHOWN = 5


@dataclass(frozen=True)
class Failure:
    """Something that broke, as a work order tells of it.

    Attributes:
        start: when it broke, nanoseconds.
        stop: when it was repaired; `start` where nobody knows.
        tags: of the series it was of; all of the detector's where empty.
        text: what was written down.
        where: the line of the file that it was read from, for messages.
    """

    start: int
    stop: int
    tags: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    where: str = ""

    def is_of(self, key: SeriesKey) -> bool:
        """Whether it was of a series."""
        tags = parse_series_key(key)
        return all(tags.get(tag) == value for tag, value in self.tags.items())


def check_failures(failures: Sequence[Failure], keys: Sequence[SeriesKey]) -> None:
    """Refuse failures of series that the data do not hold.

    Raises:
        InputError: one is; the message says which series there are.
    """
    for failure in failures:
        if not any(failure.is_of(key) for key in keys):
            named = ",".join(f"{tag}={value}" for tag, value in sorted(failure.tags.items()))
            more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
            known = "; ".join(key or "one without tags" for key in keys[:_SHOWN])
            place = f"{failure.where}: " if failure.where else ""
            raise InputError(
                f"{place}there is no series {named!r} in the time of the trial; there are: "
                f"{known}{more}."
            )
