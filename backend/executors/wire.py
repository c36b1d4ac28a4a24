"""What goes between a process and its workers, near and far: JSON, never objects."""

from collections.abc import Mapping
from typing import Any

import orjson

from backend import exceptions
from backend.exceptions import (
    Cancelled,
    NormalcyError,
    PartialWrite,
    TaskError,
    TrainingFailed,
)

LOADING, LOADED = b"loading", b"loaded"
"""What a worker says before its answer: that it loads what it needs, and that it has done so."""

_LONGEST_REASON = 300
_WORDS = {
    "retrain": "training",
    "fit_piece": "training of a piece",
    "score": "scoring",
    "dry_run": "dry run",
    "compare": "comparison",
    "explain": "explanation",
    "threshold": "new threshold",
}
"""How work is called in a sentence, where its own name is no word."""


def pack_call(task: str, arguments: Mapping[str, Any]) -> bytes:
    """Write a call down.

    Raises:
        TypeError: an argument is not JSON-ready.
    """
    return orjson.dumps({"task": task, "arguments": dict(arguments)})


def unpack_call(message: bytes) -> tuple[str, dict[str, Any]]:
    """Read a call back."""
    call = orjson.loads(message)
    return call["task"], call["arguments"]


def subject(task: str, arguments: Mapping[str, Any]) -> str:
    """Name a call at the beginning of a sentence, as `The training of gas-room`."""
    kind, detector = (arguments.get("kinds") or [task])[0], arguments.get("detector")
    return f"The {_WORDS.get(kind, kind)} of {detector}" if detector else f"The task {kind}"


def pack_result(result: Mapping[str, Any]) -> bytes:
    """Write a result down.

    Raises:
        TypeError: the result is not JSON-ready.
    """
    return orjson.dumps({"result": dict(result)})


def pack_error(error: NormalcyError) -> bytes:
    """Write an error down: the names of its class and bases, its text, what else it carries."""
    return orjson.dumps(
        {
            "error": [base.__name__ for base in type(error).__mro__],
            "message": str(error),
            "retry": error.retry,
            "dropped": getattr(error, "dropped", 0),
            "members": list(getattr(error, "members", ())),
            "by": getattr(error, "by", ""),
        }
    )


def unpack_answer(message: bytes) -> dict[str, Any]:
    """Read a result back.

    Raises:
        NormalcyError: the answer is an error; of its own class, or of the nearest base known here.
    """
    return outcome(orjson.loads(message))


def outcome(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Read a result out of an answer that is JSON no more; raises as `unpack_answer` does."""
    if "error" in answer:
        raise _rebuild(answer)
    result: dict[str, Any] = answer["result"]
    return result


def unexpected(task: str, error: Exception) -> TaskError:
    """Say in one sentence that a task failed in a way nobody foresaw."""
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    if len(reason) > _LONGEST_REASON:
        reason = reason[: _LONGEST_REASON - 1] + "…"
    return TaskError(
        f"The task {task} failed with {reason}; the log holds the details for a bug report."
    )


def _rebuild(answer: Mapping[str, Any]) -> NormalcyError:
    known = (getattr(exceptions, name, None) for name in answer["error"])
    kind = next(k for k in known if isinstance(k, type) and issubclass(k, NormalcyError))
    error = _made(kind, answer)
    error.retry = answer["retry"]
    return error


def _made(kind: type[NormalcyError], answer: Mapping[str, Any]) -> NormalcyError:
    if kind is PartialWrite:
        return PartialWrite(answer["message"], answer["dropped"])
    if kind is TrainingFailed:
        return TrainingFailed(answer["message"], answer["members"])
    if kind is Cancelled:
        return Cancelled(answer["message"], answer["by"])
    return kind(answer["message"])
