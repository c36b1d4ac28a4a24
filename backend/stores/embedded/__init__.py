"""A series store in a directory: nothing to install, nothing to run."""

from backend.stores.embedded.store import EmbeddedSeriesStore

__all__ = ["EmbeddedSeriesStore"]
