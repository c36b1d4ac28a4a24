"""What is done to readings before a model sees them; everything is off by default."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from backend.specs.base import Duration, ForeignName, Spec, format_duration, nanoseconds

Weight = Annotated[float, Field(ge=0, le=1000)]


class PreprocessingSpec(Spec):
    """Each channel becomes `g(x) - base(t)`, and is scaled in one of three orders."""

    transform: Literal["none", "auto"] | Mapping[ForeignName, Literal["log", "power"]] = Field(
        "none", description="curve g of skewed channels; auto: power where it makes them even"
    )
    profile: Literal["none", "day", "week"] = Field(
        "none", description="take off what is usual at this time of the day or week"
    )
    detrend: Duration = Field(timedelta(0), description="take off the median of the time before")
    difference: Duration = Field(timedelta(0), description="take off the value so long before")
    impute: Duration = Field(
        timedelta(0), description="how long a channel keeps its last value while others report"
    )
    weights: Mapping[ForeignName, Weight] = Field(
        default_factory=dict, description="of channels in the error; 0 counts as context"
    )
    order: Literal["scale_then_window", "window_then_scale", "each_window"] = "scale_then_window"

    def problem(
        self, channels: Sequence[str], context: Sequence[str], every: timedelta, window: int
    ) -> str | None:
        """What does not fit the detector it belongs to; None where all does."""
        wrong = (*self._names(channels, context), *self._spans(every, window))
        return wrong[0] if wrong else None

    def _names(self, channels: Sequence[str], context: Sequence[str]) -> Iterator[str]:
        curved = () if isinstance(self.transform, str) else self.transform
        for name in curved:
            if name not in {*channels, *context}:
                yield f"preprocessing.transform names {name!r}, which is no channel or context"
        for name in self.weights:
            if name not in channels:
                yield f"preprocessing.weights names {name!r}, which is no channel"
        if not any(self.weights.get(name, 1.0) for name in channels):
            yield "preprocessing.weights is 0 for every channel: one at least has to count"

    def _spans(self, every: timedelta, window: int) -> Iterator[str]:
        if nanoseconds(self.difference) % nanoseconds(every):
            yield f"preprocessing.difference: expected a multiple of {format_duration(every)}"
        if timedelta(0) < self.detrend < 2 * every:
            yield f"preprocessing.detrend: expected {format_duration(2 * every)} or more"
        if self.order == "each_window" and window < 2:
            yield "preprocessing.order each_window needs a model.window of 2 or more"
