"""What somebody who is to help needs to see, without secrets and without anybody's name.

Each part is collected by itself: what cannot be read is told in its place, since a bundle is asked
for when something is wrong. Every text goes through `anonymity.sealing` before it leaves.
"""

import json
import platform
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib import metadata
from typing import Any, cast

import psutil
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from backend.exceptions import NormalcyError
from backend.ports import Clock, RecordStore
from backend.records import Request, Run, State
from backend.services.anonymity import NOBODY, PERSON, People, people
from backend.services.checking import Checking
from backend.services.detectors import Detectors
from backend.services.monitoring import Monitoring, Told
from backend.specs.times import format_time

NOT_READ = "This could not be read: "
"""How a part begins that is not there."""

_RUNS = 300
_LOGS = 60
"""Runs whose log is taken along: those that did not end well first, then the newest."""
_REQUESTS = 200

Parts = dict[str, str]


class SupportBundle:
    """Collects the parts that follow from what is remembered."""

    def __init__(
        self,
        records: RecordStore,
        detectors: Detectors,
        monitoring: Monitoring,
        checking: Checking,
        clock: Clock,
    ) -> None:
        self._records = records
        self._detectors = detectors
        self._monitoring = monitoring
        self._checking = checking
        self._clock = clock

    def parts(self) -> Parts:
        """Every part by the name of its file."""
        collected: Mapping[str, Callable[[], str]] = {
            "versions.json": lambda: _json(versions()),
            "check.txt": self._check,
            "metrics.txt": self._metrics,
            "detectors.json": self._definitions,
            "models.json": self._models,
            "labels.json": self._labels,
            "runs.json": self._runs,
            "requests.json": self._requests,
            "processes.json": self._processes,
        }
        return {name: guarded(collect) for name, collect in collected.items()}

    def people(self) -> People:
        """Every name of a person or a token that can be read."""
        return people(self._records)

    # -- the parts ---------------------------------------------------------------------------------

    def _check(self) -> str:
        lines = self._checking.lines()
        return "".join(
            f"{'ok  ' if line.ok else 'FAIL'} {line.what}: {line.detail}\n" for line in lines
        )

    def _metrics(self) -> str:
        return generate_latest(cast(CollectorRegistry, Told(self._monitoring.look()))).decode()

    def _definitions(self) -> str:
        found = self._detectors.all()
        return _json(
            {
                spec.name: {
                    "from": "configuration"
                    if self._detectors.is_configured(spec.name)
                    else "records",
                    "definition": spec.plain(),
                }
                for spec in found
            }
        )

    def _models(self) -> str:
        found: dict[str, Any] = {}
        for spec in self._detectors.all():
            promotions = self._records.promotions(spec.name)
            found[spec.name] = {
                "serving": promotions[-1].number if promotions else None,
                "versions": [
                    {
                        "number": one.number,
                        "created_at": format_time(one.created_at),
                        "verdict": str(one.verdict),
                        "provisional": one.provisional,
                        "training": {
                            name: value
                            for name, value in one.training.items()
                            if isinstance(value, str | int | float | bool)
                        },
                    }
                    for one in self._records.versions(spec.name, limit=20)
                ],
            }
        return _json(found)

    def _labels(self) -> str:
        """How many there are; what people wrote into them is nobody's business."""
        counts = Counter((one.detector, str(one.kind)) for one in self._records.labels())
        return _json([{"detector": d, "kind": k, "labels": n} for (d, k), n in counts.items()])

    def _runs(self) -> str:
        runs = self._records.runs(limit=_RUNS)
        bad = [one for one in runs if one.state not in (State.DONE, State.RUNNING)]
        logged = {one.id for one in [*bad, *runs][:_LOGS]}
        return _json([self._run(one, logged=one.id in logged) for one in runs])

    def _run(self, run: Run, *, logged: bool) -> dict[str, Any]:
        told = {**asdict(run), "cancelled_by": _somebody(run.cancelled_by)}
        told |= _moments(told, "started_at", "finished_at", "told_at")
        if logged:
            lines = self._records.run_log(run.id)
            told["log"] = [f"{format_time(line.at)} {line.words}" for line in lines]
        return told

    def _requests(self) -> str:
        return _json([_request(one) for one in self._records.requests(limit=_REQUESTS)])

    def _processes(self) -> str:
        reports = [
            {name: value for name, value in asdict(one).items() if name != "families"}
            for one in self._records.process_reports(counts=False)
        ]
        reports = [one | _moments(one, "started_at", "at") for one in reports]
        leases = [
            {"name": one.name, "holder": one.holder, "expired": one.expired}
            for one in self._records.leases()
        ]
        return _json({"now": format_time(self._clock.now()), "told": reports, "leases": leases})


def versions() -> dict[str, Any]:
    """The program, the machine and every library that is installed."""
    found = {one.name: one.version for one in metadata.distributions()}
    return {
        "normalcy": metadata.version("normalcy"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": psutil.cpu_count(),
        "memory": psutil.virtual_memory().total,
        "libraries": dict(sorted(found.items(), key=lambda item: item[0].lower())),
    }


def _request(request: Request) -> dict[str, Any]:
    """A request without what was sent with it and came of it, which may hold what people wrote."""
    told = {**asdict(request), "payload": sorted(request.payload), "result": sorted(request.result)}
    for name in ("created_by", "cancelled_by"):
        told[name] = _somebody(told[name])
    return told | _moments(told, "created_at", "claimed_at", "deadline", "finished_at")


def _somebody(name: str | None) -> str | None:
    return name if name is None or name in NOBODY else PERSON


def _moments(told: Mapping[str, Any], *names: str) -> dict[str, str]:
    return {name: format_time(told[name]) for name in names if told[name] is not None}


def guarded(collect: Callable[[], str]) -> str:
    """A part, or why it is not there."""
    try:
        return collect()
    except NormalcyError as error:
        return f"{NOT_READ}{error}\n"
    except Exception as error:  # the rest of the bundle may tell why
        return f"{NOT_READ}unexpected {type(error).__name__}: {error}\n"


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n"
