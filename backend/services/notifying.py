"""People are told of alerts: each message once, patiently, and never lost."""

import logging

from backend.ports import Clock, Dispatch, Messenger, RecordStore
from backend.records import Delivery, LabelKind, Message
from backend.services.alert_text import Style, text_of
from backend.services.alerting import Alerting, AlertView
from backend.services.links import Links, Statement

log = logging.getLogger(__name__)

_SECOND = 1_000_000_000
_CLAIM_S = 60
"""Longer than a try takes: who claims a message and dies leaves it to others then."""
_FIRST_WAIT_S = 15
_LONGEST_WAIT_S = 600
_GIVE_UP_NS = 6 * 3600 * _SECOND
KEPT_NS = 90 * 86_400 * _SECOND
"""How long an alert stays on record after Grafana last told of it."""
_FORGET_EVERY_NS = 6 * 3600 * _SECOND


class Notifying:
    """Sends what waits, and forgets what is old; called again and again by the jobs."""

    def __init__(
        self,
        records: RecordStore,
        alerting: Alerting,
        links: Links,
        messenger: Messenger | None,
        clock: Clock,
        *,
        style: Style = "plain",
    ) -> None:
        """Take the chat; None where nobody is told."""
        self._records = records
        self._alerting = alerting
        self._links = links
        self._messenger = messenger
        self._clock = clock
        self._style: Style = style
        self._forgot_at: int | None = None

    def run(self) -> None:
        """Try every message that is due, oldest first; a chat that is down is asked once only."""
        self._forget()
        for message in self._records.due_messages(self._clock.now()):
            if not self._try(message):
                return

    def _try(self, message: Message) -> bool:
        """Try a message, unless another process does; whether others may be tried as well."""
        now = self._clock.now()
        claimed = self._records.claim_message(message.id, at=now, until=now + _CLAIM_S * _SECOND)
        if claimed is None:
            return True
        dispatch = self._send(claimed)
        self._settle(claimed, dispatch)
        return dispatch.delivered or dispatch.lasting

    def _send(self, message: Message) -> Dispatch:
        if self._messenger is None:
            why = "No chat is configured any more: set NORMALCY_NOTIFY_URL."
            return Dispatch(False, why, lasting=True)
        alerts = self._records.alerts_of_message(message.id)
        if not alerts:
            return Dispatch(
                False, "The alerts it told of are not on record any more.", lasting=True
            )
        views = [self._alerting.view(alert.id) for alert in alerts]
        page = f"{self._links.address}/alerts"
        return self._messenger.send(text_of(views, self._say, page, self._style))

    def _say(self, view: AlertView, kind: LabelKind) -> str:
        return self._links.to_say(Statement(view.alert.id, kind), self._clock.now())

    def _settle(self, message: Message, dispatch: Dispatch) -> None:
        now = self._clock.now()
        if dispatch.delivered:
            self._records.settle_message(message.id, Delivery.DELIVERED, at=now)
            log.info("message=%d delivered tries=%d", message.id, message.tries)
            return
        wait = max(
            dispatch.wait_s, min(_FIRST_WAIT_S * 2.0 ** (message.tries - 1), _LONGEST_WAIT_S)
        )
        again = now + round(wait * _SECOND)
        if dispatch.lasting or again > message.created_at + _GIVE_UP_NS:
            self._records.settle_message(message.id, Delivery.FAILED, at=now, problem=dispatch.why)
            log.error(
                "message=%d given up after %d tries: %s", message.id, message.tries, dispatch.why
            )
            return
        self._records.settle_message(message.id, Delivery.PENDING, at=again, problem=dispatch.why)
        log.warning(
            "message=%d not delivered, tried again in %.0f s: %s", message.id, wait, dispatch.why
        )

    def _forget(self) -> None:
        now = self._clock.now()
        if self._forgot_at is not None and now - self._forgot_at < _FORGET_EVERY_NS:
            return
        gone = self._records.forget_alerts(before=now - KEPT_NS)
        self._forgot_at = now
        if gone:
            log.info("forgot alerts=%d", gone)
