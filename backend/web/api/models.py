"""Model versions: which there are, which serves."""

from typing import Any

from backend.web.api.asked import DetectorPath, VersionPath
from backend.web.api.blueprints import part
from backend.web.api.work_rows import VersionAnswer, VersionRow, VersionRows
from backend.web.application import application
from backend.web.who import by

api = part("models", "Model versions and their promotion.")


@api.get("/detectors/<string:name>/models", responses={"200": VersionRows})
def list_models(path: DetectorPath) -> list[VersionRow]:
    """Versions, newest first."""
    return _versions(path.name)


@api.get("/detectors/<string:name>/models/<int:number>", responses={"200": VersionAnswer})
def get_model(path: VersionPath) -> dict[str, Any]:
    """A version with its training record."""
    return VersionAnswer.of(application().queries.version(path.name, path.number)).model_dump()


@api.post("/detectors/<string:name>/models/<int:number>/promote", responses={"200": VersionRows})
def promote_model(path: VersionPath) -> list[VersionRow]:
    """Let a version serve from the next point on."""
    application().promotion.promote(path.name, path.number, by=by("api"))
    return _versions(path.name)


@api.post("/detectors/<string:name>/rollback", responses={"200": VersionRows})
def roll_back(path: DetectorPath) -> list[VersionRow]:
    """Let the version serve again that served before."""
    application().promotion.rollback(path.name, by=by("api"))
    return _versions(path.name)


def _versions(detector: str) -> list[VersionRow]:
    return [VersionRow.of(one) for one in application().queries.versions(detector)]
