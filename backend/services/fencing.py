"""Whether this process may still write what it worked out: another may have taken the work over.

A process can be held up for longer than its lease: paused with its machine, or starved. It cannot
notice by itself, so it asks before it writes. Between the question and the write there is time for
another pause; what then comes twice is the same points, and a watermark that only moves forward.
"""

from collections.abc import Callable, Mapping
from typing import Any

from backend.exceptions import LeaseLost
from backend.ports import RecordStore

Fence = Callable[[], None]
"""Raises `LeaseLost` where the work has been taken over."""


def unfenced() -> None:
    """For work that nobody takes over, such as that of a command."""


def fenced(records: RecordStore, lease: Mapping[str, Any] | None) -> Fence:
    """Ask the records whether a lease still holds; `lease` has its `name` and `token`."""
    if lease is None:
        return unfenced
    name, token = lease["name"], lease["token"]

    def ask() -> None:
        if not records.holds_lease(name, token):
            raise LeaseLost(
                f"The work {name} was taken over by another jobs process while this one was held "
                "up for longer than its lease; what it had not written yet is left to the other."
            )

    return ask
