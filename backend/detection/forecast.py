"""What a fleet of any size will cost, from what a few measured runs took.

Everything here is arithmetic on seconds and bytes. What a run costs is taken for a constant and a
part for each series (and for each series and epoch, where networks are taught), so two sizes and
two numbers of epochs tell all of it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

UNBOUNDED = 1_000_000
"""So many series stand for any number: no fleet is larger."""


@dataclass(frozen=True)
class Line:
    """What something takes, in any unit: a constant, and a part for each series; none negative."""

    base: float
    each: float

    @classmethod
    def through(cls, measured: Sequence[tuple[float, float]]) -> "Line":
        """The straight line nearest to pairs of (series, what they took); no part is below zero.

        One size alone cannot tell the constant: then all counts for the series.
        """
        count, took = np.array(measured, dtype=np.float64).T
        if len(set(count.tolist())) < 2:
            return cls(0.0, float((took / count).mean()))
        off = count - count.mean()
        each = float((off * (took - took.mean())).sum() / (off**2).sum())
        base = float(took.mean() - each * count.mean())
        if each < 0:
            return cls(float(took.mean()), 0.0)
        if base < 0:
            return cls(0.0, float((took * count).sum() / (count**2).sum()))
        return cls(base, each)

    def __add__(self, other: "Line") -> "Line":
        return Line(self.base + other.base, self.each + other.each)

    def at(self, series: float) -> float:
        """What so many series take."""
        return self.base + self.each * series

    def most(self, limit: float) -> int:
        """How many series stay within a limit; `UNBOUNDED` where any number does."""
        if self.base >= limit:
            return 0
        if self.each * UNBOUNDED <= limit - self.base:
            return UNBOUNDED
        return math.floor((limit - self.base) / self.each)


@dataclass(frozen=True)
class Run:
    """A measured training.

    Attributes:
        series: how many.
        epochs: of a network, the mean of all that were taught; 0 where there is nothing to repeat.
        seconds: by the clock on the wall.
        busy: seconds of all processors together.
        peak: bytes in use, at most.
        warm: whether the program was compiled before it.
    """

    series: int
    epochs: float
    seconds: float
    busy: float
    peak: int
    warm: bool = True


@dataclass(frozen=True)
class TrainingCost:
    """What training takes, in seconds; a fleet is trained piece by piece.

    Attributes:
        once: for each process: compiling.
        piece: for each piece.
        series: for each series, whatever the epochs.
        epoch: for each series and epoch.
        epochs: how many there will be.
        fleet: once for the whole: the choice of a model, the smallest faults that are found.
        cores: processors that it keeps busy.
    """

    once: float
    piece: float
    series: float
    epoch: float
    epochs: float
    fleet: float = 0.0
    cores: float = 1.0

    @classmethod
    def of(cls, runs: Sequence[Run], epochs: float) -> "TrainingCost":
        """What some runs tell; the first is cold, and one or more of the same kind follow.

        Args:
            runs: of one program; of the warm ones the first says what compiling added to the cold.
            epochs: how many there will be.
        """
        warm = [run for run in runs if run.warm] or list(runs)
        first = warm[0]
        cold = [run.seconds for run in runs if not run.warm and run.series == first.series]
        once = max(0.0, cold[0] - first.seconds) if cold and any(r.warm for r in runs) else 0.0
        line = Line.through([(r.series, r.seconds) for r in warm if r.epochs == first.epochs])
        steeper = [r for r in warm if r.series == first.series and r.epochs > first.epochs]
        epoch = 0.0
        if steeper:
            more = steeper[0]
            gained = (more.seconds - first.seconds) / (more.epochs - first.epochs)
            epoch = min(max(gained, 0.0) / first.series, line.each / max(first.epochs, 1e-9))
        taken = sum(run.busy for run in warm) / max(sum(run.seconds for run in warm), 1e-9)
        return cls(
            once=once,
            piece=line.base,
            series=line.each - epoch * first.epochs,
            epoch=epoch,
            epochs=epochs,
            cores=max(taken, 1e-3),
        )

    def scaled(self, rows: float, work: float) -> "TrainingCost":
        """The same for series with other numbers of rows, and of windows in an epoch, as ratios."""
        return replace(self, series=self.series * rows, epoch=self.epoch * work)

    @property
    def each(self) -> float:
        """Seconds a series takes, with all its epochs."""
        return self.series + self.epoch * self.epochs

    def seconds(self, series: int, piece: int) -> float:
        """What a fleet takes in one process, in pieces of so many series.

        Args:
            series: how many.
            piece: most of them in one.
        """
        pieces = math.ceil(series / piece)
        return self.once + self.fleet + pieces * self.piece + series * self.each

    def most(self, available: float, piece: int) -> int:
        """How many series fit into so many seconds."""
        return Line(self.once + self.fleet, self.each + self.piece / piece).most(available)


@dataclass(frozen=True)
class Machine:
    """What there is: bytes of memory, and processors."""

    memory: int
    cores: int


@dataclass(frozen=True)
class Ways:
    """How far each way of training a fleet goes within the time there is.

    Attributes:
        alone: series that one process holds.
        processes: how many bring anything on this machine, by its processors and its memory.
        by_memory: whether it is memory that holds no more of them.
        here: series that so many processes hold.
        workers: machines like this one that the fleet asked for needs, this one included.
    """

    alone: int
    processes: int
    by_memory: bool
    here: int
    workers: int


def ways(
    cost: TrainingCost, memory: Line, machine: Machine, piece: int, available: float, series: int
) -> Ways:
    """From when on one process is too few, and from when on one machine is.

    Processes share processors: as many bring something as one leaves idle, and as memory holds.

    Args:
        cost: of training.
        memory: bytes that a training process needs for so many series at once.
        machine: what it has.
        piece: series in a piece.
        available: seconds.
        series: the fleet.
    """
    alone = cost.most(available, piece)
    by_cores = machine.cores / min(max(cost.cores, 1.0), machine.cores)
    by_memory = machine.memory / max(memory.at(min(piece, max(series, 1))), 1.0)
    by_cores_about = by_cores + 0.25
    processes = max(1, math.floor(min(by_cores_about, by_memory)))
    speed = min(by_cores, processes)
    here = min(UNBOUNDED, math.floor(alone * max(1.0, speed)))
    workers = math.ceil(series / here) if here else 0
    return Ways(alone, processes, by_memory < by_cores_about, here, workers)
