"""A workplace for tests: real records, the executor's twin in this process, a clock set by hand."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.executors import InProcess
from backend.records import Promotion, State, Verdict, Version
from backend.specs import DetectorSpec
from backend.stores.records import SqlRecordStore
from jobs.workplace import Workplace

SECOND = 1_000_000_000
NOON = 1_700_000_000 * SECOND


@dataclass
class HandClock:
    """Stands still until it is moved."""

    at: int = NOON

    def now(self) -> int:
        return self.at

    def advance(self, seconds: float) -> None:
        self.at += round(seconds * SECOND)


@dataclass
class Tasks:
    """Stands for the worker's entry point: notes what was asked and answers as told.

    By which lease it was asked, and in whose name, is noted apart.
    """

    answer: Callable[[str, dict[str, Any]], dict[str, Any]] = lambda task, arguments: {}
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    leases: list[str] = field(default_factory=list)
    workers: list[str] = field(default_factory=list)

    def __call__(self, task: str, arguments: dict[str, Any]) -> dict[str, Any]:
        work = {
            name: arguments[name] for name in arguments if name not in ("lease", "run_id", "worker")
        }
        self.asked.append((task, work))
        self.leases.append(arguments.get("lease", {"name": ""})["name"])
        self.workers.append(arguments["worker"])
        return self.answer(task, arguments)


@dataclass
class Bench:
    """A workplace and everything behind it, within a test's reach."""

    work: Workplace
    records: SqlRecordStore
    clock: HandClock
    tasks: Tasks
    specs: dict[str, DetectorSpec]
    reasons: dict[str, str]


def bench(directory: Path, worker: str = "here:1:a") -> Bench:
    """A workplace without detectors; several in one directory have the records in common."""
    records = SqlRecordStore(f"sqlite:///{directory}/records.sqlite3")
    clock, tasks, specs, reasons = HandClock(), Tasks(), {}, {}
    work = Workplace(
        records=records,
        detectors=lambda: list(specs.values()),
        due=lambda detector, now: reasons.get(detector),
        executor=InProcess(tasks),
        clock=clock,
        worker=worker,
    )
    return Bench(work, records, clock, tasks, specs, reasons)


def detector(name: str = "gas-room", **schedule: Any) -> DetectorSpec:
    return DetectorSpec.model_validate(
        {
            "name": name,
            "measurement": "air",
            "channels": ["temp"],
            "every": "1m",
            "schedule": schedule,
        }
    )


def promoted(records: SqlRecordStore, name: str) -> None:
    """Let a version serve."""
    version = Version(
        detector=name,
        number=records.next_number(name),
        created_at=NOON,
        artifact=f"{name}/1",
        spec={},
        label_hash="",
        data_hash="",
        provisional=True,
        verdict=Verdict.CHALLENGER,
        training={},
    )
    records.add_version(version)
    records.promote(Promotion(name, version.number, serves_from=0, at=NOON, by="test"))


def states(records: SqlRecordStore) -> list[tuple[str, State, str]]:
    """Kind, state and message of each run, oldest first."""
    return [(run.kind, run.state, run.message) for run in reversed(records.runs())]
