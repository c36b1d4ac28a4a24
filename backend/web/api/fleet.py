"""Series side by side: how each is doing, and which deviate together."""

from typing import Any

from backend.services.series_overview import page_of
from backend.web.api.blueprints import part
from backend.web.api.fleet_rows import (
    GroupRow,
    GroupRows,
    GroupsQuery,
    SeriesPageAnswer,
    SeriesQuery,
)
from backend.web.application import application
from backend.web.who import seen

api = part("fleet", "All series side by side.")


@api.get("/series", responses={"200": SeriesPageAnswer})
def list_all_series(query: SeriesQuery) -> dict[str, Any]:
    """Every series of every detector: its state, its score now, why it is not watched."""
    rows = seen(application().series_overview.rows(), lambda one: one.detector)
    return SeriesPageAnswer.of(page_of(rows, query.wanted)).model_dump(mode="json")


@api.get("/fleet/groups", responses={"200": GroupRows})
def list_groups(query: GroupsQuery) -> list[GroupRow]:
    """Which series deviate together in a range, and where to look for the cause."""
    app = application()
    found = app.fleet_view.look(query.span(app.clock), query.detector)
    return [GroupRow.of(one) for one in found.groups]
