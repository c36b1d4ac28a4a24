"""Models whose description is made once."""

from functools import cache
from typing import Any

from pydantic import BaseModel


class Described(BaseModel):
    """Its JSON schema is looked into, and never changed, by what serves the API.

    That is done at every request with a query and for every status of every operation: made anew
    each time it is half of such a request and most of the start.
    """

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """As its base."""
        return _schema(cls, *args, **kwargs)


@cache
def _schema(model: type[Described], *args: Any, **kwargs: Any) -> dict[str, Any]:
    return super(Described, model).model_json_schema(*args, **kwargs)
