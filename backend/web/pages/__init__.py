"""The operator's pages, one file a page; every one is a blueprint in `BLUEPRINTS`."""

from backend.web.pages.access import access
from backend.web.pages.alerts import alerts
from backend.web.pages.catalogue import catalogue
from backend.web.pages.detector import detector
from backend.web.pages.me import me
from backend.web.pages.overview import overview
from backend.web.pages.preferences import preferences
from backend.web.pages.sign_in import sign_in

BLUEPRINTS = (
    access,
    alerts,
    catalogue,
    detector,
    me,
    overview,
    preferences,
    sign_in,
)
