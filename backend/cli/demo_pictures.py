"""The pictures of a demo: what is drawn of a story, and under which names."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from backend.demo.loop import Material
from backend.demo.scenario import Fault
from backend.detection.evaluation import threshold_curve
from backend.plots import style
from backend.plots.animation import Track, animate
from backend.plots.channels import Channels, channels_with_events, input_against_reconstruction
from backend.plots.quality import quality_against_threshold
from backend.plots.scores import Story, contributions, error_over_time
from backend.plots.spans import Span
from backend.plots.training import error_distribution, loss_curve
from backend.ports import Floats, Points, Times

_MARGIN = 1.5
"""A close-up shows so many times the fault's length on both sides of it."""

Keep = NDArray[np.bool_]


def draw(material: Material, directory: Path) -> list[Path]:
    """Draw everything worth seeing of a story; returns where the pictures lie."""
    story, channels = _story(material), _channels(material)
    near = _close_up(material)
    near_story, near_channels = _part_of_story(story, near), _part_of_channels(channels, near)
    figures: dict[str, Callable[[], Figure]] = {
        "channels": lambda: channels_with_events(channels, story),
        "error": lambda: error_over_time(story),
        "reconstruction": lambda: input_against_reconstruction(near_channels, near_story),
        "distribution": lambda: _distribution(material, story),
        "quality": lambda: _quality(material),
    }
    if len(channels.values) > 1:
        figures["contributions"] = lambda: contributions(story, _numbers(material.contributions))
    figures["loss"] = lambda: _loss(material)
    pictures = [style.save(make(), directory / f"{name}.png") for name, make in figures.items()]
    if len(channels.values) == 1:
        pictures.append(_animation(near_channels, near_story, directory / "animation.gif"))
    return pictures


def _loss(material: Material) -> Figure:
    loss, val_loss = (curve[np.isfinite(curve)].tolist() for curve in material.losses)
    return loss_curve(loss, val_loss, int(np.argmin(val_loss or loss)))


def _distribution(material: Material, story: Story) -> Figure:
    return error_distribution(material.held_out, float(story.threshold[-1]), story.smoothed)


def _quality(material: Material) -> Figure:
    times, numbers = material.scores.times, _numbers(material.scores)
    labels = np.zeros(len(times), dtype=np.int64)
    for fault in _faults(material):
        labels[(times >= fault.start) & (times < fault.stop)] = 1
    labels[numbers["judged"] == 0] = 2
    return quality_against_threshold(threshold_curve(labels, numbers["score"]), threshold=1.0)


def _animation(channels: Channels, story: Story, path: Path) -> Path:
    (channel,) = channels.values
    track = Track(channel, channels.values[channel], channels.expected[channel])
    return animate(track, story, path)


def _faults(material: Material) -> list[Fault]:
    return material.scenario.faults(material.scenario.trained, material.scenario.stop)


def _story(material: Material) -> Story:
    numbers = _numbers(material.scores)
    known = [Span(f.start, f.stop, str(f.kind), f.channel) for f in _faults(material)]
    stop = material.scenario.stop
    return Story(
        times=material.scores.times,
        smoothed=np.where(numbers["judged"] > 0, numbers["smoothed"], np.nan),
        threshold=numbers["threshold"],
        labeled=known,
        events=[Span(event.start, event.stop or stop) for event in material.events],
        labeled_name="fault injected",
    )


def _channels(material: Material) -> Channels:
    times = material.scores.times
    reported = {name: _on(times, material.raw, name) for name in material.raw.fields}
    judged = _numbers(material.scores)["judged"] > 0
    expected = _numbers(material.expected)
    return Channels(
        values=reported,
        expected={name: np.where(judged, column, np.nan) for name, column in expected.items()},
        units=material.scenario.units,
    )


def _on(times: Times, points: Points, name: str) -> Floats:
    """A field of raw rows at the times of the scores, NaN where no row is."""
    column = np.full(len(times), np.nan)
    index = np.searchsorted(times, points.times)
    inside = (index < len(times)) & (times[np.minimum(index, len(times) - 1)] == points.times)
    column[index[inside]] = points.fields[name][inside]
    return column


def _numbers(points: Points) -> dict[str, Floats]:
    return {name: column.astype(np.float64) for name, column in points.fields.items()}


# -- the close-up ----------------------------------------------------------------------------------


def _close_up(material: Material) -> Keep:
    """Which scores lie around the longest fault: what a person can still see."""
    fault = max(_faults(material), key=lambda fault: fault.stop - fault.start)
    margin = int(_MARGIN * (fault.stop - fault.start))
    times = material.scores.times
    near: Keep = (times >= fault.start - margin) & (times < fault.stop + margin)
    return near


def _part_of_story(story: Story, near: Keep) -> Story:
    times = story.times[near]
    start, stop = int(times[0]), int(times[-1])
    return replace(
        story,
        times=times,
        smoothed=story.smoothed[near],
        threshold=story.threshold[near],
        labeled=[span for span in story.labeled if span.start < stop and start < span.stop],
        events=[span for span in story.events if span.start < stop and start < span.stop],
    )


def _part_of_channels(channels: Channels, near: Keep) -> Channels:
    return replace(
        channels,
        values={name: column[near] for name, column in channels.values.items()},
        expected={name: column[near] for name, column in channels.expected.items()},
    )
