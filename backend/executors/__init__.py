"""Where work runs: in this process, or in local worker processes that can be ended."""

from backend.executors.in_process import InProcess
from backend.executors.local import LocalProcesses

__all__ = ["InProcess", "LocalProcesses"]
