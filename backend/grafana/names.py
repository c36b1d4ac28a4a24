"""Uids of what normalcy makes in Grafana: stable, within Grafana's limits, and ours to see."""

import re
from collections.abc import Iterable
from hashlib import sha256

PREFIX = "normalcy-"
"""What every uid of ours begins with."""

TAG = "normalcy"
"""What every dashboard of ours is tagged with."""

FOLDER = "normalcy"
FOLDER_UID = "normalcy"
ALERT_FOLDER = "normalcy alerts"
"""Another folder than that of the dashboards: Grafana makes it by its title, with a uid of its own,
and a provider of dashboards would then not find the folder under the uid it wants."""
ALERT_FOLDER_UID = "normalcy-alerts"

# Grafana 9.3 cuts an address at a dash in the uid of a datasource.
RESULTS = "normalcy_results"
SENSORS = "normalcy_sensors"
SERVICE = "normalcy_service"

LONGEST_UID = 40

_PLAIN = re.compile(r"[A-Za-z0-9_-]+")


def uid(kind: str, detector: str = "") -> str:
    """The uid of a thing, of a detector's if one is named; at most 40 letters, digits, - and _.

    A name that is too long or holds a dot is replaced by a piece of its hash.
    """
    if not detector:
        return f"{PREFIX}{kind}"
    plain = f"{PREFIX}{kind}-{detector}"
    if len(plain) <= LONGEST_UID and _PLAIN.fullmatch(detector):
        return plain
    return f"{PREFIX}{kind}-{sha256(detector.encode()).hexdigest()[:16]}"


def shown_alone(dashboard: str, detectors: Iterable[str]) -> str | None:
    """The detector that a dashboard of ours is about, if it is about one alone."""
    for name in detectors:
        if dashboard in (uid("detector", name), uid("fleet", name)):
            return name
    return None


def is_ours(uid: str) -> bool:
    """Whether a uid is one that normalcy gives."""
    return uid.startswith(PREFIX)
