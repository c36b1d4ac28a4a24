"""The air of the simulated gas room without faults: five channels that belong together.

Temperature follows the sun and the people, moisture opposes temperature, hydrogen sulfide and
ammonia rise together with work in the room and fall with ventilation, nitrogen dioxide follows the
traffic outside. Grid points are ten minutes, counted from a Monday, midnight UTC.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from backend.demo.noise import red, white
from backend.ports import Floats

HOUR = 6
DAY = 24 * HOUR
WEEK = 7 * DAY

UNITS: Mapping[str, str] = {"temp": "°C", "moist": "%", "H2S": "ppm", "NH3": "ppm", "NO2": "ppb"}
CHANNELS = tuple(UNITS)

_WORKLOAD = np.array([1.0, 1.05, 1.0, 1.05, 0.9, 0.35, 0.15])
"""How much work is done on each day of the week, Monday first."""


@dataclass(frozen=True)
class Air:
    """The grid points `[first, last)`; each channel is computed from what drives it."""

    seed: int
    first: int
    last: int

    def channel(self, name: str) -> Floats:
        """(T,) values of a channel in its unit, not rounded."""
        return _CHANNELS[name](self)

    def white(self, stream: int) -> Floats:
        """Noise of a sensor."""
        return white(self.seed, stream, self.first, self.last)

    def red(self, stream: int, hours: float) -> Floats:
        """Something that wanders and is forgotten after some hours."""
        return red(self.seed, stream, self.first, self.last, hours * HOUR)

    @cached_property
    def hour(self) -> Floats:
        """Hour of the day, 0 to 24."""
        return np.arange(self.first, self.last) % DAY / HOUR

    @cached_property
    def workload(self) -> Floats:
        """Work in the room: a working day from about 7 to 17, little at the weekend."""
        day = np.arange(self.first, self.last) // DAY % 7
        shift = 1 / (1 + np.exp(-(self.hour - 7.0) / 0.5)) / (1 + np.exp((self.hour - 17.0) / 0.5))
        work: Floats = shift * _WORKLOAD[day] * np.exp(0.08 * self.red(10, hours=3))
        return work

    @cached_property
    def ventilation(self) -> Floats:
        """What is left of a gas with the windows as they are: 1 on average."""
        left: Floats = np.exp(0.15 * self.red(11, hours=4))
        return left

    @cached_property
    def temperature(self) -> Floats:
        """Temperature before the sensor's noise."""
        sun: Floats = 2.4 * np.sin((self.hour - 9.0) * np.pi / 12)
        return 21.5 + sun + 0.8 * self.workload + 0.4 * self.red(12, hours=8)


def _temp(air: Air) -> Floats:
    return air.temperature + 0.06 * air.white(20)


def _moist(air: Air) -> Floats:
    return 46 - 1.8 * (air.temperature - 21.5) + 0.4 * air.red(13, hours=6) + 0.2 * air.white(21)


def _hydrogen_sulfide(air: Air) -> Floats:
    return 0.4 + (0.25 + 1.3 * air.workload) * air.ventilation + 0.03 * air.white(22)


def _ammonia(air: Air) -> Floats:
    work = (0.8 + 4.5 * air.workload) * air.ventilation
    return 2.0 + work + 0.15 * (air.temperature - 21.5) + 0.12 * air.white(23)


def _nitrogen_dioxide(air: Air) -> Floats:
    morning, evening = np.exp(-((air.hour - 8) ** 2) / 4), np.exp(-((air.hour - 17.5) ** 2) / 6)
    weekday = 0.4 + 0.6 * (np.arange(air.first, air.last) // DAY % 7 < 5)
    traffic: Floats = 9 * weekday * (morning + evening)
    return 16 + traffic + 1.0 * air.red(14, hours=3) + 0.5 * air.white(24)


_CHANNELS: Mapping[str, Callable[[Air], Floats]] = {
    "temp": _temp,
    "moist": _moist,
    "H2S": _hydrogen_sulfide,
    "NH3": _ammonia,
    "NO2": _nitrogen_dioxide,
}
