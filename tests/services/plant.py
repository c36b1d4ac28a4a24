"""A small plant in memory: two rooms with sensors, the use cases over it, and a clock to turn."""

from collections.abc import Mapping

import numpy as np

from backend.executors.in_process import InProcess
from backend.ports import Executor, ModelFactory, Points, Query, SeriesStore
from backend.records import Label, LabelDraft, LabelKind, Version
from backend.schema import EVENT_FIELDS, EVENTS, SCORE_FIELDS, SCORES
from backend.services.comparing import Comparing
from backend.services.detectors import Detectors
from backend.services.fleet_pieces import FleetPieces
from backend.services.labelling import Labelling
from backend.services.piece_size import Sizing
from backend.services.promotion import Promoting
from backend.services.requests import Requests
from backend.services.rethresholding import Rethresholding
from backend.services.retraining import Retraining
from backend.services.scoring import Scoring
from backend.services.serving import Served
from backend.services.stores import Stores
from backend.services.what_if import WhatIf
from backend.specs import DetectorSpec
from tests.fakes.artifacts import MemoryArtifactStore
from tests.fakes.clock import StillClock
from tests.fakes.models import LinearModel
from tests.fakes.records import MemoryRecordStore
from tests.fakes.series import MemorySeriesStore

STEP = 600 * 10**9
START = 1_700_000_400 * 10**9 // STEP * STEP
NORMAL = 700
ROOMS = ("a", "b")


def at(point: int) -> int:
    """The time of a grid point of the plant."""
    return START + point * STEP


class Plant:
    """Everything wired over the fakes; times are given as grid points."""

    def __init__(self, results: SeriesStore | None = None, **changes: object) -> None:
        self.spec = DetectorSpec.model_validate(
            {
                "name": "rooms",
                "measurement": "air",
                "channels": ["x", "y"],
                "group_by": ["room"],
                "every": "10m",
                "model": {"kind": "dense_autoencoder", "window": 5},
                "threshold": {"kind": "quantile", "q": 1, "margin": 1.3},
                "detection_limits": False,  # two thirds of a training, and few ask for them
                **changes,
            }
        )
        self.clock = StillClock(at(NORMAL))
        self.sizing = Sizing()
        self.make_model: ModelFactory = LinearModel
        self.executor: Executor = InProcess(lambda task, told: self.retraining.fit_piece(told))
        self.source, self.results = MemorySeriesStore(), results or MemorySeriesStore()
        self.records, self.artifacts = MemoryRecordStore(), MemoryArtifactStore()
        self.wire()

    def wire(self, configured: tuple[LabelDraft, ...] = ()) -> None:
        """Build the use cases anew, as a process that starts does."""
        stores = self.stores
        self.detectors = Detectors({self.spec.name: self.spec}, self.records, self.clock)
        self.promoting = Promoting(self.records, self.artifacts, self.detectors, self.clock)
        self.labelling = Labelling(self.records, self.detectors, self.clock, configured)
        served = Served(self.records, self.artifacts, self.make_model)
        self.scoring = Scoring(stores, self.detectors, self.labelling, served, self.clock)
        pieces = FleetPieces(stores, self.make_model, self.clock, self.executor, self.sizing)
        self.retraining = Retraining(
            stores, self.detectors, self.labelling, self.promoting, pieces, self.clock
        )
        self.requests = Requests(
            self.records, self.detectors, self.retraining, self.scoring, self.clock
        )

    @property
    def stores(self) -> Stores:
        """The four places."""
        return Stores(self.source, self.results, self.records, self.artifacts)

    def comparing(self) -> Comparing:
        """Compares versions."""
        served = Served(self.records, self.artifacts, self.make_model)
        return Comparing(
            self.stores, self.detectors, self.labelling, served, self.make_model, self.clock
        )

    def what_if(self) -> WhatIf:
        """Judges by other thresholds."""
        return WhatIf(
            self.records, self.results, self.artifacts, self.detectors, self.labelling, self.clock
        )

    def rethresholding(self) -> Rethresholding:
        """Makes versions of other thresholds."""
        return Rethresholding(
            self.stores,
            self.detectors,
            self.labelling,
            self.promoting,
            self.make_model,
            self.clock,
        )

    def now(self, point: int) -> None:
        """Turn the clock to a grid point."""
        self.clock.time = at(point)

    def measure(self, start: int = 0, stop: int = 1000, rooms: tuple[str, ...] = ROOMS) -> None:
        """Let the sensors write: two waves with noise; room a is broken from 800 to 830."""
        for index, room in enumerate(rooms):
            values = sensor(index)[start:stop]
            times = np.arange(start, stop, dtype=np.int64) * STEP + START
            columns = {"x": values[:, 0], "y": values[:, 1]}
            self.source.write("air", [Points({"room": room, "site": "1"}, times, columns)])

    def label(
        self,
        start: int,
        stop: int,
        kind: LabelKind = LabelKind.NORMAL,
        tags: Mapping[str, str] | None = None,
    ) -> Label:
        """Say what a range was."""
        draft = LabelDraft("rooms", kind, at(start), at(stop), tags or {})
        return self.labelling.add(draft, source="command", by="operator")

    def train(self) -> Version:
        """Train now."""
        return self.retraining.run("rooms")

    def ready(self) -> "Plant":
        """Measured, labelled and trained at point 700."""
        self.measure()
        self.label(0, 600)
        self.train()
        return self

    def scores(self, *fields: str, results: SeriesStore | None = None) -> dict[str, Points]:
        """Written score rows by room."""
        found = (results or self.results).read(
            Query(SCORES, fields or SCORE_FIELDS, 0, at(5000), {"detector": "rooms"}, ("room",))
        )
        return {part.tags["room"]: part for part in found}

    def events(self) -> list[dict[str, object]]:
        """Valid events, by room and start."""
        found = self.results.read(
            Query(EVENTS, EVENT_FIELDS, 0, at(5000), {"detector": "rooms"}, ("room",))
        )
        return [
            {"room": part.tags["room"], "start": (int(time) - START) // STEP}
            | {name: column[row] for name, column in part.fields.items()}
            for part in found
            for row, time in enumerate(part.times)
            if part.fields["valid"][row]
        ]


def sensor(index: int) -> np.ndarray:
    """(T, 2) what a room's sensors measure."""
    t = np.arange(2000)
    values = np.stack([np.sin(t / 20), np.cos(t / 20)], axis=1)
    values += 0.05 * np.random.default_rng(index).normal(size=values.shape)
    if index == 0:
        values[800:830, 1] += np.where(np.arange(30) % 2, 1.5, -1.5)
    return values


def same_rows(first: Mapping[str, Points], second: Mapping[str, Points]) -> bool:
    """Whether two readings hold the same rows to the last digit."""
    assert first.keys() == second.keys()
    for key, part in first.items():
        np.testing.assert_array_equal(part.times, second[key].times)
        for name, column in part.fields.items():
            np.testing.assert_array_equal(column, second[key].fields[name], err_msg=name)
    return True
