"""All detectors at a glance: where is something wrong, and is everybody watching?"""

from datetime import timedelta

from backend.grafana.dashboards.detector import EVENT_COLUMNS
from backend.grafana.dashboards.frame import Dashboard, Face, Panel, dashboard
from backend.grafana.layout import placed
from backend.grafana.names import uid
from backend.grafana.panels import (
    GREEN,
    ORANGE,
    RED,
    Words,
    bar_gauge,
    gridded,
    of_column,
    stat,
    state_timeline,
    table,
    times,
)
from backend.grafana.sources import Source


def overview_dashboard(source: Source, grid: timedelta, pages: str) -> Dashboard:
    """The dashboard of all detectors."""
    face = Face(
        uid("overview"),
        "Overview",
        "All detectors: what is unlike normal now, what is going on, and who watches.",
        "now-24h",
        "1m",
        pages,
    )
    panels = [
        (gridded(flags(source), grid), 16, 8),
        (gridded(worst_now(source), grid), 8, 8),
        (open_events(source), 16, 8),
        (coverage_now(source), 8, 8),
        (trained(source), 24, 7),
    ]
    return dashboard(face, placed(panels))


def flags(source: Source) -> Panel:
    """When any series of a detector was flagged."""
    words = Words(
        "Flags",
        "For each detector when a point of any of its series was unlike what was normal.",
        "nothing scored in this time",
        "none",
    )
    states = {0: ("normal", GREEN), 1: ("flagged", RED)}
    return state_timeline(1, words, [source.all_scores("A", "flag", "max")], states)


def worst_now(source: Source) -> Panel:
    """The worst newest score of each detector."""
    words = Words(
        "Worst score now",
        "The highest newest score of each detector's series; above 1 is unlike normal.",
        "nothing scored in this time",
        "none",
    )
    steps = [(None, GREEN), (0.8, ORANGE), (1.0, RED)]
    return bar_gauge(2, words, [source.all_scores("A", "score", "max")], steps, (0, 2))


def open_events(source: Source) -> Panel:
    """What goes on."""
    words = Words(
        "Open events",
        "Runs of flagged points that began in this time and go on, the newest first.",
        "none is open",
        "none",
    )
    columns = [
        *EVENT_COLUMNS,
        *times("Time", "time"),
    ]
    return table(3, words, [source.open_events("A")], columns)


def coverage_now(source: Source) -> Panel:
    """How much each detector sees."""
    words = Words(
        "Coverage now",
        "The share of the points due that each detector judged in time. Low: it is blind.",
        "no detector scores",
        "percentunit",
    )
    steps = [(None, RED), (0.5, ORANGE), (0.9, GREEN)]
    return stat(4, words, [source.coverage("A", "coverage", "last")], steps, decimals=0)


def trained(source: Source) -> Panel:
    """The newest version of each detector."""
    words = Words(
        "Last training",
        "The newest training of each detector in this time, and what became of it.",
        "nothing was trained in this time",
        "none",
    )
    columns = [
        of_column("seconds", {"unit": "s"}),
        of_column("rows", {"unit": "short"}),
        *(of_column(name, {"unit": "dateTimeFromNow"}) for name in ("Time", "time")),
    ]
    return table(5, words, [source.trained("A")], columns)
