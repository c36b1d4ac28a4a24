"""What models say of windows, gathered row by row, and brought to one error.

A model speaks with one voice, an ensemble with several. A voice that reconstructs is heard by its
residuals, channel by channel; any other by its raw value, in a unit of its own.

Shapes: S series, T grid points, V voices, F channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.detection.errors import by_row, normalise, reduce_channels, window_error
from backend.detection.window_scaling import Seen
from backend.detection.yardstick import Yardstick
from backend.ports import Floats, Voice
from backend.specs import ErrorSpec


@dataclass(frozen=True)
class Evidence:
    """What was said of each row; NaN where nothing was.

    Attributes:
        raw: (S, T, V) raw values; NaN for voices that are heard by their residuals.
        parts: (S, T, V, F) what each channel adds: residuals reduced over the window in the
            channels' units (squared ones in their squares), or what the voice itself said.
        residual: (S, T, V, F) residuals of the last row, in the channels' units.
        expected: (S, T, F) what the first voice that knows would have taken for normal, in the
            channels' units.
    """

    raw: Floats
    parts: Floats
    residual: Floats
    expected: Floats

    @classmethod
    def silence(cls, shape: tuple[int, int, int], voices: int) -> "Evidence":
        """Nothing said yet of (S, T, F) rows."""
        series, points, channels = shape
        by_channel = np.full((series, points, voices, channels), np.nan)
        return cls(
            raw=np.full((series, points, voices), np.nan),
            parts=by_channel,
            residual=by_channel.copy(),
            expected=np.full(shape, np.nan),
        )

    def put(self, series: object, rows: object, heard: "Evidence", member: object) -> None:
        """Take over what was said of some windows, for these series and rows."""
        for name, kept in vars(self).items():
            kept[series, rows] = getattr(heard, name)[member]

    def only(self, known: NDArray[np.bool_]) -> "Evidence":
        """Without the rows that are not `known` (S, T)."""
        return Evidence(
            **{
                name: np.where(known.reshape(known.shape + (1,) * (kept.ndim - 2)), kept, np.nan)
                for name, kept in vars(self).items()
            }
        )


def hear(voices: Sequence[Voice], seen: Seen, spec: ErrorSpec) -> Evidence:
    """What voices say of windows.

    Args:
        voices: V voices.
        seen: the windows they speak of.
        spec: how residuals are reduced over the window.

    Returns:
        Evidence of N rows.
    """
    series, count, _, channels = seen.windows.shape
    heard = Evidence.silence((series, count, channels), len(voices))
    for v, voice in reversed(list(enumerate(voices))):
        if voice.expected is not None:
            off = (seen.windows - voice.expected) * seen.scale
            heard.residual[:, :, v] = off[:, :, -1]
            heard.parts[:, :, v] = window_error(off, spec)
            heard.expected[:] = seen.back(voice.expected)[:, :, -1]
        if voice.parts is not None:
            heard.parts[:, :, v] = voice.parts
        if voice.raw is not None:
            heard.raw[:, :, v] = voice.raw
    return heard


def values(
    evidence: Evidence, spread: Floats, counted: NDArray[np.bool_], spec: ErrorSpec
) -> Floats:
    """One number a row and voice: its raw value, or its residuals over all channels.

    Args:
        evidence: what was said.
        spread: (S, V, F) of held-out normal residuals.
        counted: (S, F) channels whose error counts, or (S, T, F) where that differs by row.
        spec: how residuals are reduced over the channels.

    Returns:
        (S, T, V), NaN where nothing was said.
    """
    found = evidence.raw.copy()
    for v in range(found.shape[2]):
        by_channel = normalise(evidence.parts[:, :, v], spread[:, v], spec)
        distance = reduce_channels(by_channel, counted, spec)
        found[:, :, v] = np.where(np.isnan(found[:, :, v]), distance, found[:, :, v])
    return found


@dataclass(frozen=True)
class Errors:
    """The error of each row.

    Attributes:
        error: (S, T), never negative; NaN where nothing was said.
        by_channel: (S, T, F) its share of each channel; 0 everywhere if nobody could tell.
    """

    error: Floats
    by_channel: Floats

    def times(self, factor: Floats) -> "Errors":
        """These, each row's multiplied by its own factor (S, T)."""
        return Errors(self.error * factor, self.by_channel * factor[:, :, None])

    def since(self, first: int) -> "Errors":
        """Those of the rows from `first` on, as copies."""
        return Errors(self.error[:, first:].copy(), self.by_channel[:, first:].copy())

    def then(self, later: "Errors") -> "Errors":
        """These, and behind them those of later rows."""
        return Errors(
            np.concatenate((self.error, later.error), axis=1),
            np.concatenate((self.by_channel, later.by_channel), axis=1),
        )


def judge(
    evidence: Evidence,
    spread: Floats,
    yardstick: Yardstick,
    counted: NDArray[np.bool_],
    spec: ErrorSpec,
) -> Errors:
    """Bring what was said to one error a row: the mean of all voices on a common scale.

    `counted` is (S, F), or (S, T, F) where other channels count in other rows.
    """
    said = yardstick.measure(values(evidence, spread, counted, spec))
    by_channel = np.zeros(evidence.expected.shape)
    for v in range(said.shape[2]):
        parts = evidence.parts[:, :, v]
        if np.isnan(evidence.raw[:, :, v]).all():
            parts = normalise(parts, spread[:, v], spec)
        parts = np.where(by_row(counted) & np.isfinite(parts), parts, 0.0)
        total = parts.sum(axis=2, keepdims=True)
        share = np.divide(parts, total, out=np.zeros_like(parts), where=total > 0)
        by_channel += share * np.nan_to_num(said[:, :, v, None]) / said.shape[2]
    error = said.mean(axis=2)
    return Errors(error, np.where(np.isnan(error)[:, :, None], np.nan, by_channel))
