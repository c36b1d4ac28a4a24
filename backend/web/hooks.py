"""Where Grafana's alerting tells of alerts: a contact point of the kind webhook, 9.3 to 13."""

import logging
import math
from typing import Annotated, Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, jsonify, request
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from backend.records import AlertState
from backend.services.alerting import Told
from backend.web.application import application
from backend.web.errors import invalid
from backend.web.instants import parse_instant

hooks = Blueprint("hooks", __name__)

_log = logging.getLogger(__name__)
_NO_TIME = "0001-"
"""How Go writes the time of what has not happened."""


def _texts(value: Any) -> Any:
    return {} if value is None else value


def _numbers(value: Any) -> dict[str, float]:
    """The finite numbers of a mapping; what the rule's queries gave is a help and no more."""
    if not isinstance(value, dict):
        return {}
    numbers = {
        str(name): float(number)
        for name, number in value.items()
        if isinstance(number, int | float) and not isinstance(number, bool)
    }
    return {name: number for name, number in numbers.items() if math.isfinite(number)}


def _time_or_none(value: Any) -> int | None:
    if value is None or value == "" or (isinstance(value, str) and value.startswith(_NO_TIME)):
        return None
    return parse_instant(value)


def _web_address(value: Any) -> str:
    """An address that is safe to put into a page, else nothing."""
    if not isinstance(value, str):
        return ""
    try:
        parts = urlsplit(value)
    except ValueError:
        return ""
    is_safe = parts.scheme in ("http", "https") and bool(parts.netloc) and value.isprintable()
    return value if is_safe else ""


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("expected a fingerprint without control characters")
    return text


Texts = Annotated[dict[str, str], BeforeValidator(_texts)]
Numbers = Annotated[dict[str, float], BeforeValidator(_numbers)]
Address = Annotated[str, BeforeValidator(_web_address)]
Start = Annotated[int, BeforeValidator(parse_instant)]
End = Annotated[int | None, BeforeValidator(_time_or_none)]


class _Part(BaseModel):
    """What is not known is left alone: every version of Grafana adds something."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _ToldAlert(_Part):
    status: AlertState
    labels: Texts
    annotations: Texts = {}
    startsAt: Start
    endsAt: End = None
    fingerprint: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
    values: Numbers = {}
    generatorURL: Address = ""
    dashboardURL: Address = ""
    panelURL: Address = ""

    def told(self) -> Told:
        """The alert as the use case takes it."""
        return Told(
            fingerprint=self.fingerprint,
            state=self.status,
            start=self.startsAt,
            stop=self.endsAt,
            labels=self.labels,
            annotations=self.annotations,
            values=self.values,
            panel_url=self.panelURL or self.dashboardURL or self.generatorURL,
            rule_url=self.generatorURL,
        )


class _Delivery(_Part):
    alerts: list[_ToldAlert]
    truncatedAlerts: Any = 0


@hooks.route("/hooks/grafana/alerts", methods=["POST", "PUT"])
def take_alerts() -> Response:
    """Store the alerts of a delivery, all or none; telling people is left to the jobs."""
    try:
        delivery = _Delivery.model_validate(request.get_json())
    except ValidationError as error:
        return invalid(error)
    if delivery.truncatedAlerts:
        _log.warning(
            "Grafana left %s alerts out of a delivery: raise the contact point's maximum of alerts",
            delivery.truncatedAlerts if isinstance(delivery.truncatedAlerts, int) else "some",
        )
    received = application().alerting.receive([alert.told() for alert in delivery.alerts])
    return jsonify({"stored": received.stored, "known": received.known})
