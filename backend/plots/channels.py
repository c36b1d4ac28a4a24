"""Pictures of the sensors themselves: what they reported, and what the model expected."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from backend.plots import style
from backend.plots.scores import Story, mark
from backend.plots.spans import captions
from backend.ports import Floats

MOST_ROWS = 12
"""More channels than this do not fit a page; the first are drawn and the title says so."""


@dataclass(frozen=True)
class Channels:
    """What is drawn, a row each.

    Attributes:
        values: channel to (T,) what its sensor reported.
        expected: channel to (T,) what the model expected, in the sensor's unit; may lack channels.
        units: channel to unit; may lack channels.
    """

    values: Mapping[str, Floats]
    expected: Mapping[str, Floats] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)

    @property
    def shown(self) -> list[str]:
        """The channels that fit."""
        return list(self.values)[:MOST_ROWS]

    def title(self, text: str) -> str:
        """The title, and what was left out."""
        left_out = len(self.values) - len(self.shown)
        return f"{text} (first {MOST_ROWS} of {len(self.values)} channels)" if left_out else text


@style.drawing()
def channels_with_events(channels: Channels, story: Story) -> Figure:
    """Every channel over time, with what is known and what was found."""
    title = channels.title("The sensors, and what was found")
    target = style.figure(title, rows=len(channels.shown), row_inches=1.7)
    plots = style.axes(target, len(channels.shown))
    for channel, plot in zip(channels.shown, plots, strict=True):
        mark(plot, story)
        _draw(plot, channels, channel, story)
        captions(plot, [span for span in story.labeled if span.channel == channel])
    style.time_axis(plots[-1])
    style.legend(plots[0])
    return target


@style.drawing()
def input_against_reconstruction(channels: Channels, story: Story) -> Figure:
    """Every channel with the value that the model expected."""
    title = channels.title("What the sensors reported, and what the model expected")
    target = style.figure(title, rows=len(channels.shown), row_inches=1.7)
    plots = style.axes(target, len(channels.shown))
    for channel, plot in zip(channels.shown, plots, strict=True):
        mark(plot, story)
        _draw(plot, channels, channel, story)
        if channel in channels.expected:
            plot.plot(
                style.as_dates(story.times),
                channels.expected[channel],
                color=style.RED,
                linewidth=1.2,
                linestyle=(0, (4, 1.5)),
                label="expected",
            )
    style.time_axis(plots[-1])
    style.legend(plots[0])
    return target


def _draw(plot: Axes, channels: Channels, channel: str, story: Story) -> None:
    dates = style.as_dates(story.times)
    plot.plot(dates, channels.values[channel], color=style.BLUE, linewidth=1.0, label="reported")
    unit = channels.units.get(channel, "")
    plot.set_ylabel(f"{channel} ({unit})" if unit else channel)
    plot.margins(x=0, y=0.12)
