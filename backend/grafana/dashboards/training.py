"""How the models of a detector came about: losses, verdicts, thresholds, scores."""

from backend.grafana.dashboards.frame import Dashboard, Face, Panel, dashboard
from backend.grafana.layout import placed
from backend.grafana.names import uid
from backend.grafana.panels import (
    BLUE,
    Shape,
    Words,
    dashed,
    histogram,
    of_column,
    of_query,
    table,
    times,
    timeseries,
)
from backend.grafana.sources import Source


def training_dashboard(source: Source, pages: str) -> Dashboard:
    """The dashboard of one detector's trainings at a time."""
    face = Face(
        uid("training"),
        "Training",
        "How the models of a detector came about, and what became of them.",
        "now-30d",
        "5m",
        pages,
    )
    panels = [
        (losses(source), 12, 8),
        (thresholds(source), 12, 8),
        (versions(source), 24, 9),
        (distribution(source), 24, 8),
    ]
    return dashboard(face, placed(panels), [source.detector_variable()])


def losses(source: Source) -> Panel:
    """The loss of each version."""
    words = Words(
        "Loss",
        "What was left to learn at the end of each training; dashed the same on rows held back.",
        "nothing was trained in this time",
    )
    targets = [source.training("A", "loss"), source.training("B", "val_loss")]
    shape = Shape(points="always", limits=(0, None), overrides=[of_query("B", dashed(BLUE))])
    return timeseries(1, words, targets, shape)


def thresholds(source: Source) -> Panel:
    """The threshold of each version."""
    words = Words(
        "Threshold of each version",
        "The limit of the smoothed error that each training found, the mean of all series. It may "
        "move much where the model changed: scores can be compared, errors cannot.",
        "nothing was trained in this time",
    )
    shape = Shape(points="always", interpolation="stepAfter", limits=(0, None))
    return timeseries(2, words, [source.training("A", "threshold")], shape)


def versions(source: Source) -> Panel:
    """What became of each version."""
    words = Words(
        "Versions",
        "Every training in this time, and whether its version came to serve.",
        "nothing was trained in this time",
        "none",
    )
    columns = [
        of_column("seconds", {"unit": "s"}),
        of_column("rows", {"unit": "short"}),
        *(of_column(name, {"decimals": 4}) for name in ("threshold", "loss", "val_loss")),
        *times("Time", "time"),
    ]
    return table(3, words, [source.versions("A")], columns)


def distribution(source: Source) -> Panel:
    """How the errors lie to the threshold."""
    words = Words(
        "Distribution of the error, in thresholds",
        "How often scores of each size came in this time; a score is the error over its threshold, "
        "so that versions can be compared. Normal time should lie well below 1.",
        "nothing scored in this time",
        "none",
    )
    return histogram(4, words, [source.distribution("A")])
