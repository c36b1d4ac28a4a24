"""Pictures of a training: how the loss fell, and where the threshold lies among normal errors."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from backend.plots import style
from backend.ports import Floats


@style.drawing()
def loss_curve(loss: Sequence[float], val_loss: Sequence[float], best: int) -> Figure:
    """Loss an epoch on what was learned and on what early stopping looked at.

    Args:
        loss: one number an epoch.
        val_loss: the same on rows held back; may be empty.
        best: the epoch (from 0) whose weights were kept.
    """
    target = style.figure("How the loss fell while training")
    (plot,) = style.axes(target)
    epochs = np.arange(1, len(loss) + 1)
    plot.plot(epochs, loss, color=style.BLUE, linewidth=1.8, label="learned rows")
    if len(val_loss):
        plot.plot(
            epochs, val_loss, color=style.ORANGE, linewidth=1.8, label="rows held back (stopping)"
        )
    plot.axvline(best + 1, color=style.INK, linestyle=":", linewidth=1.4, label="weights kept")
    plot.set(xlabel="epoch", ylabel="loss (log scale)", xlim=(0.5, len(loss) + 0.5))
    style.log_axis(plot, "y")
    plot.xaxis.set_major_locator(MaxNLocator(integer=True))
    style.legend(plot)
    return target


@style.drawing()
def error_distribution(errors: Floats, threshold: float, judged: Floats | None = None) -> Figure:
    """Histogram of the smoothed error on held-out normal rows, with the threshold.

    Args:
        errors: smoothed errors of normal rows that the model had not seen.
        threshold: the limit, in the same unit.
        judged: smoothed errors of the rows scored, drawn for comparison.
    """
    target = style.figure("Where the threshold lies among normal errors")
    (plot,) = style.axes(target)
    shown = [("normal rows, held out", _positive(errors), style.BLUE)]
    if judged is not None:
        shown.append(("rows scored", _positive(judged), style.ORANGE))
    bins = _log_bins([values for _, values, _ in shown], threshold)
    for name, values, color in shown:
        plot.hist(
            values,
            bins=bins,
            weights=np.full(len(values), 100 / max(len(values), 1)),
            color=color,
            alpha=0.55,
            label=name,
        )
    plot.axvline(threshold, color=style.RED, linewidth=2, label=f"threshold {threshold:.3g}")
    plot.set(xlabel="smoothed error (log scale)", ylabel="share of rows (%)")
    style.log_axis(plot, "x")
    style.legend(plot)
    return target


def _positive(values: Floats) -> Floats:
    """What a logarithmic axis can show."""
    return values[np.isfinite(values) & (values > 0)]


def _log_bins(groups: Sequence[Floats], threshold: float) -> list[float]:
    everything = np.concatenate([*groups, [threshold]])
    low, high = float(everything.min()), float(everything.max())
    edges: list[float] = np.geomspace(low / 1.1, high * 1.1, 60).tolist()
    return edges
