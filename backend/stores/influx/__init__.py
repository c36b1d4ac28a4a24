"""InfluxDB as a series store."""

from backend.stores.influx.store import InfluxSeriesStore

__all__ = ["InfluxSeriesStore"]
