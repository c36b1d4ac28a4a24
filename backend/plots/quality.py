"""How good flags would be at any threshold."""

from collections.abc import Mapping

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
