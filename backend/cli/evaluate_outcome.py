"""What came of one model in an evaluation."""

from dataclasses import dataclass, field
from typing import Any

from backend.services.evaluation import Report
from backend.services.reporting import Picture


@dataclass(frozen=True)
class Gallery:
    """The pictures of one model, and a sentence for each that it lacks."""

    pictures: tuple[Picture, ...] = ()
    lacking: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What came of one model.

    Attributes:
        kind: of the model.
        report: how its exam went; None if it could not be evaluated.
        failed: why not.
        warnings: of its training.
        gallery: its pictures, where any are asked for.
    """

    kind: str
    report: Report | None = None
    failed: str = ""
    warnings: tuple[str, ...] = ()
    gallery: Gallery = field(default_factory=Gallery)

    def plain(self) -> dict[str, Any]:
        """JSON-ready figures, or the reason why there are none."""
        if self.report is None:
            return {"model": self.kind, "failed": self.failed}
        return {**self.report.plain(), "model": self.kind, "warnings": list(self.warnings)}
