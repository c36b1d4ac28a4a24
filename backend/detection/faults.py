"""Synthetic faults of sensors, put into rows in the sensors' own units.

What is usually simulated where real faults are rare (Sharma, Golubchik and Govindan, Sensor faults:
detection methods and prevalence in real-world datasets, 2010). The whole way to the flag sees them,
bridging, scaling and smoothing included.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from backend.detection.runs import spans
from backend.ports import Floats

Kind = Literal["bias", "drift", "leak", "stuck", "noise", "spike", "gain", "break"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_SIZES = (1.0, 2.0, 4.0)
_SPIKE_EVERY = 8
_LEAK_CONSTANTS = 3.0
"""Time constants of a leak within a fault: it has come to 95 % of its size at the end."""


@dataclass(frozen=True)
class Fault:
    """One channel goes wrong for some rows.

    Attributes:
        kind: `bias` adds `size` at once, `drift` in a straight line up to the end, `leak` as a gas
            fills an aired room; `stuck` holds the value at its start (size says nothing); `noise`
            has `size` as deviation; `spike` is a `bias` in one row of eight; `gain` divides what
            the channel differs from its median by `1 + size`; `break` shows the channel as it was
            at another time, by a share of `size`, at most 1.
        channel: its index.
        size: in spreads of the channel; a negative one points down.
        start: first row.
        length: how many rows, at least one.
    """

    kind: Kind
    channel: int
    size: float
    start: int
    length: int

    @property
    def stop(self) -> int:
        """The row behind the last one."""
        return self.start + self.length


def inject(values: Floats, fault: Fault, scale: Floats) -> Floats:
    """Rows with a fault put in; the same one always gives the same rows.

    Args:
        values: (T, F) in the sensors' units; absent values stay absent.
        fault: which.
        scale: (F,) spread of each channel, in its unit.

    Returns:
        (T, F), a copy.
    """
    column, unit = values[:, fault.channel], float(scale[fault.channel])
    own = column[fault.start : fault.stop]
    faulty = _SHAPES[fault.kind](column, fault, fault.size * unit)
    broken = values.copy()
    broken[fault.start : fault.stop, fault.channel] = np.where(np.isfinite(own), faulty, np.nan)
    return broken


def _bias(column: Floats, fault: Fault, size: float | Floats) -> Floats:
    return column[fault.start : fault.stop] + size


def _drift(column: Floats, fault: Fault, size: float) -> Floats:
    return _bias(column, fault, size * _along(column, fault))


def _leak(column: Floats, fault: Fault, size: float) -> Floats:
    return _bias(column, fault, -size * np.expm1(-_LEAK_CONSTANTS * _along(column, fault)))


def _stuck(column: Floats, fault: Fault, size: float) -> Floats:
    known = np.flatnonzero(np.isfinite(column[: fault.start + 1]))
    held = column[known[-1]] if known.size else np.nan
    return np.full_like(column[fault.start : fault.stop], held)


def _noise(column: Floats, fault: Fault, size: float) -> Floats:
    own = column[fault.start : fault.stop]
    return own + size * _rng(fault).normal(size=own.shape)


def _spike(column: Floats, fault: Fault, size: float) -> Floats:
    own = column[fault.start : fault.stop]
    return own + size * (np.arange(len(own)) % _SPIKE_EVERY == 0)


def _gain(column: Floats, fault: Fault, size: float) -> Floats:
    known = column[np.isfinite(column)]
    middle = np.median(known) if known.size else np.nan
    return middle + (column[fault.start : fault.stop] - middle) / (1.0 + fault.size)


def _break(column: Floats, fault: Fault, size: float) -> Floats:
    """Towards a run of the channel's own values from outside of the fault, if there are any."""
    own = column[fault.start : fault.stop]
    outside = np.concatenate((column[: fault.start], column[fault.stop :]))
    other = outside[np.isfinite(outside)]
    if not other.size:
        return own
    begin = int(_rng(fault).integers(len(other)))
    shown = other[(begin + np.arange(len(own))) % len(other)]
    return own + min(fault.size, 1.0) * (shown - own)


def _along(column: Floats, fault: Fault) -> Floats:
    return np.arange(1, len(column[fault.start : fault.stop]) + 1) / fault.length


def _rng(fault: Fault) -> np.random.Generator:
    return np.random.default_rng((fault.start, fault.channel, fault.length))


_SHAPES: dict[Kind, Callable[[Floats, Fault, float], Floats]] = {
    "bias": _bias,
    "drift": _drift,
    "leak": _leak,
    "stuck": _stuck,
    "noise": _noise,
    "spike": _spike,
    "gain": _gain,
    "break": _break,
}
"""The values of the channel in the rows of a fault of so many of its units."""


def draw(
    rng: np.random.Generator,
    normal: NDArray[np.bool_],
    channels: NDArray[np.bool_],
    *,
    count: int,
    length: int,
    kinds: Sequence[Kind] = KINDS,
) -> tuple[Fault, ...]:
    """A balanced set: each kind as often as the others, and so with channels and sizes.

    Args:
        rng: of the draw.
        normal: (T,) held-out normal rows that faults may be put into.
        channels: (F,) those that may go wrong.
        count: how many faults.
        length: rows of each; fewer where no run of normal rows is as long.
        kinds: which; each comes in sizes of 1, 2 and 4 spreads.

    Returns:
        Faults over runs of normal rows, apart from each other while there is room; none without
        a normal row or a channel.
    """
    able = np.flatnonzero(channels)
    places = _stretches(normal, length)
    if not places or not able.size:
        return ()
    chosen = _turns(rng, len(places), count)
    whose = _turns(rng, len(able), count)
    # one kind meets all sizes before it meets one again
    sized = [(kind, size) for size in _SIZES for kind in kinds]
    return tuple(
        Fault(kind, int(able[next(whose)]), size, *places[next(chosen)])
        for kind, size in (sized[n % len(sized)] for n in range(count))
    )


def _stretches(normal: NDArray[np.bool_], length: int) -> list[tuple[int, int]]:
    """Starts and lengths of parts of the normal runs, none overlapping another."""
    runs = spans(normal)
    whole = min(length, max((stop - start for start, stop in runs), default=0))
    return [
        (first, whole)
        for start, stop in runs
        for first in range(start, stop - whole + 1, max(1, whole))
    ]


def _turns(rng: np.random.Generator, choices: int, count: int) -> Iterator[int]:
    """All choices in a random order, then again in another one."""
    rounds = -(-count // choices)
    return iter(np.concatenate([rng.permutation(choices) for _ in range(rounds)]).tolist())
