"""What the rest of the program is told by its configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal

from backend.ports import Credentials
from backend.records import LabelDraft, LabelKind, Role
from backend.services.retention import Keep
from backend.settings.log_lines import LogForm
from backend.specs import DetectorSpec

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8087


@dataclass(frozen=True)
class SessionSettings:
    """How long somebody stays signed in.

    Attributes:
        idle: without a look.
        longest: in any case.
        elsewhere: in any case, where another service vouches; what it says is then heard again.
    """

    idle: timedelta = timedelta(hours=12)
    longest: timedelta = timedelta(days=7)
    elsewhere: timedelta = timedelta(hours=12)


@dataclass(frozen=True)
class OidcSettings:
    """Who else may say who somebody is, by OpenID Connect.

    Attributes:
        issuer: its address, as its documents write it.
        client_id: what it calls normalcy.
        label: what the button says; the issuer's host if None.
        scopes: what is asked of it.
        name_claim: which of its statements is the person's name here.
        groups_claim: which one lists the groups; dots lead into it.
        roles: what people of a group may do.
        default_role: what those may do who are in none of them; nothing if None.
        secret: that only the issuer and normalcy know; None for a public client.
    """

    issuer: str
    client_id: str
    label: str | None = None
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    name_claim: str = "preferred_username"
    groups_claim: str = "groups"
    roles: Mapping[str, Role] = field(default_factory=dict)
    default_role: Role | None = None
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class WebSettings:
    """Where the pages and the API listen, and how people sign in.

    Attributes:
        host: address to listen on.
        port: port to listen on.
        token: of the administrator.
        address: where browsers reach the pages, if it is another address; see `url`.
        trusted_proxies: addresses and networks whose word on who calls is believed.
        sessions: how long somebody stays signed in.
        oidc: who else may say who somebody is.
        grafana_secret: what Grafana shows where it says which of its users looks.
    """

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    token: str | None = field(default=None, repr=False)
    address: str | None = None
    trusted_proxies: tuple[str, ...] = ()
    sessions: SessionSettings = field(default_factory=SessionSettings)
    oidc: OidcSettings | None = None
    grafana_secret: str | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Where browsers reach the pages, without a slash at the end: what links begin with."""
        if self.address:
            return self.address.rstrip("/")
        host = "localhost" if self.host in ("0.0.0.0", "::", "[::]") else self.host  # nosec B104
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
class WorkerSettings:
    """What the workers of one place may take of the machine.

    Attributes:
        memory: bytes that a worker's process may use; None for its share of the machine.
        threads: how many it computes in; None for as many as there are processors.
        nice: how far it steps back for others that want a processor, 0 to 19.
    """

    memory: int | None = None
    threads: int | None = None
    nice: int = 0


@dataclass(frozen=True)
class WorkersSettings:
    """What the workers of the jobs may take: trainings and past ranges give way to scoring."""

    score: WorkerSettings = field(default_factory=WorkerSettings)
    train: WorkerSettings = field(default_factory=lambda: WorkerSettings(nice=10))
    backfill: WorkerSettings = field(default_factory=lambda: WorkerSettings(nice=10))


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
        audit_kept: how long entries of the audit log are kept.
        keep: how long versions, runs and results are kept.
        detectors: those of normalcy.yaml by name; the record store may hold others.
        labels: those of normalcy.yaml.
        config: the file that was read, if any.
        text: what it said.
        log_form: `text` or `json`, how processes log.
        secrets: every secret that was read, and what in it is one by itself.
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
    workers: WorkersSettings = field(default_factory=WorkersSettings)
    audit_kept: timedelta = timedelta(days=730)
    keep: Keep = field(default_factory=Keep)
    detectors: Mapping[str, DetectorSpec] = field(default_factory=dict)
    labels: tuple[LabelDraft, ...] = ()
    config: Path | None = None
    text: str = field(default="", repr=False, compare=False)
    log_form: LogForm = "text"
    secrets: frozenset[str] = field(default=frozenset(), repr=False, compare=False)

    @property
    def kept(self) -> Path:
        """The copy of the configuration that was last in force."""
        return kept_in(self.home)

    @property
    def artifacts(self) -> Path:
        """Directory of the model files."""
        return self.home / "artifacts"

    @property
    def logs(self) -> Path:
        """Directory of the tracebacks that the command keeps from its user's screen."""
        return self.home / "logs"


def kept_in(home: Path) -> Path:
    """Where a copy of the configuration that was last in force lies."""
    return home / "configuration" / "normalcy.yaml"
