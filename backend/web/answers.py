"""JSON as browsers and Grafana can read it: NaN and infinity leave as null."""

from typing import Any

import orjson
from flask import Response
from flask.json.provider import JSONProvider
from pydantic import BaseModel

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


class StrictJson(JSONProvider):
    """Writes JSON proper; pydantic models are written by their own rules."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Text of an object."""
        return orjson.dumps(obj, default=_plain, option=_OPTIONS).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """An object of a text."""
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """An answer of JSON."""
        body = self._prepare_response_obj(args, kwargs)
        content = orjson.dumps(body, default=_plain, option=_OPTIONS)
        return Response(content, mimetype="application/json")


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(by_alias=True)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
