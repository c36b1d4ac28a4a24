"""Settings as they may be shown to anybody: what is set, and no secret."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from backend.ports import Credentials
from backend.services.discretion import striking_out
from backend.settings.environment import PREFIX
from backend.settings.values import Settings

SET = "set"
"""What is shown of a secret."""
_ELSEWHERE = ("detectors", "labels", "text", "secrets")
"""What is told apart, or not at all."""


def shown(settings: Settings) -> dict[str, Any]:
    """Every setting that is no secret; of those whether they are set."""
    values: dict[str, Any] = {
        field.name: _shown(getattr(settings, field.name), secret=not field.repr)
        for field in fields(settings)
        if field.name not in _ELSEWHERE
    }
    # which server it is matters; a password would stand before it, or behind the question mark
    values["records"] = striking_out(())(settings.records.partition("?")[0])
    return values


def variables(environ: Mapping[str, str]) -> list[str]:
    """The names of the variables that are set for normalcy."""
    return sorted(name for name in environ if name.startswith(PREFIX) and environ[name])


def _shown(value: Any, *, secret: bool = False) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Credentials):
        names = ("username", "password", "token")
        return [name for name in names if getattr(value, name)]
    if secret:
        is_set = any(value) if isinstance(value, tuple) else bool(value)
        return SET if is_set else None
    if is_dataclass(value):
        return {
            field.name: _shown(getattr(value, field.name), secret=not field.repr)
            for field in fields(value)
        }
    return _many(value)


def _many(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _shown(one) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_shown(one) for one in value]
    return value if isinstance(value, int | float | str) else str(value)
