"""How every picture looks: size, colors that color-blind readers can tell apart, fonts, time axis.

Figures are built with matplotlib's object-oriented interface on the Agg canvas: no window, no
list of open figures.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from backend.ports import Times

# Okabe and Ito's palette: distinct for all common kinds of color blindness.
BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, YELLOW, INK = "#CC79A7", "#56B4E9", "#F0E442", "#222222"
GRID = "#D9D9D9"
SERIES = (BLUE, ORANGE, GREEN, PURPLE, SKY, RED, YELLOW, "#777777")

LEGEND_LETTERS = 110
"""What fits into one line of a legend."""

WIDTH_INCHES, ROW_INCHES, DOTS_PER_INCH = 10.0, 4.2, 120

# Fonts that hold Korean, Chinese or Japanese letters, in the order tried.
_WIDE_FONTS = (
    "Noto Sans CJK KR",
    "Noto Sans CJK JP",
    "Noto Sans KR",
    "NanumGothic",
    "Malgun Gothic",
    "Apple SD Gothic Neo",
    "Source Han Sans",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
)


@contextmanager
def drawing() -> Iterator[None]:
    """Draw with our fonts, names as they are, and no warning for letters that no font holds.

    A channel's name may be in any script and hold a `$`; a box in a picture is no reason to fail.
    Every function that makes or saves a picture is decorated with this: matplotlib asks for its
    settings both when a text is made and when it is drawn.
    """
    with (
        warnings.catch_warnings(),
        rc_context({"font.family": _fonts(), "text.parse_math": False}),
    ):
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def figure(title: str, rows: int = 1, *, row_inches: float = ROW_INCHES) -> Figure:
    """An empty figure with its title in plain words."""
    result = Figure(
        figsize=(WIDTH_INCHES, 0.6 + rows * row_inches),
        dpi=DOTS_PER_INCH,
        layout="constrained",
        facecolor="white",
    )
    FigureCanvasAgg(result)
    result.suptitle(title, fontsize=14, fontweight="bold", color=INK, x=0.01, ha="left")
    return result


def axes(target: Figure, rows: int = 1, **options: Any) -> list[Axes]:
    """Rows of axes below each other, sharing the x axis where there are several."""
    grid = target.subplots(rows, 1, sharex=rows > 1, squeeze=False, **options)
    result = [row[0] for row in grid]
    for one in result:
        one.spines[["top", "right"]].set_visible(False)
        one.grid(visible=True, color=GRID, linewidth=0.6)
        one.set_axisbelow(True)
    return result


@drawing()
def save(target: Figure, path: Path) -> Path:
    """Write a figure as PNG; its directory is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    target.savefig(path, format="png")
    return path


@drawing()
def png(target: Figure) -> bytes:
    """A figure as the bytes of a PNG."""
    buffer = BytesIO()
    target.savefig(buffer, format="png")
    return buffer.getvalue()


def as_dates(times: Times | Sequence[int]) -> NDArray[np.datetime64]:
    """Nanoseconds since 1970 as what matplotlib takes for time."""
    return np.asarray(times, dtype=np.int64).astype("datetime64[ns]")


def time_axis(target: Axes) -> None:
    """Label the x axis with dates, short where they repeat, in UTC."""
    locator = AutoDateLocator(minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
    target.xaxis.set_major_locator(locator)
    target.xaxis.set_major_formatter(
        ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
    )
    target.set_xlabel("time (UTC)")
    target.margins(x=0)


def log_axis(target: Axes, which: Literal["x", "y"]) -> None:
    """Make an axis logarithmic, with plain numbers on it."""
    target.set(**{f"{which}scale": "log"})
    axis = target.xaxis if which == "x" else target.yaxis
    low, high = axis.get_view_interval()
    decades = np.log10(high / low) if 0 < low < high else 1.0
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades < 3 else (1.0,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def legend(target: Axes) -> None:
    """Put the legend above the axes, where it covers nothing; as many columns as fit."""
    handles, labels = target.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    longest = max((len(label) for label in unique), default=1)
    target.legend(
        list(unique.values()),
        list(unique),
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=max(1, min(len(unique), LEGEND_LETTERS // (longest + 6))),
        frameon=False,
        borderaxespad=0.2,
        fontsize=9,
    )


@cache
def _fonts() -> tuple[str, ...]:
    """Matplotlib's own font, then those for wide scripts that the system has."""
    installed = {font.name for font in fontManager.ttflist}
    return ("DejaVu Sans", *(font for font in _WIDE_FONTS if font in installed))
