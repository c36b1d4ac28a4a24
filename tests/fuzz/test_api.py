"""Schemathesis asks every operation of the API; the same requests each time."""

import pytest

from backend.web import create_app
from tests.fuzz.api import fuzz
from tests.fuzz.rooms import running

pytestmark = pytest.mark.timeout(600)


def test_every_answer_is_one_that_the_document_promises(tmp_path):
    app = running(tmp_path)
    try:
        web = create_app(app)
        outcome = fuzz(web, examples=1, stateful=False)
        operations = sum(len(methods) for methods in web.api_doc["paths"].values())
    finally:
        app.close()
    assert [
        f"{one.operation} {one.check}: {one.message}" for one in outcome.failures.values()
    ] == []
    assert outcome.errors == []
    assert len(outcome.cases) == operations
    assert outcome.statuses[200] > 100
