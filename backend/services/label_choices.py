"""What a person chooses for a file of labels: how it is written, and what it does not say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from enum import StrEnum

from backend.records import LabelKind
from backend.specs.times import parse_zone


class Form(StrEnum):
    """How a file of labels is written."""

    CSV = "csv"
    ICS = "ics"
    GRAFANA = "grafana"


@dataclass(frozen=True)
class Choices:
    """For what the entries of a file do not say.

    Attributes:
        detector: of entries that name none.
        alone: refuse entries that name another detector than `detector`.
        kind: of entries that say none; events of a calendar are `exclude` otherwise.
        tags: of entries that name no series.
        start: only what reaches beyond this, nanoseconds; where recurring events begin to count.
        stop: only what begins before this, nanoseconds; where recurring events cease to count.
        zone: of times that name none, such as Europe/Berlin.
        form: how the file is written; by default its name or its content tells.
    """

    detector: str | None = None
    kind: LabelKind | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    start: int | None = None
    stop: int | None = None
    zone: str | None = None
    form: Form | None = None
    alone: bool = False

    @property
    def zone_or_utc(self) -> tzinfo:
        """The zone of times that name none.

        Raises:
            ValueError: there is no such zone.
        """
        return parse_zone(self.zone) if self.zone else UTC

    def detector_of(self, named: str) -> str:
        """The detector of an entry that names one, or none.

        Raises:
            ValueError: neither the entry nor the choices name one, or it names another one where
                it must not.
        """
        found = named or self.detector
        if not found:
            raise ValueError("no detector: fill that column, or give --detector")
        if self.alone and found != self.detector:
            raise ValueError(
                f"it names the detector {found!r}, and this file is brought to {self.detector!r}: "
                "take it out, or bring it to its own detector"
            )
        return found
