"""Reading the configuration as a whole: every mistake at once, or settings that hold together."""

from collections.abc import Callable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from platformdirs import user_data_dir
from pydantic import Field, ValidationError

from backend.exceptions import ConfigurationError, Problem
from backend.ports import Credentials
from backend.settings.document import Document, read_document
from backend.settings.environment import PREFIX, Variables
from backend.settings.grafana import GrafanaPart, check_web_url
from backend.settings.keeping import KeepPart
from backend.settings.log_lines import LogForm, parts_of_secret
from backend.settings.notifying import NotifyPart, check_chat_url
from backend.settings.statements import read_detectors
from backend.settings.training import TrainingPart, TrainingReading
from backend.settings.urls import (
    check_records_url,
    check_series_url,
    default_results,
    embedded_url,
)
from backend.settings.values import (
    DEFAULT_HOST,
    GrafanaSettings,
    NotifySettings,
    Settings,
    TrainingSettings,
    WebSettings,
)
from backend.settings.web import AuditPart, WebPart
from backend.settings.wording import problems
from backend.settings.workers import WorkersPart
from backend.specs import Spec

DEFAULT_FILE = "normalcy.yaml"


class _Top(Spec):
    """The keys at the top of the file; what stands below `detectors` is read by `statements`."""

    home: str | None = Field(None, min_length=1)
    store: str | None = None
    results: str | None = None
    records: str | None = None
    web: WebPart | None = None
    grafana: GrafanaPart | None = None
    notify: NotifyPart | None = None
    training: TrainingPart | None = None
    workers: WorkersPart | None = None
    audit: AuditPart | None = None
    keep: KeepPart | None = None
    detectors: Any = None


def load(environ: Mapping[str, str]) -> Settings:
    """Read normalcy.yaml and the environment, which overrides it.

    Raises:
        ConfigurationError: with every mistake, its line and what was expected.
    """
    config = _config(environ)
    document = read_document(config) if config else Document()
    return _Reading(Variables(environ), document, config).settings()


def load_copy(environ: Mapping[str, str], copy: Path) -> Settings:
    """As `load`, from a copy of the file that the environment names.

    Raises:
        ConfigurationError: as `load`.
    """
    config = Path(environ.get(f"{PREFIX}CONFIG") or DEFAULT_FILE).expanduser().absolute()
    return _Reading(Variables(environ), read_document(copy), config).settings()


def home_in(environ: Mapping[str, str]) -> Path:
    """Where normalcy keeps what is its own, as far as a file tells that may be wrong."""
    try:
        config = _config(environ)
        document = read_document(config) if config else Document()
    except ConfigurationError:
        config, document = None, Document()
    return _Reading(Variables(environ), document, config).home()


def require_token(settings: Settings) -> None:
    """Refuse to serve beyond this machine without a token.

    Raises:
        ConfigurationError: the host is not loopback and no token is configured.
    """
    if settings.web.token is None and not _is_loopback(settings.web.host):
        raise ConfigurationError(
            f"the pages would be open to everyone who reaches {settings.web.host}: set "
            f"NORMALCY_TOKEN or NORMALCY_TOKEN_FILE, or listen on {DEFAULT_HOST}"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _config(environ: Mapping[str, str]) -> Path | None:
    if named := environ.get(f"{PREFIX}CONFIG"):
        file = Path(named).expanduser()
        if not file.is_file():
            raise ConfigurationError(
                f"NORMALCY_CONFIG names {file}, which is not a file: expected a normalcy.yaml"
            )
        return file.absolute()
    file = Path(DEFAULT_FILE)
    return file.absolute() if file.is_file() else None


class _Reading:
    """One reading of file and environment; collects problems until the end."""

    def __init__(self, variables: Variables, document: Document, config: Path | None) -> None:
        self._variables = variables
        self._document = document
        self._config = config
        self._problems = list(document.problems)
        self._top = self._read_top()

    def settings(self) -> Settings:
        home = self.home()
        store = self._series_url("store") or embedded_url(home / "store")
        results = self._series_url("results") or default_results(store)
        records, web, credentials = self._records(home), self._web(), self._credentials()
        grafana, notify, training = self._grafana(), self._notify(), self._training()
        copy_credentials = (
            self._variables.credentials("COPY_FROM"),
            self._variables.credentials("COPY_TO"),
        )
        copy_records = (
            self._copy_records("COPY_FROM_RECORDS_URL"),
            self._copy_records("COPY_TO_RECORDS_URL"),
        )
        log_form: LogForm = "json" if self._log_form() == "json" else "text"
        stated = read_detectors(self._document)
        self._problems += [*self._variables.problems, *stated.problems]
        if self._problems:
            raise self._error()
        return Settings(
            home=home,
            store=store,
            results=results,
            records=records,
            store_credentials=credentials[0],
            results_credentials=credentials[1],
            copy_credentials=copy_credentials,
            copy_records=copy_records,
            web=web,
            grafana=grafana,
            notify=notify,
            training=training,
            workers=(self._top.workers or WorkersPart()).settings(),
            audit_kept=(self._top.audit or AuditPart()).keep,
            keep=(self._top.keep or KeepPart()).settings(),
            detectors=stated.detectors,
            labels=tuple(stated.labels),
            config=self._config,
            text=self._document.text,
            log_form=log_form,
            secrets=frozenset(
                part for one in self._variables.secrets for part in parts_of_secret(one)
            ),
        )

    def _read_top(self) -> _Top:
        """The top keys, each by itself, so that a wrong one does not hide the others."""
        try:
            return _Top.model_validate(self._document.values)
        except ValidationError as error:
            self._problems += problems(error, _Top, (), self._document)
            wrong = {details["loc"][0] for details in error.errors()}
        return _Top.model_validate(
            {key: value for key, value in self._document.values.items() if key not in wrong}
        )

    def _log_form(self) -> str | None:
        return self._variables.chosen("LOG_FORMAT", ("text", "json"))

    def home(self) -> Path:
        """Directory of what normalcy itself keeps."""
        if named := self._variables.text("HOME"):
            return Path(named).expanduser().absolute()
        if self._top.home and self._config:
            return self._config.parent / Path(self._top.home).expanduser()
        return Path(user_data_dir("normalcy", appauthor=False))

    def _series_url(self, key: str) -> str | None:
        variables = f"{PREFIX}{key.upper()}"
        return self._url(
            key,
            self._variables.text(key.upper()),
            variables,
            lambda url: check_series_url(url, variables),
        )

    def _records(self, home: Path) -> str:
        given = self._variables.secret("RECORDS_URL")
        checked = self._url(
            "records",
            given,
            f"{PREFIX}RECORDS_URL",
            lambda url: check_records_url(url, secret_allowed=given is not None),
        )
        return checked or f"sqlite:///{home / 'records.sqlite3'}"

    def _copy_records(self, name: str) -> str | None:
        url = self._variables.secret(name)
        try:
            if url is not None:
                check_records_url(url, secret_allowed=True)
        except ValueError as error:
            self._problems.append(Problem(PREFIX + name, str(error)))
        return url

    def _url(
        self, key: str, given: str | None, variable: str, check: Callable[[str], None]
    ) -> str | None:
        """The URL of the environment, else of the file; None where there is none or it is wrong."""
        url = given or getattr(self._top, key)
        if url is None:
            return None
        try:
            check(url)
        except ValueError as error:
            where, line = (variable, None) if given else (key, self._document.line((key,)))
            self._problems.append(Problem(where, str(error), line))
            return None
        return str(url)

    def _web(self) -> WebSettings:
        return (self._top.web or WebPart()).settings(self._variables, self._web_url("URL"))

    def _grafana(self) -> GrafanaSettings:
        part = self._top.grafana or GrafanaPart()
        credentials = self._variables.credentials("GRAFANA") or Credentials()
        return part.settings(self._web_url("GRAFANA_URL"), credentials)

    def _notify(self) -> NotifySettings:
        part, url = self._top.notify or NotifyPart(), self._variables.secret("NOTIFY_URL")
        try:
            return part.settings(url and check_chat_url(url))
        except ValueError as error:
            self._problems.append(Problem(f"{PREFIX}NOTIFY_URL", str(error)))
            return NotifySettings()

    def _training(self) -> TrainingSettings:
        part = self._top.training or TrainingPart()
        reading = TrainingReading(part, self._variables, self._document)
        settings = reading.settings()
        self._problems += reading.problems
        return settings

    def _web_url(self, name: str) -> str | None:
        text = self._variables.text(name)
        try:
            return None if text is None else check_web_url(text)
        except ValueError as error:
            self._problems.append(Problem(PREFIX + name, str(error)))
            return None

    def _credentials(self) -> tuple[Credentials, Credentials]:
        """Those of the store; those of the results, as a whole the store's when none is set."""
        store = self._variables.credentials("STORE") or Credentials()
        return store, self._variables.credentials("RESULTS") or store

    def _error(self) -> ConfigurationError:
        found = sorted(self._problems, key=lambda problem: problem.line or 0)
        count = "1 mistake" if len(found) == 1 else f"{len(found)} mistakes"
        place = self._config or "the environment"
        return ConfigurationError(f"{place}: {count} in the configuration", found)
