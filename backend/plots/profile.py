"""Pictures of data before anything is learned from them: periods, gaps, channels."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from backend.plots import style
from backend.plots.channels import MOST_ROWS
from backend.ports import Floats, Times
from backend.specs import format_duration

_MOST_POINTS = 2000
_MOST_LANES = 40
_COLUMNS = 600
_ROUND = (0.01, 0.1, 1, 10, 60, 600, 3600, 21_600, 86_400, 604_800, 2_592_000, 31_536_000)


@style.drawing()
def power_by_period(
    curves: Sequence[tuple[Floats, Floats]], dominant: Sequence[tuple[int, float]]
) -> Figure:
    """How the variance is spread over periods.

    Args:
        curves: one or two pairs of (K,) periods in nanoseconds and (K,) shares of the variance.
        dominant: length and share of the periods that stand out.
    """
    target = style.figure("Periods that the channels repeat themselves with")
    (plot,) = style.axes(target)
    names = ("whole series", "newest part") if len(curves) > 1 else ("mean of the channels",)
    for curve, color, name in zip(curves, style.SERIES, names, strict=False):
        x, y = _envelope(*curve)
        plot.plot(x / 1e9, 100 * y, color=color, linewidth=1.0, label=name)
    for length, share in dominant:
        plot.axvline(length / 1e9, color=style.RED, linewidth=1.0, linestyle=":")
        plot.annotate(
            f"{_text(length)} ({100 * share:.0f} %)",
            (length / 1e9, 0.98),
            xycoords=("data", "axes fraction"),
            rotation=90,
            verticalalignment="top",
            horizontalalignment="right",
            fontsize=9,
            color=style.RED,
        )
    plot.set(xlabel="period (log scale)", ylabel="share of the variance (%, log scale)")
    plot.set(xscale="log", yscale="log")
    low, high = plot.get_xlim()
    plot.xaxis.set_major_locator(FixedLocator([s for s in _ROUND if low <= s <= high]))
    plot.xaxis.set_minor_locator(NullLocator())
    plot.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _text(round(value * 1e9))))
    plot.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    style.legend(plot)
    return target


@style.drawing()
def gaps_over_time(times: Times, values: Floats, names: Sequence[str], every: int) -> Figure:
    """Where each channel has values, and where it has none.

    Args:
        times: (T,) nanoseconds, ascending, at least one.
        values: (T, F), NaN where missing.
        names: of the F channels.
        every: the grid: more rows than it has points in a stretch of time show no better.
    """
    lanes = min(len(names), _MOST_LANES)
    title = _title("Where there are values", lanes, len(names))
    target = style.figure(title, row_inches=1.2 + 0.2 * lanes)
    (plot,) = style.axes(target)
    plot.grid(visible=False)
    start, stop = int(times[0]), int(times[-1]) + every
    columns = int(max(1, min(_COLUMNS, (stop - start) // every)))
    column = np.minimum((times - start) * (columns / (stop - start)), columns - 1).astype(np.int64)
    due = (stop - start) / columns / every
    share = np.stack(
        [
            np.bincount(column[np.isfinite(values[:, f])], minlength=columns) / due
            for f in range(lanes)
        ]
    )
    edges = style.as_dates(np.linspace(start, stop, columns + 1).astype(np.int64))
    mesh = plot.pcolormesh(
        edges, np.arange(lanes + 1), 100 * np.minimum(share, 1.0), cmap="Blues", vmin=0, vmax=100
    )
    plot.set_yticks(np.arange(lanes) + 0.5, [str(name)[:30] for name in names[:lanes]])
    plot.invert_yaxis()
    style.time_axis(plot)
    target.colorbar(mesh, ax=plot, label="values there (%)")
    return target


@style.drawing()
def overview(times: Times, values: Floats, names: Sequence[str]) -> Figure:
    """Each channel over time.

    Args:
        times: (T,) nanoseconds, ascending.
        values: (T, F).
        names: of the F channels.
    """
    shown = min(len(names), MOST_ROWS)
    title = _title("What the channels report", shown, len(names))
    target = style.figure(title, rows=shown, row_inches=1.5)
    plots = style.axes(target, shown)
    for f, plot in enumerate(plots):
        _draw(plot, times, values[:, f], str(names[f]))
    style.time_axis(plots[-1])
    return target


def _draw(plot: Axes, times: Times, column: Floats, name: str) -> None:
    """The range of the values in each of so many stretches of rows, and their mean."""
    if len(times) <= _MOST_POINTS:
        plot.plot(style.as_dates(times), column, color=style.BLUE, linewidth=1.0)
    else:
        edges = np.linspace(0, len(times), _MOST_POINTS + 1).astype(np.int64)[:-1]
        dates = style.as_dates(times[edges])
        low, high = np.fmin.reduceat(column, edges), np.fmax.reduceat(column, edges)
        plot.fill_between(dates, low, high, color=style.BLUE, linewidth=0.6)
    plot.set_ylabel(name[:24])
    plot.margins(x=0, y=0.12)


def _title(text: str, shown: int, there: int) -> str:
    return text if shown == there else f"{text} (first {shown} of {there} channels)"


def _envelope(periods: Floats, share: Floats) -> tuple[Floats, Floats]:
    """The largest share in each of so many stretches, evenly along a logarithmic axis."""
    if len(periods) <= _MOST_POINTS:
        return periods, share
    place = np.geomspace(1, len(periods), _MOST_POINTS).astype(np.int64) - 1
    edges = np.unique(place)
    return periods[edges], np.maximum.reduceat(share, edges)


def _text(nanos: int) -> str:
    """A period without what is too small to matter."""
    seconds = nanos / 1e9
    unit = next((unit for unit in (86_400.0, 3600.0, 60.0, 1.0) if seconds >= 10 * unit), 0.001)
    return format_duration(timedelta(seconds=round(seconds / unit) * unit))
