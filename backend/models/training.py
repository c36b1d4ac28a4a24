"""Teaching a fleet: epochs until every member has stopped, the best weights of each kept.

Members stop one by one; one that has stopped no longer moves while the others go on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from backend.models import batches, program
from backend.models.objectives import FleetWeights, Objective
from backend.models.runtime import Tensor, tf
from backend.models.stack import Stack
from backend.ports import Floats, Lesson, LossCurve, Progress
from backend.specs import NetworkSpec

EVALUATED = 1024
"""Stop windows of all members that are looked at together, if that is more than a batch each."""


@dataclass(frozen=True)
class Material:
    """What every epoch comes back to.

    Attributes:
        rows: (S, T, F) float32, NaN = absent.
        stop: (K, S, B) last rows of the windows that early stopping looks at.
        noise: (K, S, B, Q) random numbers for them, the same in every epoch.
    """

    rows: Tensor
    stop: Tensor
    noise: Tensor


@dataclass
class Course:
    """How far each of S members has come.

    Attributes:
        weights: the best weights of each member so far.
        patience: epochs without gain before a member stops; 0 never stops.
        falls: whether a lower loss is a better network; if not, the last weights are kept.
        best: (S,) loss those weights reached.
        best_epoch: (S,) and when.
        active: (S,) members still learning.
        failed: (S,) members whose loss was no longer finite.
        history: (loss, val_loss, active) an epoch, each (S,); val_loss NaN without stop windows.
    """

    weights: FleetWeights
    patience: int
    falls: bool = True
    best: Floats = field(init=False)
    best_epoch: NDArray[np.int64] = field(init=False)
    active: NDArray[np.bool_] = field(init=False)
    failed: NDArray[np.bool_] = field(init=False)
    history: list[tuple[Floats, Floats, NDArray[np.bool_]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        members = len(next(iter(self.weights.values())))
        self.best = np.full(members, np.inf)
        self.best_epoch = np.zeros(members, np.int64)
        self.active = np.ones(members, np.bool_)
        self.failed = np.zeros(members, np.bool_)

    def record(self, loss: Floats, val_loss: Floats, weights: FleetWeights) -> None:
        """Take in an epoch: keep what is better, stop whoever is done.

        Args:
            loss: (S,) on the windows trained on.
            val_loss: (S,) on the stop windows; NaN for a member without any, judged by `loss`.
            weights: after the epoch.
        """
        epoch = len(self.history)
        self.history.append((loss, val_loss, self.active.copy()))
        judged = np.where(np.isnan(val_loss), loss, val_loss)
        broken = self.active & ~(np.isfinite(judged) & np.isfinite(loss))
        gained = self.active & ~broken & ((judged < self.best) | (not self.falls))
        self.best[gained] = judged[gained]
        self.best_epoch[gained] = epoch
        for name, kept in self.weights.items():
            kept[gained] = weights[name][gained]
        self.failed |= broken
        tired = (epoch - self.best_epoch >= self.patience) & (self.patience > 0)
        self.active &= ~(broken | tired)

    def curves(self) -> list[LossCurve]:
        """Losses of each member up to the epoch in which it stopped."""
        loss, val_loss, active = (np.array(part) for part in zip(*self.history, strict=True))
        curves = []
        for member, best in enumerate(self.best_epoch):
            own = active[:, member]
            held_out = val_loss[own, member]
            curves.append(
                LossCurve(
                    loss=tuple(loss[own, member].tolist()),
                    val_loss=() if np.isnan(held_out).all() else tuple(held_out.tolist()),
                    best=int(best),
                )
            )
        return curves


def learn(
    stack: Stack,
    objective: Objective,
    spec: NetworkSpec,
    lessons: Sequence[Lesson],
    progress: Progress,
    start: FleetWeights | None = None,
) -> Course:
    """Train S members from their lessons.

    Args:
        stack: the architecture.
        objective: what for.
        spec: optimiser, epochs, stopping.
        lessons: one a member.
        progress: told after each epoch.
        start: weights to begin with; drawn from each member's seed if not given.

    Returns:
        How it went. A member that failed does not keep the others from learning.
    """
    # a stream each for weights, windows and stop windows: settings of one leave the others alone
    streams = [np.random.SeedSequence(lesson.seed).spawn(3) for lesson in lessons]
    first, drawing, judging = (
        [np.random.default_rng(seed) for seed in seeds] for seeds in zip(*streams, strict=True)
    )
    weights = start if start is not None else stack.initial(first)
    single = {name: weight.astype(np.float32) for name, weight in weights.items()}
    prepared = objective.prepare(stack, single, lessons)
    course = Course(prepared, spec.patience if objective.falls else 0, objective.falls)
    sampler = batches.Sampler(
        lessons,
        drawing,
        batch=spec.batch,
        most=spec.windows_per_epoch,
        dropout=spec.dropout,
        noise=objective.noise,
    )
    material = _material(objective, spec, lessons, judging)
    teaching = program.Teaching(spec.l2, spec.optimizer, spec.learning_rate)
    trainer = program.training(stack, objective, teaching)
    _run(trainer, material, sampler, course, spec.epochs, progress)
    return course


def _material(
    objective: Objective,
    spec: NetworkSpec,
    lessons: Sequence[Lesson],
    rngs: Sequence[np.random.Generator],
) -> Material:
    together = max(spec.batch, EVALUATED // len(lessons))
    stop = batches.in_order([own.stop for own in lessons], together, spec.windows_per_epoch)
    noise = batches.noise_in_order(rngs, stop, objective.noise)
    return Material(*map(tf.constant, (batches.stack_rows(lessons), stop, noise)))


def _run(
    trainer: program.Training,
    material: Material,
    sampler: batches.Sampler,
    course: Course,
    epochs: int,
    progress: Progress,
) -> None:
    """Go through the epochs; what was learned is left in `course`."""
    state = trainer.start({name: tf.constant(w) for name, w in course.weights.items()})
    for epoch in range(1, epochs + 1):
        drawn = sampler.draw(course.active)
        batch = (tf.constant(part) for part in (drawn.index, drawn.hidden, drawn.noise))
        state, totals = trainer.epoch(state, material.rows, *batch)
        val_totals = trainer.losses(state.weights, material.rows, material.stop, material.noise)
        weights = {name: weight.numpy() for name, weight in state.weights.items()}
        course.record(_mean(totals.numpy()), _mean(val_totals.numpy()), weights)
        left = int(course.active.sum())
        if not left:
            progress(1.0, f"stopped after epoch {epoch} of {epochs}")
            return
        progress(epoch / epochs, f"epoch {epoch} of {epochs}, {left} still learning")


def _mean(totals: NDArray[np.float32]) -> Floats:
    """(S, 2) sums and counts to means (S,); NaN where nothing was counted."""
    sums, counts = totals.astype(np.float64).T
    return np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
