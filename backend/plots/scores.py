"""Pictures of a scoring: error against threshold, and which channel is to blame."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from backend.plots import style
from backend.plots.spans import Span, bars, shade
from backend.ports import Floats, Times


@dataclass(frozen=True)
class Story:
    """What is drawn along one time axis.

    Attributes:
        times: (T,) nanoseconds.
        smoothed: (T,) smoothed error; NaN where not judged.
        threshold: (T,) limit in the same unit.
        labeled: ranges known to be anomalous, labeled or injected.
        events: ranges that were found.
        labeled_name, events_name: what they are called in the legend.
    """

    times: Times
    smoothed: Floats
    threshold: Floats
    labeled: Sequence[Span] = ()
    events: Sequence[Span] = ()
    labeled_name: str = "labeled anomalous"
    events_name: str = "event found"


@style.drawing()
def error_over_time(story: Story) -> Figure:
    """Smoothed error on a logarithmic axis, the threshold, what is known and what was found."""
    target = style.figure("Error over time, and what was found")
    (plot,) = style.axes(target)
    dates = style.as_dates(story.times)
    mark(plot, story)
    plot.plot(dates, story.smoothed, color=style.BLUE, linewidth=1.0, label="smoothed error")
    plot.plot(dates, story.threshold, color=style.RED, linewidth=1.6, label="threshold")
    plot.set(ylabel="error (log scale)")
    style.log_axis(plot, "y")
    style.time_axis(plot)
    style.legend(plot)
    return target


@style.drawing()
def contributions(story: Story, shares: Mapping[str, Floats]) -> Figure:
    """Each channel's share of the error over time, stacked, above a line for the score.

    Args:
        story: what is known and found; `smoothed` and `threshold` give the score.
        shares: channel to (T,) shares that sum to 1, or to 0 where not judged.
    """
    shares = _largest(shares)
    target = style.figure("Which channel the error comes from", rows=2, row_inches=2.8)
    upper, lower = style.axes(target, 2, height_ratios=(1, 2))
    dates = style.as_dates(story.times)
    score = story.smoothed / story.threshold
    mark(upper, story)
    upper.plot(dates, score, color=style.BLUE, linewidth=1.0, label="score (1 is the line)")
    upper.axhline(1.0, color=style.RED, linewidth=1.4)
    upper.set(ylabel="score (log scale)")
    style.log_axis(upper, "y")
    style.legend(upper)
    lower.stackplot(
        dates,
        [share * 100 for share in shares.values()],
        labels=list(shares),
        colors=style.SERIES[: len(shares)],
        linewidth=0,
    )
    lower.set(ylabel="share of the error (%)", ylim=(0, 100))
    lower.grid(visible=False)
    style.time_axis(lower)
    style.legend(lower)
    return target


def _largest(shares: Mapping[str, Floats]) -> dict[str, Floats]:
    """The channels that contribute most, in their own order; the rest as one."""
    known = {name: np.nan_to_num(share) for name, share in shares.items()}
    if len(known) <= len(style.SERIES):
        return known
    by_size = sorted(known, key=lambda name: known[name].sum(), reverse=True)
    kept = set(by_size[: len(style.SERIES) - 1])
    rest = [known[name] for name in known if name not in kept]
    shown = {name: share for name, share in known.items() if name in kept}
    return {**shown, f"{len(rest)} others": np.sum(rest, axis=0)}


def mark(plot: Axes, story: Story) -> None:
    """Shade what is known and strike out what was found."""
    shade(plot, story.labeled, style.ORANGE, story.labeled_name)
    bars(plot, story.events, style.INK, story.events_name)
