"""One version scoring the past as it would have then: its alarms and its threshold go on."""

from dataclasses import replace

import numpy as np

from backend.detection.alarms import AlarmState, raise_alarms
from backend.detection.checks import REASONS
from backend.detection.grid import Rows
from backend.detection.pipeline import Fitted, Scored, score
from backend.detection.runs import Mask, run_lengths
from backend.detection.thresholds import Before, memory
from backend.records import SeriesKey

Alarmed = dict[SeriesKey, tuple[bool, int]]
"""Of each series whether its alarm is on, and how many flagged points end its past."""


class Replay:
    """Keeps what the product reads back from its own results: nothing is written here.

    Args:
        fitted: the version.
        alarmed: how the version before left the alarms; changed in place.
    """

    def __init__(self, fitted: Fitted, alarmed: Alarmed) -> None:
        self._fitted = fitted
        self._alarmed = alarmed
        self._before = Before.nothing(len(fitted.keys))

    @property
    def rests(self) -> bool:
        """Whether rows without data would leave everything as it is, once some have been scored.

        Then nothing of what its threshold looks back at is known, and no alarm is on.
        """
        return not np.isfinite(self._before.smoothed).any()

    def score(self, rows: Rows, excluded: Mask) -> tuple[Scored, Mask]:
        """Score what follows the look-back; parts follow each other in time.

        Returns:
            The scores, and (S, T) the alarm whether or not the version's are silent.
        """
        fitted = self._fitted
        state = self._state()
        scored = score(
            fitted,
            rows,
            first=fitted.lookback,
            excluded=excluded,
            alarm=state,
            before=self._before,
        )
        alarm = raise_alarms(scored.score, scored.judged, fitted.spec.alarm, state)
        runs = run_lengths(scored.flag)
        for s, key in enumerate(fitted.keys):
            self._alarmed[key] = bool(alarm[s, -1]), int(runs[s, -1])
        self._remember(scored)
        return scored, alarm

    def _state(self) -> AlarmState:
        last = [self._alarmed.get(key, (False, 0)) for key in self._fitted.keys]
        on, run = np.array([on for on, _ in last]), np.array([run for _, run in last])
        return AlarmState(on.astype(bool), run.astype(np.int64))

    def _remember(self, scored: Scored) -> None:
        count = memory(self._fitted.spec.threshold)
        if not count:
            return
        own = scored.judged & ~np.isin(scored.reason.astype(str), REASONS)
        smoothed = np.where(own, scored.smoothed, np.nan)
        before = self._before
        self._before = replace(
            before,
            smoothed=np.concatenate((before.smoothed, smoothed), axis=1)[:, -count:],
            threshold=np.concatenate((before.threshold, scored.threshold), axis=1)[:, -count:],
        )
