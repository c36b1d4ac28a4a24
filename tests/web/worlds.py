"""The web on fakes: real use cases over stores in memory, and a client that asks them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any, cast

import numpy as np
from flask.testing import FlaskClient

from backend import schema
from backend.ports import Points, SeriesStore
from backend.records import Label, LabelKind, Promotion, Request, Verdict, Version
from backend.services.access import Access
from backend.services.alerting import Alerting
from backend.services.audit_log import AuditLog
from backend.services.audited import audited
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
from backend.services.links import Links
from backend.services.meters import Meters
from backend.services.monitoring import Monitoring
from backend.services.passwords import Passwords
from backend.services.process_reports import Reporter
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
from backend.services.stores import Stores
from backend.services.sufficiency import Sufficiency
from backend.services.suggesting import Suggesting
from backend.services.what_if import WhatIf
from backend.services.work import Work
from backend.settings.detector_file import mistakes_in
from backend.settings.document import read_value
from backend.specs import DetectorSpec
from backend.web import create_app
from tests.fakes.artifacts import BlankArtifactStore
from tests.fakes.clock import StillClock
from tests.fakes.records import MemoryRecordStore
from tests.fakes.series import MemorySeriesStore

MINUTE = 60_000_000_000
NOW = 1_780_000_000_000_000_000 // MINUTE * MINUTE
START = NOW - 600 * MINUTE


@dataclass(frozen=True)
class WebValues:
    host: str = "127.0.0.1"
    port: int = 8087
    token: str | None = None
    url: str = "http://localhost:8087"
    trusted_proxies: tuple[str, ...] = ()
    grafana_secret: str | None = None


@dataclass(frozen=True)
class SettingsValues:
    web: WebValues = field(default_factory=WebValues)


@dataclass
class World:
    """Everything the web sees, to be filled by a test."""

    settings: SettingsValues
    clock: StillClock
    records: MemoryRecordStore
    source: MemorySeriesStore
    results: MemorySeriesStore
    detectors: Detectors
    reconfiguring: Reconfiguring
    labelling: Labelling
    label_files: LabelFiles
    label_history: LabelHistory
    suggesting: Suggesting
    promotion: Promoting
    comparing: Comparing
    reviewing: Reviewing
    setting_up: SettingUp
    sufficiency: Sufficiency
    requests: Requests
    work: Work
    queries: Queries
    what_if: WhatIf
    history: History
    rule_states: RuleWatch
    catalogue: Catalogue
    results_catalogue: Catalogue
    links: Links
    alerting: Alerting
    saying: Saying
    access: Access
    sessions: Sessions
    audit: AuditLog
    session_key: Callable[[], str]
    meters: Meters
    monitoring: Monitoring

    elsewhere: Elsewhere | None = None

    def with_results(self, results: SeriesStore) -> Queries:
        """Questions to another store of results."""
        self.queries = Queries(self.records, self.source, results, self.detectors, self.clock)
        return self.queries

    @property
    def series_overview(self) -> SeriesOverview:
        """Over the store of results that the questions go to now."""
        results = self.queries._results
        return SeriesOverview(self.queries, self.detectors, self.source, results, self.clock)

    @property
    def fleet_view(self) -> FleetView:
        return FleetView(self.queries, self.queries._results, self.clock)

    @property
    def channel_changes(self) -> ChannelChanges:
        return ChannelChanges(self.source, self.records, BlankArtifactStore(), self.clock)

    @property
    def drift(self) -> DriftAnswers:
        def ask(kind: str, detector: str, by: str) -> Request:
            return self.requests.ask(kind, detector, by=by)

        return DriftAnswers(self.records, self.detectors, ask, self.clock)

    def client(self) -> FlaskClient:
        return create_app(self).test_client()


GAS_ROOM = DetectorSpec(
    name="gas-room",
    measurement="air",
    channels=("temp", "NH3"),
    context=("load",),
    group_by=("room",),
    where={"site": "plant-1"},
    every=timedelta(minutes=1),
)
PUMP = DetectorSpec(name="pump", measurement="pump", channels=("flow",), every=timedelta(minutes=1))


def make_world(token: str | None = None) -> World:
    clock = StillClock(NOW)
    records = cast(MemoryRecordStore, audited(MemoryRecordStore(), clock))
    source, results = MemorySeriesStore(), MemorySeriesStore()
    detectors = Detectors({"gas-room": GAS_ROOM, "pump": PUMP}, records, clock)
    labelling = Labelling(records, detectors, clock)
    links = Links(lambda: "k" * 64, "http://localhost:8087", timedelta(days=7))
    alerting = Alerting(records, detectors, clock, telling=True)
    # The web only ever asks for work; nothing here can train or score.
    nobody = cast(Any, None)
    stores = Stores(source, results, records, BlankArtifactStore())
    return World(
        settings=SettingsValues(WebValues(token=token)),
        clock=clock,
        records=records,
        source=source,
        results=results,
        detectors=detectors,
        reconfiguring=Reconfiguring(detectors, labelling, None),
        labelling=labelling,
        label_files=LabelFiles(
            labelling, detectors, clock, {kind: str(kind) for kind in LabelKind}
        ),
        label_history=LabelHistory(records, labelling, clock),
        suggesting=Suggesting(records, results, detectors, clock),
        promotion=Promoting(records, BlankArtifactStore(), detectors, clock),
        comparing=Comparing(stores, detectors, labelling, nobody, nobody, clock),
        reviewing=Reviewing(stores, labelling),
        setting_up=SettingUp(source, detectors, clock, mistakes_in, read_value),
        sufficiency=Sufficiency(stores, detectors, labelling, clock),
        requests=Requests(records, detectors, nobody, nobody, clock),
        work=Work(records, clock),
        queries=Queries(records, source, results, detectors, clock),
        what_if=WhatIf(records, results, BlankArtifactStore(), detectors, labelling, clock),
        history=History(records, results, detectors, clock),
        rule_states=RuleWatch(None, clock),
        catalogue=Catalogue(source),
        results_catalogue=Catalogue(results),
        links=links,
        alerting=alerting,
        saying=Saying(records, alerting, labelling, links, clock),
        session_key=lambda: "s" * 64,
        meters=(meters := Meters()),
        monitoring=Monitoring(records, detectors, Reporter(records, meters, clock, "web"), clock),
        access=Access(records, detectors, clock, Passwords(cost=2), has_token=token is not None),
        sessions=Sessions(records, clock, idle=timedelta(hours=12), longest=timedelta(days=7)),
        audit=AuditLog(records, clock, timedelta(days=730)),
    )


def scored_world(*rooms: str) -> World:
    """Rooms scored to now, and a version that serves."""
    made = make_world()
    made.results.take_from(_written(rooms).results)
    add_version(made)
    made.records.set_watermarks("gas-room", {f"room={room}": NOW for room in rooms})
    return made


def two_rooms() -> World:
    """Two rooms with their values, scored to now, a version that serves."""
    made = scored_world("R1", "R2")
    made.source.take_from(_written(("R1", "R2")).source)
    return made


@cache
def _written(rooms: tuple[str, ...]) -> World:
    """Values and scores of some rooms, written once for all tests of a process."""
    made = make_world()
    for room in rooms:
        write_values(made, room)
        write_scores(made, room)
    return made


def times(count: int) -> np.ndarray:
    return START + MINUTE * np.arange(count, dtype=np.int64)


def write_values(world: World, room: str, count: int = 600) -> None:
    wave = np.sin(np.arange(count) / 20)
    fields = {"temp": 20 + wave, "NH3": 1 + wave / 10, "load": np.ones(count)}
    world.source.write("air", [Points({"site": "plant-1", "room": room}, times(count), fields)])


def write_scores(world: World, room: str, count: int = 600) -> None:
    """Scores with one event in rows 300 to 309, whose peak is 4 in row 305."""
    score = np.full(count, 0.5)
    score[300:310] = 2.0
    score[305] = 4.0
    flag = (score > 1).astype(float)
    alarm = flag.copy()
    alarm[300:302] = 0
    numbers = {name: np.zeros(count) for name in schema.SCORE_NUMBERS}
    numbers |= {"error": score * 0.2, "smoothed": score * 0.2, "threshold": np.full(count, 0.2)}
    numbers |= {"score": score, "flag": flag, "alarm": alarm, "judged": np.ones(count)}
    texts = {"top1": "NH3", "top2": "temp", "top3": "", "reason": "model", "model": "gas-room/1"}
    strings = {name: np.full(count, text, dtype=object) for name, text in texts.items()}
    tags = {"detector": "gas-room", "room": room}
    world.results.write(schema.SCORES, [Points(tags, times(count), {**numbers, **strings})])


def write_event(
    world: World, room: str, row: int = 300, *, open_: bool = False, **more: float
) -> None:
    start = START + row * MINUTE
    numbers = {
        "stop_ms": (start + 10 * MINUTE) / 1e6,
        "duration_s": 600.0,
        "peak_score": 4.0,
        "open": float(open_),
        "valid": 1.0,
        "provisional": 0.0,
        **more,
    }
    fields: dict[str, Any] = {name: np.array([value]) for name, value in numbers.items()}
    for name, text in {"top1": "NH3", "top2": "temp", "top3": "", "model": "gas-room/1"}.items():
        fields[name] = np.array([text], dtype=object)
    tags = {"detector": "gas-room", "room": room}
    world.results.write(schema.EVENTS, [Points(tags, np.array([start]), fields)])


def add_version(
    world: World, detector: str = "gas-room", *, promoted: bool = True, provisional: bool = False
) -> Version:
    number = world.records.next_number(detector)
    version = Version(
        detector=detector,
        number=number,
        created_at=NOW - 120 * MINUTE,
        artifact=f"{detector}-{number}",
        spec={**GAS_ROOM.plain(), "name": detector},
        label_hash="aa",
        data_hash="bb",
        provisional=provisional,
        verdict=Verdict.CHALLENGER,
        training={"rows": 100, "loss": [0.5, 0.25], "series": ["room=R1"]},
    )
    world.records.add_version(version)
    if promoted:
        world.records.promote(Promotion(detector, number, START, NOW - 110 * MINUTE, "job"))
    return version


def add_label(world: World, **more: Any) -> Label:
    label = Label(
        0, "gas-room", LabelKind.NORMAL, START, START + 60 * MINUTE, created_by="ann", **more
    )
    return world.records.add_labels([label])[0]
