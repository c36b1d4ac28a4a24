"""One installation over real stores, driven by hand: it is restarted, and its clock is turned."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import yaml

from backend.bootstrap import Application, bootstrap
from backend.ports import Points, Query
from backend.records import Label, LabelDraft, LabelKind, Version
from backend.schema import COVERAGE, COVERAGE_FIELDS, EVENT_FIELDS, EVENTS, SCORE_FIELDS, SCORES
from backend.services.scored_part import ScoringReport
from backend.settings import load
from tests.fakes.clock import StillClock
from tests.fakes.models import LinearModel
from tests.faults.tally import Facts, Key, Value, each
from tests.services.plant import NORMAL, ROOMS, at, sensor

DETECTOR: Mapping[str, Any] = {
    "measurement": "air",
    "channels": ["x", "y"],
    "group_by": ["room"],
    "every": "10m",
    "model": {"kind": "dense_autoencoder", "window": 5},
    "threshold": {"kind": "quantile", "q": 1, "margin": 1.3},
    "detection_limits": False,
    "schedule": {"catch_up": "3d"},
}
MEASURED = 1000
"""How many points the sensors have written where nothing else is said; room a fails at 800."""


class Site:
    """`with Site(directory) as site:`; times are grid points of the plant.

    Args:
        home: its directory.
        store: URL of what the sensors wrote; embedded if none is given.
        results: URL of what is written.
        records: URL of the records.
        detector: what is other than usual in the detector.
    """

    def __init__(
        self,
        home: Path,
        *,
        store: str | None = None,
        results: str | None = None,
        records: str | None = None,
        **detector: Any,
    ) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        self.config = home / "normalcy.yaml"
        self.stated: dict[str, Any] = {
            "store": store or f"embedded://{home}/store",
            "results": results or f"embedded://{home}/results",
            "detectors": {"rooms": {**DETECTOR, **detector}},
        }
        self.write(yaml.safe_dump(self.stated))
        self.environ = {"NORMALCY_HOME": str(home), "NORMALCY_CONFIG": str(self.config)}
        if records:
            self.environ["NORMALCY_RECORDS_URL"] = records
        self.clock = StillClock(at(NORMAL))
        self.app = self._start()

    def __enter__(self) -> "Site":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.app.close()

    def _start(self) -> Application:
        return bootstrap(
            load(self.environ),
            clock=self.clock,
            make_model=LinearModel,
            reread=lambda: load(self.environ),
        )

    def write(self, text: str) -> None:
        """Let the configuration be another."""
        self.config.write_text(text, encoding="utf-8")

    def restart(self) -> None:
        """As a process that ends and is started again: nothing stays in memory."""
        self.app.close()
        self.app = self._start()

    # -- what people and sensors do

    def measure(
        self, start: int = 0, stop: int = MEASURED, rooms: tuple[str, ...] = ROOMS
    ) -> "Site":
        """Let the sensors write."""
        for index, room in enumerate(ROOMS):
            if room in rooms:
                self.put(room, start, sensor(index)[start:stop])
        return self

    def put(self, room: str, start: int, values: np.ndarray, *names: str) -> None:
        """Let the sensors of a room have written some values, from a point on."""
        times = np.array([at(point) for point in range(start, start + len(values))], dtype=np.int64)
        columns = dict(zip(names or ("x", "y"), values.T.astype(np.float64), strict=True))
        self.app.source.write("air", [Points({"room": room}, times, columns)])

    def label(self, start: int, stop: int, kind: LabelKind = LabelKind.NORMAL) -> Label:
        """Say what a range was."""
        draft = LabelDraft("rooms", kind, at(start), at(stop), {})
        return self.app.labelling.add(draft, source="command", by="operator")

    def train(self) -> Version:
        """Train now."""
        return self.app.retraining.run("rooms")

    def ready(self) -> "Site":
        """Measured, labelled and trained at point 700."""
        self.measure()
        self.label(0, 600)
        self.train()
        return self

    def tick(self, point: int | None = None) -> ScoringReport:
        """Score what is new, at a point if one is told."""
        if point is not None:
            self.clock.time = at(point)
        return self.app.scoring.tick("rooms")

    # -- what there is

    def facts(self) -> Facts:
        """Scores, events that count, labels and versions, each with what it says."""
        return {
            **self.rows(SCORES, SCORE_FIELDS),
            **self.rows(EVENTS, EVENT_FIELDS),
            **self.labels(),
            **self.versions(),
        }

    def rows(self, measurement: str, fields: tuple[str, ...]) -> dict[Key, Value]:
        """What was written, by series and time; events that were withdrawn left out."""
        whole = Query(measurement, fields, 0, at(500_000), {"detector": "rooms"}, ("room",))
        found: list[tuple[Key, Value]] = []
        for part in self.app.results.read(whole):
            valid = part.fields.get("valid", np.ones(len(part)))
            columns = [part.fields[name] for name in fields]
            for row, time in enumerate(part.times.tolist()):
                if valid[row]:
                    values = tuple(_plain(column[row]) for column in columns)
                    found.append(((measurement, part.tags["room"], time), values))
        return each(found)

    def coverage(self) -> Query:
        """How much of what was due was judged, tick by tick."""
        return Query(COVERAGE, COVERAGE_FIELDS, 0, at(500_000), {"detector": "rooms"})

    def labels(self) -> dict[Key, Value]:
        """What people said."""
        return each(
            (("label", label.detector, label.start, label.stop, str(label.kind)), ())
            for label in self.app.records.labels()
        )

    def versions(self) -> dict[Key, Value]:
        """The versions whose files can be read, and whether they serve."""
        kept = self.app.records.versions("rooms")
        readable = [one for one in kept if self.app.artifacts.load(one.artifact)]
        return {("version", one.number): (str(one.verdict),) for one in readable}


def _plain(value: Any) -> object:
    return value.item() if isinstance(value, np.generic) else value
