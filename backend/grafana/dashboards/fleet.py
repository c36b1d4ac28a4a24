"""The series of one detector beside each other, the worst first."""

from backend.grafana.dashboards.detector import Subject
from backend.grafana.dashboards.frame import Dashboard, Face, Panel, dashboard
from backend.grafana.layout import below, placed, row
from backend.grafana.names import uid
from backend.grafana.panels import (
    GREEN,
    ORANGE,
    RED,
    Shape,
    Words,
    bar_gauge,
    gridded,
    of_column,
    repeated,
    state_timeline,
    table,
    timeseries,
    worst_first,
)

PER_ROW = 4


def fleet_dashboard(subject: Subject) -> Dashboard:
    """The dashboard of a detector with several series."""
    spec = subject.spec
    face = Face(
        uid("fleet", spec.name),
        f"{spec.name}: fleet",
        "The series of this detector beside each other, the worst first.",
        "now-24h",
        "1m",
        subject.pages,
        (f"detector:{spec.name}",),
    )
    panels = placed(
        [
            (gridded(worst_now(subject), spec.every), 10, 12),
            (gridded(ranked(subject), spec.every), 14, 12),
            (gridded(alarms(subject), spec.every), 24, 10),
        ]
    )
    variable = subject.source.repeat_by(spec)
    each = repeated(gridded(one(subject, variable), spec.every), variable, PER_ROW)
    closed = row(5, "Each series", [(each, 24 // PER_ROW, 7)], below(panels))
    return dashboard(face, [*panels, closed], subject.source.variables(spec))


def worst_now(subject: Subject) -> Panel:
    """The newest scores as bars."""
    words = Words(
        "Score now",
        "The newest score of the series that are furthest from normal; above 1 is unlike normal.",
        "nothing scored in this time",
        "none",
    )
    steps = [(None, GREEN), (0.8, ORANGE), (1.0, RED)]
    targets = [subject.source.scores("A", subject.spec, "score", "last")]
    return bar_gauge(1, words, targets, steps, (0, 2))


def ranked(subject: Subject) -> Panel:
    """All series, sorted by their score."""
    words = Words(
        "Series by score",
        "Every chosen series with its newest score and its highest in this time.",
        "nothing scored in this time",
        "none",
    )
    columns = [of_column(name, {"decimals": 2}) for name in ("Last *", "Max")]
    targets = [subject.source.scores("A", subject.spec, "score", "max")]
    return table(2, words, targets, columns, worst_first(["lastNotNull", "max"]))


def alarms(subject: Subject) -> Panel:
    """When the alarm of each series was on."""
    words = Words(
        "Alarms",
        "When the alarm of each chosen series was on. Many at once: look for a common cause first.",
        "nothing scored in this time",
        "none",
    )
    states = {0: ("normal", GREEN), 1: ("alarm", RED)}
    return state_timeline(
        3, words, [subject.source.scores("A", subject.spec, "alarm", "max")], states
    )


def one(subject: Subject, variable: str) -> Panel:
    """The score of one series."""
    words = Words(
        f"${{{variable}}}",
        "The score of this series; 1 is the line.",
        "nothing scored in this time",
        "none",
    )
    shape = Shape(limits=(0, None), lines=[(1, RED)], reaching=1.2)
    return timeseries(4, words, [subject.source.scores("A", subject.spec, "score", "max")], shape)
