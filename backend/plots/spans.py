"""Shaded ranges of time: what was labeled or injected, and what was found."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from backend.plots import style


@dataclass(frozen=True)
class Span:
    """A range `[start, stop)` in nanoseconds, what it is, and the channel it lies in, if one."""

    start: int
    stop: int
    text: str = ""
    channel: str = ""


def shade(target: Axes, spans: Sequence[Span], color: str, name: str) -> None:
    """Shade ranges behind the curves."""
    for span in spans:
        begin, end = style.as_dates([span.start, span.stop])
        target.axvspan(begin, end, color=color, alpha=0.25, linewidth=1, label=name)


def bars(target: Axes, spans: Sequence[Span], color: str, name: str) -> None:
    """Draw ranges as a solid strip along the bottom, so that they show over any shade."""
    for span in spans:
        begin, end = style.as_dates([span.start, span.stop])
        target.axvspan(begin, end, ymax=0.03, color=color, linewidth=0.8, label=name)


def captions(target: Axes, spans: Sequence[Span]) -> None:
    """Write the ranges' texts into the upper edge of the axes, neighbors on different lines."""
    for position, span in enumerate(sorted(spans, key=lambda span: span.start)):
        begin, _ = style.as_dates([span.start, span.stop])
        target.annotate(
            span.text,
            (begin, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(2, -2 - 13 * (position % 2)),
            textcoords="offset points",
            verticalalignment="top",
            fontsize=9,
            color=style.INK,
            bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1},
        )
