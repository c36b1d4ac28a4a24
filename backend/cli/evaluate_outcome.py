"""What came of one model in an evaluation."""

from collections.abc import Mapping
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
        choice: the kind that `auto` chose and why, as in the training record; None for others.
    """

    kind: str
    report: Report | None = None
    failed: str = ""
    warnings: tuple[str, ...] = ()
    gallery: Gallery = field(default_factory=Gallery)
    choice: Mapping[str, Any] | None = None

    @property
    def chosen(self) -> tuple[str, ...]:
        """What was chosen and why, in a sentence; nothing where the kind was named."""
        if self.choice is None:
            return ()
        return (f"{self.kind} chose {self.choice['kind']}: {self.choice['reason']}",)

    def plain(self) -> dict[str, Any]:
        """JSON-ready figures, or the reason why there are none."""
        if self.report is None:
            return {"model": self.kind, "failed": self.failed}
        return {
            **self.report.plain(),
            "model": self.kind,
            "choice": self.choice,
            "warnings": list(self.warnings),
        }
