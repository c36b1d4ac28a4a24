"""The pictures of a look at data."""

import re
from pathlib import Path

from backend.plots import style
from backend.plots.profile import gaps_over_time, overview, power_by_period
from backend.services.profiling import Profiled, Report


def draw(report: Report, directory: Path) -> list[Path]:
    """Draw periods, gaps and channels of each series; returns where the pictures lie."""
    return [path for one in report.series for path in _draw(one, directory)]


def _draw(one: Profiled, directory: Path) -> list[Path]:
    look = one.look
    figures = {
        "gaps": gaps_over_time(look.times, look.values, look.names, look.every),
        "channels": overview(look.times, look.values, look.names),
    }
    spectra = [part for part in (look.slow, look.spectrum) if part is not None]
    curves = [(part.periods, part.share) for part in spectra if len(part.periods)]
    if curves:
        dominant = [(period.length, period.share) for period in look.periods]
        figures["spectrum"] = power_by_period(curves, dominant)
    folder = directory / re.sub(r"[^\w=.-]+", "_", one.key) if one.key else directory
    return [style.save(figure, folder / f"{name}.png") for name, figure in figures.items()]
