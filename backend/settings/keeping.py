"""The part of normalcy.yaml about how long things are kept."""

from datetime import timedelta

from pydantic import Field

from backend.services.retention import Keep
from backend.specs import Duration, Spec


class KeepPart(Spec):
    """The key `keep` of the file."""

    versions: int = Field(20, ge=2, le=10_000)
    runs: Duration = Field(timedelta(days=90), ge=timedelta(days=7))
    results: Duration | None = Field(None, ge=timedelta(days=7))

    def settings(self) -> Keep:
        """What the rest of the program is told."""
        return Keep(self.versions, self.runs, self.results)
