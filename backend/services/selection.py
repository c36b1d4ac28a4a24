"""From what was asked for to what is read: names of the catalogue, and nothing else."""

from collections.abc import Mapping, Sequence

from backend import schema
from backend.exceptions import InputError, NotFound
from backend.ports import Query
from backend.records import SeriesKey, parse_series_key, series_key
from backend.services.drawing import Span
from backend.specs import DetectorSpec


def results_query(
    spec: DetectorSpec,
    measurement: str,
    fields: tuple[str, ...],
    span: Span,
    newest: int | None = None,
) -> Query:
    """A question to the results of a detector."""
    where = {schema.DETECTOR_TAG: spec.name}
    return Query(measurement, fields, span.start, span.stop, where, spec.group_by, newest)


def check_range(span: Span) -> None:
    """Refuse an empty range.

    Raises:
        InputError: it does not end after its start.
    """
    if span.start >= span.stop:
        raise InputError("The range is empty: it must end after its start.")


def chosen_channels(spec: DetectorSpec, asked: Sequence[str]) -> tuple[str, ...]:
    """The channels asked for; none asked for means those that are judged.

    Raises:
        NotFound: the detector has no such channel.
    """
    for name in asked:
        if name not in spec.inputs:
            known = ", ".join(spec.inputs)
            raise NotFound(f"The detector {spec.name!r} has no channel {name!r}. It has: {known}.")
    return tuple(dict.fromkeys(asked)) or spec.channels


def chosen_series(spec: DetectorSpec, asked: Sequence[str]) -> dict[SeriesKey, Mapping[str, str]]:
    """The series asked for, with the tags that single them out; none asked for means all.

    Raises:
        NotFound: a key is not of the form of the detector's series.
    """
    found: dict[SeriesKey, Mapping[str, str]] = {}
    for text in asked:
        try:
            tags = parse_series_key(text)
        except ValueError:
            tags = {"": text}
        if set(tags) != set(spec.group_by):
            form = ",".join(f"{tag}=…" for tag in sorted(spec.group_by)) or "one unnamed series"
            raise NotFound(f"{text!r} is not a series of {spec.name!r}, which has {form}.")
        found[series_key(tags)] = tags
    return found
