"""The part of normalcy.yaml about Grafana."""

import re
from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from backend.ports import Credentials
from backend.records import LabelKind
from backend.settings.values import AnnotationSettings, GrafanaSettings
from backend.specs import Duration, Spec

OLDEST = (9, 3)

_VERSION = re.compile(r"(\d{1,3})\.(\d{1,3})(?:\..*)?")
_TAG = re.compile(r"[^\s,:][^\s,]{0,49}")


def check_web_url(url: str) -> str:
    """Refuse what is no address of a web server.

    Raises:
        ValueError: no http or https, no host, or a secret in it.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("expected an address such as http://grafana:3000")
    if parts.username or parts.password:
        raise ValueError("no user or password may stand in the address")
    return url.rstrip("/")


def read_version(text: str) -> tuple[int, int]:
    """Major and minor of a version as Grafana writes it.

    Raises:
        ValueError: it is not a version, or one too old.
    """
    match = _VERSION.fullmatch(text.strip())
    if match is None:
        raise ValueError('expected a version such as "11.6", in quotes')
    version = int(match[1]), int(match[2])
    if version < OLDEST:
        raise ValueError("expected 9.3 or newer")
    return version


def _check_version(text: str) -> str:
    read_version(text)
    return text


def _check_tag(text: str) -> str:
    if not _TAG.fullmatch(text):
        raise ValueError("expected a short tag without spaces, commas and a colon at its start")
    return text


WebUrl = Annotated[str, AfterValidator(check_web_url)]
Tag = Annotated[str, AfterValidator(_check_tag)]


class TagsPart(Spec):
    """Which tag makes an annotation a label."""

    normal: Tag = "normal"
    anomaly: Tag = "anomaly"
    exclude: Tag = "exclude"

    @model_validator(mode="after")
    def _are_distinct(self) -> "TagsPart":
        if len({self.normal, self.anomaly, self.exclude}) < 3:
            raise ValueError("expected three different tags")
        return self


class AnnotationsPart(Spec):
    """How labels and annotations are kept equal."""

    every: Duration = Field(timedelta(minutes=1), ge=timedelta(seconds=5), le=timedelta(days=1))
    horizon: Duration = Field(timedelta(days=400), ge=timedelta(days=1))
    tags: TagsPart = TagsPart()
    write_back: bool = False
    write_events: bool = False

    def settings(self) -> AnnotationSettings:
        """As the rest of the program takes it."""
        tags = {kind: getattr(self.tags, kind) for kind in LabelKind}
        return AnnotationSettings(
            self.every, self.horizon, tags, self.write_back, self.write_events
        )


class GrafanaPart(Spec):
    """The key `grafana` of the file."""

    url: WebUrl | None = None
    version: Annotated[str, AfterValidator(_check_version)] = "11.6"
    json_datasource: Literal["auto", "infinity", "simpod", "none"] = "auto"
    normalcy_url: WebUrl | None = None
    store_url: WebUrl | None = None
    results_url: WebUrl | None = None
    dashboards: str = Field("/etc/normalcy/dashboards", min_length=1)
    labels: AnnotationsPart = AnnotationsPart()

    def settings(self, url: str | None, credentials: Credentials) -> GrafanaSettings:
        """As the rest of the program takes it; `url` of the environment goes before the file's."""
        return GrafanaSettings(
            url or self.url,
            credentials,
            read_version(self.version),
            self.json_datasource,
            self.normalcy_url,
            self.store_url,
            self.results_url,
            self.dashboards,
            self.labels.settings(),
        )
