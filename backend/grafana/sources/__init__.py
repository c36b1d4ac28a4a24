"""Where panels read: one set of questions, put to InfluxDB or to normalcy itself."""

from backend.grafana.sources.infinity import InfinitySource
from backend.grafana.sources.influxql import InfluxSource
from backend.grafana.sources.questions import Service, Source, Target, Variable
from backend.grafana.sources.simpod import SimpodSource

__all__ = [
    "InfinitySource",
    "InfluxSource",
    "Service",
    "SimpodSource",
    "Source",
    "Target",
    "Variable",
]
