"""Forms of pages, sent as a browser sends them."""

import re
from typing import Any

from flask.testing import FlaskClient


def mark_in(page: str) -> str:
    """What the forms of a page carry, so that nobody else can send them."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def post(client: FlaskClient, path: str, at: str = "/me", **fields: Any) -> Any:
    """Send a form of the page at an address."""
    return client.post(path, data={"csrf_token": mark_in(client.get(at).text), **fields})
