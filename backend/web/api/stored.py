"""What the stores hold: names to choose from, and how the series are doing."""

from backend.services.catalogue import Catalogue
from backend.web.api.asked import MeasurementQuery, SeriesOfQuery, StoreQuery
from backend.web.api.blueprints import part
from backend.web.api.rows import (
    FieldRow,
    FieldRows,
    MeasurementRow,
    MeasurementRows,
    StoredSeriesRow,
    StoredSeriesRows,
    TagRow,
    TagRows,
)
from backend.web.application import application

api = part("catalogue", "Measurements, fields, tags and series that are stored.")


@api.get("/catalogue/measurements", responses={"200": MeasurementRows})
def list_measurements(query: StoreQuery) -> list[MeasurementRow]:
    """All measurements of a store."""
    return [MeasurementRow(measurement=name) for name in _catalogue(query).measurements()]


@api.get("/catalogue/fields", responses={"200": FieldRows})
def list_fields(query: MeasurementQuery) -> list[FieldRow]:
    """The fields of a measurement and their kinds."""
    return FieldRow.all_of(_catalogue(query).measurement(query.measurement))


@api.get("/catalogue/tags", responses={"200": TagRows})
def list_tags(query: MeasurementQuery) -> list[TagRow]:
    """The tags of a measurement and their first values."""
    return TagRow.all_of(_catalogue(query).measurement(query.measurement))


@api.get("/catalogue/series", responses={"200": StoredSeriesRows})
def list_stored_series(query: SeriesOfQuery) -> list[StoredSeriesRow]:
    """The series of a measurement: first and last row, rhythm and gaps."""
    found = _catalogue(query).series(query.measurement, query.by or None, limit=query.limit)
    return StoredSeriesRow.all_of(query.measurement, found)


def _catalogue(query: StoreQuery) -> Catalogue:
    app = application()
    return app.catalogue if query.store == "source" else app.results_catalogue
