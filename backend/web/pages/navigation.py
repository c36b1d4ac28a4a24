"""The ways from page to page: those of the service, and those of a detector."""

from flask import Flask, url_for

from backend.records import Role
from backend.web.who import NOBODY, person

Way = tuple[str, str]
"""An address and the name of the text that leads there."""

_PLACES = (
    ("overview_page.show", "shell-overview"),
    ("fleet_page.show", "shell-fleet"),
    ("work_page.show", "shell-work"),
    ("alerts_page.show", "shell-alerts"),
    ("catalogue_page.show", "shell-stored"),
    ("access_page.show", "shell-access"),
)
_FOR_ADMINISTRATORS = ("access_page.show",)
_OF_DETECTOR = (
    ("detector_page.show", "shell-detector"),
    ("labels_page.show", "shell-labels"),
    ("sufficiency_page.show", "shell-sufficiency"),
    ("models_page.show", "shell-models"),
    ("threshold_page.show", "shell-threshold"),
    ("setup_page.edit", "shell-edit"),
)


def register(app: Flask) -> None:
    """Offer `places` and `detector_places` to templates."""
    app.add_template_global(places)
    app.add_template_global(detector_places)


def places() -> list[Way]:
    """The pages of the service that the person may look at."""
    if person() is NOBODY:
        return []
    hidden = () if person().may(Role.ADMIN) else _FOR_ADMINISTRATORS
    return [(url_for(view), name) for view, name in _PLACES if view not in hidden]


def detector_places(detector: str) -> list[Way]:
    """The pages of a detector."""
    return [(url_for(view, name=detector), name) for view, name in _OF_DETECTOR]
