"""Environment and normalcy.yaml to frozen, validated settings; the only reader of either.

`load` has no side effects: reading again is how a running service takes a changed configuration.
"""

from backend.settings.loading import load, require_token
from backend.settings.log_lines import log_form
from backend.settings.sharing import shared_places
from backend.settings.urls import (
    check_records_url,
    check_series_url,
    same_place,
    with_password,
)
from backend.settings.values import (
    AnnotationSettings,
    GrafanaSettings,
    OidcSettings,
    SessionSettings,
    Settings,
    TrainingSettings,
    WebSettings,
    WorkerSettings,
    WorkersSettings,
)
from backend.specs.times import parse_time

__all__ = [
    "AnnotationSettings",
    "GrafanaSettings",
    "OidcSettings",
    "SessionSettings",
    "Settings",
    "TrainingSettings",
    "WebSettings",
    "WorkerSettings",
    "WorkersSettings",
    "check_records_url",
    "check_series_url",
    "load",
    "log_form",
    "parse_time",
    "require_token",
    "same_place",
    "shared_places",
    "with_password",
]
