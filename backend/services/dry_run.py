"""A training to look at: on ranges that a person would call normal, and nothing is kept."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import ValidationError

from backend.detection.choosing import fit
from backend.detection.grid import Rows, floor_to, last_closed
from backend.detection.pipeline import Fitted, Scored, score
from backend.detection.progress import part_of
from backend.detection.runs import spans
from backend.detection.sampling import evenly
from backend.detection.training import Training
from backend.exceptions import InputError, NoData, NotEnoughNormalData
from backend.ports import Clock, ModelFactory, Progress, Query
from backend.records import Label, LabelKind, SeriesKey
from backend.services.material import Material, Materials
from backend.services.reading import aligned, latest, read_rows
from backend.services.stores import Stores
from backend.services.training_record import training_record
from backend.specs import DetectorSpec, nanoseconds

DRY_RUN = "dry_run"
"""The kind of request that asks for one."""

RECENT = 14 * 86_400_000_000_000
"""How much of the newest data is scored."""
MOST_RANGES = 50
_SERIES = 8
"""Series that are trained, evenly taken."""
_ROWS = 20_000
"""Grid rows of the newest data that are scored at most."""
_LISTED = 20
"""Alarms that are listed, the highest of all series; all are counted."""
_POINTS = 400
"""Points of the course of the score, the highest of each part."""
_TRAINED = 0.9
_UNBACKED = "too little normal time backs its threshold yet: alarms would stay silent"

Range = tuple[int, int]


@dataclass(frozen=True)
class Asked:
    """A detector that need not be stored, and what of its time would be called normal."""

    spec: DetectorSpec
    ranges: tuple[Range, ...]

    @classmethod
    def of(cls, detector: str, payload: Mapping[str, Any]) -> "Asked":
        """Read a request.

        Args:
            detector: the name that it goes by.
            payload: `spec`, the definition, and `ranges`.

        Raises:
            InputError: it holds no detector, or no ranges.
        """
        try:
            spec = DetectorSpec.model_validate({**payload.get("spec", {}), "name": detector})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the definition"
            raise InputError(f"The detector cannot be tried: {where}: {first['msg']}.") from error
        return cls(spec, tuple(_ranges(payload.get("ranges"))))

    @property
    def payload(self) -> dict[str, Any]:
        """What the worker is told."""
        return {"spec": self.spec.plain(), "ranges": [list(part) for part in self.ranges]}


class DryRuns:
    """Trains and scores; stores nothing."""

    def __init__(self, stores: Stores, make_model: ModelFactory, clock: Clock) -> None:
        self._source = stores.source
        self._materials = Materials(stores, clock)
        self._make_model = make_model
        self._clock = clock

    def run(self, asked: Asked, progress: Progress = lambda share, words: None) -> dict[str, Any]:
        """Train on the ranges, and say what would have come of the newest data.

        Returns:
            Plain values: `rows`, `hours`, `held_out_flagged`, `warnings`, `rejected`, `seconds`,
            `recent`, and for each of `series` its own figures, alarms and the course of its score.

        Raises:
            NoData: the source holds nothing of it.
            NotEnoughNormalData: no series could be trained; the message says why.
        """
        began = time.monotonic()
        spec = asked.spec
        progress(0.0, "reading")
        material, fleet = self._material(asked)
        outcome = fit(
            spec,
            material.rows,
            material.normal,
            self._make_model,
            fleet=fleet,
            progress=part_of(progress, 0.0, _TRAINED),
            **material.said,
        )
        fitted, training = outcome.fitted, outcome.training
        if fitted is None or training is None:
            raise NotEnoughNormalData(_why_nothing(outcome.rejected))
        progress(_TRAINED, "scoring the newest data")
        span, rows = self._recent(fitted)
        scored = score(fitted, rows, first=int(np.searchsorted(rows.times, span[0])))
        told = training_record(fitted, training)
        flagged = _held_out_flagged(fitted, training)
        return {
            "detector": spec.name,
            "rows": told["rows"],
            "hours": round(sum(one["hours"] for one in told["series"].values()), 2),
            "held_out_flagged": _share(flagged.values()),
            "fleet": fleet,
            "recent": list(span),
            "series": {
                key: {
                    **_trained(told["series"][key]),
                    "held_out_flagged": _share([flagged[key]]),
                    **_fared(scored, s, spec),
                }
                for s, key in enumerate(fitted.keys)
            },
            "rejected": dict(outcome.rejected),
            "warnings": [*material.warnings, *told["warnings"], *_silent(told), *_few(fleet)],
            "choice": told.get("choice"),
            "seconds": round(time.monotonic() - began, 3),
        }

    def _material(self, asked: Asked) -> tuple[Material, int]:
        """What is learned from, of a few series, and how many there are."""
        now, spec = self._clock.now(), asked.spec
        labels = tuple(
            Label(number, spec.name, LabelKind.NORMAL, start, stop, created_at=now)
            for number, (start, stop) in enumerate(asked.ranges, 1)
        )
        outline = self._materials.outline(spec, labels)
        if not outline.keys:
            raise NoData(f"The source holds no series of {spec.name!r} in the marked ranges.")
        keys = [str(key) for key in evenly(np.array(outline.keys, dtype=object), _SERIES)]
        return self._materials.read(outline, keys), len(outline.keys)

    def _recent(self, fitted: Fitted) -> tuple[Range, Rows]:
        """The newest time of the series that has newest data, and rows with what leads up to it."""
        spec = fitted.spec
        stop = last_closed(self._clock.now(), spec.step, nanoseconds(spec.delay))
        query = Query(
            spec.measurement,
            spec.inputs,
            0,
            stop,
            spec.where,
            spec.group_by,
            series=fitted.keys,
        )
        newest = latest(self._source, query)
        end = stop if newest is None else floor_to(newest, spec.step) + spec.step
        start = end - min(RECENT // spec.step, _ROWS) * spec.step
        first = max(start - fitted.lookback * spec.step, 0)
        rows = read_rows(self._source, spec, first, end, fitted.keys)
        return (start, end), aligned(rows, fitted.keys)


def _ranges(told: Any) -> list[Range]:
    if not isinstance(told, list) or not 0 < len(told) <= MOST_RANGES:
        raise InputError(
            f"A dry run needs 1 to {MOST_RANGES} ranges called normal: mark one in the data."
        )
    found = []
    for part in told:
        pair = list(part) if isinstance(part, list | tuple) else []
        if len(pair) != 2 or not all(isinstance(one, int) for one in pair) or pair[0] >= pair[1]:
            raise InputError(
                "A range called normal needs a start before its stop, both in nanoseconds."
            )
        found.append((pair[0], pair[1]))
    return found


def _why_nothing(rejected: Mapping[SeriesKey, str]) -> str:
    key, reason = next(iter(rejected.items()))
    more = f" ({len(rejected) - 1} more series likewise)" if len(rejected) > 1 else ""
    return f"Nothing could be trained: {key or 'the series'}: {reason}{more}."


def _held_out_flagged(fitted: Fitted, training: Training) -> dict[SeriesKey, tuple[int, int]]:
    """Of each series how many held-out normal rows its limit flags, of how many."""
    smoothed = training.held_out_smoothed
    known = np.isfinite(smoothed)
    flagged = known & (np.nan_to_num(smoothed) > fitted.threshold[:, None])
    return {key: (int(flagged[s].sum()), int(known[s].sum())) for s, key in enumerate(fitted.keys)}


def _share(counts: Iterable[tuple[int, int]]) -> float | None:
    pairs = list(counts)
    total = sum(count for _, count in pairs)
    return sum(flagged for flagged, _ in pairs) / total if total else None


def _trained(record: Mapping[str, Any]) -> dict[str, Any]:
    names = ("rows", "hours", "threshold", "loss", "val_loss", "basis", "wanted_hours", "silent")
    return {name: record[name] for name in names}


def _fared(scored: Scored, s: int, spec: DetectorSpec) -> dict[str, Any]:
    """What would have come of the newest data of a series."""
    judged, step = int(scored.judged[s].sum()), spec.step
    # runs of flags as long as an alarm takes, also where too little backs the limit for alarms
    runs = [run for run in spans(scored.flag[s], spec.alarm.merge) if _lasts(scored, s, run, spec)]
    alarms = [_alarm(scored, s, run, spec) for run in runs]
    highest = sorted(alarms, key=lambda alarm: -alarm["peak"])[:_LISTED]
    return {
        "judged": judged,
        "flagged": int(scored.flag[s].sum()),
        "alarms": len(alarms),
        "listed": sorted(highest, key=lambda alarm: alarm["start"]),
        "course": _course(scored, s, step),
    }


def _lasts(scored: Scored, s: int, run: Range, spec: DetectorSpec) -> bool:
    return int(scored.flag[s, run[0] : run[1]].sum()) >= spec.alarm.points


def _alarm(scored: Scored, s: int, run: Range, spec: DetectorSpec) -> dict[str, Any]:
    start, stop = run
    peak = start + int(np.argmax(scored.score[s, start:stop]))
    channel = spec.inputs[int(scored.contributions[s, peak].argmax())]
    end = int(scored.times[stop - 1]) + spec.step
    height = float(scored.score[s, peak])
    return {"start": int(scored.times[start]), "stop": end, "peak": height, "channel": channel}


def _course(scored: Scored, s: int, step: int) -> dict[str, list[Any]]:
    """Highest score of each part of the time; None where nothing was judged."""
    count = len(scored.times)
    each = max(1, -(-count // _POINTS))
    values = np.where(scored.judged[s], scored.score[s], -np.inf)
    starts = np.arange(0, count, each)
    highest = np.maximum.reduceat(values, starts) if count else np.empty(0)
    return {
        "times": [int(time) for time in scored.times[starts]],
        "score": [float(value) if np.isfinite(value) else None for value in highest],
        "every": [each * step],
    }


def _silent(record: Mapping[str, Any]) -> list[str]:
    return [
        f"{key or 'the series'}: {_UNBACKED} ({one['basis']})"
        for key, one in record["series"].items()
        if one["silent"]
    ]


def _few(fleet: int) -> Sequence[str]:
    if fleet <= _SERIES:
        return ()
    return (f"{_SERIES} of {fleet} series were tried; a training learns all of them.",)
