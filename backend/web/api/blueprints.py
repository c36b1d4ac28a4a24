"""How every part of the API is set up."""

from http import HTTPStatus
from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel

from backend.web.api.rows import ProblemAnswer

PREFIX = "/api/v1"
SECURITY: list[dict[str, list[str]]] = [{"token": []}, {"key": []}, {"password": []}]
SCHEMES: dict[str, Any] = {
    "token": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
    "password": {"type": "http", "scheme": "basic"},
}
PROBLEMS: dict[str | int | HTTPStatus, type[BaseModel] | dict[Any, Any] | None] = {
    str(status): ProblemAnswer
    for status in (400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429, 431, 500, 501, 503, 507)
}


def part(name: str, description: str) -> APIBlueprint:
    """A blueprint of the API."""
    return APIBlueprint(
        name,
        __name__,
        url_prefix=PREFIX,
        abp_tags=[Tag(name=name, description=description)],
        abp_security=SECURITY,
        abp_responses=PROBLEMS,
    )
