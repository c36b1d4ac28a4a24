"""Work on a Dask cluster that is there already, reached by its scheduler's address.

Only this file knows Dask's client. Orders and answers are JSON; what a training reads and writes
goes straight between the worker and the stores.
"""

import logging
import queue
import secrets
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import orjson

from backend.exceptions import (
    ClusterUnavailable,
    ConfigurationError,
    NormalcyError,
    WorkerDied,
    WorkerRefused,
)
from backend.executors import wire
from backend.executors.local import Outcome, died_again
from backend.executors.on_dask import Order, Terms, perform, unlike
from backend.executors.versions import versions

if TYPE_CHECKING:
    from distributed import Client, Future

logger = logging.getLogger(__name__)

_CONNECT_S = 10.0
_CLOSE_S = 5.0
_LOOK_EVERY_S = 2.0
_GATHER_S = 30.0


class DaskCluster:
    """Runs tasks on the workers of a Dask cluster.

    A lost worker's tasks begin again on another one, by Dask itself; only they are done twice. A
    worker that runs other software or names other stores is refused: before the first task if it
    is there already, else at its first task, which then goes to another worker.
    """

    def __init__(
        self,
        address: str,
        entry: str,
        here: Callable[[], Mapping[str, str]],
        identify: str,
        *,
        memory: int | None = None,
        patience_s: float = 300.0,
    ) -> None:
        """Note where the cluster is; nothing is connected before the first task.

        Args:
            address: of the scheduler, `tcp://host:8786`, or `tls://` as Dask is configured.
            entry: function that runs tasks on a worker, as `module:function`.
            here: names what must be the same on both sides, and what it is in this process.
            identify: the same for a worker, as `module:function`.
            memory: bytes that the process of a task may use.
            patience_s: how long a cluster may be without any worker.
        """
        self._address = address
        self._entry = entry
        self._here = here
        self._identify = identify
        self._memory = memory
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._connected: Client | None = None

    def run(
        self,
        task: str,
        arguments: Mapping[str, Any],
        timeout_s: float,
        wanted: Callable[[], bool] | None = None,
    ) -> dict[str, Any]:
        """Run a task to its end; `timeout_s` counts from when a worker begins it. See the port.

        Raises:
            ClusterUnavailable: no scheduler, or no workers for too long.
            WorkerRefused: no worker runs the same software over the same stores.
        """

        def look(done: int) -> None:
            if wanted is not None and not done and not wanted():
                raise WorkerDied(f"The task {task} was ended: nobody waits for its result.")

        (outcome,) = self.run_all(task, [arguments], timeout_s, look)
        if isinstance(outcome, NormalcyError):
            raise outcome
        return outcome

    def run_all(
        self,
        task: str,
        calls: Sequence[Mapping[str, Any]],
        timeout_s: float,
        told: Callable[[int], None],
    ) -> list[Outcome]:
        """Run a task for each of `calls`, on all workers; see the port.

        Whatever ends this early, as Ctrl+C or an error of `told`, takes back what still runs.

        Raises:
            ClusterUnavailable: no scheduler, or no workers for too long.
            WorkerRefused: no worker runs the same software over the same stores.
        """
        for arguments in calls:
            wire.pack_call(task, arguments)  # refuses all of them before anything is asked
        terms = Terms(self._entry, self._identify, self._here(), versions(), self._memory)
        orders = [Order(task, arguments, timeout_s, terms) for arguments in calls]
        with self._translated():
            client = self._client()
            check_workers(client, terms.versions)
        course = _Course(client, self._address, orders, self._patience_s)
        try:
            with self._translated():
                course.begin()
            while course.done < len(orders):
                with self._translated():
                    course.step()
                told(course.done)
        except BaseException:
            course.give_up()
            raise
        return course.outcomes

    def close(self) -> None:
        """Disconnect; the cluster belongs to others and goes on."""
        with self._lock:
            client, self._connected = self._connected, None
        if client is not None:
            _disconnect(client)

    def _client(self) -> "Client":
        with self._lock:
            if self._connected is not None:
                if self._connected.status == "running":
                    return self._connected
                stale, self._connected = self._connected, None
                _disconnect(stale)
            try:
                # An extra, slow to import.
                from distributed import Client, Security  # noqa: PLC0415
                from distributed.versions import VersionMismatchWarning  # noqa: PLC0415
            except ImportError as error:
                raise ConfigurationError(
                    "Training on a Dask cluster needs Dask, which is not installed here: "
                    "pip install 'normalcy[cluster]'."
                ) from error
            encrypted = Security().get_connection_args("client").get("ssl_context")
            if self._address.startswith("tls://") and encrypted is None:
                raise ConfigurationError(
                    f"The Dask scheduler at {self._address} wants TLS, for which nothing is set "
                    "here: name ca-file, client.cert and client.key in Dask's configuration below "
                    "distributed.comm.tls, or by its environment variables."
                )
            # What it says as a table or with a traceback is said here in a sentence.
            warnings.simplefilter("ignore", VersionMismatchWarning)
            for name in ("client", "core"):
                logging.getLogger(f"distributed.{name}").setLevel(logging.CRITICAL)
            self._connected = Client(
                self._address, timeout=_CONNECT_S, set_as_default=False, name="normalcy"
            )
            return self._connected

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn what Dask says of its scheduler into ours, and connect anew the next time."""
        try:
            yield
        except ClusterUnavailable:
            self.close()
            raise
        except (OSError, TimeoutError) as error:
            self.close()
            raise ClusterUnavailable(
                f"The Dask scheduler at {self._address} does not answer ({_brief(error)}): check "
                "that it runs, and that training.dask is its address."
            ) from error


def _disconnect(client: "Client") -> None:
    """Close a connection with its threads and sockets, also one whose scheduler is lost."""
    with suppress(OSError, TimeoutError):  # its thread ends with this process
        client.close(timeout=_CLOSE_S)


def check_workers(client: "Client", ours: Mapping[str, str]) -> None:
    """Ask every worker what it runs.

    Raises:
        WorkerRefused: one runs other software than this process.
    """
    for address, theirs in client.run(versions, on_error="return").items():
        if isinstance(theirs, ImportError | AttributeError):
            raise WorkerRefused(_without_normalcy(f"worker {address}", theirs))
        # One that was lost meanwhile is looked at again when it comes back.
        if isinstance(theirs, dict) and (sentence := unlike(address, ours, theirs)):
            raise WorkerRefused(sentence)


class _Course:
    """The way of some orders through a cluster, up to what they came to."""

    def __init__(
        self, client: "Client", address: str, orders: Sequence[Order], patience_s: float
    ) -> None:
        self._client = client
        self._address = address
        self._orders = orders
        self._patience_s = patience_s
        self._run = secrets.token_hex(4)
        self._begun = 0
        self._ended: queue.SimpleQueue[tuple[int, Future[bytes]]] = queue.SimpleQueue()
        self._running: dict[int, Future[bytes]] = {}
        self._found: dict[int, Outcome] = {}
        self._tied: dict[int, frozenset[str]] = {}
        self._died: set[int] = set()
        self._suspects: dict[int, WorkerDied] = {}
        self._on_trial: int | None = None
        self._refused: dict[str, str] = {}
        self._last_seen = time.monotonic()

    @property
    def done(self) -> int:
        """How many orders have come to something."""
        return len(self._found)

    @property
    def outcomes(self) -> list[Outcome]:
        """What each order came to, when all are done."""
        return [self._found[number] for number in range(len(self._orders))]

    def begin(self) -> None:
        """Hand all orders to the scheduler."""
        for number in range(len(self._orders)):
            self._begin(number)

    def step(self) -> None:
        """Wait until one more order is done, or for a short while."""
        outcome: Outcome | None = None
        while outcome is None:
            if not self._running and (convicted := self._try_suspects()):
                number, outcome = convicted
            else:
                if (came := self._next()) is None:
                    return
                number, future = came
                outcome = self._settled(number, future)
        self._found[number] = outcome
        self._let_go(number)

    def give_up(self) -> None:
        """Take back what still runs."""
        self._take_back(list(self._running.values()))

    def _begin(self, number: int, workers: frozenset[str] | None = None) -> None:
        """Hand an order to the scheduler, under a key that was never used: it has to be done.

        The key's beginning is what Dask's dashboard shows and groups by.
        """
        order = self._orders[number]
        name = "-".join([order.task, str(order.arguments.get("detector", ""))]).rstrip("-")
        self._begun += 1
        future = self._client.submit(
            perform,
            order.pack(),
            key=f"{name}-{number}-{self._run}{self._begun:04x}",
            pure=False,
            workers=None if workers is None else sorted(workers),
            allow_other_workers=False,
        )
        if workers is not None:
            self._tied[number] = workers
        self._running[number] = future
        self._listen(number, future)

    def _listen(self, number: int, future: "Future[bytes]") -> None:
        future.add_done_callback(lambda ended: self._ended.put((number, ended)))

    def _next(self) -> tuple[int, "Future[bytes]"] | None:
        """The next order that came to something; None where none did for a while."""
        while True:
            try:
                number, future = self._ended.get(timeout=_LOOK_EVERY_S)
            except queue.Empty:
                self._look()
                return None
            if self._running.get(number) is future:
                return number, future

    def _settled(self, number: int, future: "Future[bytes]") -> Outcome | None:
        """What an order came to; None if it goes on."""
        if future.cancelled():
            raise ClusterUnavailable(
                f"The Dask scheduler at {self._address} was lost while work was on its way: check "
                "that it runs, and begin again."
            )
        if future.status == "error":
            return self._failed(number, future.exception(timeout=_GATHER_S))
        try:
            answer = orjson.loads(future.result(timeout=_GATHER_S))
        except TimeoutError:  # its worker was lost with it, and it is being done again
            self._listen(number, future)
            return None
        if "refused" in answer:
            self._elsewhere(number, answer["worker"], answer["refused"])
            return None
        return self._told(number, answer)

    def _told(self, number: int, answer: Mapping[str, Any]) -> Outcome | None:
        try:
            return wire.outcome(answer)
        except WorkerDied as error:
            if number in self._died:
                order = self._orders[number]
                return died_again(wire.subject(order.task, order.arguments), error)
            self._died.add(number)
            self._begin(number, self._tied.get(number))
            return None
        except NormalcyError as error:
            return error

    def _failed(self, number: int, error: BaseException | None) -> Outcome | None:
        from distributed import KilledWorker  # noqa: PLC0415 - an extra

        task = self._orders[number].task
        if isinstance(error, KilledWorker):
            died = WorkerDied(
                f"The task {task} was begun {error.allowed_failures + 1} times, and its Dask "
                f"worker died each time, at last {error.last_worker.address}: look at that "
                "worker's log; often its machine or container has too little memory."
            )
            if number == self._on_trial:
                return died
            self._suspects[number] = died
            self._let_go(number)
            return None
        if isinstance(error, ImportError | AttributeError):
            raise WorkerRefused(_without_normalcy("cluster", error)) from error
        if isinstance(error, RuntimeError) and "deserialization" in str(error):
            raise WorkerRefused(_without_normalcy("scheduler", error.__cause__ or error)) from error
        if isinstance(error, Exception):
            return wire.unexpected(task, error)
        raise error or AssertionError("an error that is none")

    def _try_suspects(self) -> tuple[int, WorkerDied] | None:
        """Begin the next order that lost its workers, alone; or say that it was the one.

        Dask blames every task that was assigned to a lost worker, begun or not. So those that it
        gave up are begun again, one by one, when all others are done; one alone is to blame itself.
        """
        number = next(iter(self._suspects))
        died = self._suspects.pop(number)
        if not self._suspects and self._on_trial is None:
            return number, died
        self._on_trial = number
        self._begin(number)
        return None

    def _let_go(self, number: int) -> None:
        """Release a result at once: what a lost worker still holds would be done again."""
        if (future := self._running.pop(number, None)) is not None:
            future.release()

    def _elsewhere(self, number: int, worker: str, sentence: str) -> None:
        """Begin an order again on a worker that was not refused."""
        if worker not in self._refused:
            logger.warning("%s", sentence)
        self._refused[worker] = sentence
        fit = self._present() - self._refused.keys()
        if not fit:
            raise WorkerRefused(sentence)
        self._begin(number, fit)

    def _look(self) -> None:
        """See that there are workers, and that no order waits for some that are gone."""
        present = self._present()
        fit = present - self._refused.keys()
        if fit:
            self._last_seen = time.monotonic()
        elif time.monotonic() - self._last_seen > self._patience_s:
            if present:
                raise WorkerRefused(self._refused[min(present)])
            raise ClusterUnavailable(
                f"The Dask cluster at {self._address} has had no workers for "
                f"{self._patience_s:g} s: start some, and begin again."
            )
        for number, tied in list(self._tied.items()):
            if number in self._running and fit and not tied & present:
                self._take_back([self._running[number]])
                self._begin(number, fit)

    def _present(self) -> frozenset[str]:
        return frozenset(self._client.nthreads())

    def _take_back(self, futures: "list[Future[bytes]]") -> None:
        if self._client.status == "running":
            with suppress(OSError):  # the scheduler forgets them with their client
                self._client.cancel(futures, force=True)


def _without_normalcy(who: str, error: BaseException) -> str:
    return (
        f"The Dask {who} cannot run normalcy ({_brief(error)}): run scheduler and workers from the "
        "image that runs here."
    )


def _brief(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
