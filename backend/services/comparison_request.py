"""How a comparison of two versions is asked for: the same by a person and by a training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.exceptions import InputError
from backend.records import Promotion

COMPARE = "compare"
BY_TRAINING = "retraining"
"""Who asks for the comparison of a new version with the one that serves."""
WEEKS, MOST_WEEKS = 4, 52
"""How far back is looked where nobody says otherwise, and at most."""


@dataclass(frozen=True)
class Pair:
    """Which versions of a detector are compared, and over how many of the last weeks.

    Attributes:
        detector: its name.
        challenger: number of the version that is looked at.
        champion: number of the one it is held against; None to look at it alone.
        weeks: how many.
    """

    detector: str
    challenger: int
    champion: int | None = None
    weeks: int = WEEKS

    def __post_init__(self) -> None:
        """Refuse what cannot be compared.

        Raises:
            InputError: the weeks are too many or none, or a version is to be held against itself.
        """
        if not 1 <= self.weeks <= MOST_WEEKS:
            raise InputError(
                f"A comparison looks back 1 to {MOST_WEEKS} weeks; {self.weeks} were asked for."
            )
        if self.challenger == self.champion:
            raise InputError(
                f"Version {self.challenger} of {self.detector!r} cannot be compared with itself: "
                "name another one."
            )

    @property
    def payload(self) -> dict[str, Any]:
        """What the worker is told, beside the detector."""
        return {"challenger": self.challenger, "champion": self.champion, "weeks": self.weeks}

    @classmethod
    def of(cls, detector: str, payload: Mapping[str, Any]) -> "Pair":
        """Read back what `payload` gave.

        Raises:
            InputError: it is something else.
        """
        match payload.get("challenger"), payload.get("champion"), payload.get("weeks", WEEKS):
            case int(challenger), (int() | None) as champion, int(weeks):
                return cls(detector, challenger, champion, weeks)
        raise InputError(
            "A comparison needs the number of a version as challenger, that of another one or "
            "nothing as champion, and a number of weeks."
        )


def opponent(promotions: Sequence[Promotion], number: int) -> int | None:
    """What a version is held against: the one that serves or, if that is it, the one before.

    Args:
        promotions: of the detector, in the order they were made.
        number: of the version.

    Returns:
        A number; None where there is no other.
    """
    others = (one.number for one in reversed(promotions) if one.number != number)
    return next(others, None)


def served_before(promotions: Sequence[Promotion]) -> int | None:
    """The version that served before the present one, and that a roll back lets serve again."""
    return opponent(promotions, promotions[-1].number) if promotions else None
