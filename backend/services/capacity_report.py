"""From what was measured to what is said of a fleet: costs of a tick, of a training, of memory."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from backend.detection.forecast import Line, Machine, Run, TrainingCost, Ways
from backend.records import Version
from backend.services.capacity_probe import is_taught
from backend.services.cron import cron_trigger
from backend.specs import DetectorSpec, EnsembleSpec, SingleSpec, nanoseconds, networks

TRIED = 4
"""Series that candidates are tried on."""
_NIGHT_S = 8 * 3600.0
"""Time for a training where no timetable says when the next one is due."""
_WRITE_S, _WRITE_VALUE_S = 0.03, 7e-6
"""What writing takes whatever the size, with the records, and for each value: as measured on an
InfluxDB 1 on two cores, with fleets of 100 and 500 series."""
_VALUES = 20
"""In a row of scores."""
_TRY_MEMBERS = 3
"""Models of a series in a try: two folds, and the one that serves."""
_TRY_SCORED = 25
"""How often a try scores all rows: once as they are, and once for each synthetic fault."""


@dataclass(frozen=True)
class Tick:
    """What a tick of a fleet takes, in seconds.

    Attributes:
        read: of the source, as it was read; None where it could not be.
        model: of the model with the mathematics around it, as measured.
        write: of the results, estimated.
        interval_s: time from one tick to the next.
    """

    read: Line | None
    model: Line
    write: Line
    interval_s: float

    @property
    def whole(self) -> Line:
        """All of it."""
        return (self.read or Line(0.0, 0.0)) + self.model + self.write


@dataclass(frozen=True)
class Report:
    """What was found out; seconds and bytes.

    Attributes:
        detector: its name.
        kind: of its model; of `auto` the one that was taken for chosen.
        series: the fleet; 0 where nobody knows.
        machine: what there is.
        tick: what a tick takes.
        tick_holds: series that a tick holds within its interval.
        cost: what training takes, as a large fleet is trained.
        present_s: what training takes for the fleet; None where its size is not known.
        piece: series in a piece.
        available_s: time for a training.
        why_available: where that comes from, in words.
        ways: how far each way of training goes.
        training_memory: bytes of a process that trains so many series at once.
        scoring_memory: bytes of a process that scores so many.
        with_tensorflow: whether these load TensorFlow.
        choosing_s: of a training's time what the choice of a model takes.
        limits_s: of it what looking for the smallest faults takes.
        epochs_from: where the number of epochs comes from, in words; empty without networks.
        notes: what else to know, a sentence each.
        measured_s: how long measuring took.
        runs: the trainings that were measured.
    """

    detector: str
    kind: str
    series: int
    machine: Machine
    tick: Tick
    tick_holds: int
    cost: TrainingCost
    present_s: float | None
    piece: int
    available_s: float
    why_available: str
    ways: Ways
    training_memory: Line
    scoring_memory: Line
    with_tensorflow: bool
    choosing_s: float
    limits_s: float
    epochs_from: str
    notes: tuple[str, ...]
    measured_s: float
    runs: tuple[Run, ...]

    def plain(self) -> dict[str, Any]:
        """As JSON-ready values, with what follows for the fleet."""
        series = self.series
        parts = {"read": self.tick.read, "model": self.tick.model, "write": self.tick.write}
        at = {name: None if line is None else line.at(series) for name, line in parts.items()}
        return {
            **asdict(self),
            "present": {
                "series": series,
                "tick_s": self.tick.whole.at(series),
                "tick_parts_s": at,
                "training_s": self.present_s,
                "training_bytes": self.training_memory.at(min(series, self.piece)),
                "scoring_bytes": self.scoring_memory.at(series),
            },
            "estimated": ["tick.write"],
        }


@dataclass(frozen=True)
class Probed:
    """One kind of model, tried.

    Attributes:
        model: its spec.
        cost: of a large fleet.
        small: of the present one, where it is too small to be trained as a large one is.
        found: what was measured, as `Probe.train` gives it.
    """

    model: SingleSpec | EnsembleSpec
    cost: TrainingCost
    small: TrainingCost | None
    found: Mapping[str, Any]

    def tried_s(self, folds: int, series: int) -> float:
        """What a try of it as a candidate takes, on so many series."""
        cost = self.small or self.cost
        trained = cost.once + cost.piece + series * cost.each * _TRY_MEMBERS / (folds + 1)
        return trained + series * _TRY_SCORED * float(self.found["scored_s"])


def new_rows(spec: DetectorSpec) -> int:
    """Buckets that close from one tick to the next; one where most ticks find none."""
    return max(1, math.ceil(nanoseconds(spec.schedule.score) / spec.step))


def writing(spec: DetectorSpec) -> Line:
    """What writing a tick takes: nothing is written to find out."""
    values = _VALUES + len(spec.channels) * (spec.write_expected + spec.write_contributions)
    return Line(_WRITE_S, _WRITE_VALUE_S * values * new_rows(spec))


def cost_of(
    spec: DetectorSpec,
    champion: Version | None,
    found: Mapping[str, Any],
    runs: Sequence[Mapping[str, Any]],
) -> TrainingCost:
    """What training costs by some runs, for all rows and epochs, with reading and a last look."""
    cost = TrainingCost.of([Run(**run) for run in runs], _epochs(spec, champion))
    cost = cost.scaled(found["rows"], found["work"])
    rounds = (spec.folds * spec.trim_rounds + 1) / (spec.folds + 1)
    return replace(
        cost,
        series=cost.series + float(found["read_s"] or 0.0),
        epoch=cost.epoch * rounds,
        fleet=float(found["limits_s"]),
    )


def memory_of(found: Mapping[str, Any], usual: int) -> Line:
    """Bytes of a process that trains: all that is there before, and what each series adds.

    Args:
        found: what was measured.
        usual: what a series adds by experience, where only one size was measured.
    """
    peaks = [(run["series"], run["peak"]) for run in found["runs"]]
    line = Line.through(peaks)
    if len({series for series, _ in peaks}) < 2:
        series, peak = max(peaks)
        return Line(max(peak - series * usual, found["loaded"]), usual)
    return Line(line.base, line.each * max(1.0, float(found["rows"])))


def _epochs(spec: DetectorSpec, champion: Version | None) -> float:
    """Epochs that each network is taught for."""
    trained = _trained_for(spec, champion)
    if trained is not None:
        return trained
    return float(max((network.epochs for network in networks(spec.model)), default=0))


def _trained_for(spec: DetectorSpec, champion: Version | None) -> float | None:
    """Mean epochs of the version that serves, if it has such networks."""
    if champion is None or not is_taught(spec.model):
        return None
    chosen = champion.training.get("choice") or champion.spec.get("model", {})
    if chosen.get("kind") != spec.model.kind:
        return None
    told = [own.get("epochs") for own in champion.training["series"].values()]
    known = [float(epochs) for epochs in told if epochs]
    return statistics.mean(known) if known else None


def epochs_from(spec: DetectorSpec, champion: Version | None) -> str:
    """Where the number of epochs comes from, in words; nothing where no network is taught."""
    if not is_taught(spec.model):
        return ""
    if champion is not None and (known := _trained_for(spec, champion)) is not None:
        return f"{known:.0f} epochs, as {champion.name} was trained for"
    epochs = _epochs(spec, champion)
    return f"all {epochs:.0f} epochs, as no version of it has been trained: most stop earlier"


def available(spec: DetectorSpec, now: int) -> tuple[float, str]:
    """Seconds that a training may take, and why so many.

    Args:
        spec: the detector.
        now: UTC nanoseconds.
    """
    limit = spec.schedule.retrain_timeout.total_seconds()
    until, why = _NIGHT_S, "a night of 8 h, as there is no timetable"
    if spec.schedule.retrain is not None:
        until, why = _between(spec, spec.schedule.retrain, now), "from one training to the next"
    return (limit, "schedule.retrain_timeout") if limit < until else (until, why)


def _between(spec: DetectorSpec, cron: str, now: int) -> float:
    """Seconds from the next scheduled training to the one after it."""
    trigger = cron_trigger(cron, ZoneInfo(spec.schedule.timezone))
    first = trigger.get_next_fire_time(None, datetime.fromtimestamp(now / 1e9, UTC))
    second = first and trigger.get_next_fire_time(first, first + timedelta(seconds=1))
    if first is None or second is None:
        return _NIGHT_S
    return float((second - first).total_seconds())
