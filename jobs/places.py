"""Which work waits for which: one place a kind, so that a long training never holds up scoring."""

from collections.abc import Mapping
from typing import Any

SLOTS: Mapping[str, int] = {"score": 1, "train": 1, "backfill": 1}
"""Places with their number of workers; a worker's process is started when first needed."""

REQUESTED: Mapping[str, tuple[str, ...]] = {
    "score": ("explain", "threshold"),
    "train": ("retrain", "dry_run"),
    "backfill": ("backfill", "compare"),
}
"""The kinds of requests that are served in a place."""

_PLACES = {
    "score": "score",
    "explain": "score",
    "threshold": "score",
    "retrain": "train",
    "dry_run": "train",
    "backfill": "backfill",
    "compare": "backfill",
}


def place_of(task: str, arguments: Mapping[str, Any]) -> str:
    """The place where a task runs."""
    kinds = arguments["kinds"] if task == "serve_request" else [task]
    return _PLACES[kinds[0]]
