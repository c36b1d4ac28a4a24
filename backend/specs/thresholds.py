"""Thresholds: each kind with its defaults."""

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from backend.specs.base import Spec

_ALARMS = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(hour|day|week|month|year)")
_PERIOD_HOURS = {"hour": 1.0, "day": 24.0, "week": 168.0, "month": 730.5, "year": 8766.0}


class FollowSpec(Spec):
    """How a threshold follows the level of errors, within bounds."""

    span: float = Field(1000, ge=1, le=100_000, description="grid points of the moving average")
    most: float = Field(2.0, ge=1, description="highest level, in levels of held-out normal time")
    least: float = Field(1.0, gt=0, le=1, description="lowest level")
    creep: float = Field(
        1.0, ge=0, le=1, description="weight of a flagged point, which counts as on the line"
    )


class AnyThreshold(Spec):
    """What every threshold may be given."""

    margin: float = Field(1.0, gt=0, description="the threshold is multiplied by this")
    follow: FollowSpec | None = None


class LimitThreshold(AnyThreshold):
    """A threshold that is one limit for all time, or one for each operating mode."""

    per_mode: bool = False


class FixedThreshold(LimitThreshold):
    """A limit that a person states, in the unit of the smoothed error."""

    kind: Literal["fixed"] = "fixed"
    value: float = Field(gt=0)


class QuantileThreshold(LimitThreshold):
    """A quantile of the held-out normal errors."""

    kind: Literal["quantile"] = "quantile"
    q: float = Field(0.995, gt=0, le=1)


class SigmaThreshold(LimitThreshold):
    """Mean plus `k` standard deviations of the held-out normal errors."""

    kind: Literal["sigma"] = "sigma"
    k: float = Field(3.0, gt=0)


class ConformalThreshold(LimitThreshold):
    """The limit that a new normal point stays below with a stated confidence."""

    kind: Literal["conformal"] = "conformal"
    confidence: float = Field(0.995, gt=0, lt=1)


class F1MaxThreshold(LimitThreshold):
    """The limit that parts labelled anomalies best from held-out normal errors."""

    kind: Literal["f1_max"] = "f1_max"


class BudgetThreshold(LimitThreshold):
    """The lowest limit that keeps alarms on normal time within a budget for the whole detector."""

    kind: Literal["budget"] = "budget"
    alarms: str = "1/day"
    follow: FollowSpec | None = FollowSpec()

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


class RenewedThreshold(AnyThreshold):
    """A threshold that is taken anew from the latest errors at the start of each block."""

    history: int = Field(2100, ge=1, le=100_000, description="grid points looked back at")
    block: int = Field(70, ge=1, le=100_000, description="grid points from one look to the next")


class DynamicThreshold(RenewedThreshold):
    """The nonparametric dynamic threshold with pruning."""

    kind: Literal["dynamic"] = "dynamic"
    prune: float = Field(0.13, ge=0, lt=1, description="smallest drop that parts an anomaly")


class PotThreshold(RenewedThreshold):
    """Peaks over threshold: the level that a normal point passes with a stated risk."""

    kind: Literal["pot"] = "pot"
    risk: float = Field(1e-4, gt=0, lt=1)
    start: float = Field(0.98, gt=0, lt=1, description="quantile beyond which errors are peaks")
    drift: int = Field(0, ge=0, description="errors in the local mean; 0 takes none")

    @model_validator(mode="after")
    def _remembers_its_mean(self) -> "PotThreshold":
        if self.drift > self.history:
            raise ValueError("drift is longer than history: expected at most as many points")
        return self


ThresholdSpec = Annotated[
    FixedThreshold
    | QuantileThreshold
    | SigmaThreshold
    | ConformalThreshold
    | F1MaxThreshold
    | BudgetThreshold
    | DynamicThreshold
    | PotThreshold,
    Field(discriminator="kind"),
]
