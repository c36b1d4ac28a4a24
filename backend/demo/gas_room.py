"""A room with five air sensors: two normal weeks, two weeks with faults, then live for ever.

Sensors round, lose single values and fall silent in some nights, as real ones do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from backend.demo.air import CHANNELS, DAY, HOUR, UNITS, WEEK, Air
from backend.demo.faults import inject
from backend.demo.noise import generator, uniform
from backend.demo.scenario import Fault, FaultKind
from backend.ports import Floats, Points
from backend.specs import DetectorSpec, nanoseconds

EVERY = timedelta(minutes=10)
STEP = nanoseconds(EVERY)

RESOLUTION: Mapping[str, float] = {"temp": 0.05, "moist": 0.1, "H2S": 0.01, "NH3": 0.05, "NO2": 0.2}
LOST_VALUES = 0.004
"""Share of single values that never arrive."""
SILENT_NIGHTS = 0.4
"""Share of nights in which all sensors fall silent once."""
LONGEST_SILENCE = 9

# First grid point, length in grid points, channel, kind, strength in the channel's unit: each kind
# at an hour at which a plant could meet it. The seed moves them by up to two hours.
_STORY = (
    (2 * WEEK + 1 * DAY + 10 * HOUR, 4, "NH3", FaultKind.SPIKE, 8.0),
    (2 * WEEK + 3 * DAY + 4 * HOUR, 20 * HOUR, "temp", FaultKind.DRIFT, 8.0),
    (2 * WEEK + 5 * DAY + 8 * HOUR, 12 * HOUR, "moist", FaultKind.STUCK, 0.0),
    (3 * WEEK + 0 * DAY + 21 * HOUR, 8 * HOUR, "H2S", FaultKind.DECOUPLED, 0.0),
    (3 * WEEK + 2 * DAY + 9 * HOUR, 18 * HOUR, "H2S", FaultKind.LEAK, 4.0),
    (3 * WEEK + 4 * DAY + 14 * HOUR, 4, "NO2", FaultKind.SPIKE, 20.0),
)
_LIVE = (
    (4, "NO2", FaultKind.SPIKE, 20.0),
    (4, "NH3", FaultKind.SPIKE, 8.0),
    (9 * HOUR, "H2S", FaultKind.LEAK, 4.0),
    (9 * HOUR, "temp", FaultKind.DRIFT, 8.0),
)
_STORY_STREAM, _LIVE_STREAM, _SILENCE_STREAM, _LOSS_STREAM = 1, 2, 3, 100


_A_MONDAY = 4 * DAY * STEP
"""5 January 1970, in nanoseconds."""


def latest_start(now: int) -> int:
    """The Monday from which history ends on a Monday one to eight days before `now`.

    Whole weeks make it the same story whenever it is told; the days between are the live part that
    is played fast.
    """
    week, yesterday = WEEK * STEP, now - DAY * STEP
    return yesterday - (yesterday - _A_MONDAY) % week - 4 * week


@dataclass(frozen=True)
class GasRoom:
    """The story that begins at `start`, a Monday, midnight UTC, in nanoseconds."""

    start: int
    seed: int = 0

    @property
    def spec(self) -> DetectorSpec:
        """The detector that shall find the faults."""
        return DetectorSpec.model_validate(
            {
                "name": "gas-room",
                "measurement": "air",
                "channels": CHANNELS,
                "group_by": ("room",),
                "every": EVERY,
                "model": {"kind": "dense_autoencoder", "window": 6, "units": [48, 12]},
                "threshold": {"kind": "budget", "alarms": "1/month"},
                "write_contributions": True,
            }
        )

    @property
    def trained(self) -> int:
        """Where the normal range ends."""
        return self._time(2 * WEEK)

    @property
    def stop(self) -> int:
        """Where history ends and live points begin."""
        return self._time(4 * WEEK)

    @property
    def tolerance(self) -> int:
        """How long after a fault an event may still begin and belong to it."""
        return 6 * STEP

    @property
    def units(self) -> Mapping[str, str]:
        """Channel to unit."""
        return UNITS

    def rows(self, start: int, stop: int) -> Points:
        """What the sensors report in `[start, stop)`: faults, losses and silences included."""
        first, last = self._point(start), self._point(stop)
        times = self._time(0) + STEP * np.arange(first, last, dtype=np.int64)
        heard = self._heard(first, last)
        fields = {
            name: self._reported(stream, name, first, last)[heard]
            for stream, name in enumerate(CHANNELS)
        }
        return Points({"room": "gas"}, times[heard], fields)

    def faults(self, start: int, stop: int) -> list[Fault]:
        """Faults that overlap `[start, stop)`: those of the story, then one each live day."""
        first_day = max(self._point(start) // DAY - 1, 4 * 7)
        live = (self._live_fault(day) for day in range(first_day, self._point(stop) // DAY + 1))
        known = (*self._story, *live)
        return [fault for fault in known if fault.start < stop and start < fault.stop]

    # -- what happens to the sensors ---------------------------------------------------------------

    @cached_property
    def _story(self) -> tuple[Fault, ...]:
        random = generator(self.seed, _STORY_STREAM, 0)
        moved = random.integers(-2 * HOUR, 2 * HOUR, len(_STORY))
        scale = random.uniform(0.9, 1.2, len(_STORY))  # nosec B311  # noise of a simulation
        return tuple(
            self._fault(first + int(by), length, channel, kind, strength * float(factor))
            for (first, length, channel, kind, strength), by, factor in zip(
                _STORY, moved, scale, strict=True
            )
        )

    def _live_fault(self, day: int) -> Fault:
        random = generator(self.seed, _LIVE_STREAM, day)
        length, channel, kind, strength = _LIVE[random.integers(len(_LIVE))]
        first = day * DAY + int(random.integers(6 * HOUR, 14 * HOUR))
        return self._fault(first, length, channel, kind, strength)

    def _fault(
        self, first: int, length: int, channel: str, kind: FaultKind, strength: float
    ) -> Fault:
        return Fault(self._time(first), self._time(first + length), channel, kind, strength)

    def _reported(self, stream: int, name: str, first: int, last: int) -> Floats:
        """One channel with its faults, in the sensor's resolution, NaN where a value was lost."""
        times = self._time(0) + STEP * np.arange(first, last, dtype=np.int64)
        values = self._clean(name, self._time(first), self._time(last))
        for fault in self.faults(self._time(first), self._time(last)):
            if fault.channel == name:
                values = inject(fault, times, values, partial(self._clean, name))
        rounded = np.round(np.maximum(values, 0) / RESOLUTION[name]) * RESOLUTION[name]
        lost = uniform(self.seed, _LOSS_STREAM + stream, first, last) < LOST_VALUES
        return np.where(lost, np.nan, np.round(rounded, 2))

    def _clean(self, name: str, start: int, stop: int) -> Floats:
        return Air(self.seed, self._point(start), self._point(stop)).channel(name)

    def _heard(self, first: int, last: int) -> NDArray[np.bool_]:
        """(T,) false where all sensors are silent."""
        points = np.arange(first, last)
        heard = np.ones(len(points), dtype=bool)
        for day in range(first // DAY, last // DAY + 1):
            begin, length = self._silence(day)
            heard &= (points < begin) | (points >= begin + length)
        return heard

    def _silence(self, day: int) -> tuple[int, int]:
        """First grid point and length of a day's silence, between midnight and about five."""
        random = generator(self.seed, _SILENCE_STREAM, day)
        if random.random() >= SILENT_NIGHTS:  # nosec B311  # noise of a simulation
            return day * DAY, 0
        begin = day * DAY + int(random.integers(0, 4 * HOUR))
        return begin, int(random.integers(1, LONGEST_SILENCE + 1))

    # -- time: nanoseconds outside, grid points since the start inside -----------------------------

    def _time(self, point: int) -> int:
        return self.start + STEP * point

    def _point(self, time: int) -> int:
        """The first grid point not before `time`."""
        return -((self.start - time) // STEP)
