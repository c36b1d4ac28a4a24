"""Labels come from files and go into them: CSV, iCalendar, Grafana's annotations."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from backend.exceptions import ImportFileError
from backend.ports import Clock
from backend.records import Label, LabelDraft, LabelKind
from backend.services.detectors import Detectors
from backend.services.label_annotations import read_annotations, write_annotations
from backend.services.label_choices import Choices, Form
from backend.services.label_csv import read_csv, write_csv
from backend.services.label_history import draft_of
from backend.services.label_words import Reader, rid_of_label
from backend.services.labelling import Labelling, counted, statement_of
from backend.specs import DetectorSpec

LARGEST = 4 * 1024 * 1024
"""Bytes of a file of labels."""

MEDIA_TYPES = {
    Form.CSV: "text/csv",
    Form.ICS: "text/calendar",
    Form.GRAFANA: "application/json",
}
ENDINGS = {Form.CSV: ".csv", Form.ICS: ".ics", Form.GRAFANA: ".json"}


@dataclass(frozen=True)
class Imported:
    """What a file brought.

    Attributes:
        added: labels that are new.
        there: how many of the file's were there already.
    """

    added: tuple[Label, ...]
    there: int

    @property
    def words(self) -> str:
        """What happened, for people."""
        were = "was" if self.there == 1 else "were"
        left = f", {self.there} {were} there already" if self.there else ""
        return f"{counted(len(self.added))} added{left}"


class LabelFiles:
    """Reads and writes files of labels."""

    def __init__(
        self,
        labelling: Labelling,
        detectors: Detectors,
        clock: Clock,
        tags: Mapping[LabelKind, str],
        detector_of: Callable[[str, Iterable[str]], str | None] = lambda dashboard, names: None,
    ) -> None:
        """Wire it.

        Args:
            labelling: where labels are kept.
            detectors: which there are.
            clock: the time.
            tags: the tag that makes an annotation a label, by kind.
            detector_of: uid of a dashboard to the detector that it shows alone, if any.
        """
        self._labelling = labelling
        self._detectors = detectors
        self._clock = clock
        self._tags = tags
        self._detector_of = detector_of

    def bring(self, content: bytes, name: str, choices: Choices, *, by: str) -> Imported:
        """Add the labels of a file, all or none; those that are there already are left alone.

        Args:
            content: the file, at most `LARGEST` bytes.
            name: of the file; its ending tells how it is written, unless that is chosen.
            choices: for what its entries do not say.
            by: who brings it.

        Raises:
            ImportFileError: it cannot be read, with every entry that is wrong; nothing was added.
            LabelError: a label cannot be; nothing was added.
            NotFound: there is no such detector.
        """
        present = self._labelling.list()
        drafts = _within(self._read(content, name, choices, present), choices)
        known = {statement_of(label) for label in present}
        said = {statement_of(draft): draft for draft in drafts}
        fresh = [draft for statement, draft in said.items() if statement not in known]
        added = self._labelling.add_all(fresh, source="file", by=by) if fresh else []
        return Imported(tuple(added), len(drafts) - len(added))

    def write(self, detector: str | None, form: Form) -> str:
        """The labels in force of a detector, or of all, as a file that `bring` reads.

        Raises:
            NotFound: there is no such detector.
        """
        labels = self._labelling.list(detector)
        if form is Form.GRAFANA:
            return write_annotations(labels, self._tags)
        if form is Form.ICS:
            from backend.services.label_calendar import write_calendar  # noqa: PLC0415 - slow

            return write_calendar(labels)
        return write_csv(labels)

    def _read(
        self, content: bytes, name: str, choices: Choices, present: Sequence[Label]
    ) -> list[LabelDraft]:
        form = choices.form or form_of(content, name)
        text = _text(content, name, form)
        if choices.detector is not None:
            self._detectors.get(choices.detector)
        _check_zone(choices)
        if form is Form.GRAFANA:
            return self._of_annotations(text, name, choices, present)
        if form is Form.ICS:
            # A tenth of a second to load, which no other command waits for.
            from backend.services.label_calendar import read_calendar  # noqa: PLC0415

            return read_calendar(text, name, choices, self._clock.now())
        return read_csv(text, name, choices)

    def _of_annotations(
        self, text: str, name: str, choices: Choices, present: Sequence[Label]
    ) -> list[LabelDraft]:
        specs: Mapping[str, DetectorSpec] = {one.name: one for one in self._detectors.all()}
        reader = Reader(self._tags, specs, self._detector_of)
        ours = {rid_of_label(label): (draft_of(label),) for label in present}
        found = read_annotations(text, name, choices, reader)
        return [draft for one in found for draft in ours.get(one.rid, one.drafts)]


def form_of(content: bytes, name: str) -> Form:
    """How a file is written, by the ending of its name or else by how it begins."""
    for form, ending in ENDINGS.items():
        if name.lower().endswith(ending):
            return form
    begin = content[:1000].removeprefix(b"\xef\xbb\xbf").lstrip().upper()
    if begin.startswith(b"BEGIN:VCALENDAR"):
        return Form.ICS
    return Form.GRAFANA if begin.startswith((b"[", b"{")) else Form.CSV


def _text(content: bytes, name: str, form: Form) -> str:
    if len(content) > LARGEST:
        raise ImportFileError(
            f"{name} is larger than {LARGEST // 1024**2} MiB: divide it into parts."
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        words = {Form.CSV: "CSV", Form.ICS: "a calendar", Form.GRAFANA: "JSON"}[form]
        raise ImportFileError(f"{name} is not {words} in UTF-8: {error}.") from error


def _check_zone(choices: Choices) -> None:
    try:
        _ = choices.zone_or_utc
    except ValueError as error:
        raise ImportFileError(f"The time zone cannot be used: {error}.") from error


def _within(drafts: Sequence[LabelDraft], choices: Choices) -> list[LabelDraft]:
    """Those that overlap the chosen range."""
    return [
        draft
        for draft in drafts
        if (choices.start is None or draft.stop > choices.start)
        and (choices.stop is None or draft.start < choices.stop)
    ]
