"""Teaching a fleet: a few members at a time sit side by side in a program, each with its own end.

A program has few seats, so that what it works on stays in a processor's cache; as many programs run
at once as there are threads. A member that has stopped leaves its seat to the next that waits, and
costs no more time. The shapes of a program are few, so that it is seldom compiled.
"""

import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from backend.models import batches, program
from backend.models.objectives import FleetWeights, Objective
from backend.models.processors import threads
from backend.models.stack import Stack
from backend.ports import Lesson, LossCurve, Progress
from backend.specs import NetworkSpec

SEATS = 8
"""Members side by side in one program, at most."""

COMPILED_FROM = 60_000
"""Steps of all members, times the rows of a window, from which on a program is worth compiling:
that takes seconds and makes a step about three times as fast."""

EVALUATED = 128
"""Stop windows of a member that are looked at together, if that is more than a batch."""

_CLEAR_GAIN = 0.01
"""What a member that goes on from a network must gain to be given more epochs."""


@dataclass(eq=False)
class Member:
    """One network on its way.

    Attributes:
        place: its number in the fleet.
        weights: the best so far; before the first epoch those it begins with.
        begun: whether these are a network already: what it does is what epochs have to beat, and
            only clear gains keep it learning.
        epochs: after so many it ends.
        patience: epochs without gain before it ends earlier; 0 never.
        falls: whether a lower loss is a better network; if not, the last weights are kept.
        best: loss of the best weights.
        failed: whether its loss was no longer finite.
        history: (loss, val_loss) an epoch, val_loss NaN without stop windows; the first is that of
            the start where it was judged.
    """

    place: int
    weights: FleetWeights
    begun: bool
    epochs: int
    patience: int
    falls: bool
    best: float = np.inf
    failed: bool = False
    history: list[tuple[float, float]] = field(default_factory=list)
    _best_at: int = field(default=0, init=False)
    _gained_at: int = field(default=0, init=False)
    _judged: int = field(default=0, init=False)

    @property
    def taught(self) -> int:
        """Epochs it has learned for."""
        return len(self.history) - self._judged

    @property
    def ended(self) -> bool:
        """Whether it learns no more."""
        tired = 0 < self.patience <= len(self.history) - 1 - self._gained_at
        return self.failed or tired or self.taught >= self.epochs

    def judge_start(self, val_loss: float) -> None:
        """Take in the loss of the start on the stop windows, NaN without any."""
        if np.isfinite(val_loss) and self.falls:
            self.history.append((val_loss, val_loss))
            self.best, self._judged = val_loss, 1

    def record(self, loss: float, val_loss: float, weights: Callable[[], FleetWeights]) -> None:
        """Take in an epoch: keep what is better.

        Args:
            loss: on the windows trained on.
            val_loss: on the stop windows; NaN without any: then `loss` is judged.
            weights: gives a copy of those after the epoch.
        """
        self.history.append((loss, val_loss))
        judged = loss if np.isnan(val_loss) else val_loss
        self.failed = not (np.isfinite(judged) and np.isfinite(loss))
        if self.failed or not (judged < self.best or not self.falls):
            return
        latest = len(self.history) - 1
        if not self.begun or judged < self.best * (1 - _CLEAR_GAIN):
            self._gained_at = latest
        self.best, self._best_at, self.weights = judged, latest, weights()

    def curve(self) -> LossCurve:
        """Losses up to its last epoch."""
        loss, val_loss = zip(*self.history, strict=True)
        held_out = () if np.isnan(val_loss).all() else val_loss
        return LossCurve(loss=loss, val_loss=held_out, best=self._best_at)


@dataclass(frozen=True)
class Course:
    """How the training of S members went.

    Attributes:
        members: all of them, in the order of their lessons.
    """

    members: Sequence[Member]

    @property
    def weights(self) -> FleetWeights:
        """The best of each, with a leading axis of S."""
        names = self.members[0].weights
        return {name: np.stack([own.weights[name] for own in self.members]) for name in names}

    @property
    def failed(self) -> NDArray[np.bool_]:
        """(S,) members whose loss was no longer finite."""
        return np.array([own.failed for own in self.members])

    def curves(self) -> list[LossCurve]:
        """One a member."""
        return [own.curve() for own in self.members]


def learn(  # noqa: PLR0913 - a start is of two kinds
    stack: Stack,
    objective: Objective,
    spec: NetworkSpec,
    lessons: Sequence[Lesson],
    progress: Progress,
    start: FleetWeights | None = None,
    *,
    judged: bool = True,
) -> Course:
    """Train S members from their lessons.

    Args:
        stack: the architecture.
        objective: what for.
        spec: optimiser, epochs, stopping.
        lessons: one a member.
        progress: told after each epoch of a program, in the calling thread.
        start: weights to begin with, (S, ...); members whose own are NaN, or all without a start,
            begin with weights drawn from their seeds.
        judged: whether the start is a network for this objective already, not to be lost.

    Returns:
        How it went. A member that failed does not keep the others from learning.
    """
    # a stream each for weights, windows and stop windows: settings of one leave the others alone
    streams = [np.random.SeedSequence(lesson.seed).spawn(3) for lesson in lessons]
    first, drawing, judging = (
        [np.random.default_rng(seed) for seed in seeds] for seeds in zip(*streams, strict=True)
    )
    sampler = batches.Sampler(
        lessons,
        drawing,
        batch=spec.batch,
        most=spec.windows_per_epoch,
        dropout=spec.dropout,
        noise=objective.noise,
    )
    begun, weights = _starts(stack, first, start)
    members = _members(objective, spec, objective.prepare(stack, weights, lessons), begun & judged)
    steps = sum(map(sampler.steps, range(len(lessons)))) * spec.epochs
    teaching = program.Teaching(
        spec.l2,
        spec.optimizer,
        spec.learning_rate,
        compiled=steps * stack.window >= COMPILED_FROM,
    )
    shape = sampler.shape(lessons, max(spec.batch, EVALUATED))
    material = _Material(
        lessons, sampler, judging, shape.rounded() if teaching.compiled else shape, objective.noise
    )
    trainer = program.training(stack, objective, teaching)
    _Classroom(trainer, material, members, spec.epochs).run(progress)
    return Course(members)


def _members(
    objective: Objective, spec: NetworkSpec, weights: FleetWeights, begun: NDArray[np.bool_]
) -> list[Member]:
    return [
        Member(
            place,
            {name: weight[place] for name, weight in weights.items()},
            bool(own),
            spec.epochs,
            spec.patience if objective.falls else 0,
            objective.falls,
        )
        for place, own in enumerate(begun)
    ]


def cold(start: FleetWeights) -> NDArray[np.bool_]:
    """(S,) members that have no start: not all of it is a number."""
    whole = [np.isfinite(w).reshape(len(w), -1).all(axis=1) for w in start.values()]
    return np.asarray(~np.logical_and.reduce(whole))


def _starts(
    stack: Stack, first: Sequence[np.random.Generator], start: FleetWeights | None
) -> tuple[NDArray[np.bool_], FleetWeights]:
    """(S,) who begins with weights that were given, and the weights that all begin with."""
    drawn = {name: weight.astype(np.float32) for name, weight in stack.initial(first).items()}
    if start is None:
        return np.zeros(len(first), np.bool_), drawn
    begun = ~cold(start)
    for name, weight in drawn.items():
        weight[begun] = start[name][begun]
    return begun, drawn


@dataclass(frozen=True)
class _Material:
    """What a fleet learns from.

    Attributes:
        lessons: one a member.
        sampler: draws their epochs.
        judging: a generator a member, for the random numbers of its stop windows.
        shape: how rows and windows are laid out for a program.
        noise: Q, random numbers a window.
    """

    lessons: Sequence[Lesson]
    sampler: batches.Sampler
    judging: Sequence[np.random.Generator]
    shape: batches.Shape
    noise: int


class _Classroom:
    """All members, those who wait for a seat, and the programs they sit in."""

    def __init__(
        self,
        trainer: program.Training,
        material: _Material,
        members: Sequence[Member],
        epochs: int,
    ) -> None:
        self._trainer = trainer
        self._material = material
        self._members = members
        self._epochs = epochs
        # the longest first: those who sit together have about as many steps, and none comes last
        order = sorted(members, key=lambda own: -material.sampler.steps(own.place))
        self._waiting = deque(order)
        self._ended = threading.Event()

    def run(self, progress: Progress) -> None:
        """Go through the epochs of all members; what they learned is left in them."""
        count = min(threads(), len(self._members))
        seats = min(SEATS, -(-len(self._members) // count))
        if self._trainer.compiled:
            seats = batches.rounded(seats)
        rows = [_Row(self._trainer, self._material, seats) for _ in range(count)]
        if count == 1:
            self._through(rows[0], lambda: self._tell(progress))
            return
        told: queue.SimpleQueue[bool] = queue.SimpleQueue()
        with ThreadPoolExecutor(count, thread_name_prefix="training") as pool:
            running = [pool.submit(self._one, row, told) for row in rows]
            try:
                while count:
                    count -= told.get()
                    self._tell(progress)
            finally:
                self._ended.set()
        for one in running:
            one.result()

    def _one(self, row: "_Row", told: "queue.SimpleQueue[bool]") -> None:
        """A row in a thread of its own; tells False after an epoch, True at the end."""
        try:
            self._through(row, lambda: told.put(False))
        except BaseException:
            self._ended.set()
            raise
        finally:
            told.put(True)

    def _through(self, row: "_Row", tell: Callable[[], None]) -> None:
        while not self._ended.is_set() and row.seat(self._waiting):
            row.epoch()
            tell()

    def _tell(self, progress: Progress) -> None:
        learning = [own for own in self._members if not own.ended]
        epoch = max(own.taught for own in self._members)
        if not learning:
            progress(1.0, f"stopped after epoch {epoch} of {self._epochs}")
            return
        missing = sum(self._epochs - own.taught for own in learning)
        share = 1.0 - missing / (self._epochs * len(self._members))
        progress(share, f"epoch {epoch} of {self._epochs}, {len(learning)} still learning")


class _Row:
    """The seats of one program; in an empty one nothing moves."""

    def __init__(self, trainer: program.Training, material: _Material, seats: int) -> None:
        self._trainer = trainer
        self._material = material
        self._seats: list[Member | None] = [None] * seats
        self._state = trainer.start(seats)
        channels = material.lessons[0].rows.shape[1]
        self._given = batches.Given(material.shape, seats, channels, material.noise)

    def seat(self, waiting: deque[Member]) -> bool:
        """Give free seats to members who wait; whether anybody sits."""
        free = [seat for seat, own in enumerate(self._seats) if own is None or own.ended]
        came = []
        for seat in free:
            self._seats[seat] = own = _next(waiting)
            if own is None:
                self._given.clear(seat)
            else:
                came.append(own)
                self._sit_down(seat, own)
        if not self._trainer.compiled:
            self._give_up_empty()
        self._judge_starts(came)
        return any(own is not None for own in self._seats)

    def epoch(self) -> None:
        """Take all who sit through an epoch of theirs."""
        material = self._material
        places = [None if own is None else own.place for own in self._seats]
        drawn = material.sampler.draw(places, material.shape)
        losses = _mean(self._trainer.epoch(self._state, self._given.rows, drawn))
        val_losses = _mean(self._trainer.losses(self._state, self._given))
        for seat, own in enumerate(self._seats):
            if own is not None:
                own.record(losses[seat], val_losses[seat], partial(self._state.of, seat))

    def _sit_down(self, seat: int, own: Member) -> None:
        material, lesson = self._material, self._material.lessons[own.place]
        self._state.put(seat, own.weights)
        stop = material.sampler.evenly(lesson.stop)
        self._given.put(seat, lesson.rows, stop, material.judging[own.place])

    def _give_up_empty(self) -> None:
        kept = [seat for seat, own in enumerate(self._seats) if own is not None]
        if kept and len(kept) < len(self._seats):
            self._seats = [self._seats[seat] for seat in kept]
            self._state.keep(kept)
            self._given.keep(kept)

    def _judge_starts(self, came: Sequence[Member]) -> None:
        begun = [own for own in came if own.begun]
        if begun:
            found = _mean(self._trainer.losses(self._state, self._given))
            for own in begun:
                own.judge_start(found[self._seats.index(own)])


def _next(waiting: deque[Member]) -> Member | None:
    try:
        return waiting.popleft()
    except IndexError:
        return None


def _mean(totals: NDArray[np.float32]) -> list[float]:
    """(S, 2) sums and counts to means of S members; NaN where nothing was counted."""
    sums, counts = totals.astype(np.float64).T
    means = np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
    return [float(mean) for mean in means]
