"""What a series store holds: measurements, fields, tags, and how its series are doing.

Names that come from outside are looked up here before they go into a query; values of tags only
ever go there as values.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from operator import attrgetter

from backend.exceptions import NotFound
from backend.ports import FieldKind, Query, SeriesStore
from backend.services.names import unknown_name
from backend.services.series_facts import SeriesFacts, describe

MOST_VALUES = 100
"""Values of a tag that are listed."""
MOST_SERIES = 500
"""Series that are described."""
MOST_AT_ONCE = 1000
"""Series that one read may bring."""

_EVER = (-(2**63), 2**63 - 1)
_CELLS = 2_000_000


@dataclass(frozen=True)
class MeasurementFacts:
    """A measurement.

    Attributes:
        name: of the measurement.
        fields: with their kinds.
        mixed: fields stored under several kinds, of which only the first can be read.
        tags: with their values, at most `MOST_VALUES` each.
        cut: tags that have more values than are listed.
    """

    name: str
    fields: Mapping[str, FieldKind]
    mixed: Mapping[str, tuple[str, ...]]
    tags: Mapping[str, tuple[str, ...]]
    cut: frozenset[str]


@dataclass(frozen=True)
class SeriesFound:
    """Series by key, and whether there are more than those."""

    described: tuple[SeriesFacts, ...]
    more: bool


class Catalogue:
    """Looks into one store, and reads little more of it than it shows."""

    def __init__(self, store: SeriesStore) -> None:
        self._store = store

    def measurements(self) -> list[str]:
        """All measurements, sorted."""
        return self._store.measurements()

    def measurement(self, name: str) -> MeasurementFacts:
        """A measurement with its fields and tags.

        Raises:
            NotFound: there is none of this name; the message has near ones.
        """
        fields = self._fields(name)
        values = {
            tag: self._store.tag_values(name, tag, MOST_VALUES + 1)
            for tag in self._store.tag_keys(name)
        }
        return MeasurementFacts(
            name=name,
            fields=fields,
            mixed=self._store.mixed_fields(name),
            tags={tag: tuple(found[:MOST_VALUES]) for tag, found in values.items()},
            cut=frozenset(tag for tag, found in values.items() if len(found) > MOST_VALUES),
        )

    def series(
        self, name: str, by: Sequence[str] | None = None, *, limit: int = MOST_SERIES
    ) -> SeriesFound:
        """The series of a measurement and their rhythm.

        Args:
            name: of the measurement.
            by: tags that part the rows into series; all tags if not given.
            limit: series described at most.

        Raises:
            NotFound: there is no such measurement or tag.
        """
        fields = tuple(self._fields(name))
        tags = self._tags(name, by)
        parts = self._parts(name, tags, limit)
        cells = _CELLS // (1 if len(parts) == 1 else limit)
        found: list[SeriesFacts] = []
        for where in parts:
            found += describe(self._store, Query(name, fields, *_EVER, where, tags), cells)
            if len(found) > limit:
                break
        described = sorted(found[:limit], key=attrgetter("key"))
        return SeriesFound(tuple(described), len(found) > limit)

    def _fields(self, name: str) -> dict[str, FieldKind]:
        if name not in (known := self._store.measurements()):
            text = unknown_name("measurement", name, known)
            raise NotFound(f"{text[0].upper()}{text[1:]}.")
        return self._store.fields(name)

    def _tags(self, name: str, asked: Sequence[str] | None) -> tuple[str, ...]:
        known = self._store.tag_keys(name)
        for tag in asked or ():
            if tag not in known:
                raise NotFound(f"In measurement {name!r} {unknown_name('tag', tag, known)}.")
        return tuple(known if asked is None else dict.fromkeys(asked))

    def _parts(self, name: str, tags: Sequence[str], limit: int) -> list[Mapping[str, str]]:
        """Conditions that part the series, so that a hundred can be read out of a million.

        One read does where there are few; else each is of one value of the tag that has most.
        """
        most = max(limit, MOST_AT_ONCE) + 1
        values = {tag: self._store.tag_values(name, tag, most) for tag in tags}
        if prod(len(found) + 1 for found in values.values()) <= MOST_AT_ONCE:
            return [{}]
        widest = max(values, key=lambda tag: len(values[tag]))
        # rows may lack the tag, and these are one more part
        return [{widest: value} for value in ("", *values[widest])]
