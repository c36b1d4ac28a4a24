"""A look at one series."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.detection.cadence import Cadence, cadence
from backend.detection.grid import bucket_means, floor_to
from backend.detection.profile.channels import ChannelLook, look_at_channel
from backend.detection.profile.grid import proposed_grid
from backend.detection.profile.likeness import Pair, alike
from backend.detection.profile.spectrum import MOST_PERIODS, Period, Spectrum, spectrum
from backend.ports import Floats, Progress, Times

_MOST_NUMBERS, _MOST_ROWS, _FEWEST_ROWS = 16_000_000, 200_000, 1000


@dataclass(frozen=True)
class Look:
    """What is seen of a series, T rows by F channels.

    Attributes:
        times: (T,) nanoseconds, ascending.
        values: (T, F).
        cadence: usual distance of two rows, and gaps.
        every: a grid that fits the rows, nanoseconds.
        channels: F looks.
        spacing: (F,) usual distance of two values of a channel, nanoseconds; 0 for fewer than two.
        spectrum: of the newest part of the series on that grid.
        slow: of the whole series on a coarser grid; None where the newest part is all of it.
        alike: channels that say nearly the same.
    """

    times: Times
    values: Floats
    cadence: Cadence
    every: int
    channels: tuple[ChannelLook, ...]
    spacing: tuple[int, ...]
    spectrum: Spectrum
    slow: Spectrum | None
    alike: tuple[Pair, ...]

    @property
    def names(self) -> list[str]:
        """Of the channels."""
        return [channel.name for channel in self.channels]

    @property
    def periods(self) -> tuple[Period, ...]:
        """The dominant periods of both spectra, strongest first."""
        if self.slow is None:
            return self.spectrum.dominant
        longest = float(self.spectrum.periods.max(initial=0.0)) / 5
        slow = [one for one in self.slow.dominant if one.length > longest]
        both = sorted([*slow, *self.spectrum.dominant], key=lambda one: -one.share)
        return tuple(both[:MOST_PERIODS])

    @property
    def span(self) -> int:
        """Nanoseconds from the first row to the end of the last."""
        return int(self.times[-1] - self.times[0]) + self.every if len(self.times) else 0


def look_at(
    times: Times,
    values: Floats,
    names: Sequence[str],
    *,
    every: int | None = None,
    progress: Progress = lambda share, words: None,
) -> Look:
    """Look at a series.

    Args:
        times: (T,) nanoseconds, ascending.
        values: (T, F).
        names: of the F channels.
        every: the grid, where it is settled.
        progress: told the share done.
    """
    found = cadence(times)
    step = every or proposed_grid(times)
    channels, spacing = [], []
    for f, name in enumerate(names):
        progress(0.7 * f / max(1, len(names)), name)
        channels.append(look_at_channel(name, values[:, f]))
        spacing.append(cadence(times[np.isfinite(values[:, f])]).step or 0)
    progress(0.7, "periods")
    most = max(_FEWEST_ROWS, min(_MOST_ROWS, _MOST_NUMBERS // max(1, len(names))))
    fine = spectrum(_on_grid(times, values, step, most), step)
    span = int(times[-1] - times[0]) if len(times) else 0
    coarse, slow = step * -(-span // (step * most)), None
    if coarse > step:
        slow = spectrum(_on_grid(times, values, coarse, most), coarse)
    progress(0.9, "channels that are alike")
    return Look(
        times=times,
        values=values,
        cadence=found,
        every=step,
        channels=tuple(channels),
        spacing=tuple(spacing),
        spectrum=fine,
        slow=slow,
        alike=alike(values),
    )


def _on_grid(times: Times, values: Floats, step: int, most: int) -> Floats:
    """(B, F) means of the newest buckets, at most so many."""
    if not len(times):
        return values
    stop = floor_to(int(times[-1]), step) + step
    start = max(floor_to(int(times[0]), step), stop - most * step)
    return bucket_means(times, values, start, (stop - start) // step, step)
