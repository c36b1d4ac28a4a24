"""What a detector is: frozen, validated, and the only place where its defaults stand."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from backend.specs.base import Duration, ForeignName, Spec, format_duration, nanoseconds
from backend.specs.models import EnsembleSpec, ModelSpec
from backend.specs.preprocessing import PreprocessingSpec
from backend.specs.thresholds import BudgetThreshold, LimitThreshold, ThresholdSpec


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


LONGEST_ALARM = 10_000
"""Points that an alarm may be asked to last before it turns on: so many are remembered a series."""


class AlarmSpec(Spec):
    """From flags to the alarm, and how flagged points merge into events."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    points: int = Field(
        3,
        ge=1,
        le=LONGEST_ALARM,
        alias="for",
        description="flagged points in a row before it turns on",
    )
    clear_below: float = Field(0.8, gt=0, le=1, description="score below which it turns off")
    merge: int = Field(6, ge=0, description="unflagged grid points that do not part an event")


class ChecksSpec(Spec):
    """Plain checks beside the model; each limit is learned from normal time, times its factor.

    0 switches a check off.
    """

    constant: bool = Field(True, description="flag a channel that never varied and now does")
    flatline: float = Field(3.0, ge=0, description="times the longest unchanged run seen")
    range: float = Field(0, ge=0, description="normal spans beyond the normal range")
    rate: float = Field(3.0, ge=0, description="times the largest normal step")


class MissingSpec(Spec):
    """What is done while channels do not report, for longer than `max_gap`."""

    judge: bool = Field(
        True, description="judge by the other channels, where a limit is calibrated for these"
    )
    together: tuple[tuple[ForeignName, ...], ...] = Field(
        (), description="channels that go missing together, as those behind one gateway"
    )

    def problem(self, channels: Sequence[str], context: Sequence[str]) -> str | None:
        """What does not fit the detector it belongs to; None where all does."""
        known = {*channels, *context}
        for names in self.together:
            if unknown := [name for name in names if name not in known]:
                return (
                    f"missing.together names {unknown[0]!r}, which is no channel of the detector: "
                    f"expected some of {', '.join((*channels, *context))}"
                )
            if not names or set(names) >= set(channels):
                return (
                    "missing.together has a group that leaves no channel to judge by: expected "
                    "groups of one or more channels, and fewer than all"
                )
        return None


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
    retrain_on_drift: bool = Field(
        False, description="train anew, from recent data, when errors have drifted"
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
    model: ModelSpec = Field(default_factory=EnsembleSpec)
    preprocessing: PreprocessingSpec = PreprocessingSpec()
    scaling: Literal["minmax", "standard", "robust", "none"] = "robust"
    error: ErrorSpec = ErrorSpec()
    smoothing: SmoothingSpec = SmoothingSpec()
    threshold: ThresholdSpec = Field(default_factory=BudgetThreshold)
    modes: Literal["none", "labelled", "found"] = Field(
        "none", description="kinds of normal: by notes of labels, `mode: NAME`, or by themselves"
    )
    alarm: AlarmSpec = AlarmSpec()
    checks: ChecksSpec = ChecksSpec()
    missing: MissingSpec = MissingSpec()
    folds: int = Field(5, ge=2, le=20, description="contiguous blocks for cross-fitting")
    trim: float = Field(0, ge=0, lt=0.5, description="most of the normal rows left out as impure")
    trim_rounds: int = Field(
        1, ge=1, le=10, description="how often the worst rows are left out before what will serve"
    )
    learn_from: Duration = Field(
        timedelta(days=14), description="without labels: how much recent data is learned from"
    )
    schedule: ScheduleSpec = ScheduleSpec()
    promote: Literal["auto", "review"] = "auto"
    write_expected: bool = True
    write_contributions: bool = False
    detection_limits: bool = Field(
        True, description="after training, look for the smallest faults that are found"
    )

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
    def _can_be_preprocessed(self) -> "DetectorSpec":
        wrong = self.preprocessing.problem(
            self.channels, self.context, self.every, self.model.window
        )
        if wrong:
            raise ValueError(wrong)
        return self

    @model_validator(mode="after")
    def _can_do_without(self) -> "DetectorSpec":
        if wrong := self.missing.problem(self.channels, self.context):
            raise ValueError(wrong)
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

    @model_validator(mode="after")
    def _has_modes_for_limits(self) -> "DetectorSpec":
        limit = self.threshold
        if self.modes == "none" and isinstance(limit, LimitThreshold) and limit.per_mode:
            raise ValueError(
                "threshold.per_mode asks for a limit for each operating mode, and modes is 'none': "
                "set modes to labelled or found, or leave per_mode out"
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
