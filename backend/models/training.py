"""Teaching a fleet: epochs until every member has stopped, the best weights of each kept.

Members stop one by one; one that has stopped no longer moves while the others go on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from backend.models import batches, program
from backend.models.runtime import tf
from backend.models.stack import Stack
from backend.ports import Floats, Lesson, LossCurve, Progress
from backend.specs import NetworkSpec

EVALUATED = 1024
"""Stop windows of all members that are looked at together, if that is more than a batch each."""

FleetWeights = dict[str, NDArray[np.float32]]


@dataclass
class Course:
    """How far each of S members has come.

    Attributes:
        weights: the best weights of each member so far.
        patience: epochs without gain before a member stops; 0 never stops.
        best: (S,) loss those weights reached.
        best_epoch: (S,) and when.
        active: (S,) members still learning.
        failed: (S,) members whose loss was no longer finite.
        history: (loss, val_loss, active) an epoch, each (S,); val_loss NaN without stop windows.
    """

    weights: FleetWeights
    patience: int
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
        gained = self.active & ~broken & (judged < self.best)
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


def learn(stack: Stack, spec: NetworkSpec, lessons: Sequence[Lesson], progress: Progress) -> Course:
    """Train S members from their lessons.

    Args:
        stack: the architecture.
        spec: loss, optimiser, epochs, stopping.
        lessons: one a member.
        progress: told after each epoch.

    Returns:
        How it went. A member that failed does not keep the others from learning.
    """
    # one stream for the weights and one for the windows: settings of one leave the other alone
    streams = [np.random.SeedSequence(lesson.seed).spawn(2) for lesson in lessons]
    start = stack.initial([np.random.default_rng(pair[0]) for pair in streams])
    sampler = batches.Sampler(
        lessons,
        [np.random.default_rng(pair[1]) for pair in streams],
        batch=spec.batch,
        most=spec.windows_per_epoch,
        dropout=spec.dropout,
    )
    course = Course({name: w.astype(np.float32) for name, w in start.items()}, spec.patience)
    _run(stack, spec, lessons, sampler, course, progress)
    return course


def _run(
    stack: Stack,
    spec: NetworkSpec,
    lessons: Sequence[Lesson],
    sampler: batches.Sampler,
    course: Course,
    progress: Progress,
) -> None:
    """Go through the epochs; what was learned is left in `course`."""
    teaching = program.Teaching(spec.loss, spec.l2, spec.optimizer, spec.learning_rate)
    trainer = program.training(stack, teaching)
    state = trainer.start({name: tf.constant(w) for name, w in course.weights.items()})
    rows = tf.constant(batches.stack_rows(lessons))
    held_out = [lesson.stop for lesson in lessons]
    together = max(spec.batch, EVALUATED // len(lessons))
    stop = tf.constant(batches.in_order(held_out, together, spec.windows_per_epoch))
    for epoch in range(1, spec.epochs + 1):
        drawn = sampler.draw(course.active)
        index, hidden = tf.constant(drawn.index), tf.constant(drawn.hidden)
        state, totals = trainer.epoch(state, rows, index, hidden)
        val_totals = trainer.losses(state.weights, rows, stop)
        weights = {name: weight.numpy() for name, weight in state.weights.items()}
        course.record(_mean(totals.numpy()), _mean(val_totals.numpy()), weights)
        left = int(course.active.sum())
        if not left:
            progress(1.0, f"stopped after epoch {epoch} of {spec.epochs}")
            return
        progress(epoch / spec.epochs, f"epoch {epoch} of {spec.epochs}, {left} still learning")


def _mean(totals: NDArray[np.float32]) -> Floats:
    """(S, 2) sums and counts to means (S,); NaN where nothing was counted."""
    sums, counts = totals.astype(np.float64).T
    return np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
