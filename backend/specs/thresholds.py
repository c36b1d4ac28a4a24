"""Thresholds: each kind with its defaults."""

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from backend.specs.base import Spec

_ALARMS = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(hour|day|week|month|year)")
_PERIOD_HOURS = {"hour": 1.0, "day": 24.0, "week": 168.0, "month": 730.5, "year": 8766.0}


class FixedThreshold(Spec):
    """A limit that a person states, in the unit of the smoothed error."""

    kind: Literal["fixed"] = "fixed"
    value: float = Field(gt=0)


class QuantileThreshold(Spec):
    """A quantile of the held-out normal errors, times `margin`."""

    kind: Literal["quantile"] = "quantile"
    q: float = Field(0.995, gt=0, le=1)
    margin: float = Field(1.0, gt=0)


class SigmaThreshold(Spec):
    """Mean plus `k` standard deviations of the held-out normal errors."""

    kind: Literal["sigma"] = "sigma"
    k: float = Field(3.0, gt=0)


class BudgetThreshold(Spec):
    """The lowest limit that keeps alarms on normal time within a budget for the whole detector."""

    kind: Literal["budget"] = "budget"
    alarms: str = "1/week"

    @field_validator("alarms")
    @classmethod
    def _is_a_rate(cls, text: str) -> str:
        match = _ALARMS.fullmatch(text.strip())
        if not match or float(match[1]) <= 0:
            raise ValueError(
                "expected a rate such as 5/week or 1/month (hour, day, week, month, year)"
            )
        return text

    @property
    def per_hour(self) -> float:
        """The budget in alarms an hour."""
        match = _ALARMS.fullmatch(self.alarms.strip())
        assert match is not None
        return float(match[1]) / _PERIOD_HOURS[match[2]]


ThresholdSpec = Annotated[
    FixedThreshold | QuantileThreshold | SigmaThreshold | BudgetThreshold,
    Field(discriminator="kind"),
]
