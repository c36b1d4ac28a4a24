"""What a token for some detectors may make of them: how they judge, never what they read."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from werkzeug.exceptions import Forbidden

from backend.exceptions import NotFound
from backend.specs import DetectorSpec
from backend.web.application import application
from backend.web.who import person

READ = ("measurement", "channels", "context", "where", "group_by")
"""The keys of a detector that say what it reads."""


def require_same_source(name: str, body: DetectorSpec | Mapping[str, Any]) -> None:
    """Refuse a definition by which a token for some detectors would come to see other data.

    Whoever may redefine a detector could otherwise point it at any measurement of the store.

    Args:
        name: of the detector.
        body: its new definition, as a whole or as it would stand in normalcy.yaml.

    Raises:
        Forbidden: it reads something else than before, or there was none before.
    """
    if not person().detectors:
        return
    if other := _others(name, body):
        raise Forbidden(
            f"This token is for {', '.join(person().detectors)} only: it may change how a detector "
            f"judges, but not what it reads ({', '.join(other)}). Use a token for all detectors."
        )


def _others(name: str, body: DetectorSpec | Mapping[str, Any]) -> list[str]:
    """The keys by which it would read something else than before."""
    try:
        former = application().detectors.get(name).plain()
    except NotFound:
        return list(READ)
    told = body.plain() if isinstance(body, DetectorSpec) else _read(name, body)
    return [key for key in READ if key in told and told[key] != former[key]]


def _read(name: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """A definition with its defaults; as it is told, where something in it is wrong.

    What is wrong is told where it is read, and the source may be looked at for that.
    """
    try:
        return DetectorSpec.model_validate({**body, "name": name}).plain()
    except ValidationError:
        return body
