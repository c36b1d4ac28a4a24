"""What the rest of the program is told by its configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal

from backend.ports import Credentials
from backend.records import LabelDraft, LabelKind
from backend.specs import DetectorSpec

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8087


@dataclass(frozen=True)
class WebSettings:
    """Where the pages and the API listen, and the token of the administrator.

    Attributes:
        host: address to listen on.
        port: port to listen on.
        token: of the administrator.
        address: where browsers reach the pages, if it is another address; see `url`.
    """

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    token: str | None = field(default=None, repr=False)
    address: str | None = None

    @property
    def url(self) -> str:
        """Where browsers reach the pages, without a slash at the end: what links begin with."""
        if self.address:
            return self.address.rstrip("/")
        host = "localhost" if self.host in ("0.0.0.0", "::", "[::]") else self.host
        return f"http://{f'[{host}]' if ':' in host.strip('[]') else host}:{self.port}"


@dataclass(frozen=True)
class AnnotationSettings:
    """How labels and Grafana's annotations are kept equal.

    Attributes:
        every: time between two looks.
        horizon: how far back annotations are looked at.
        tags: the tag that makes an annotation a label, by kind.
        write_back: whether labels made elsewhere appear as annotations.
        write_events: whether detected events do.
    """

    every: timedelta = timedelta(minutes=1)
    horizon: timedelta = timedelta(days=400)
    tags: Mapping[LabelKind, str] = field(
        default_factory=lambda: {kind: str(kind) for kind in LabelKind}
    )
    write_back: bool = False
    write_events: bool = False


@dataclass(frozen=True)
class GrafanaSettings:
    """The Grafana that people look at, and how it reaches what it reads.

    Attributes:
        url: of its HTTP API; None where none is known, and files are all that is made.
        credentials: for its API; a token, or user and password.
        version: major and minor of the Grafana that files are written for.
        json_datasource: the plugin that reads normalcy itself; `auto` chooses by version.
        normalcy_url: where Grafana's server reaches the pages.
        store_url: where Grafana's server reaches the store's InfluxDB, `http://host:port`.
        results_url: the same for the results.
        dashboards: where Grafana's server finds the files of the dashboards.
        labels: how labels and annotations are kept equal.
    """

    url: str | None = None
    credentials: Credentials = field(default_factory=Credentials)
    version: tuple[int, int] = (11, 6)
    json_datasource: str = "auto"
    normalcy_url: str | None = None
    store_url: str | None = None
    results_url: str | None = None
    dashboards: str = "/etc/normalcy/dashboards"
    labels: AnnotationSettings = field(default_factory=AnnotationSettings)


@dataclass(frozen=True)
class NotifySettings:
    """Who is told of alerts, and how.

    Attributes:
        url: incoming webhook of a chat, a secret; None where nobody is told.
        kind: how links are written, `plain` or `slack`.
        links_expire: how long the links of a message work.
    """

    url: str | None = field(default=None, repr=False)
    kind: Literal["plain", "slack"] = "plain"
    links_expire: timedelta = timedelta(days=7)


@dataclass(frozen=True)
class TrainingSettings:
    """Where the pieces of a fleet are trained, and what a worker's process may use.

    Attributes:
        executor: `in_process`, `processes` of this machine, or `dask` for a cluster.
        processes: how many processes; None for as many as there are cores.
        memory: bytes that a worker's process may use; None for as many as there are.
        dask: address of the cluster's scheduler.
        timeout: a piece is ended after so long.
    """

    executor: Literal["in_process", "processes", "dask"] = "in_process"
    processes: int | None = None
    memory: int | None = None
    dask: str | None = None
    timeout: timedelta = timedelta(hours=1)


@dataclass(frozen=True)
class Settings:
    """Everything that a process is configured with, valid as a whole.

    Attributes:
        home: directory of what normalcy itself keeps: records, model files, logs.
        store: URL of the series store that the sensors are in.
        results: URL of the series store that scores are written to.
        records: SQLAlchemy URL of the record store; may hold a password, so it never shows.
        copy_credentials: for both ends of `normalcy copy`; None where none are set.
        copy_records: URLs of the record stores at both ends, which may hold passwords.
        detectors: those of normalcy.yaml by name; the record store may hold others.
        labels: those of normalcy.yaml.
        config: the file that was read, if any.
    """

    home: Path
    store: str
    results: str
    records: str = field(repr=False)
    store_credentials: Credentials = field(default_factory=Credentials)
    results_credentials: Credentials = field(default_factory=Credentials)
    copy_credentials: tuple[Credentials | None, Credentials | None] = (None, None)
    copy_records: tuple[str | None, str | None] = field(default=(None, None), repr=False)
    web: WebSettings = field(default_factory=WebSettings)
    grafana: GrafanaSettings = field(default_factory=GrafanaSettings)
    notify: NotifySettings = field(default_factory=NotifySettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    detectors: Mapping[str, DetectorSpec] = field(default_factory=dict)
    labels: tuple[LabelDraft, ...] = ()
    config: Path | None = None

    @property
    def artifacts(self) -> Path:
        """Directory of the model files."""
        return self.home / "artifacts"

    @property
    def logs(self) -> Path:
        """Directory of the tracebacks that the command keeps from its user's screen."""
        return self.home / "logs"
