"""Settings to use cases: the only file that names concrete classes."""

import multiprocessing
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from backend.detection.forecast import Machine
from backend.executors import InProcess, LocalProcesses, machine
from backend.executors.dask import DaskCluster
from backend.executors.limits import Limits
from backend.executors.logs import log_to_stderr
from backend.executors.memory import used
from backend.grafana.annotations import GrafanaAnnotations
from backend.grafana.client import GrafanaClient, Patience
from backend.grafana.examination import examine
from backend.grafana.names import shown_alone
from backend.grafana.states import GrafanaRuleBook
from backend.messengers import ChatWebhook
from backend.models.exporting import export
from backend.models.processors import processors
from backend.models.registry import build
from backend.ports import (
    ArtifactStore,
    Clock,
    Credentials,
    Executor,
    Finding,
    ModelFactory,
    RecordStore,
    SeriesStore,
)
from backend.services.access import Access
from backend.services.alerting import Alerting
from backend.services.audit_log import AuditLog
from backend.services.audited import audited
from backend.services.backing_up import BackingUp, Remembered
from backend.services.backups import Backups
from backend.services.capacity import Capacity
from backend.services.capacity_probe import TICK, TRAIN, Probe
from backend.services.catalogue import Catalogue
from backend.services.channel_changes import ChannelChanges
from backend.services.checking import Checking
from backend.services.comparing import Comparing
from backend.services.copying import Copying
from backend.services.detectors import Detectors
from backend.services.drawing import Span
from backend.services.drift_answers import DriftAnswers
from backend.services.dry_run import DryRuns
from backend.services.elsewhere import Elsewhere, Mapped
from backend.services.embedding import Embedding
from backend.services.events import Event, read_events
from backend.services.explaining import Explaining
from backend.services.exporting import Exporting
from backend.services.fencing import fenced
from backend.services.fleet_pieces import FleetPieces
from backend.services.fleet_view import FleetView
from backend.services.forgetting import Forgetting
from backend.services.history import History
from backend.services.label_files import LabelFiles
from backend.services.label_history import LabelHistory
from backend.services.label_publishing import LabelPublishing
from backend.services.label_sync import LabelSync, SyncOptions
from backend.services.labelling import Labelling
from backend.services.links import Links
from backend.services.log_fields import work_fields
from backend.services.meters import Meters
from backend.services.monitoring import Monitoring
from backend.services.notifying import Notifying
from backend.services.own_condition import House, OwnCondition
from backend.services.passwords import Passwords
from backend.services.piece_size import Sizing
from backend.services.process_reports import Reporter
from backend.services.promotion import Promoting
from backend.services.pruning import Pruning
from backend.services.queries import Queries
from backend.services.reconfiguring import Reconfiguring
from backend.services.requests import Requests
from backend.services.restoring import Places, Restoring
from backend.services.rethresholding import Rethresholding
from backend.services.retraining import Retraining
from backend.services.reviewing import Reviewing
from backend.services.rule_states import RuleWatch
from backend.services.run_publishing import RunPublishing
from backend.services.runs import working_for
from backend.services.saying import Saying
from backend.services.scoring import Scoring
from backend.services.series_overview import SeriesOverview
from backend.services.serving import Served
from backend.services.setting_up import SettingUp
from backend.services.signed_in import Sessions
from backend.services.stores import Stores
from backend.services.sufficiency import Sufficiency
from backend.services.suggesting import Suggesting
from backend.services.trial import Trials
from backend.services.verifying import Verifying
from backend.services.what_if import WhatIf
from backend.services.work import Work
from backend.settings import Settings, load, same_place, shared_places
from backend.settings.detector_file import mistakes_in
from backend.settings.document import read_value
from backend.settings.rereading import ConfigFile, load_to_run
from backend.settings.training import LEAST_MEMORY
from backend.stores.artifacts import FileArtifactStore
from backend.stores.backups import ZipBackups, require_room
from backend.stores.checkpoints import FileCheckpoints
from backend.stores.key_file import FileKey
from backend.stores.mark import mark
from backend.stores.metered import metered
from backend.stores.opening import (
    embedded_directory,
    embedded_store,
    open_series_store,
    require_present,
)
from backend.stores.records import SqlRecordStore
from backend.stores.records.dumping import SqlRecordDumps


class SystemClock:
    """The machine's time."""

    def now(self) -> int:
        """UTC nanoseconds since 1970."""
        return time.time_ns()


@dataclass(frozen=True)
class Ground:
    """What everything else stands on."""

    settings: Settings
    clock: Clock
    source: SeriesStore
    results: SeriesStore
    records: RecordStore
    artifacts: ArtifactStore
    pieces: Executor
    detectors: Detectors
    labelling: Labelling
    meters: Meters

    @property
    def stores(self) -> Stores:
        """The places where things are kept."""
        return Stores(self.source, self.results, self.records, self.artifacts)

    def reporter(self, role: str) -> Reporter:
        """What tells the others what this process counts; it has yet to be started.

        Args:
            role: of this process, as `web` or `jobs`.
        """
        return Reporter(self.records, self.meters, self.clock, role)

    def close(self) -> None:
        """Release connections and files, and end workers."""
        self.pieces.close()
        for store in (self.source, self.results, self.records):
            store.close()


@dataclass(frozen=True)
class Labels:
    """What people say of the past."""

    label_sync: LabelSync | None
    label_files: LabelFiles
    label_history: LabelHistory
    label_publishing: LabelPublishing
    suggesting: Suggesting
    reviewing: Reviewing


@dataclass(frozen=True)
class Models:
    """What learns from it, and judges the present by that."""

    promotion: Promoting
    retraining: Retraining
    rethresholding: Rethresholding
    scoring: Scoring
    embedding: Embedding
    explaining: Explaining
    exporting: Exporting
    comparing: Comparing
    trials: Trials
    capacity: Capacity
    probe: Probe
    what_if: WhatIf
    sufficiency: Sufficiency
    channel_changes: ChannelChanges


@dataclass(frozen=True)
class Asked:
    """What a page or a command asks of the jobs, and what became of it."""

    requests: Requests
    work: Work
    drift: DriftAnswers
    run_publishing: RunPublishing


@dataclass(frozen=True)
class Views:
    """What there is to see, of the sensors, of the scores and of normalcy itself."""

    queries: Queries
    series_overview: SeriesOverview
    fleet_view: FleetView
    history: History
    catalogue: Catalogue
    results_catalogue: Catalogue
    checking: Checking
    rule_states: RuleWatch
    monitoring: Monitoring


@dataclass(frozen=True)
class Messages:
    """What is told to people who do not look."""

    alerting: Alerting
    saying: Saying
    notifying: Notifying


@dataclass(frozen=True)
class People:
    """Who may do what, and who did."""

    access: Access
    sessions: Sessions
    elsewhere: Elsewhere | None
    audit: AuditLog
    session_key: Callable[[], str]


@dataclass(frozen=True)
class Upkeep:
    """What is set up, kept, brought back and removed."""

    reconfiguring: Reconfiguring
    setting_up: SettingUp
    forgetting: Forgetting
    backups: Backups
    pruning: Pruning


@dataclass(frozen=True)
class Application(Ground, Labels, Models, Asked, Views, Messages, People, Upkeep):
    """Everything the command, the web and the jobs call."""


def bootstrap(
    settings: Settings,
    *,
    clock: Clock | None = None,
    make_model: ModelFactory = build,
    reread: Callable[[], Settings] | None = None,
) -> Application:
    """Wire the product; nothing outside is reached before it is first used.

    Args:
        settings: what it is configured with.
        clock: the time; the machine's if not told.
        make_model: by a detector's specification.
        reread: reads the configuration again, for a process that goes on while it is edited.
    """

    def here(task: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return _TASKS[task](application, arguments)

    ground = _ground(settings, clock or SystemClock(), here)
    labels = _labels(ground)
    models = _models(ground, make_model)
    parts = (
        ground,
        labels,
        models,
        _asked(ground, labels, models, make_model),
        _views(ground),
        _messages(ground),
        _people(ground),
        _upkeep(ground, make_model, reread),
    )
    application = Application(**{name: each for part in parts for name, each in vars(part).items()})
    return application


def _ground(
    settings: Settings, clock: Clock, here: Callable[[str, Mapping[str, Any]], dict[str, Any]]
) -> Ground:
    meters = Meters()
    stores = open_stores(settings, meters, clock)
    detectors = Detectors(settings.detectors, stores.records, clock)
    return Ground(
        settings=settings,
        clock=clock,
        source=stores.source,
        results=stores.results,
        records=stores.records,
        artifacts=stores.artifacts,
        pieces=open_pieces(settings, here),
        detectors=detectors,
        labelling=Labelling(stores.records, detectors, clock, settings.labels),
        meters=meters,
    )


def _labels(ground: Ground) -> Labels:
    records, results, clock = ground.records, ground.results, ground.clock
    detectors, labelling = ground.detectors, ground.labelling
    tags = ground.settings.grafana.labels.tags
    return Labels(
        label_sync=_label_sync(ground.settings, ground.stores, labelling, detectors, clock),
        label_files=LabelFiles(labelling, detectors, clock, tags, shown_alone),
        label_history=LabelHistory(records, labelling, clock),
        label_publishing=LabelPublishing(records, results),
        suggesting=Suggesting(records, results, detectors, clock),
        reviewing=Reviewing(ground.stores, labelling),
    )


def _models(ground: Ground, make_model: ModelFactory) -> Models:
    stores, clock = ground.stores, ground.clock
    records, artifacts = ground.records, ground.artifacts
    detectors, labelling = ground.detectors, ground.labelling
    sizing = piece_sizing(ground.settings)
    promoting = Promoting(records, artifacts, detectors, clock)
    served = Served(records, artifacts, make_model)
    fleet = FleetPieces(stores, make_model, clock, ground.pieces, sizing)
    return Models(
        promotion=promoting,
        retraining=Retraining(stores, detectors, labelling, promoting, fleet, clock),
        rethresholding=Rethresholding(stores, detectors, labelling, promoting, make_model, clock),
        scoring=Scoring(stores, detectors, labelling, served, clock),
        embedding=Embedding(stores, detectors, labelling, served, clock),
        explaining=Explaining(stores, detectors, labelling, served, make_model, clock),
        exporting=Exporting(records, detectors, served, export),
        comparing=Comparing(stores, detectors, labelling, served, make_model, clock),
        trials=Trials(stores, detectors, labelling, make_model, clock),
        capacity=Capacity(
            stores,
            clock,
            sizing,
            Machine(machine.memory(), processors()),
            lambda: LocalProcesses(_ENTRY, {"probe": 1}, lambda task, arguments: "probe"),
        ),
        probe=Probe(
            stores, make_model, clock, used, lambda folder: FileArtifactStore(Path(folder))
        ),
        what_if=WhatIf(records, ground.results, artifacts, detectors, labelling, clock),
        sufficiency=Sufficiency(stores, detectors, labelling, clock),
        channel_changes=ChannelChanges(ground.source, records, artifacts, clock),
    )


def _asked(ground: Ground, labels: Labels, models: Models, make_model: ModelFactory) -> Asked:
    records, detectors, clock = ground.records, ground.detectors, ground.clock
    requests = Requests(
        records,
        detectors,
        models.retraining,
        models.scoring,
        clock,
        labels.label_sync.run if labels.label_sync else None,
        explaining=models.explaining,
        comparing=models.comparing,
        dry_runs=DryRuns(ground.stores, make_model, clock),
        rethresholding=models.rethresholding,
    )
    return Asked(
        requests=requests,
        work=Work(records, clock),
        drift=DriftAnswers(
            records,
            detectors,
            lambda kind, detector, by: requests.ask(kind, detector, by=by),
            clock,
        ),
        run_publishing=RunPublishing(records, ground.results),
    )


def _views(ground: Ground) -> Views:
    settings, clock, detectors = ground.settings, ground.clock, ground.detectors
    source, results, records = ground.source, ground.results, ground.records
    queries = Queries(records, source, results, detectors, clock)
    beyond = _beyond(settings, records, clock)
    return Views(
        queries=queries,
        series_overview=SeriesOverview(queries, detectors, source, results, clock),
        fleet_view=FleetView(queries, results, clock),
        history=History(records, results, detectors, clock),
        catalogue=Catalogue(source),
        results_catalogue=Catalogue(results),
        checking=Checking(ground.stores, settings.artifacts, detectors, queries, clock, beyond),
        rule_states=RuleWatch(_rule_book(settings), clock),
        monitoring=Monitoring(records, detectors, ground.reporter("web"), clock),
    )


def _messages(ground: Ground) -> Messages:
    notify, web, home = ground.settings.notify, ground.settings.web, ground.settings.home
    records, clock = ground.records, ground.clock
    chat = ChatWebhook(notify.url) if notify.url else None
    links = Links(FileKey(home / "links.key"), web.url, notify.links_expire)
    alerting = Alerting(records, ground.detectors, clock, telling=chat is not None)
    return Messages(
        alerting=alerting,
        saying=Saying(records, alerting, ground.labelling, links, clock),
        notifying=Notifying(records, alerting, links, chat, clock, style=notify.kind),
    )


def _people(ground: Ground) -> People:
    settings, records, clock = ground.settings, ground.records, ground.clock
    web, has_token = settings.web, settings.web.token is not None or settings.web.oidc is not None
    return People(
        access=Access(records, ground.detectors, clock, Passwords(), has_token=has_token),
        sessions=Sessions(
            records,
            clock,
            idle=web.sessions.idle,
            longest=web.sessions.longest,
            elsewhere=web.sessions.elsewhere,
        ),
        elsewhere=_elsewhere(settings, records, clock),
        audit=AuditLog(records, clock, settings.audit_kept),
        session_key=FileKey(settings.home / "session.key"),
    )


def _upkeep(
    ground: Ground, make_model: ModelFactory, reread: Callable[[], Settings] | None
) -> Upkeep:
    settings, clock, detectors = ground.settings, ground.clock, ground.detectors
    file = ConfigFile(settings, reread) if reread else None
    own = ground.results if settings.results.startswith("embedded:") else None
    return Upkeep(
        reconfiguring=Reconfiguring(detectors, ground.labelling, file, ground.meters),
        setting_up=SettingUp(ground.source, detectors, clock, mistakes_in, read_value),
        forgetting=Forgetting(ground.results),
        backups=_backups(settings, ground.stores, detectors, clock, make_model),
        pruning=Pruning(ground.records, ground.artifacts, detectors, own, clock, settings.keep),
    )


def open_stores(settings: Settings, meters: Meters, clock: Clock) -> Stores:
    """The places where things are kept; what they are asked is counted."""
    source = open_series_store(settings.store, settings.store_credentials, create=False)
    results = open_series_store(settings.results, settings.results_credentials, create=True)
    return Stores(
        source=metered(source, "source", meters),
        results=metered(results, "results", meters),
        records=audited(metered(SqlRecordStore(settings.records), "records", meters), clock),
        artifacts=FileArtifactStore(settings.artifacts),
    )


def open_pieces(
    settings: Settings, here: Callable[[str, dict[str, Any]], dict[str, Any]]
) -> Executor:
    """Where the pieces of a fleet are trained; nothing is started before the first one.

    Args:
        settings: what they say of training.
        here: does a task in this process.
    """
    training = settings.training
    if training.executor == "dask" and training.dask is not None:
        return DaskCluster(
            training.dask,
            _ENTRY,
            lambda: _identity(settings),
            "backend.bootstrap:identity",
            memory=training.memory,
        )
    if training.executor == "processes":
        count = _piece_workers(settings)
        threads = settings.workers.train.threads or processors()
        return LocalProcesses(
            _ENTRY,
            {"piece": count},
            lambda task, arguments: "piece",
            Limits(training.memory, max(1, threads // count)),
        )
    return InProcess(here)


def worker_limits(settings: Settings) -> dict[str, Limits]:
    """What a worker of each place of the jobs may take of this machine.

    Where nothing is said of its memory, that is half of what the machine has, or its container: one
    that goes astray is ended with a sentence before the kernel ends whatever it likes. Where a
    training starts processes of its own, which count with it, it is three quarters.
    """
    share = machine.memory() // 2
    own = settings.training.executor == "processes"
    limits = {}
    for place in ("score", "train", "backfill"):
        said = getattr(settings.workers, place)
        usual = share * 3 // 2 if own and place == "train" else share
        memory = said.memory or settings.training.memory or max(usual, LEAST_MEMORY)
        limits[place] = Limits(memory, said.threads, said.nice, f"workers.{place}.memory")
    return limits


def _piece_workers(settings: Settings) -> int:
    """How many processes train pieces at once, where several do."""
    return settings.training.processes or settings.workers.train.threads or processors()


def piece_sizing(settings: Settings) -> Sizing:
    """How large a piece of a fleet may be: what one worker may use, less what its libraries take.

    What a training may use as a whole is shared by its workers on this machine. Without a limit it
    is a quarter of the machine's memory, or of its container's. Not what is free at the moment: a
    training that was cut off is to find the same pieces when it goes on.
    """
    training, limit = settings.training, settings.training.memory
    workers = _piece_workers(settings) if training.executor == "processes" else 1
    whole = settings.workers.train.memory
    if limit is None and whole is not None and training.executor != "dask":
        limit = whole // workers
    if limit is not None:
        memory = max(limit - _LIBRARIES, limit // 4)
    else:
        memory = machine.memory() // 4 // workers
    return Sizing(memory=memory, timeout_s=training.timeout.total_seconds())


def identity() -> dict[str, str]:
    """What this process must have in common with those that it trains a fleet with."""
    return _identity(_application().settings)


def _identity(settings: Settings) -> dict[str, str]:
    marked = f"the directory marked {mark(settings.artifacts)}"
    return {**shared_places(settings), "artifacts": marked}


def _elsewhere(settings: Settings, records: RecordStore, clock: Clock) -> Elsewhere | None:
    """Sign-in by another service, if one is configured; its client is loaded only then."""
    oidc = settings.web.oidc
    if oidc is None:
        return None
    from backend.openid import Client, OpenIdProvider  # noqa: PLC0415

    client = Client(oidc.issuer, oidc.client_id, oidc.secret, oidc.scopes)
    label = oidc.label or str(urlsplit(oidc.issuer).hostname)
    mapped = Mapped(label, oidc.name_claim, oidc.groups_claim, oidc.roles, oidc.default_role)
    return Elsewhere(OpenIdProvider(client, clock), records, mapped, clock)


def _rule_book(settings: Settings) -> GrafanaRuleBook | None:
    """Where it is asked for a page, Grafana is not waited for long."""
    grafana = settings.grafana
    if grafana.url is None:
        return None
    soon = Patience(connect_s=2.0, read_s=5.0, pauses=())
    return GrafanaRuleBook(GrafanaClient(grafana.url, grafana.credentials, soon))


def _beyond(
    settings: Settings, records: RecordStore, clock: Clock
) -> Callable[[Sequence[str]], Sequence[Finding]]:
    """What `normalcy check` looks at beside the stores."""
    grafana = _grafana_examined(settings)
    own = OwnCondition(records, _house(settings), clock)
    return lambda detectors: [*own.lines(), *grafana(detectors)]


def _house(settings: Settings) -> House:
    folders = {"home": settings.home}
    for name, url in (("store", settings.store), ("results", settings.results)):
        if (path := embedded_directory(url)) is not None and settings.home not in path.parents:
            folders[name] = path
    return House(folders, [settings.home / name for name in ("links.key", "session.key")])


def _grafana_examined(settings: Settings) -> Callable[[Sequence[str]], Sequence[Finding]]:
    """What `normalcy check` says of the Grafana, if one is known."""
    grafana = settings.grafana
    if (url := grafana.url) is None:
        return lambda detectors: ()
    soon = Patience(connect_s=2.0, read_s=10.0, pauses=())
    return lambda detectors: examine(GrafanaClient(url, grafana.credentials, soon), detectors)


def _backups(
    settings: Settings,
    stores: Stores,
    detectors: Detectors,
    clock: Clock,
    make_model: ModelFactory,
) -> Backups:
    """What is done with backups; sensors and results may be in one embedded store, or in two."""
    remembered = Remembered(
        SqlRecordDumps(settings.records), stores.records, stores.artifacts, ZipBackups()
    )
    places = {"source": settings.store, "results": settings.results}
    if same_place(settings.store, settings.results):
        del places["results"]
    embedded = {
        f"{name}.sqlite3": store
        for name, url in places.items()
        if (store := embedded_store(url)) is not None
    }
    text = settings.text.encode() or None
    backing_up = BackingUp(remembered, clock, text)

    def room(size: int) -> None:
        for directory in (settings.home, settings.artifacts):
            require_room(directory, size)

    here = Places(settings.home, embedded, room)
    return Backups(
        backing_up,
        Restoring(remembered, backing_up, clock, here),
        Verifying(stores.records, stores.artifacts, detectors, make_model, remembered.files),
        embedded,
    )


def _label_sync(
    settings: Settings, stores: Stores, labelling: Labelling, detectors: Detectors, clock: Clock
) -> LabelSync | None:
    grafana = settings.grafana
    if grafana.url is None:
        return None
    labels = grafana.labels

    def events(start: int, stop: int) -> list[Event]:
        span = Span(start, stop)
        return [x for spec in detectors.all() for x in read_events(stores.results, spec, span)]

    options = SyncOptions(
        tags=labels.tags,
        write_back=labels.write_back,
        write_events=labels.write_events,
        horizon=round(labels.horizon.total_seconds() * 1e9),
        detector_of=shown_alone,
        events=events,
    )
    book = GrafanaAnnotations(GrafanaClient(grafana.url, grafana.credentials))
    return LabelSync(stores.records, labelling, detectors, book, clock, options)


def open_copying(settings: Settings, origin: str, target: str, *what: str) -> Copying:
    """Wire a copy between two series stores.

    Args:
        settings: for credentials, and where its progress is kept.
        origin: URL of the store to read.
        target: URL of the store to write.
        what: tells this copy from others between the same stores.

    Raises:
        NotFound: there is no store to read.
    """
    require_present(origin)
    source, destination = settings.copy_credentials
    return Copying(
        open_series_store(origin, source or _known(settings, origin), create=False),
        open_series_store(target, destination or _known(settings, target), create=True),
        FileCheckpoints(settings.home / "copies", origin, target, *what),
    )


def _known(settings: Settings, url: str) -> Credentials:
    """The credentials that the configuration has for a store, if it is one of its own."""
    if same_place(url, settings.store):
        return settings.store_credentials
    return settings.results_credentials if same_place(url, settings.results) else Credentials()


def open_records(url: str, *, create: bool, clock: Clock) -> RecordStore:
    """A record store, to copy labels from or, with `create`, to; its audit log tells of it."""
    return audited(SqlRecordStore(url, create=create), clock)


_ENTRY = "backend.bootstrap:run_task"
_LIBRARIES = 1 << 30
"""Bytes that a worker takes before it trains anything."""


def run_task(task: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Run a named task in this process: what workers are started with.

    The application is built from the environment once and kept, so that a warm worker has its
    models in memory.
    """
    application = _application()
    application.reconfiguring.look()
    with working_for(arguments.get("worker")), work_fields(arguments):
        return _TASKS[task](application, arguments)


def _place_of(process: str) -> str:
    """What a worker is called in the metrics: its place, where its process is named after it."""
    return process if process.isalpha() and process.islower() else "worker"


@cache
def _application() -> Application:
    settings = load_to_run(os.environ)
    application = bootstrap(settings, reread=lambda: load(os.environ))
    if multiprocessing.parent_process() is not None:
        log_to_stderr(form=settings.log_form, secrets=settings.secrets)
        application.reporter(_place_of(multiprocessing.current_process().name)).start()
    return application


def _retrain(application: Application, arguments: Mapping[str, Any]) -> dict[str, Any]:
    fence = fenced(application.records, arguments.get("lease"))
    known = arguments.get("known") is True
    version = application.retraining.run(
        arguments["detector"], again=False, known=known, fence=fence
    )
    saved = ("begun_from", "epochs_begun", "epochs_before", "rows_known")
    told = {name: version.training[name] for name in saved if name in version.training}
    return {"version": version.number, "verdict": str(version.verdict), **told}


def _fit_piece(application: Application, arguments: Mapping[str, Any]) -> dict[str, Any]:
    return application.retraining.fit_piece(arguments)


def _score(application: Application, arguments: Mapping[str, Any]) -> dict[str, Any]:
    fence = fenced(application.records, arguments.get("lease"))
    return application.scoring.tick(arguments["detector"], fence).plain()


def _backfill(application: Application, arguments: Mapping[str, Any]) -> dict[str, Any]:
    detector, start, stop = arguments["detector"], arguments["start"], arguments["stop"]
    return application.scoring.backfill(detector, start, stop).plain()


def _serve_request(application: Application, arguments: Mapping[str, Any]) -> dict[str, Any]:
    request = application.requests.serve_one(
        arguments.get("worker"),
        arguments["kinds"],
        only=arguments.get("request"),
        fence=fenced(application.records, arguments.get("lease")),
    )
    if request is None:
        return {"served": False}
    return {"served": True, "request": request.id, "state": str(request.state)}


def _probe_training(application: Application, arguments: Mapping[str, Any]) -> dict[str, Any]:
    return application.probe.train(arguments)


def _probe_scoring(application: Application, arguments: Mapping[str, Any]) -> dict[str, Any]:
    return application.probe.tick(arguments)


_TASKS: dict[str, Callable[[Application, Mapping[str, Any]], dict[str, Any]]] = {
    "retrain": _retrain,
    "fit_piece": _fit_piece,
    TRAIN: _probe_training,
    TICK: _probe_scoring,
    "score": _score,
    "backfill": _backfill,
    "serve_request": _serve_request,
}
