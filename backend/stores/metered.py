"""Stores that count what is asked of them: how often, how it ended, how long it took."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from time import perf_counter
from typing import Any, TypeVar, cast

from backend.exceptions import NormalcyError, StoreError, StoreRefused, StoreUnavailable
from backend.services.meters import Meters, Operation

Store = TypeVar("Store")

_CHANGING = frozenset(
    [
        "add",
        "answer",
        "append",
        "begin",
        "cancel",
        "change",
        "claim",
        "clear",
        "delete",
        "drop",
        "end",
        "finish",
        "forget",
        "interrupt",
        "keep",
        "next",
        "note",
        "promote",
        "propose",
        "put",
        "readmit",
        "remove",
        "renew",
        "report",
        "revoke",
        "rewind",
        "save",
        "set",
        "settle",
        "spend",
        "start",
        "take",
        "tell",
        "tie",
        "touch",
        "untie",
        "update",
        "write",
    ]
)
"""How the methods begin that are to change something."""
_NOT_COUNTED = frozenset({"close"})


def metered(store: Store, name: str, meters: Meters) -> Store:
    """The same store, whose calls are counted under a name.

    Args:
        store: of series or of records.
        name: as the metrics tell it: `source`, `results` or `records`.
        meters: of this process.
    """
    return cast(Store, _Metered(store, name, meters))


def operation(method: str) -> Operation:
    """Whether a method of a store changes something, as its name says."""
    return "write" if method.partition("_")[0] in _CHANGING else "read"


class _Metered:
    """Hands everything on, whatever a store can do; what can be called is counted."""

    def __init__(self, store: object, name: str, meters: Meters) -> None:
        self._store = store
        self._name = name
        self._meters = meters

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._store, method)
        if not callable(found) or method.startswith("_") or method in _NOT_COUNTED:
            return found
        counted = self._counted(method, found)
        setattr(self, method, counted)  # made once
        return counted

    def _counted(self, method: str, call: Callable[..., Any]) -> Callable[..., Any]:
        kind = operation(method)

        @wraps(call)
        def counting(*args: Any, **kwargs: Any) -> Any:
            began = perf_counter()
            try:
                answer = call(*args, **kwargs)
            except BaseException as error:
                self._meters.store_asked(self._name, _outcome(error), perf_counter() - began, kind)
                raise
            if isinstance(answer, Iterator):
                return self._counting_parts(answer, kind)
            if isinstance(answer, AbstractContextManager):
                return self._counting_ends(answer)
            self._meters.store_asked(self._name, "ok", perf_counter() - began, kind)
            return answer

        return counting

    def _counting_parts(self, parts: Iterator[Any], kind: Operation) -> Iterator[Any]:
        """Hand parts on as they come; what their user does between two of them is not counted."""
        took, outcome, began = 0.0, "ok", perf_counter()
        try:
            for part in parts:
                took += perf_counter() - began
                yield part
                began = perf_counter()
            took += perf_counter() - began
        except Exception as error:
            outcome, took = _outcome(error), took + perf_counter() - began
            raise
        finally:
            self._meters.store_asked(self._name, outcome, took, kind)

    @contextmanager
    def _counting_ends(self, transaction: AbstractContextManager[Any]) -> Iterator[Any]:
        """How long a transaction waits for its turn and for the disk; the calls in it count too."""
        took, outcome, began = 0.0, "ok", perf_counter()
        failed_within: BaseException | None = None
        try:
            with transaction as inner:
                took = perf_counter() - began
                try:
                    yield inner
                except BaseException as error:
                    failed_within = error
                    raise
                finally:
                    began = perf_counter()
        except BaseException as error:
            if error is not failed_within:
                outcome = _outcome(error)
            raise
        finally:
            took += perf_counter() - began
            self._meters.store_asked(self._name, outcome, took, "write")


def _outcome(error: BaseException) -> str:
    if isinstance(error, StoreUnavailable):
        return "unavailable"
    if isinstance(error, StoreRefused):
        return "refused"
    if isinstance(error, NormalcyError) and not isinstance(error, StoreError):
        return "ok"  # the store answered: there is no such thing, or another was faster
    return "failed"
