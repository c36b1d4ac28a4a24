"""The jobs in a process that ends itself by SIGKILL at a chosen step.

What runs in it is the product: its jobs, its worker entry, its networks and its stores; only the
time stands still, and each step that changes something outside the process is counted.
"""

import importlib
import os
import signal
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection
from typing import Any

from backend import bootstrap
from backend.executors import InProcess
from backend.services.runs import worker_name
from backend.settings import load
from jobs.places import REQUESTED
from jobs.retraining import retrain_if_due
from jobs.scoring import score
from jobs.serving_requests import serve_request
from jobs.taking_over import take_over
from jobs.workplace import Workplace
from tests.fakes.clock import StillClock

_RECORDS = "backend.stores.records.store:SqlRecordStore"
_COUNTED = {
    "backend.stores.embedded.store:EmbeddedSeriesStore._store": "write",
    "backend.stores.influx.store:InfluxSeriesStore.write": "write",
    "backend.stores.artifacts:FileArtifactStore.save": "save artifact",
    **{
        f"{_RECORDS}.{method}": method.replace("_", " ")
        for method in (
            "start_run",
            "finish_run",
            "next_number",
            "add_version",
            "promote",
            "set_watermarks",
            "claim_request",
            "update_request",
            "finish_request",
        )
    },
    # In the middle of what must be whole or not there.
    "backend.models.network:Network.fit": "fit networks",
    "backend.stores.embedded.compaction:add": "store one series",
    "backend.stores.influx.client:InfluxClient.write": "send lines",
    "pathlib:Path.rename": "rename",
}


@dataclass(frozen=True)
class Moment:
    """Just before the `count`-th time that a step is taken."""

    step: str
    count: int = 1

    def __str__(self) -> str:
        return f"{self.step} {self.count}" if self.count > 1 else self.step


@dataclass(frozen=True)
class Orders:
    """What a process is to do.

    Attributes:
        environ: its whole environment.
        now: its time, which stands still.
        tasks: names of tasks with their arguments; the jobs' own round if there are none.
        death: when it is killed, if ever.
    """

    environ: Mapping[str, str]
    now: int
    tasks: Sequence[tuple[str, dict[str, Any]]] = ()
    death: Moment | None = None


def live(orders: Orders, report: Connection) -> None:
    """Do as told, and report the steps that were taken in order."""
    os.environ.clear()
    os.environ.update(orders.environ)
    steps: list[str] = []
    _count_steps(steps, orders.death)
    bootstrap.SystemClock = lambda: StillClock(orders.now)
    if orders.tasks:
        for task, arguments in orders.tasks:
            bootstrap.run_task(task, arguments)
    else:
        _round()
    report.send(steps)


def _round() -> None:
    """What `python -m jobs` does when it has started: each of its jobs once, in order."""
    application = bootstrap.bootstrap(load(os.environ))
    work = Workplace(
        records=application.records,
        detectors=application.detectors.all,
        due=application.retraining.due,
        executor=InProcess(bootstrap.run_task),
        clock=application.clock,
        worker=worker_name(),
        lease_length=timedelta(0),  # those of the process before this one have run out
    )
    take_over(work)
    for kinds in REQUESTED.values():
        serve_request(work, kinds)
    for spec in work.detectors():
        retrain_if_due(work, spec)
        score(work, spec)
    application.close()


def _count_steps(steps: list[str], death: Moment | None) -> None:
    taken: Counter[str] = Counter()

    def reach(step: str) -> None:
        taken[step] += 1
        if death == Moment(step, taken[step]):
            os.kill(os.getpid(), signal.SIGKILL)
        steps.append(step)

    for target, name in _COUNTED.items():
        module, _, path = target.partition(":")
        *owners, attribute = path.split(".")
        owner: Any = importlib.import_module(module)
        for part in owners:
            owner = getattr(owner, part)
        setattr(owner, attribute, _watched(getattr(owner, attribute), name, reach))


def _watched(
    function: Callable[..., Any], name: str, reach: Callable[[str], None]
) -> Callable[..., Any]:
    def watched(*arguments: Any, **named: Any) -> Any:
        # What is written to tells more than that something is.
        reach(f"write {arguments[1]}" if name == "write" else name)
        return function(*arguments, **named)

    return watched
