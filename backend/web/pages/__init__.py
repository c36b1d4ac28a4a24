"""The operator's pages, one file a page; every one is a blueprint in `BLUEPRINTS`."""

from backend.web.pages.access import access
from backend.web.pages.alerts import alerts
from backend.web.pages.audit import audit
from backend.web.pages.catalogue import catalogue
from backend.web.pages.detector import detector
from backend.web.pages.fleet import fleet
from backend.web.pages.labels import labels
from backend.web.pages.me import me
from backend.web.pages.models import models
from backend.web.pages.overview import overview
from backend.web.pages.preferences import preferences
from backend.web.pages.setup import setup
from backend.web.pages.sign_in import sign_in
from backend.web.pages.sufficiency import sufficiency
from backend.web.pages.threshold import threshold
from backend.web.pages.work import work

BLUEPRINTS = (
    access,
    alerts,
    audit,
    catalogue,
    detector,
    labels,
    fleet,
    me,
    models,
    overview,
    preferences,
    setup,
    sign_in,
    sufficiency,
    threshold,
    work,
)
