"""What a worker process may take of the machine, and how it keeps within that."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from backend.specs.sizes import format_size

_END_FIRST = 500
"""Added to what the kernel reckons by when it has to end a process for want of memory."""


@dataclass(frozen=True)
class Limits:
    """What one worker may take.

    Attributes:
        memory: bytes, with all processes that it starts; None for as many as there are.
        threads: how many it computes in; None for as many as there are processors.
        nice: how far it steps back for others that want a processor, 0 to 19.
        setting: the key by which a person raises `memory`.
    """

    memory: int | None = None
    threads: int | None = None
    nice: int = 0
    setting: str = "training.memory"

    def take_effect(self) -> None:
        """Let them hold for this process and for all that it starts; but for the memory.

        What steps back for others is also what the kernel is to end first when the machine runs out
        of memory, rather than the database beside it.
        """
        if self.threads is not None:
            # What libraries look at while they are loaded, and models when they are trained.
            for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
                os.environ[name] = str(self.threads)
        if self.nice and hasattr(os, "nice"):
            os.nice(self.nice)
            _end_this_first()

    def exceeded(self, subject: str) -> str:
        """Say that work needs more memory than there is for it, and what to do."""
        return (
            f"{subject} needs more than {format_size(self.memory or 0)} of memory and was ended: "
            f"raise {self.setting}, or give it less at once, with fewer series, a shorter range or "
            "a smaller model."
        )


def _end_this_first() -> None:
    reckoning = Path("/proc/self/oom_score_adj")
    with suppress(OSError, ValueError):  # no Linux, or the container does not let it
        usual = int(reckoning.read_text(encoding="ascii"))
        reckoning.write_text(str(min(usual + _END_FIRST, 1000)), encoding="ascii")


TO_LOAD_S = 600.0
"""So long a worker may load what a task needs, beside the time that the task itself may take."""

FREE = Limits()
"""No limit at all."""
