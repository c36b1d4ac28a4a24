"""What the API asks and answers of former labels, files of labels and suggestions."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, Field, RootModel

from backend.records import Label, LabelDraft, LabelKind, parse_series_key
from backend.services.label_choices import Choices, Form
from backend.services.label_files import LARGEST
from backend.services.label_history import Change, Difference, Reversal
from backend.services.labelling import Changed
from backend.services.suggesting import Suggestion
from backend.web.api.asked import Asked, Number, RangeQuery, Strict, Text
from backend.web.api.rows import LabelRow
from backend.web.instants import MS, Instant, before, milliseconds

# -- asked -----------------------------------------------------------------------------------------

MOST_CHANGED = 1000


class LabelHistoryQuery(Asked):
    """How many changes, the newest."""

    limit: int = Field(200, ge=1, le=5000)


class DifferenceQuery(Asked):
    """Between two moments, the later by default now; or since a version learned."""

    from_: Instant | None = Field(None, alias="from")
    to: Instant | None = None
    version: int | None = Field(None, ge=1, le=2**31)


class RevertQuery(Asked):
    """Whether it is only told what would be done."""

    dry: bool = False


class RevertBody(Strict):
    """The moment to go back to."""

    to: Instant


class DraftBody(Strict):
    """A statement on `[from, to)`; empty `tags` speak for the whole detector."""

    kind: LabelKind
    from_: Instant = Field(alias="from")
    to: Instant
    tags: dict[str, Text] = Field(default_factory=dict)
    note: Text = ""

    def draft(self, detector: str) -> LabelDraft:
        """The label as the use case takes it."""
        return LabelDraft(detector, self.kind, self.from_, self.to, self.tags, self.note)


class ChangeBody(Strict):
    """Labels that come in the place of others, all or none."""

    add: list[DraftBody] = Field(default_factory=list, max_length=MOST_CHANGED)
    remove: list[Number] = Field(default_factory=list, max_length=MOST_CHANGED)


class SuggestionsQuery(RangeQuery):
    """Where to look, by default the last day, and how many of either kind."""

    limit: int = Field(20, ge=1, le=200)


class ImportBody(Strict):
    """A file of labels, and what its entries do not say; the detector is that of the address."""

    name: Annotated[str, Field(max_length=255)] = "labels"
    content: Annotated[str, Field(max_length=LARGEST)]
    format: Form | None = None
    kind: LabelKind | None = None
    series: Text = ""
    from_: Instant | None = Field(None, alias="from")
    to: Instant | None = None
    timezone: Annotated[str, Field(max_length=100)] | None = None

    def choices(self, detector: str) -> Choices:
        """What the file does not say.

        Raises:
            ValueError: the series is not of the form tag=value.
        """
        return Choices(
            detector=detector,
            kind=self.kind,
            tags=parse_series_key(self.series),
            start=self.from_,
            stop=self.to,
            zone=self.timezone,
            form=self.format,
            alone=True,
        )


class ExportQuery(Asked):
    """How the file is written."""

    format: Form = Form.CSV


# -- answered --------------------------------------------------------------------------------------


class FormerLabelRow(LabelRow):
    """A label with who took it back and when; null while it is in force."""

    removed_by: str | None
    removed_at: int | None

    @classmethod
    def of(cls, one: Label) -> "FormerLabelRow":
        """The row of a label."""
        return cls(
            **LabelRow.of(one).model_dump(),
            removed_by=one.removed_by,
            removed_at=milliseconds(one.removed_at),
        )


def _rows(labels: Iterable[Label]) -> list[FormerLabelRow]:
    return [FormerLabelRow.of(label) for label in labels]


class ChangeRow(BaseModel):
    """What one person did at one moment; a revert to `before` undoes it and all after it."""

    time: int
    before: int
    after: int
    by: str
    added: list[FormerLabelRow]
    removed: list[FormerLabelRow]

    @classmethod
    def of(cls, one: Change) -> "ChangeRow":
        """The row of a change."""
        return cls(
            time=milliseconds(one.at),
            before=before(one.at),
            after=-(-one.at // MS),
            by=one.by,
            added=_rows(one.added),
            removed=_rows(one.removed),
        )


class ChangeRows(RootModel[list[ChangeRow]]):
    """Changes, the newest first."""


class DifferenceAnswer(BaseModel):
    """What came, what went, and how many labels stayed."""

    added: list[FormerLabelRow]
    removed: list[FormerLabelRow]
    unchanged: int

    @classmethod
    def of(cls, one: Difference) -> "DifferenceAnswer":
        """The answer of a difference."""
        return cls(
            added=_rows(one.added),
            removed=_rows(one.removed),
            unchanged=one.unchanged,
        )


class ReversalAnswer(BaseModel):
    """What is said again and what is taken back, or would be; `notice` tells what is left."""

    done: bool
    added: list[FormerLabelRow]
    removed: list[FormerLabelRow]
    left: list[FormerLabelRow]
    notice: str

    @classmethod
    def of(cls, one: Reversal, changed: Changed | None) -> "ReversalAnswer":
        """The answer of a revert, done or not."""
        added = one.add if changed is None else changed.added
        removed = one.remove if changed is None else changed.removed
        return cls(
            done=changed is not None,
            added=_rows(added),
            removed=_rows(removed),
            left=_rows(one.left),
            notice=one.notice,
        )


class ChangedAnswer(BaseModel):
    """Labels that came, in the order they were sent, and those that went."""

    added: list[FormerLabelRow]
    removed: list[FormerLabelRow]

    @classmethod
    def of(cls, one: Changed) -> "ChangedAnswer":
        """The answer of a change."""
        return cls(
            added=_rows(one.added),
            removed=_rows(one.removed),
        )


class ImportedAnswer(BaseModel):
    """What a file brought, and how many of its labels were there already."""

    added: list[LabelRow]
    there: int


class SuggestionRow(BaseModel):
    """A range that a person might label; it is none."""

    time: int
    time_end: int
    kind: Literal["normal", "anomaly"]
    series: str
    tags: dict[str, str]
    score: float
    why: str

    @classmethod
    def of(cls, one: Suggestion) -> "SuggestionRow":
        """The row of a suggestion."""
        return cls(
            time=milliseconds(one.start),
            time_end=milliseconds(one.stop),
            kind="normal" if one.kind is LabelKind.NORMAL else "anomaly",
            series=one.series,
            tags=dict(one.tags),
            score=one.score,
            why=one.why,
        )


class SuggestionRows(RootModel[list[SuggestionRow]]):
    """Events to confirm or refute, then quiet time."""
