"""What became of a copy, and whether that is a failure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from backend.exceptions import PartialWrite, StoreRefused
from backend.services.copying_window import Carried

_REASONS = 5


@dataclass
class Copied:
    """What became of one measurement.

    Attributes:
        measurement: its name.
        rows: rows written by this run.
        series: number of series seen by this run.
        dropped: rows that the target refused for ever.
        reasons: the first few reasons why.
        resumed_from: where a copy that was cut off went on, if it did.
        notes: what is not the same over there, a sentence each.
        failed: why it was not copied whole; empty if it was.
    """

    measurement: str
    rows: int = 0
    dropped: int = 0
    reasons: list[str] = field(default_factory=list)
    resumed_from: int | None = None
    notes: list[str] = field(default_factory=list)
    failed: str = ""
    _seen: set[str] = field(default_factory=set, repr=False)

    @property
    def series(self) -> int:
        """Number of series seen by this run."""
        return len(self._seen)

    def add(self, carried: Carried) -> None:
        """Count a window."""
        self.rows += carried.kept
        self.dropped += carried.dropped
        self._seen |= carried.rows.keys()
        new = [reason for reason in carried.reasons if reason not in self.reasons]
        self.reasons = [*self.reasons, *new][:_REASONS]

    def plain(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {
            "measurement": self.measurement,
            "rows": self.rows,
            "series": self.series,
            "dropped": self.dropped,
            "reasons": self.reasons,
            "resumed_from_ns": self.resumed_from,
            "notes": self.notes,
            "failed": self.failed or None,
        }


def refuse_losses(copied: Sequence[Copied]) -> None:
    """Raise if not everything is in the target.

    Raises:
        StoreRefused: measurements were not copied whole; with the reasons.
        PartialWrite: the target dropped rows; with their number and the reasons.
    """
    dropped = sum(one.dropped for one in copied)
    reasons = "; ".join(dict.fromkeys(why for one in copied for why in one.reasons))
    losses = f"The target dropped {dropped} rows for ever: {reasons}" if dropped else ""
    failed = [
        f"{one.measurement!r} was not copied whole: {one.failed}" for one in copied if one.failed
    ]
    if failed:
        raise StoreRefused("\n".join([*failed, *([losses] if losses else [])]))
    if losses:
        raise PartialWrite(losses, dropped)
