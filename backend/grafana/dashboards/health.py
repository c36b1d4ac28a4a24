"""How normalcy itself is doing: does it see, does it keep up, what failed?"""

from datetime import timedelta

from backend.grafana.dashboards.frame import Dashboard, Face, Panel, dashboard
from backend.grafana.layout import placed
from backend.grafana.names import uid
from backend.grafana.panels import RED, Shape, Words, gridded, of_column, table, times, timeseries
from backend.grafana.sources import Source


def health_dashboard(source: Source, grid: timedelta, pages: str) -> Dashboard:
    """The dashboard of the service."""
    face = Face(
        uid("health"),
        "Service health",
        "How normalcy itself is doing: does every detector see, does it keep up, what failed?",
        "now-24h",
        "1m",
        pages,
    )
    panels = [
        (gridded(coverage(source), grid), 12, 8),
        (gridded(lag(source), grid), 12, 8),
        (gridded(aside(source), grid), 12, 8),
        (seconds(source), 12, 8),
        (failures(source), 24, 9),
    ]
    return dashboard(face, placed(panels))


def coverage(source: Source) -> Panel:
    """How much was judged."""
    words = Words(
        "Coverage",
        "The share of the points due that each detector judged in time.",
        "no detector scores",
        "percentunit",
    )
    shape = Shape(limits=(0, 1), lines=[(0.5, RED)])
    return timeseries(1, words, [source.coverage("A", "coverage", "min")], shape)


def lag(source: Source) -> Panel:
    """How far scoring is behind."""
    words = Words(
        "Lag",
        "How far behind the clock the newest scored bucket of each detector ends. It saws up and "
        "down by the grid and the schedule; it should not climb.",
        "no detector scores",
        "s",
    )
    shape = Shape(limits=(0, None))
    return timeseries(2, words, [source.coverage("A", "lag_s", "max")], shape)


def aside(source: Source) -> Panel:
    """Series that are neither trained nor scored."""
    words = Words(
        "Series set aside",
        "Series of each detector that are neither trained nor scored for now; the pages tell why.",
        "no detector scores",
    )
    shape = Shape(interpolation="stepAfter", limits=(0, None), decimals=0)
    return timeseries(3, words, [source.coverage("A", "set_aside", "max")], shape)


def seconds(source: Source) -> Panel:
    """How long jobs took."""
    words = Words(
        "Time of runs",
        "How long trainings and other recorded runs took, by kind and detector.",
        "no run was recorded in this time",
        "s",
    )
    shape = Shape(draw="points", points="always", limits=(0, None))
    return timeseries(4, words, [source.run_seconds("A")], shape)


def failures(source: Source) -> Panel:
    """What failed."""
    words = Words(
        "Failed runs",
        "Runs that failed in this time, the newest first, with what was said. A failure that goes "
        "on is one run.",
        "nothing failed in this time",
        "none",
    )
    columns = [
        of_column("seconds", {"unit": "s"}),
        *times("Time", "time"),
    ]
    return table(5, words, [source.runs("A")], columns)
