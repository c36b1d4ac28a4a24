"""The dashboards as plain functions: one for each question an operator has."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from backend.grafana.dashboards.detector import Subject, detector_dashboard
from backend.grafana.dashboards.fleet import fleet_dashboard
from backend.grafana.dashboards.health import health_dashboard
from backend.grafana.dashboards.overview import overview_dashboard
from backend.grafana.dashboards.training import training_dashboard
from backend.grafana.sources import Service, Source
from backend.records import LabelKind
from backend.specs import DetectorSpec

__all__ = ["all_dashboards"]


def all_dashboards(
    specs: Sequence[DetectorSpec],
    source: Source,
    service: Service | None,
    tags: Mapping[LabelKind, str],
    pages: str,
) -> list[dict[str, Any]]:
    """Every dashboard for these detectors.

    Args:
        specs: the detectors.
        source: where the panels read.
        service: normalcy itself, where Grafana can read it; it may be the source.
        tags: the tag that makes an annotation a label, by kind.
        pages: where browsers reach the pages of normalcy.
    """
    # Detectors stand beside each other on the coarsest grid: on a finer one it would have holes.
    grid = max((spec.every for spec in specs), default=timedelta(minutes=1))
    subjects = [Subject(spec, source, service, tags, pages) for spec in specs]
    return [
        overview_dashboard(source, grid, pages),
        *(detector_dashboard(subject) for subject in subjects),
        *(fleet_dashboard(subject) for subject in subjects if subject.spec.group_by),
        training_dashboard(source, pages),
        health_dashboard(source, grid, pages),
    ]
