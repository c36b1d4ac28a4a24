"""Work in this very process: for commands, notebooks and tests."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from backend.exceptions import NormalcyError
from backend.executors import wire

logger = logging.getLogger(__name__)


class InProcess:
    """Runs tasks by calling a function; nothing can end them: no limit, no wish.

    Arguments and results take the same form as on their way to a worker, so that what runs here
    runs there too.
    """

    def __init__(self, run_task: Callable[[str, dict[str, Any]], dict[str, Any]]) -> None:
        self._run_task = run_task

    def run(
        self,
        task: str,
        arguments: Mapping[str, Any],
        timeout_s: float,
        wanted: Callable[[], bool] | None = None,
    ) -> dict[str, Any]:
        """Run a task to its end; see `ports.Executor`."""
        name, plain = wire.unpack_call(wire.pack_call(task, arguments))
        try:
            result = wire.pack_result(self._run_task(name, plain))
        except NormalcyError:
            raise
        except Exception as error:
            logger.exception("task %s failed", task)
            raise wire.unexpected(task, error) from error
        return wire.unpack_answer(result)

    def run_all(
        self,
        task: str,
        calls: Sequence[Mapping[str, Any]],
        timeout_s: float,
        told: Callable[[int], None],
    ) -> list[dict[str, Any] | NormalcyError]:
        """Run a task for each of `calls`, one after the other; see the port."""
        for arguments in calls:
            wire.pack_call(task, arguments)  # refuses all of them before any is begun
        outcomes: list[dict[str, Any] | NormalcyError] = []
        for arguments in calls:
            try:
                outcomes.append(self.run(task, arguments, timeout_s))
            except NormalcyError as error:
                outcomes.append(error)
            told(len(outcomes))
        return outcomes

    def close(self) -> None:
        """Nothing to end."""
