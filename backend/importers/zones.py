"""Local times to UTC, and why some of them stand for no single moment."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import pandas as pd

from backend.importers.numbers import Bad
from backend.importers.options import ReadingOptions
from backend.ports import Times


@dataclass(frozen=True)
class Zone:
    """The zone of times that carry none."""

    zone: ZoneInfo
    said: bool

    @classmethod
    def of(cls, options: ReadingOptions) -> "Zone":
        """The zone that was said, or else UTC."""
        return cls(options.zone(), options.timezone is not None)

    def note(self) -> str:
        """How times were understood, for the summary."""
        hint = "" if self.said else " (say --timezone if they are local)"
        return f"times carry no zone and were read as {self.zone.key}{hint}"

    def to_utc(self, naive: Times, bad: Bad) -> tuple[Times, Bad]:
        """Local nanoseconds to UTC; ambiguous and non-existent ones are marked."""
        if self.zone.key == "UTC":
            return naive, bad
        local = pd.DatetimeIndex(naive.view("M8[ns]"))
        utc = local.tz_localize(self.zone, ambiguous="NaT", nonexistent="NaT")
        return utc.asi8, bad | utc.isna()

    def explain(self, naive: pd.Timestamp) -> str | None:
        """Why a local time stands for no single moment; None when it does."""
        if not pd.isna(naive.tz_localize(self.zone, ambiguous="NaT", nonexistent="NaT")):
            return None
        if pd.isna(naive.tz_localize(self.zone, ambiguous="NaT", nonexistent="shift_forward")):
            return f"{naive} happened twice in {self.zone.key}, when the clocks were set back"
        return f"{naive} never was in {self.zone.key}, where the clocks were set forward"
