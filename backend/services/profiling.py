"""A look at the data of a detector, or of a table, before anything is learned from it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from backend.detection.grid import last_closed
from backend.detection.profile.advice import Advice, advise, duration
from backend.detection.profile.channels import ChannelLook
from backend.detection.profile.look import Look, look_at
from backend.exceptions import InputError, MissingChannel, NoData
from backend.ports import Clock, Progress, Query, SeriesStore
from backend.records import SeriesKey
from backend.services.detectors import Detectors
from backend.services.exams import nanoseconds_of, numeric_columns
from backend.services.reading import Mask, read_rows
from backend.specs import DetectorSpec, nanoseconds

MOST_SERIES = 20

_MOST_NUMBERS = 20_000_000


@dataclass(frozen=True)
class Profiled:
    """A series with what is seen of it and what follows."""

    key: SeriesKey
    look: Look
    advice: Advice

    def plain(self) -> dict[str, Any]:
        """As JSON; numbers that JSON does not know are NaN."""
        look, names = self.look, self.look.names
        return {
            "series": self.key,
            "rows": len(look.times),
            "span": duration(look.span),
            "cadence_s": None if look.cadence.step is None else look.cadence.step / 1e9,
            "gaps": len(look.cadence.gaps),
            "gap_seconds": sum(stop - start for start, stop in look.cadence.gaps) / 1e9,
            "channels": [_channel(channel) for channel in look.channels],
            "periods": [
                {
                    "period": duration(period.length),
                    "seconds": period.length / 1e9,
                    "share": period.share,
                    "channels": [names[f] for f in period.channels],
                }
                for period in look.periods
            ],
            "alike": [
                {"one": names[p.one], "other": names[p.other], "correlation": p.correlation}
                for p in look.alike
            ],
            "settings": self.advice.settings(),
            "reasons": list(self.advice.reasons),
            "warnings": list(self.advice.warnings),
        }


@dataclass(frozen=True)
class Report:
    """All series that were looked at, and how many were not."""

    series: tuple[Profiled, ...]
    more: int = 0

    @property
    def fullest(self) -> Profiled:
        """The series with the most rows: its settings are those proposed."""
        return max(self.series, key=lambda one: len(one.look.times))


def profile_frame(
    frame: pd.DataFrame,
    *,
    without: Sequence[str] = (),
    every: timedelta | None = None,
    progress: Progress = lambda share, words: None,
) -> Report:
    """Look at the columns of numbers of a table.

    Args:
        frame: with a `DatetimeIndex`, ascending.
        without: columns to leave out, as labels.
        every: the grid; found by itself if not given.
        progress: told the share done.

    Raises:
        MissingChannel: a column to leave out is not there.
        NoData: there is no row, or no column of numbers.
    """
    if missing := [name for name in without if name not in frame.columns]:
        there = ", ".join(map(str, frame.columns))
        raise MissingChannel(f"There is no column {missing[0]!r} to leave out; there are: {there}.")
    names = numeric_columns(frame, without)
    if frame.empty:
        raise NoData("The file holds no rows: there is nothing to look at.")
    values = frame[list(names)].to_numpy(dtype=np.float64)
    values = np.where(np.isfinite(values), values, np.nan)
    step = None if every is None else nanoseconds(every)
    look = look_at(nanoseconds_of(frame.index), values, names, every=step, progress=progress)
    return Report((Profiled("", look, advise(look)),))


class Profiling:
    """Looks at what detectors watch."""

    def __init__(self, source: SeriesStore, detectors: Detectors, clock: Clock) -> None:
        self._source = source
        self._detectors = detectors
        self._clock = clock

    def look(
        self,
        name: str,
        *,
        last: timedelta | None = None,
        progress: Progress = lambda share, words: None,
    ) -> tuple[DetectorSpec, Report]:
        """Look at the newest data of a detector, on its grid.

        Args:
            name: of the detector.
            last: how much; as much as it learns from without labels if not given.
            progress: told the share done.

        Raises:
            NotFound: there is no such detector.
            InputError: the time asked for is shorter than the grid.
            NoData: the source holds nothing of it.
        """
        spec = self._detectors.get(name)
        span = nanoseconds(last or spec.learn_from)
        if span < spec.step:
            raise InputError("The time to look at is shorter than the detector's grid.")
        stop = last_closed(self._clock.now(), spec.step, nanoseconds(spec.delay))
        start = stop - min(span // spec.step, self._most_rows(spec, stop - span, stop)) * spec.step
        rows = read_rows(self._source, spec, start, stop)
        there: Mask = np.any(np.isfinite(rows.values), axis=2)
        with_data = [s for s in range(len(rows.keys)) if there[s].any()]
        if not with_data:
            raise NoData(
                f"The source holds no data of {name!r} in the last {duration(span)}: measurement "
                f"{spec.measurement!r} with channels {', '.join(spec.inputs)} was expected. Check "
                "the names, or look further back with --last."
            )
        found = []
        for place, s in enumerate(shown := with_data[:MOST_SERIES]):
            progress(place / len(shown), rows.keys[s])
            values = rows.values[s, there[s]]  # noqa: PD011 - no frame
            look = look_at(rows.times[there[s]], values, spec.inputs, every=spec.step)
            found.append(Profiled(rows.keys[s], look, advise(look)))
        return spec, Report(tuple(found), len(with_data) - len(shown))

    def _most_rows(self, spec: DetectorSpec, start: int, stop: int) -> int:
        """So that all series together stay within bounds."""
        query = Query(spec.measurement, spec.inputs, start, stop, spec.where, spec.group_by)
        series = len(self._source.read(replace(query, newest=1)))
        return max(1, _MOST_NUMBERS // (max(1, series) * len(spec.inputs)))


def _channel(channel: ChannelLook) -> dict[str, Any]:
    plain = {**vars(channel), "in_steps": channel.in_steps}
    tested = channel.stationarity
    return {**plain, "stationarity": None if tested is None else vars(tested)}
