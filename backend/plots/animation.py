"""A short animation: input against reconstruction and error against threshold as time advances."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from backend.plots import style
from backend.plots.scores import Story, mark
from backend.ports import Floats

FRAMES = 90
FRAME_MS = 80
LAST_FRAME_MS = 2000
DOTS_PER_INCH = 80


@dataclass(frozen=True)
class Track:
    """One channel as it was reported and as the model expected it, both (T,)."""

    channel: str
    reported: Floats
    expected: Floats


@style.drawing()
def animate(track: Track, story: Story, path: Path) -> Path:
    """Write the animation as a GIF that repeats; its directory is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    target, lines = _stage(track, story)
    curves = (track.reported, track.expected, story.smoothed, story.threshold)
    dates = style.as_dates(story.times)
    canvas: Any = target.canvas  # an Agg canvas; matplotlib does not type what it can
    canvas.draw()
    still = canvas.copy_from_bbox(target.bbox)
    frames = []
    for shown in np.linspace(2, len(dates), FRAMES).astype(int):
        canvas.restore_region(still)  # drawing all of it anew takes a hundred times as long
        for (plot, line), curve in zip(lines, curves, strict=True):
            line.set_data(dates[:shown], curve[:shown])
            plot.draw_artist(line)
        frames.append(Image.fromarray(np.array(canvas.buffer_rgba())[:, :, :3]))
    _write(frames, path)
    return path


def _write(frames: list[Image.Image], path: Path) -> None:
    """Store frames with the colors of the last one; that is held so that it can be read."""
    colors = frames[-1].quantize(128)
    reduced = [frame.quantize(palette=colors, dither=Image.Dither.NONE) for frame in frames]
    reduced[0].save(
        path,
        format="GIF",
        save_all=True,
        append_images=reduced[1:],
        duration=[FRAME_MS] * (len(frames) - 1) + [LAST_FRAME_MS],
        loop=0,
    )


def _stage(track: Track, story: Story) -> tuple[Figure, list[tuple[Axes, Line2D]]]:
    """Everything that does not move, and the four lines that do, still empty."""
    target = style.figure("As time advances", rows=2, row_inches=2.2)
    target.set_dpi(DOTS_PER_INCH)
    upper, lower = style.axes(target, 2)
    looks = (
        (upper, style.BLUE, "-", "reported"),
        (upper, style.RED, "--", "expected"),
        (lower, style.BLUE, "-", "smoothed error"),
        (lower, style.RED, "-", "threshold"),
    )
    lines = []
    for plot, color, dashes, label in looks:
        (line,) = plot.plot([], [], dashes, color=color, label=label, linewidth=1.6, animated=True)
        lines.append((plot, line))
    for plot in (upper, lower):
        mark(plot, story)
        style.legend(plot)
    dates = style.as_dates(story.times)
    upper.set(ylabel=track.channel, ylim=_limits(track.reported, track.expected))
    lower.set(ylabel="error (log scale)")
    positive = story.smoothed[np.isfinite(story.smoothed) & (story.smoothed > 0)]
    lower.set_ylim(positive.min() / 1.5, max(positive.max(), story.threshold.max()) * 1.5)
    style.log_axis(lower, "y")
    style.time_axis(lower)
    lower.set_xlim(dates[0], dates[-1])
    target.draw_without_rendering()  # lay out once; moving text would make the frames tremble
    target.set_layout_engine("none")
    return target, lines


def _limits(*curves: Floats) -> tuple[float, float]:
    everything = np.concatenate(curves)
    low, high = float(np.nanmin(everything)), float(np.nanmax(everything))
    margin = 0.1 * (high - low) or 1.0
    return low - margin, high + margin
