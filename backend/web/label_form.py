"""What a link to the label page asks for, read with patience: nothing in it is ever an error."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from backend.records import LabelKind, SeriesKey, parse_series_key, series_key
from backend.specs import DetectorSpec
from backend.web.instants import parse_instant

TAG_FIELD = "tag."
"""What the names of the form's own fields for tags begin with."""

_RESERVED = ("detector", "series", "from", "to", "kind", "note")
_LONGEST = 2000
_UNFILLED = ("${", "[[", "$__")
"""How a link begins what Grafana should have filled in and did not."""

Asked = Mapping[str, str]


@dataclass(frozen=True)
class LabelForm:
    """The fields of the form, and what to tell about the link that filled them.

    Attributes:
        spec: the detector; None where it is still to be chosen.
        tags: the series, by the detector's tags; one that is not there speaks for all its values.
        start: where the range begins, if it is known.
        stop: where it ends.
        kind: what is to be said.
        note: in whose words.
        notices: sentences on what could not be taken as it came.
    """

    spec: DetectorSpec | None
    tags: Mapping[str, str]
    start: int | None
    stop: int | None
    kind: LabelKind | None
    note: str
    notices: tuple[str, ...]

    @property
    def series(self) -> SeriesKey:
        """The series; empty for the whole detector."""
        return series_key(self.tags)


def read_form(asked: Asked, specs: Sequence[DetectorSpec], now: int) -> LabelForm:
    """Read the parameters of a link; whatever is wrong with them becomes a notice."""
    reader = _Reader(asked, now)
    spec = reader.spec(specs)
    tags = reader.tags(spec)
    kind = reader.kind()
    start, stop = reader.span(kind)
    return LabelForm(spec, tags, start, stop, kind, reader.text("note"), tuple(reader.notices))


@dataclass
class _Reader:
    asked: Asked
    now: int
    notices: list[str] = field(default_factory=list)

    def text(self, name: str) -> str:
        """A parameter; empty where it is absent or Grafana left it unfilled."""
        value = self.asked.get(name, "").replace("\0", "").strip()[:_LONGEST]
        if name != "note" and value.startswith(_UNFILLED):
            self.notices.append(
                f"The link came with {name} unfilled ({value[:40]}): choose it here."
            )
            return ""
        return value

    def spec(self, specs: Sequence[DetectorSpec]) -> DetectorSpec | None:
        name = self.text("detector")
        if not name:
            return specs[0] if len(specs) == 1 else None
        for spec in specs:
            if spec.name == name:
                return spec
        self.notices.append(f"There is no detector {_short(name)}: choose one.")
        return None

    def tags(self, spec: DetectorSpec | None) -> dict[str, str]:
        if spec is None:
            return {}
        tags = self._series(spec)
        for tag in spec.group_by:
            plain = "" if tag in _RESERVED else self.text(tag)
            if value := self.text(TAG_FIELD + tag) or plain:
                tags[tag] = value
        return tags

    def _series(self, spec: DetectorSpec) -> dict[str, str]:
        key = self.text("series")
        try:
            found = parse_series_key(key)
        except ValueError:
            self.notices.append(
                f"The series {_short(key)} cannot be read, expected tag=value: choose it here."
            )
            return {}
        for tag in sorted(set(found) - set(spec.group_by)):
            self.notices.append(f"{spec.name} does not part its series by {_short(tag)}: left out.")
        return {tag: value for tag, value in found.items() if tag in spec.group_by and value}

    def kind(self) -> LabelKind | None:
        name = self.text("kind")
        if not name:
            return LabelKind.NORMAL if not self.asked.get("kind") else None
        try:
            return LabelKind(name)
        except ValueError:
            self.notices.append(
                f"{_short(name)} cannot be said of a range: choose normal, anomaly or exclude."
            )
            return None

    def span(self, kind: LabelKind | None) -> tuple[int | None, int | None]:
        start, stop = self._time("from"), self._time("to")
        if start is None or stop is None:
            return start, stop
        if start > stop:
            start, stop = stop, start
            self.notices.append("The range ended before it began: its ends were exchanged.")
        if start == stop:
            self.notices.append("The range is empty: move one of its ends.")
        if kind is LabelKind.EXCLUDE or stop <= self.now:
            return start, stop
        if start >= self.now:
            self.notices.append(
                "The range lies ahead: only maintenance (exclude) can be said before it happens."
            )
            return start, stop
        self.notices.append("The range reached into the future: it ends now.")
        return start, self.now

    def _time(self, name: str) -> int | None:
        text = self.text(name)
        if not text:
            return None
        try:
            return parse_instant(text)
        except ValueError:
            self.notices.append(f"The time {name}={_short(text)} cannot be read: enter it here.")
            return None


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:59]}…")
