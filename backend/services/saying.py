"""Whoever was told of an alert says what it was, by the link in the message, once."""

from dataclasses import dataclass, replace

from backend.exceptions import Conflict, LabelError, NotFound
from backend.ports import Clock, RecordStore
from backend.records import Label, LabelDraft, LabelKind
from backend.services.alerting import Alerting, AlertView
from backend.services.labelling import Labelling, shown
from backend.services.links import Links

NOBODY = "a link"
"""Who said it, where no name was given."""


@dataclass(frozen=True)
class Question:
    """What a link asks to confirm.

    Attributes:
        view: the alert.
        kind: what would be said of it.
        start: where the range begins.
        stop: where it ends: with the alert, or now while it fires.
        said: what was said of this alert already, by whichever of its links.
        is_new: whether it was said just now.
    """

    view: AlertView
    kind: LabelKind
    start: int
    stop: int
    said: Label | None
    is_new: bool = False

    @property
    def is_open(self) -> bool:
        """Whether the alert still fires, so that its end is the person's to choose."""
        return self.view.stop is None


class Saying:
    """A link is the right to one statement; asking changes nothing, and a second time adds none."""

    def __init__(
        self,
        records: RecordStore,
        alerting: Alerting,
        labelling: Labelling,
        links: Links,
        clock: Clock,
    ) -> None:
        self._records = records
        self._alerting = alerting
        self._labelling = labelling
        self._links = links
        self._clock = clock

    def question(self, token: str) -> Question:
        """What a link asks.

        Raises:
            LinkError: it is damaged, forged or expired.
            NotFound: the alert or its detector is gone.
        """
        statement = self._links.read(token, self._clock.now())
        view = self._view(statement.alert)
        if view.spec is None or view.label_range is None:
            raise NotFound(
                f"There is no detector {view.alert.detector!r} any more: nothing can be said of "
                "its alerts."
            )
        start, stop = view.label_range
        return Question(view, statement.kind, start, stop, self._said(view))

    def say(self, token: str, *, by: str, note: str, stop: int | None) -> Question:
        """Add the label that a link stands for, unless something was said of the alert already.

        Args:
            token: of the link.
            by: who says it, as they call themselves.
            note: in their words.
            stop: where the range ends, for an alert that still fires.

        Raises:
            LinkError: the link is damaged, forged or expired.
            LabelError: the end is not after the start or lies ahead, or the opposite was said of
                the very same range.
            NotFound: the alert or its detector is gone.
        """
        asked = self.question(token)
        if asked.said is not None:
            return asked
        if asked.is_open and stop is not None:
            asked = replace(asked, stop=self._checked(asked, stop))
        draft = LabelDraft(
            detector=asked.view.alert.detector,
            kind=asked.kind,
            start=asked.start,
            stop=asked.stop,
            tags=asked.view.alert.tags,
            note=note,
        )
        source = asked.view.alert.source
        try:
            label = self._labelling.add(draft, source=source, by=by or NOBODY)
        except Conflict:
            # Somebody else was faster; the record store keeps the first.
            return replace(asked, said=self._said(asked.view))
        return replace(asked, said=label, is_new=True)

    def _checked(self, asked: Question, stop: int) -> int:
        if stop > self._clock.now():
            raise LabelError(
                f"The end {shown(stop)} lies ahead: choose one that has passed, or say it again "
                "when it is over."
            )
        if stop <= asked.start:
            raise LabelError(
                f"The end {shown(stop)} is not after the start {shown(asked.start)}: choose a "
                "later one."
            )
        return stop

    def _view(self, alert: int) -> AlertView:
        try:
            return self._alerting.view(alert)
        except NotFound as error:
            raise NotFound(
                "This alert is not on record any more: say on the label page what it was."
            ) from error

    def _said(self, view: AlertView) -> Label | None:
        source = view.alert.source
        labels = self._records.labels(view.alert.detector)
        return next((label for label in labels if label.source == source), None)
