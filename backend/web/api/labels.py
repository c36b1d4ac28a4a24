"""Labels: what operators say of ranges."""

from backend.records import Role
from backend.web.api.asked import LabelPath, LabelsBody, LabelsQuery
from backend.web.api.blueprints import part
from backend.web.api.rows import LabelRow, LabelRows
from backend.web.application import application
from backend.web.who import by, person, require, seen

api = part("labels", "What operators say of ranges: normal, anomaly, exclude.")


@api.get("/labels", responses={"200": LabelRows})
def list_labels(query: LabelsQuery) -> list[LabelRow]:
    """Labels in force."""
    found = application().queries.labels(query.detector, span=query.span)
    found = seen(found, lambda one: one.detector)
    return [LabelRow.of(one) for one in found if query.kind in (None, one.kind)]


@api.post("/labels", responses={"201": LabelRows})
def add_labels(body: LabelsBody) -> tuple[list[LabelRow], int]:
    """Add one label or many, all or none."""
    added = application().labelling.add_all(body.drafts, source="api", by=by("api"))
    return [LabelRow.of(one) for one in added], 201


@api.delete("/labels/<int:id>", responses={"204": None})
def remove_label(path: LabelPath) -> tuple[str, int]:
    """Take a label back."""
    labelling = application().labelling
    if person().detectors:
        for one in labelling.list():
            if one.id == path.id:
                require(Role.LABELLER, one.detector)
    labelling.remove([path.id], by=by("api"))
    return "", 204
