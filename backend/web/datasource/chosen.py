"""A query of a panel as it is understood, and what a metric is."""

from collections.abc import Callable
from dataclasses import dataclass, field

from backend.ports import Aggregate
from backend.services.drawing import Span
from backend.specs import DetectorSpec
from backend.web.application import Application
from backend.web.datasource.asked import Filter, Payload
from backend.web.datasource.frames import Frame
from backend.web.who import seen


@dataclass(frozen=True)
class Chosen:
    """The part of the catalogue a query is about."""

    detector: str
    series: tuple[str, ...]
    channels: tuple[str, ...]
    span: Span
    filters: tuple[Filter, ...]
    payload: Payload = field(default_factory=dict)
    what: tuple[str, ...] = ()
    aggregate: Aggregate | None = None


Answer = Callable[[Application, Chosen], list[Frame]]


@dataclass(frozen=True)
class Metric:
    """One line of the metric list: its name, what it is called, and the fields it is chosen by."""

    label: str
    fields: tuple[str, ...]
    answer: Answer


def specs_seen(app: Application) -> list[DetectorSpec]:
    """The detectors that who asks may see: all, unless it is a token for some of them."""
    return seen(app.detectors.all(), lambda spec: spec.name)
