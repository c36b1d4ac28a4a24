"""How good flags are, at the threshold chosen and at any other."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from backend.plots import style
from backend.ports import Floats


@style.drawing()
def quality_against_threshold(curve: Mapping[str, Floats], threshold: float) -> Figure:
    """Precision, recall and F1 of rows against the limit.

    Args:
        curve: `threshold` `precision` `recall` `f1`, each (K,), limits ascending.
        threshold: the limit that was chosen without the labels, in the same unit.
    """
    target = style.figure("How good the flags would be at any threshold")
    (plot,) = style.axes(target)
    kept = curve["threshold"] > 0
    looks = (
        ("precision", style.BLUE, "-"),
        ("recall", style.GREEN, "--"),
        ("f1", style.ORANGE, "-"),
    )
    for name, color, line in looks:
        label = "F1" if name == "f1" else name
        plot.plot(
            curve["threshold"][kept],
            curve[name][kept],
            color=color,
            linestyle=line,
            linewidth=2.2 if name == "f1" else 1.5,
            label=label,
        )
    plot.axvline(threshold, color=style.RED, linewidth=1.6, label="threshold chosen without labels")
    plot.set(xlabel="score (log scale)", ylabel="share", ylim=(-0.02, 1.02))
    style.log_axis(plot, "x")
    style.legend(plot)
    return target


LINES = ("-", "--", ":", "-.")
"""More models than colors differ in their lines."""


@style.drawing()
def operating_curves(curves: Mapping[str, Mapping[str, Floats]]) -> Figure:
    """Share of anomalous rows found against share of normal rows flagged, a line a model.

    Args:
        curves: model to `false_alarms` and `recall`, each (K,).
    """
    target = style.figure("What finding more costs in false alarms (ROC)", row_inches=5.0)
    (plot,) = style.axes(target)
    for (name, curve), (color, line) in zip(curves.items(), _looks(), strict=False):
        plot.plot(
            curve["false_alarms"], curve["recall"], line, color=color, linewidth=1.6, label=name
        )
    plot.plot([0, 1], [0, 1], color=style.INK, linewidth=0.8, linestyle=":", label="by chance")
    plot.set(xlabel="share of normal rows flagged", ylabel="share of anomalous rows flagged")
    _unit_square(plot)
    style.legend(plot)
    return target


@style.drawing()
def precision_recall_curves(
    curves: Mapping[str, Mapping[str, Floats]], share: float, chosen: Mapping[str, Sequence[float]]
) -> Figure:
    """Precision against recall, a line a model; a dot where its own threshold lies.

    Args:
        curves: model to `precision` and `recall`, each (K,).
        share: of rows that are anomalous: the precision of flagging by chance.
        chosen: model to recall and precision at the threshold chosen without the labels.
    """
    target = style.figure("How many flags are right, the more is found", row_inches=5.0)
    (plot,) = style.axes(target)
    for (name, curve), (color, line) in zip(curves.items(), _looks(), strict=False):
        plot.plot(curve["recall"], curve["precision"], line, color=color, linewidth=1.6, label=name)
        if name in chosen:
            plot.plot(*chosen[name], "o", color=color, markersize=9, markeredgecolor=style.INK)
    plot.axhline(share, color=style.INK, linewidth=0.8, linestyle=":", label="by chance")
    plot.plot([], [], "o", color="white", markeredgecolor=style.INK, label="threshold chosen")
    plot.set(xlabel="recall: share of anomalous rows flagged", ylabel="precision of the flags")
    _unit_square(plot)
    style.legend(plot)
    return target


@style.drawing()
def confusion_matrix(counts: Sequence[Sequence[int]]) -> Figure:
    """Rows as they are against rows as they were flagged, with their number and share.

    Args:
        counts: (2, 2); row = what it is, column = what it was taken for, normal first.
    """
    kinds, numbers = ("normal", "anomalous"), np.asarray(counts)
    share = numbers / np.maximum(numbers.sum(axis=1, keepdims=True), 1)
    target = style.figure("What the rows are, and what they were taken for", row_inches=3.4)
    (plot,) = style.axes(target)
    plot.grid(visible=False)
    plot.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), number in np.ndenumerate(numbers):
        plot.text(
            column,
            row,
            f"{number:,}\n{share[row, column]:.1%} of {kinds[row]} rows",
            ha="center",
            va="center",
            fontsize=13,
            color="white" if share[row, column] > 0.5 else style.INK,
        )
    plot.set_xticks((0, 1), ("not flagged", "flagged"))
    plot.set_yticks((0, 1), kinds)
    plot.set(ylabel="what the label says")
    return target


@style.drawing()
def side_by_side(figures: Mapping[str, Mapping[str, float | None]]) -> Figure:
    """The main figures of several models, a row each, the best by `vus_pr` on top.

    Args:
        figures: model to `vus_pr` `f1` `fc1` `far` and `best_f1`; None where not defined.
    """
    order = sorted(figures, key=lambda name: figures[name]["vus_pr"] or 0.0)
    target = style.figure("The models side by side", row_inches=1.3 + 0.4 * len(order))
    (plot,) = style.axes(target)
    looks = (
        ("vus_pr", "VUS-PR (ranking)", "s", style.BLUE),
        ("f1", "F1", "o", style.GREEN),
        ("fc1", "Fc1 (events)", "D", style.PURPLE),
        ("far", "false alarm rate (less is better)", "X", style.RED),
    )
    places = np.arange(len(order))
    for line, (key, label, marker, color) in enumerate(looks):
        values = [_or_nan(figures[name][key]) for name in order]
        lower = places + 0.2 - 0.13 * line  # equal figures do not hide each other
        plot.plot(values, lower, marker, color=color, markersize=8, label=label)
    best = [_or_nan(figures[name]["best_f1"]) for name in order]
    plot.plot(
        best,
        places + 0.07,
        "o",
        markerfacecolor="none",
        markeredgecolor=style.GREEN,
        markersize=12,
        label="best F1, with hindsight",
    )
    plot.set_yticks(places, order)
    plot.set(xlabel="share", xlim=(-0.02, 1.02), ylim=(-0.6, len(order) - 0.4))
    style.legend(plot)
    return target


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def _looks() -> "cycle[tuple[str, str]]":
    return cycle([(color, line) for line in LINES for color in style.SERIES])


def _unit_square(plot: Axes) -> None:
    plot.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.03))
