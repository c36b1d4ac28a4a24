"""What each kind of fault does to the values of a sensor."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from backend.demo.scenario import Fault, FaultKind
from backend.ports import Floats, Times

Clean = Callable[[int, int], Floats]
"""The channel without faults in `[start, stop)` nanoseconds."""

_OTHER_TIME_OF_DAY = 12 * 3600 * 1_000_000_000


@dataclass(frozen=True)
class _Stretch:
    """The part of a fault that is looked at.

    Attributes:
        fault: the whole fault.
        values: (T,) of the channel inside the part, without the fault.
        start: nanosecond of the first of them.
        stop: nanosecond after the last.
        progress: (T,) how far the fault is, 0 to 1.
        clean: the channel at any other time.
    """

    fault: Fault
    values: Floats
    start: int
    stop: int
    progress: Floats
    clean: Clean


def inject(fault: Fault, times: Times, values: Floats, clean: Clean) -> Floats:
    """Put a fault into the values of its channel; any way of cutting time gives the same.

    Args:
        fault: what to inject.
        times: (T,) nanoseconds on an unbroken grid.
        values: (T,) of the channel.
        clean: the channel without faults at any other time.

    Returns:
        (T,) values with the fault in them.
    """
    inside = (times >= fault.start) & (times < fault.stop)
    if not inside.any():
        return values
    step = int(times[1] - times[0]) if len(times) > 1 else 1
    within = times[inside]
    stretch = _Stretch(
        fault,
        values[inside],
        int(within[0]),
        int(within[-1]) + step,
        (within - fault.start) / (fault.stop - fault.start),
        clean,
    )
    result = values.copy()
    result[inside] = _EFFECTS[fault.kind](stretch)
    return result


def _spike(stretch: _Stretch) -> Floats:
    return stretch.values + stretch.fault.strength * (1 - 0.8 * stretch.progress)


def _drift(stretch: _Stretch) -> Floats:
    return stretch.values + stretch.fault.strength * stretch.progress


def _stuck(stretch: _Stretch) -> Floats:
    held = stretch.clean(stretch.fault.start, stretch.fault.start + 1)
    return np.full_like(stretch.values, held[0])


def _decoupled(stretch: _Stretch) -> Floats:
    """Plausible values at the wrong time: what the channel did half a day before."""
    return stretch.clean(stretch.start - _OTHER_TIME_OF_DAY, stretch.stop - _OTHER_TIME_OF_DAY)


def _leak(stretch: _Stretch) -> Floats:
    """Slow at first, then faster and faster."""
    rise: Floats = np.expm1(3 * stretch.progress) / np.expm1(3)
    return stretch.values + stretch.fault.strength * rise


_EFFECTS: dict[FaultKind, Callable[[_Stretch], Floats]] = {
    FaultKind.SPIKE: _spike,
    FaultKind.DRIFT: _drift,
    FaultKind.STUCK: _stuck,
    FaultKind.DECOUPLED: _decoupled,
    FaultKind.LEAK: _leak,
}
