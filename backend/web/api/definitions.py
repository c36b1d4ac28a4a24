"""Detectors: which there are, how they are defined and doing."""

from typing import Any

from flask import Response
from pydantic import ValidationError

from backend.exceptions import InputError
from backend.specs import DetectorSpec
from backend.web.api.asked import DetectorPath, SpecBody
from backend.web.api.blueprints import part
from backend.web.api.rows import DetectorAnswer, DetectorRow, DetectorRows, SeriesRow, SeriesRows
from backend.web.application import application
from backend.web.errors import invalid
from backend.web.scope import require_same_source
from backend.web.who import by, seen

api = part("detectors", "What is watched, how, and when.")


@api.get("/detectors", responses={"200": DetectorRows})
def list_detectors() -> list[DetectorRow]:
    """Every detector at a glance."""
    app = application()
    return [
        DetectorRow.of(one, app.detectors.is_configured(one.detector))
        for one in seen(app.queries.overviews(), lambda one: one.detector)
    ]


@api.get("/detectors/<string:name>", responses={"200": DetectorAnswer})
def get_detector(path: DetectorPath) -> dict[str, Any]:
    """The definition of a detector."""
    return _answer(path.name)


@api.put("/detectors/<string:name>", responses={"200": DetectorAnswer})
def put_detector(path: DetectorPath, body: SpecBody) -> dict[str, Any] | Response:
    """Store or replace a detector; those of normalcy.yaml are read-only (409)."""
    if body.root.get("name", path.name) != path.name:
        raise InputError(f"The definition is named otherwise than its address, {path.name!r}.")
    try:
        spec = DetectorSpec.model_validate({**body.root, "name": path.name})
    except ValidationError as error:
        return invalid(error)
    require_same_source(path.name, spec)
    application().detectors.save(spec, by=by("api"))
    return _answer(path.name)


@api.delete("/detectors/<string:name>", responses={"204": None})
def delete_detector(path: DetectorPath) -> tuple[str, int]:
    """Remove a stored detector; its labels, versions and results stay."""
    application().detectors.delete(path.name)
    return "", 204


@api.get("/detectors/<string:name>/series", responses={"200": SeriesRows})
def list_series(path: DetectorPath) -> list[SeriesRow]:
    """The series of a detector and how they are doing."""
    return [SeriesRow.of(one) for one in application().queries.series(path.name)]


def _answer(name: str) -> dict[str, Any]:
    detectors = application().detectors
    spec = detectors.get(name)
    read_only = detectors.is_configured(name)
    return DetectorAnswer(name=name, read_only=read_only, spec=spec.plain()).model_dump()
