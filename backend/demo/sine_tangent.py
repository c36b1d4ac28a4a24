"""A sine that turns into a tangent: the smallest story that shows what a detector does.

Near its zeros a tangent looks like a sine, so the error stays small there and then rises with the
curve's departure: input and reconstruction can be compared by eye.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from backend.demo.noise import white
from backend.demo.scenario import Fault, FaultKind
from backend.ports import Points
from backend.specs import DetectorSpec, nanoseconds

EVERY = timedelta(minutes=1)
STEP = nanoseconds(EVERY)
PERIOD = 60
"""Grid points of one turn."""
CYCLE = 16 * PERIOD
"""After the normal range the sine turns into a tangent once in so many grid points."""
CALM = 9 * PERIOD
"""How far into a cycle it does."""
TURNED = 3 * PERIOD
"""For how long."""
TRAINED = 24 * PERIOD
STOP = TRAINED + CYCLE
NOISE = 0.03
END_OF_SCALE = 8.0
"""Where the sensor ends; a tangent does not."""
CHANNEL = "signal"
_NOISE_STREAM = 1


def latest_start(now: int) -> int:
    """The hour from which history ends at the last full hour."""
    hour = PERIOD * STEP
    return now - now % hour - STOP * STEP


@dataclass(frozen=True)
class SineTangent:
    """The story that begins at `start`, in nanoseconds."""

    start: int
    seed: int = 0

    @property
    def spec(self) -> DetectorSpec:
        """The detector that shall find the tangent."""
        return DetectorSpec.model_validate(
            {
                "name": "sine-tangent",
                "measurement": "wave",
                "channels": (CHANNEL,),
                "every": EVERY,
                "model": {"kind": "lstm_autoencoder", "window": 15, "units": [16, 4], "epochs": 30},
                "smoothing": {"span": 3},
                "write_contributions": True,
            }
        )

    @property
    def trained(self) -> int:
        """Where the pure sine ends that is labeled as normal."""
        return self.start + TRAINED * STEP

    @property
    def stop(self) -> int:
        """Where history ends and live points begin."""
        return self.start + STOP * STEP

    @property
    def tolerance(self) -> int:
        """How long after a fault an event may still begin and belong to it."""
        return 15 * STEP

    @property
    def units(self) -> Mapping[str, str]:
        """Channel to unit."""
        return {CHANNEL: ""}

    def rows(self, start: int, stop: int) -> Points:
        """The signal in `[start, stop)`, with a little noise."""
        first, last = self._point(start), self._point(stop)
        points = np.arange(first, last, dtype=np.int64)
        angle = 2 * np.pi * points / PERIOD
        tangent = np.clip(np.tan(angle), -END_OF_SCALE, END_OF_SCALE)
        into_cycle = (points - TRAINED) % CYCLE
        turned = (points >= TRAINED) & (into_cycle >= CALM) & (into_cycle < CALM + TURNED)
        signal = np.where(turned, tangent, np.sin(angle))
        noise = NOISE * white(self.seed, _NOISE_STREAM, first, last)
        return Points({}, self.start + STEP * points, {CHANNEL: signal + noise})

    def faults(self, start: int, stop: int) -> list[Fault]:
        """The stretches of tangent that overlap `[start, stop)`."""
        last_cycle = (self._point(stop) - TRAINED) // CYCLE
        turned = [self._fault(TRAINED + cycle * CYCLE + CALM) for cycle in range(last_cycle + 1)]
        return [fault for fault in turned if fault.start < stop and start < fault.stop]

    def _fault(self, first: int) -> Fault:
        begin = self.start + first * STEP
        return Fault(begin, begin + TURNED * STEP, CHANNEL, FaultKind.TANGENT, END_OF_SCALE)

    def _point(self, time: int) -> int:
        """The first grid point not before `time`."""
        return -((self.start - time) // STEP)
