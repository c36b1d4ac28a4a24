"""What the web needs of the assembled product, and where its views find it."""

from collections.abc import Callable, Sequence
from typing import Protocol, cast

from flask import current_app

from backend.ports import Clock
from backend.services.access import Access
from backend.services.alerting import Alerting
from backend.services.audit_log import AuditLog
from backend.services.catalogue import Catalogue
from backend.services.channel_changes import ChannelChanges
from backend.services.comparing import Comparing
from backend.services.detectors import Detectors
from backend.services.drift_answers import DriftAnswers
from backend.services.elsewhere import Elsewhere
from backend.services.fleet_view import FleetView
from backend.services.history import History
from backend.services.label_files import LabelFiles
from backend.services.label_history import LabelHistory
from backend.services.labelling import Labelling
from backend.services.meters import Meters
from backend.services.monitoring import Monitoring
from backend.services.promotion import Promoting
from backend.services.queries import Queries
from backend.services.reconfiguring import Reconfiguring
from backend.services.requests import Requests
from backend.services.reviewing import Reviewing
from backend.services.rule_states import RuleWatch
from backend.services.saying import Saying
from backend.services.series_overview import SeriesOverview
from backend.services.setting_up import SettingUp
from backend.services.signed_in import Sessions
from backend.services.sufficiency import Sufficiency
from backend.services.suggesting import Suggesting
from backend.services.what_if import WhatIf
from backend.services.work import Work


class WebSettings(Protocol):
    """Where to listen, and the token that callers must show; none leaves loopback open."""

    @property
    def host(self) -> str:
        """Address to listen on."""
        ...

    @property
    def port(self) -> int:
        """Port to listen on."""
        ...

    @property
    def token(self) -> str | None:
        """The administrator's token."""
        ...

    @property
    def url(self) -> str:
        """Where browsers reach the pages."""
        ...

    @property
    def trusted_proxies(self) -> Sequence[str]:
        """Addresses and networks whose word on who calls is believed."""
        ...

    @property
    def grafana_secret(self) -> str | None:
        """What Grafana shows where it says which of its users looks."""
        ...


class Settings(Protocol):
    """The part of the settings that concerns the web."""

    @property
    def web(self) -> WebSettings:
        """Address and token."""
        ...


class Application(Protocol):
    """The use cases that the web calls."""

    @property
    def settings(self) -> Settings:
        """Address and token."""
        ...

    @property
    def clock(self) -> Clock:
        """The time."""
        ...

    @property
    def detectors(self) -> Detectors:
        """Which detectors there are."""
        ...

    @property
    def reconfiguring(self) -> Reconfiguring:
        """What is edited in normalcy.yaml is taken up."""
        ...

    @property
    def labelling(self) -> Labelling:
        """Labels are added and taken back."""
        ...

    @property
    def label_files(self) -> LabelFiles:
        """Labels come from files and go into them."""
        ...

    @property
    def label_history(self) -> LabelHistory:
        """Who said what when, and back to it."""
        ...

    @property
    def suggesting(self) -> Suggesting:
        """What might be labelled next."""
        ...

    @property
    def promotion(self) -> Promoting:
        """A version is chosen to serve."""
        ...

    @property
    def drift(self) -> DriftAnswers:
        """Proposals to train anew are answered."""
        ...

    @property
    def channel_changes(self) -> ChannelChanges:
        """What may have happened to channels themselves."""
        ...

    @property
    def comparing(self) -> Comparing:
        """What another version would change is asked for, and found."""
        ...

    @property
    def reviewing(self) -> Reviewing:
        """What a person looks at before a version serves."""
        ...

    @property
    def requests(self) -> Requests:
        """Work is asked of the jobs."""
        ...

    @property
    def work(self) -> Work:
        """What goes on, and its end when a person wants it."""
        ...

    @property
    def queries(self) -> Queries:
        """Questions that change nothing."""
        ...

    @property
    def what_if(self) -> WhatIf:
        """What another threshold would have given."""
        ...

    @property
    def series_overview(self) -> SeriesOverview:
        """Every series at a glance."""
        ...

    @property
    def fleet_view(self) -> FleetView:
        """Which series deviate together."""
        ...

    @property
    def history(self) -> History:
        """Questions about detectors as a whole."""
        ...

    @property
    def rule_states(self) -> RuleWatch:
        """Which alert rules fire in Grafana."""
        ...

    @property
    def catalogue(self) -> Catalogue:
        """What the source holds."""
        ...

    @property
    def alerting(self) -> Alerting:
        """What Grafana told of alerts."""
        ...

    @property
    def saying(self) -> Saying:
        """What people say of an alert by the link in a message."""
        ...

    @property
    def results_catalogue(self) -> Catalogue:
        """What the store of the results holds."""
        ...

    @property
    def setting_up(self) -> SettingUp:
        """A detector is proposed, checked and saved."""
        ...

    @property
    def sufficiency(self) -> Sufficiency:
        """Whether there is enough labelled normal time."""
        ...

    @property
    def access(self) -> Access:
        """Accounts and tokens."""
        ...

    @property
    def meters(self) -> Meters:
        """What this process counts."""
        ...

    @property
    def monitoring(self) -> Monitoring:
        """What Prometheus is told."""
        ...

    @property
    def sessions(self) -> Sessions:
        """Where people are signed in."""
        ...

    @property
    def elsewhere(self) -> Elsewhere | None:
        """Sign-in by another service; None where none is configured."""
        ...

    @property
    def audit(self) -> AuditLog:
        """Who changed what."""
        ...

    @property
    def session_key(self) -> Callable[[], str]:
        """What signs the cookies of who is signed in."""
        ...


EXTENSION = "normalcy"


def application() -> Application:
    """The application that the current request belongs to."""
    return cast(Application, current_app.extensions[EXTENSION])
