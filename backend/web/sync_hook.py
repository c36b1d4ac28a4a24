"""Labels and Grafana's annotations: asked to be kept equal at once, and what is wrong with some."""

from flask import Blueprint, Response, jsonify
from pydantic import BaseModel, RootModel

from backend.records import AnnotationProblem
from backend.services.label_sync import KIND
from backend.web.api.blueprints import part
from backend.web.application import application
from backend.web.instants import milliseconds

sync_hook = Blueprint("sync_hook", __name__)
sync_api = part("annotations", "What people draw in Grafana, as far as it is no label.")


class AnnotationProblemRow(BaseModel):
    """An annotation that is no label, or that a person should look at."""

    annotation: str
    message: str
    since: int

    @classmethod
    def of(cls, one: AnnotationProblem) -> "AnnotationProblemRow":
        """The row of a problem."""
        since = milliseconds(one.since)
        return cls(annotation=one.annotation, message=one.message, since=since)


class AnnotationProblemRows(RootModel[list[AnnotationProblemRow]]):
    """Problems in the order of the annotations."""


@sync_hook.post("/hooks/grafana/sync")
def sync() -> tuple[Response, int, dict[str, str]]:
    """Ask for a sync; what the caller sends is not read, so that any webhook will do."""
    request = application().requests.ask(KIND, "", by="webhook")
    place = {"Location": f"/api/v1/requests/{request.id}"}
    return jsonify({"request": request.id, "state": request.state.value}), 202, place


@sync_api.get("/labels/problems", responses={"200": AnnotationProblemRows})
def list_problems() -> list[AnnotationProblemRow]:
    """Annotations that could not become labels, each with a sentence that says why."""
    return [AnnotationProblemRow.of(one) for one in application().labelling.annotation_problems()]
