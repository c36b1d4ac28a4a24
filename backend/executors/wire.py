"""What crosses the pipe between a process and its workers: JSON, never objects."""

from collections.abc import Mapping
from typing import Any

import orjson

from backend import exceptions
from backend.exceptions import NormalcyError, PartialWrite, TaskError

_LONGEST_REASON = 300


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


def pack_result(result: Mapping[str, Any]) -> bytes:
    """Write a result down.

    Raises:
        TypeError: the result is not JSON-ready.
    """
    return orjson.dumps({"result": dict(result)})


def pack_error(error: NormalcyError) -> bytes:
    """Write an error down: the names of its class and bases, its text, whether a retry may help."""
    return orjson.dumps(
        {
            "error": [base.__name__ for base in type(error).__mro__],
            "message": str(error),
            "retry": error.retry,
            "dropped": getattr(error, "dropped", 0),
        }
    )


def unpack_answer(message: bytes) -> dict[str, Any]:
    """Read a result back.

    Raises:
        NormalcyError: the answer is an error; of its own class, or of the nearest base known here.
    """
    answer = orjson.loads(message)
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
    message = answer["message"]
    error = PartialWrite(message, answer["dropped"]) if kind is PartialWrite else kind(message)
    error.retry = answer["retry"]
    return error
