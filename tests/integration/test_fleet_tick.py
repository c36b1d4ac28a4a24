"""A tick of a fleet over a real InfluxDB 1.x: what it asks the server for, request by request."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from backend.bootstrap import Application, bootstrap
from backend.ports import Points, Query
from backend.records import LabelDraft, LabelKind
from backend.schema import SCORES
from backend.settings import load
from tests.fakes.clock import StillClock
from tests.servers.faults import FaultProxy
from tests.servers.influxdb import InfluxServer

pytestmark = [pytest.mark.influx, pytest.mark.timeout(180)]

STEP = 60 * 10**9
NOON = 1_767_225_600 * 10**9
SERIES = 12

CONFIGURATION = """
store: {source}
results: {results}
detectors:
  fleet:
    measurement: machine
    channels: [a, b]
    group_by: [machine]
    every: 1m
    model: {{kind: pca, window: 3}}
    threshold: {{kind: quantile, q: 1, margin: 1.3}}
    folds: 2
    detection_limits: false
    schedule: {{lateness: 15m, catch_up: 4h}}
"""


def readings(start: int, stop: int) -> list[Points]:
    """What the machines measure, in minutes from noon; one is broken from minute 20 on."""
    minute = np.arange(start, stop, dtype=np.int64)
    found = []
    for number in range(SERIES):
        noise = np.random.default_rng(number).normal(size=(2, 4000))[:, minute + 1000]
        values = np.sin(minute / 20 + np.array([[0.0], [1.0]])) + 0.05 * noise
        values[0] += np.where((minute >= 20) & (number == 3), 5.0, 0.0)
        fields = dict(zip("ab", values, strict=True))
        found.append(Points({"machine": f"m{number:02}"}, NOON + minute * STEP, fields))
    return found


@dataclass
class Fleet:
    """The product behind proxies that note what it asks the servers of readings and results for."""

    application: Application
    clock: StillClock
    sources: list[FaultProxy]
    results: list[FaultProxy]

    def tick(self, minute: int) -> dict[str, int]:
        """Tick, and count requests."""
        proxies = {"read": self.sources[0], "looked": self.results[0], "written": self.results[1]}
        before = {name: len(proxy.met) for name, proxy in proxies.items()}
        self.clock.time = NOON + minute * STEP
        self.application.scoring.tick("fleet")
        return {name: len(proxy.met) - before[name] for name, proxy in proxies.items()}

    def scores(self) -> list[Points]:
        fields = ("score", "threshold", "model")
        query = Query(SCORES, fields, NOON, NOON + 100 * STEP, {}, ("machine",))
        return self.application.results.read(query)


def watched(stack: ExitStack, server: InfluxServer) -> tuple[list[FaultProxy], str]:
    """A database behind one proxy for each path."""
    writes = stack.enter_context(FaultProxy(server.port, "/write", []))
    queries = stack.enter_context(FaultProxy(writes.port, "/query", []))
    name = server.new_database().rsplit("/", 1)[1]
    return [queries, writes], f"influxdb://127.0.0.1:{queries.port}/{name}"


@pytest.fixture
def fleet(influxdb_server: InfluxServer, tmp_path: Path) -> Iterator[Fleet]:
    with ExitStack() as stack:
        sources, source = watched(stack, influxdb_server)
        results, result = watched(stack, influxdb_server)
        config = tmp_path / "normalcy.yaml"
        config.write_text(CONFIGURATION.format(source=source, results=result), encoding="utf-8")
        environ = {"NORMALCY_CONFIG": str(config), "NORMALCY_HOME": str(tmp_path / "home")}
        clock = StillClock(NOON)
        application = bootstrap(load(environ), clock=clock)
        stack.callback(application.close)
        application.source.write("machine", readings(-800, 60))
        draft = LabelDraft("fleet", LabelKind.NORMAL, NOON - 800 * STEP, NOON)
        application.labelling.add(draft, source="command", by="operator")
        application.retraining.run("fleet")
        yield Fleet(application, clock, sources, results)


def test_a_tick_is_one_request_for_readings_and_one_that_writes(fleet: Fleet) -> None:
    for minute in (15, 16):
        fleet.tick(minute)

    asked = [fleet.tick(minute) for minute in range(17, 30)]

    assert asked == [{"read": 1, "looked": 0, "written": 1}] * 13
    found = fleet.scores()
    assert len(found) == SERIES
    for points in found:
        assert (points.times == NOON + np.arange(29) * STEP).all()
        assert np.isfinite(points.fields["score"].astype(float)).all()
    broken = found[3].fields["score"].astype(float)
    assert (broken[22:] > 1).all()
    (event,) = fleet.application.queries.overviews()
    assert event.open_events == 1


def test_a_late_reading_takes_no_more_requests(fleet: Fleet) -> None:
    for minute in (25, 26, 27):
        fleet.tick(minute)
    (late,) = [one for one in readings(22, 23) if one.tags == {"machine": "m05"}]
    late = Points(late.tags, late.times, {"a": np.array([9.0]), "b": np.array([-9.0])})
    before = fleet.scores()[5].fields["score"].astype(float)
    fleet.application.source.write("machine", [late])

    assert fleet.tick(28) == {"read": 1, "looked": 0, "written": 1}

    after = fleet.scores()[5].fields["score"].astype(float)
    assert after[22] > before[22] + 1
    np.testing.assert_array_equal(after[:22], before[:22])


def test_what_goes_on_and_what_starts_anew_write_the_same(
    fleet: Fleet, influxdb_server: InfluxServer
) -> None:
    for minute in range(15, 45, 3):
        fleet.tick(minute)
    kept = fleet.scores()
    fleet.application.results.delete(SCORES, {}, NOON, NOON + 100 * STEP)
    fleet.application.scoring.backfill("fleet", NOON, NOON + 42 * STEP)

    for one, other in zip(kept, fleet.scores(), strict=True):
        for name in ("score", "threshold"):
            first, second = (p.fields[name].astype(float) for p in (one, other))
            np.testing.assert_allclose(first, second, rtol=1e-6, atol=1e-9)


_LIGHT = """
import sys
from backend.detection.pipeline import score
from backend.models.registry import build
from backend.specs import EnsembleSpec
import backend.bootstrap

build(EnsembleSpec(), 2, 3)
print(sorted({"tensorflow", "keras", "sklearn"} & {*sys.modules}))
"""


def test_the_default_kind_scores_without_what_only_training_needs() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LIGHT], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["[]"]
