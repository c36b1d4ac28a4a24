"""The command over records in memory; training, scoring and checks are stand-ins."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from click.testing import CliRunner, Result

from backend.cli import cli
from backend.cli.session import Session
from backend.ports import Progress
from backend.records import LabelKind, Verdict, Version
from backend.services.access import Access
from backend.services.audit_log import AuditLog
from backend.services.audited import audited
from backend.services.checking import CheckLine
from backend.services.detectors import Detectors
from backend.services.label_files import LabelFiles
from backend.services.label_history import LabelHistory
from backend.services.labelling import Labelling
from backend.services.passwords import Passwords
from backend.services.promotion import Promoting
from backend.services.queries import Queries
from backend.services.scored_part import ScoringReport
from backend.services.signed_in import Sessions
from backend.services.suggesting import Suggesting
from backend.services.work import Work
from backend.settings import Settings, parse_time
from backend.specs import DetectorSpec
from tests.fakes.artifacts import BlankArtifactStore
from tests.fakes.clock import StillClock
from tests.fakes.records import MemoryRecordStore
from tests.fakes.series import MemorySeriesStore

NOW = parse_time("2026-03-10T12:00")
HOUR = 3_600_000_000_000


def version(number: int = 1, **changes: Any) -> Version:
    training = {
        "rows": 1000,
        "folds": 5,
        "seconds": 12.5,
        "labels": [{"kind": "normal"}],
        "series": {
            "room=a": {
                "rows": 1000,
                "hours": 166.67,
                "held_out_rows": 900,
                "threshold": 1.2345678,
                "basis": "1 alarm a week",
                "detection_limits": ["temp: finds a step of 2.1 within 40m"],
                "loss": 0.01,
                "val_loss": None,
                "epochs": 20,
            }
        },
        "detection_limits_notes": ["known for 1 of 9 series only"],
        "trimmed": [{"series": "room=a", "start": 0, "stop": HOUR, "channel": "temp"}],
        "warnings": ["little normal data"],
        "set_aside": {"room=b": "no values of channel 'temp'"},
    }
    made = Version(
        detector="gas-room",
        number=number,
        created_at=NOW,
        artifact=f"gas-room/{number}",
        spec={"measurement": "air", "channels": ["temp"]},
        label_hash="1f" * 32,
        data_hash="2e" * 32,
        provisional=False,
        verdict=Verdict.CHALLENGER,
        training=training,
    )
    return replace(made, **changes)


@dataclass
class Retraining:
    """Stores the version it is given, or fails."""

    records: MemoryRecordStore
    made: Version = field(default_factory=version)
    error: BaseException | None = None
    cold: list[bool] = field(default_factory=list)

    def run(self, detector: str, progress: Progress, *, cold: bool) -> Version:
        self.cold.append(cold)
        progress(0.5, "half")
        if self.error is not None:
            raise self.error
        return self.records.add_version(self.made)


@dataclass
class Scoring:
    """Remembers what it was asked for."""

    report: ScoringReport = field(
        default_factory=lambda: ScoringReport(
            "gas-room", NOW - HOUR, NOW, series=2, points=12, judged=11, flagged=3, events=1
        )
    )
    asked: list[tuple[Any, ...]] = field(default_factory=list)

    def tick(self, detector: str) -> ScoringReport:
        self.asked.append((detector,))
        return self.report

    def backfill(self, detector: str, start: int, stop: int, progress: Progress) -> ScoringReport:
        self.asked.append((detector, start, stop))
        progress(1.0, "done")
        return self.report


@dataclass
class Checking:
    found: list[CheckLine] = field(default_factory=lambda: [CheckLine("source", True, "memory")])

    def lines(self, *, scratch: bool = False) -> list[CheckLine]:
        asked = [CheckLine("results: round trip", True, "a point came back")]
        return [*self.found, *asked] if scratch else self.found


@dataclass
class Command:
    """Runs the command line over an application; `result` keeps stdout and stderr apart."""

    session: Session
    application: Any

    def __call__(self, *arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(cli, list(arguments), obj=self.session)
        assert result.exit_code == code, (result.exit_code, result.output, result.exception)
        return result


@pytest.fixture
def normalcy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    monkeypatch.chdir(tmp_path)
    clock = StillClock(NOW)
    records = cast(MemoryRecordStore, audited(MemoryRecordStore(), clock))
    spec = DetectorSpec.model_validate(
        {
            "name": "gas-room",
            "measurement": "air",
            "channels": ["temp"],
            "group_by": ["room"],
            "every": "10m",
        }
    )
    detectors = Detectors({"gas-room": spec}, records, clock)
    labelling = Labelling(records, detectors, clock)
    results = MemorySeriesStore()
    application = SimpleNamespace(
        clock=clock,
        records=records,
        results=results,
        detectors=detectors,
        labelling=labelling,
        label_files=LabelFiles(
            labelling, detectors, clock, {kind: str(kind) for kind in LabelKind}
        ),
        label_history=LabelHistory(records, labelling, clock),
        suggesting=Suggesting(records, results, detectors, clock),
        promotion=Promoting(records, BlankArtifactStore(), detectors, clock),
        retraining=Retraining(records),
        scoring=Scoring(),
        work=Work(records, clock),
        queries=Queries(records, results, results, detectors, clock),
        checking=Checking(),
        access=Access(records, detectors, clock, Passwords(cost=2), has_token=False),
        sessions=Sessions(records, clock, idle=timedelta(hours=12), longest=timedelta(days=7)),
        audit=AuditLog(records, clock, timedelta(days=730)),
        close=lambda: None,
    )
    build: Callable[[Settings], Any] = lambda settings: application  # noqa: E731
    session = Session({"NORMALCY_HOME": str(tmp_path / "home")}, build)
    yield Command(session, application)
    session.close()


@pytest.fixture
def broken(normalcy: Command) -> Callable[[BaseException], Command]:
    """The command whose training raises what it is given."""

    def breaks(error: BaseException) -> Command:
        normalcy.application.retraining.error = error
        return normalcy

    return breaks
