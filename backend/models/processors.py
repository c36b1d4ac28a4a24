"""How many processors there are to compute on; TensorFlow is not loaded for it."""

import os


def processors() -> int:
    """Those that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads() -> int:
    """How many programs may run at once: one on each processor, or so many as OMP_NUM_THREADS says.

    The variable is what workers of a cluster, and of a machine that is shared by several, are told
    by.
    """
    told = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, int(told)) if told.isdigit() else processors()
