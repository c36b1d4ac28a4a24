"""Pictures of a trial: alarms and failures along the past that was replayed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from backend.plots import style
from backend.ports import Floats, Times

MOST_ROWS = 40
"""More series than this do not fit a page; the first are drawn and the title says so."""

COLORS = {"failure": style.GREEN, "anomaly": style.SKY, "false": style.RED, "silent": "#999999"}
NAMES = {
    "failure": "alarm that a failure explains",
    "anomaly": "alarm in a labeled anomaly",
    "false": "false alarm",
    "silent": "alarm told to nobody",
}


@dataclass(frozen=True)
class Bar:
    """An alarm over `[start, stop)` nanoseconds; `why` is a key of `NAMES`."""

    start: int
    stop: int
    why: str


@dataclass(frozen=True)
class Mark:
    """A failure in nanoseconds, and whether it was announced."""

    time: int
    text: str
    announced: bool


@dataclass(frozen=True)
class Past:
    """What is drawn of one series.

    Attributes:
        times: (B,) nanoseconds.
        score: (B,) highest score around each of them; NaN where nothing was judged.
        alarms: what the alarm did.
        failures: what broke.
        trained: retrain moments that brought a version, nanoseconds.
    """

    times: Times
    score: Floats
    alarms: Sequence[Bar] = ()
    failures: Sequence[Mark] = ()
    trained: Sequence[int] = ()


@style.drawing()
def score_over_the_past(past: Past) -> Figure:
    """The score on a logarithmic axis, alarms along the bottom, failures as lines."""
    target = style.figure("What would have been seen")
    (plot,) = style.axes(target)
    shown = np.where(past.score > 0, past.score, np.nan)
    plot.plot(
        style.as_dates(past.times), shown, color=style.BLUE, linewidth=0.9, label="highest score"
    )
    plot.axhline(1.0, color=style.RED, linewidth=1.2, linestyle="--", label="the line, 1")
    if np.isfinite(shown).any():
        style.log_axis(plot, "y")
    _bars(plot, past.alarms, (0.0, 0.06))
    _marks(plot, past.failures)
    _moments(plot, past.trained)
    plot.set(ylabel="score (log scale)")
    style.time_axis(plot)
    style.legend(plot)
    return target


@style.drawing()
def alarms_of_the_fleet(fleet: Mapping[str, Past]) -> Figure:
    """All series below each other: when each was in alarm, and what broke."""
    names = list(fleet)[:MOST_ROWS]
    left_out = f" (first {MOST_ROWS} of {len(fleet)} series)" if len(fleet) > MOST_ROWS else ""
    target = style.figure(f"Alarms and failures{left_out}", row_inches=1.2 + 0.35 * len(names))
    (plot,) = style.axes(target)
    for place, name in enumerate(names):
        past = fleet[name]
        low = 1 - (place + 0.8) / len(names)
        _bars(plot, past.alarms, (low, low + 0.6 / len(names)))
        for mark in past.failures:
            _mark(plot, mark, (low - 0.1 / len(names), low + 0.7 / len(names)))
    edges = [fleet[name].times[index] for name in names for index in (0, -1)]
    begin, end = style.as_dates([int(min(edges)), int(max(edges))])
    plot.set_xlim(begin, end)
    plot.set_ylim(len(names) - 0.5, -0.5)
    plot.set_yticks(range(len(names)), names)
    style.time_axis(plot)
    style.legend(plot)
    return target


def _bars(plot: Axes, alarms: Sequence[Bar], place: tuple[float, float]) -> None:
    for alarm in alarms:
        begin, end = style.as_dates([alarm.start, alarm.stop])
        color = COLORS[alarm.why]
        # the outline keeps a short alarm visible in a long time
        plot.axvspan(
            begin, end, *place, facecolor=color, edgecolor=color, lw=1.5, label=NAMES[alarm.why]
        )


def _marks(plot: Axes, failures: Sequence[Mark]) -> None:
    for position, mark in enumerate(sorted(failures, key=lambda mark: mark.time)):
        _mark(plot, mark, (0.0, 1.0))
        (date,) = style.as_dates([mark.time])
        plot.annotate(
            mark.text[:28],
            (date, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(3, -3 - 14 * (position % 3)),
            textcoords="offset points",
            verticalalignment="top",
            fontsize=9,
            color=style.INK,
            bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1},
        )


def _mark(plot: Axes, mark: Mark, place: tuple[float, float]) -> None:
    (date,) = style.as_dates([mark.time])
    line, name = ("-", "failure, announced") if mark.announced else (":", "failure, missed")
    plot.axvline(date, *place, color=style.INK, linewidth=1.3, linestyle=line, label=name)


def _moments(plot: Axes, trained: Sequence[int]) -> None:
    if trained:
        plot.plot(
            style.as_dates(trained),
            np.full(len(trained), 1.0),
            "v",
            color=style.PURPLE,
            markersize=7,
            clip_on=False,
            transform=plot.get_xaxis_transform(),
            label="new version",
        )
