"""Whoever was told of an alert says what it was, by the link in the message, once."""

from dataclasses import dataclass, replace
from hashlib import sha256

from backend.exceptions import Conflict, LabelError, LinkExpired, NotFound
from backend.ports import Clock, RecordStore
from backend.records import Label, LabelDraft, LabelKind
from backend.services.alerting import Alerting, AlertView
from backend.services.labelling import Labelling, shown
from backend.services.links import Links

NOBODY = "a link"
"""Who said it, where no name was given."""

_FORGOTTEN_NS = 400 * 86_400_000_000_000
"""No link works for longer than 366 days."""


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
            LinkError: it is damaged, forged or expired, or was used and what it said taken back.
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
        said = self._said(view)
        if said is None and self._records.is_spent(_digest(token)):
            raise _spent()
        return Question(view, statement.kind, start, stop, said)

    def say(self, token: str, *, by: str, note: str, stop: int | None) -> Question:
        """Add the label that a link stands for, unless something was said of the alert already.

        Args:
            token: of the link.
            by: who says it, as they call themselves.
            note: in their words.
            stop: where the range ends, for an alert that still fires.

        Raises:
            LinkError: the link is damaged, forged or expired, or was used and that taken back.
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
            with self._records.together():  # a link is used up by what it led to, and by no less
                self._spend(token)
                label = self._labelling.add(draft, source=source, by=by or NOBODY)
        except (Conflict, LinkExpired):
            said = self._said(asked.view)
            if said is None:
                raise
            # Somebody else was faster; the record store keeps the first.
            return replace(asked, said=said)
        return replace(asked, said=label, is_new=True)

    def _spend(self, token: str) -> None:
        """Use a link up, and forget those that were used so long ago that they have expired."""
        now = self._clock.now()
        self._records.forget_links(before=now - _FORGOTTEN_NS)
        if not self._records.spend_link(_digest(token), at=now):
            raise _spent()

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


def _digest(token: str) -> str:
    """What is kept of a link that was used: not the link."""
    return sha256(token.encode()).hexdigest()


def _spent() -> LinkExpired:
    return LinkExpired(
        "This link was used already, and what was said by it has been taken back since: links work "
        "once. If it was right after all, say it again on the label page."
    )
