"""What a detector is: frozen, validated, and the only place where defaults stand."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    field_validator,
    model_validator,
)

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_ALARMS = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(hour|day|week|month|year)")
_PERIOD_HOURS = {"hour": 1.0, "day": 24.0, "week": 168.0, "month": 730.5, "year": 8766.0}


def parse_duration(text: object) -> timedelta:
    """Read `90s`, `10m`, `1h30m`, `2d`; a timedelta passes through.

    Raises:
        ValueError: the text is not a duration.
    """
    if isinstance(text, timedelta):
        return text
    if isinstance(text, str) and text == "0":
        return timedelta(0)
    if not isinstance(text, str) or not re.fullmatch(f"(?:{_PART.pattern})+", text):
        raise ValueError(f"expected a duration such as 90s, 10m or 1h30m, got {text!r}")
    try:
        return timedelta(seconds=sum(float(n) * _UNITS[u] for n, u in _PART.findall(text)))
    except OverflowError as error:
        raise ValueError(f"expected a shorter duration, got {text[:40]!r}") from error


def format_duration(value: timedelta) -> str:
    """Write a duration so that `parse_duration` reads it back: `1h30m`."""
    rest = round(value.total_seconds() * 1000)
    parts = []
    for unit in ("w", "d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, round(_UNITS[unit] * 1000))
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
]


def nanoseconds(value: timedelta) -> int:
    """The duration in whole nanoseconds."""
    return round(value.total_seconds() * 1_000_000) * 1000


def _is_a_foreign_name(name: str) -> str:
    if not name or not name.isprintable():
        raise ValueError("expected a name without line breaks or control characters")
    return name


ForeignName = Annotated[str, AfterValidator(_is_a_foreign_name)]
"""A measurement, tag, field or tag value: chosen by others, in any script."""


class Spec(BaseModel):
    """Base of all specifications: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


# -- models ----------------------------------------------------------------------------------------

Units = Annotated[int, Field(ge=1, le=4096)]
Layer = Annotated[dict[Literal["lstm", "dense"], Units], Field(min_length=1, max_length=1)]
Activation = Literal[
    "linear", "relu", "elu", "selu", "gelu", "tanh", "sigmoid", "swish", "softplus"
]


class NetworkSpec(Spec):
    """What every reconstruction network shares: size, regularisation, optimiser, stopping."""

    window: int = Field(10, ge=1, le=4096, description="grid points fed to the model at once")
    activation: Activation = "tanh"
    l2: float = Field(0.0, ge=0, description="weight decay added to the loss")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of inputs hidden while training")
    loss: Literal["mse", "mae", "huber"] = "mse"
    optimizer: Literal["adam", "nadam", "rmsprop", "sgd", "adagrad"] = "adam"
    learning_rate: float = Field(0.003, gt=0, le=1)
    epochs: int = Field(60, ge=1, le=10_000)
    batch: int = Field(64, ge=1, le=65_536, description="windows a step and series")
    windows_per_epoch: int = Field(
        6000, ge=1, description="a longer history is sampled anew in each epoch"
    )
    validation: float = Field(
        0.15,
        ge=0,
        lt=0.9,
        description="share at the end of each training block, for early stopping",
    )
    patience: int = Field(8, ge=0, description="epochs without gain before stopping; 0 never stops")
    seed: int = Field(0, ge=0)


class DenseAutoencoderSpec(NetworkSpec):
    """Dense autoencoder over the flattened window; the decoder mirrors `units`."""

    kind: Literal["dense_autoencoder"] = "dense_autoencoder"
    window: int = Field(1, ge=1, le=4096, description="grid points fed to the model at once")
    units: tuple[Units, ...] = Field(
        (32, 16), min_length=1, description="encoder layers; the last is the bottleneck"
    )


class LstmAutoencoderSpec(NetworkSpec):
    """LSTM stack, bottleneck, repeat vector, LSTM stack, dense layer a time step.

    `units` are the encoder's layers and the last is the bottleneck: a number is an LSTM layer,
    `{dense: n}` a dense layer. The decoder mirrors them unless `decoder` names its own.
    """

    kind: Literal["lstm_autoencoder"] = "lstm_autoencoder"
    units: tuple[Units | Layer, ...] = Field((32, 8), min_length=1)
    decoder: tuple[Units | Layer, ...] | None = None


ModelSpec = Annotated[
    DenseAutoencoderSpec | LstmAutoencoderSpec,
    Field(discriminator="kind"),
]


# -- from reconstruction to alarm ------------------------------------------------------------------


class ErrorSpec(Spec):
    """How residuals become one error a point."""

    metric: Literal["absolute", "squared"] = "absolute"
    channels: Literal["mean", "mean_top"] = Field(
        "mean", description="mean_top: half the mean of all, half the mean of the largest `top`"
    )
    top: int = Field(3, ge=1)
    window: Literal["last", "mean"] = Field(
        "last", description="error of the window's last row, or the mean over the window"
    )


class SmoothingSpec(Spec):
    """Causal EWMA; `span` 1 switches it off."""

    span: float = Field(6, ge=1, le=10_000)


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


class AlarmSpec(Spec):
    """From flags to the alarm, and how flagged points merge into events."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    points: int = Field(
        3, ge=1, alias="for", description="flagged points in a row before it turns on"
    )
    clear_below: float = Field(0.8, gt=0, le=1, description="score below which it turns off")
    merge: int = Field(6, ge=0, description="unflagged grid points that do not part an event")


class ChecksSpec(Spec):
    """Plain checks beside the model; each limit is learned from normal time, times its factor.

    0 switches a check off.
    """

    flatline: float = Field(3.0, ge=0, description="times the longest unchanged run seen")
    range: float = Field(1.0, ge=0, description="normal spans beyond the normal range")
    rate: float = Field(3.0, ge=0, description="times the largest normal step")


class ScheduleSpec(Spec):
    """When the jobs work on a detector."""

    retrain: str | None = Field(None, description="cron expression")
    score: Duration = timedelta(minutes=1)
    lateness: Duration = Field(timedelta(minutes=30), description="late data inside is rescored")
    catch_up: Duration = Field(
        timedelta(days=7), description="how far back a live run goes after an outage or at first"
    )
    timezone: str = "UTC"
    retrain_after_labels: Duration = Field(
        timedelta(minutes=2), description="quiet time after a label before training starts"
    )
    retrain_timeout: Duration = timedelta(hours=2)
    score_timeout: Duration = timedelta(minutes=10)

    @field_validator("score", "retrain_timeout", "score_timeout")
    @classmethod
    def _takes_time(cls, value: timedelta) -> timedelta:
        if value < timedelta(seconds=1):
            raise ValueError("expected at least 1s")
        return value


# -- the detector ----------------------------------------------------------------------------------

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


class DetectorSpec(Spec):
    """A named definition: what to watch, how, and when."""

    name: str
    measurement: ForeignName
    channels: tuple[ForeignName, ...] = Field(min_length=1)
    context: tuple[ForeignName, ...] = ()
    where: Mapping[ForeignName, ForeignName] = Field(default_factory=dict)
    group_by: tuple[ForeignName, ...] = ()
    every: Duration
    delay: Duration = Field(timedelta(0), description="a bucket is closed this long after its end")
    max_gap: int = Field(3, ge=0, description="grid steps bridged by the last value")
    judge_when: str | None = None
    settle: Duration = timedelta(0)
    model: ModelSpec = Field(default_factory=LstmAutoencoderSpec)
    scaling: Literal["minmax", "standard", "robust", "none"] = "robust"
    error: ErrorSpec = ErrorSpec()
    smoothing: SmoothingSpec = SmoothingSpec()
    threshold: ThresholdSpec = Field(default_factory=BudgetThreshold)
    alarm: AlarmSpec = AlarmSpec()
    checks: ChecksSpec = ChecksSpec()
    folds: int = Field(5, ge=2, le=20, description="contiguous blocks for cross-fitting")
    trim: float = Field(
        0.01, ge=0, lt=0.5, description="most of the normal rows left out as impure"
    )
    learn_from: Duration = Field(
        timedelta(days=14), description="without labels: how much recent data is learned from"
    )
    schedule: ScheduleSpec = ScheduleSpec()
    promote: Literal["auto", "review"] = "auto"
    write_expected: bool = True
    write_contributions: bool = False

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        if not NAME.fullmatch(name):
            raise ValueError(
                "expected 1 to 63 letters, digits, '_', '.' or '-', starting with a letter or digit"
            )
        return name

    @field_validator("every")
    @classmethod
    def _is_positive(cls, every: timedelta) -> timedelta:
        if every < timedelta(milliseconds=1):
            raise ValueError("expected a grid of at least 1ms")
        return every

    @model_validator(mode="after")
    def _names_are_distinct(self) -> "DetectorSpec":
        names = self.inputs
        if len(set(names)) != len(names):
            raise ValueError("a channel is named twice in channels and context")
        if len(set(self.group_by)) != len(self.group_by):
            raise ValueError("a tag is named twice in group_by")
        if both := set(self.group_by) & set(self.where):
            raise ValueError(f"{sorted(both)[0]} stands in both where and group_by")
        if "detector" in self.group_by:
            raise ValueError("group_by cannot use the tag 'detector': results are written with it")
        return self

    @model_validator(mode="after")
    def _catches_up(self) -> "DetectorSpec":
        least = max(self.every, self.schedule.score)
        if self.schedule.catch_up < least:
            raise ValueError(
                "schedule.catch_up is shorter than the grid or than the time between two scoring "
                f"runs, so that points would never be scored: expected {format_duration(least)} or "
                "more"
            )
        return self

    @property
    def inputs(self) -> tuple[str, ...]:
        """All channels in model order: the judged ones, then context."""
        return self.channels + self.context

    @property
    def step(self) -> int:
        """The grid in nanoseconds."""
        return nanoseconds(self.every)

    def plain(self) -> dict[str, Any]:
        """The spec as JSON-ready values that `DetectorSpec.model_validate` reads back."""
        return self.model_dump(mode="json", by_alias=True)
