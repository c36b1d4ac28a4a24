"""One thread for a process that is timed, so that seconds say what is computed, not by how many."""

import os

from threadpoolctl import threadpool_limits


def one_thread() -> None:
    """Hold this process to one thread: libraries that are loaded, and TensorFlow if it is not yet.

    Called again after more libraries were loaded, it holds those too.
    """
    threadpool_limits(1)
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
        os.environ[name] = "1"
