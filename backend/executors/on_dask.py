"""What runs on a Dask worker: each order in a process of its own, which is kept warm.

Not in the worker itself, because a thread of it cannot be ended at its limit or when nobody waits
any more, because what a training does to memory would end the worker with all it holds, and because
TensorFlow's threads and a held GIL keep a worker from telling its scheduler that it is alive.
"""

import multiprocessing
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from backend.exceptions import NormalcyError, WorkerRefused
from backend.executors import wire
from backend.executors.limits import Limits
from backend.executors.local import LocalProcesses
from backend.executors.versions import differences, versions
from backend.executors.worker import resolve

if TYPE_CHECKING:
    from distributed import Worker

_CLOSING = ("closing", "closed", "failed")
"""States of a worker that does not wait for its tasks; one that retires does."""
_SLOT = "orders"
_CHECKED = "backend.executors.on_dask:checked"

_processes: dict[int | None, LocalProcesses] = {}
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Terms:
    """What a worker has to agree with, and how it works.

    Attributes:
        entry: function that runs tasks, as `module:function`.
        identify: function that names what must be the same on both sides, as `module:function`.
        identity: what it is here, name to text without any secret.
        versions: package to version, here.
        memory: bytes that the process of an order may use.
    """

    entry: str
    identify: str
    identity: Mapping[str, str]
    versions: Mapping[str, str]
    memory: int | None


@dataclass(frozen=True)
class Order:
    """A call as it goes to a worker, self-contained."""

    task: str
    arguments: Mapping[str, Any]
    timeout_s: float
    terms: Terms

    def pack(self) -> bytes:
        """Write it down.

        Raises:
            TypeError: an argument is not JSON-ready.
        """
        return orjson.dumps(self)

    @classmethod
    def unpack(cls, message: bytes) -> "Order":
        """Read it back."""
        plain = orjson.loads(message)
        terms = Terms(**plain["terms"])
        return cls(plain["task"], plain["arguments"], plain["timeout_s"], terms)


def perform(message: bytes) -> bytes:
    """Do an order; what became of it as JSON: an answer, or why this worker refuses."""
    from distributed import get_worker  # noqa: PLC0415 - an extra, and here it is installed

    worker = get_worker()
    order = Order.unpack(message)
    try:
        if sentence := unlike(worker.address, order.terms.versions, versions()):
            raise WorkerRefused(sentence)
        return wire.pack_result(_done(order, worker))
    except WorkerRefused as error:
        return orjson.dumps({"refused": str(error), "worker": worker.address})
    except NormalcyError as error:
        return wire.pack_error(error)


def unlike(worker: str, ours: Mapping[str, str], theirs: Mapping[str, str]) -> str | None:
    """Say that a worker runs other software, if it does."""
    if found := differences(ours, theirs):
        return f"The Dask worker {worker} has {', '.join(found)}: run both from the same image."
    return None


def checked(task: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Do a task in its process, where the stores are those of the caller.

    Raises:
        WorkerRefused: they are not.
    """
    here = resolve(arguments["identify"])()
    wrong = [
        f"{name} {here.get(name, 'unknown')} (here {text})"
        for name, text in arguments["identity"].items()
        if here.get(name) != text
    ]
    if wrong:
        raise WorkerRefused(
            f"The Dask worker {arguments['worker']} is configured with {', '.join(wrong)}: give it "
            "the same normalcy.yaml, environment and volumes."
        )
    result: dict[str, Any] = resolve(arguments["entry"])(task, arguments["arguments"])
    return result


def _done(order: Order, worker: "Worker") -> dict[str, Any]:
    terms = order.terms
    arguments = {
        "arguments": order.arguments,
        "entry": terms.entry,
        "identify": terms.identify,
        "identity": terms.identity,
        "worker": worker.address,
    }
    processes = _kept(terms.memory, worker.state.nthreads)
    key = worker.get_current_task()
    return processes.run(order.task, arguments, order.timeout_s, lambda: _is_wanted(worker, key))


def _kept(memory: int | None, count: int) -> LocalProcesses:
    """The warm processes of this worker, one for each of its threads."""
    with _one_at_a_time:
        if memory not in _processes:
            # A nanny starts workers as daemons, which may have no children; these end with it.
            multiprocessing.current_process().daemon = False
            _processes[memory] = LocalProcesses(
                _CHECKED, {_SLOT: count}, lambda task, arguments: _SLOT, Limits(memory)
            )
        return _processes[memory]


def _is_wanted(worker: "Worker", key: Any) -> bool:
    """Whether the scheduler has not taken the task back, and the worker is not closing."""
    task = worker.state.tasks.get(key)
    taken_back = task is None or task.state == "cancelled"
    return not taken_back and worker.status.name not in _CLOSING
