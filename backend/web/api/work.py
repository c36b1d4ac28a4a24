"""Work: what the jobs did, and what is asked of them."""

from typing import Any

from backend.exceptions import InputError
from backend.web.api.asked import LimitQuery, RequestBody, RequestPath, RunsQuery
from backend.web.api.blueprints import part
from backend.web.api.work_rows import (
    RequestAnswer,
    RequestRow,
    RequestRows,
    RunRow,
    RunRows,
)
from backend.web.application import application

api = part("work", "Runs of the jobs and requests to them.")


@api.get("/runs", responses={"200": RunRows})
def list_runs(query: RunsQuery) -> list[RunRow]:
    """Runs, newest first unless asked for otherwise."""
    runs = application().queries.runs(query.detector, state=query.state, limit=query.limit)
    return [RunRow.of(one) for one in (runs[::-1] if query.ascending else runs)]


@api.get("/requests", responses={"200": RequestRows})
def list_requests(query: LimitQuery) -> list[RequestRow]:
    """Requests, newest first."""
    return [RequestRow.of(one) for one in application().queries.requests(limit=query.limit)]


@api.post("/requests", responses={"202": RequestAnswer})
def ask(body: RequestBody) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Ask for work; a worker takes it up, and its id tells how far it is and what came of it."""
    asked = body.root
    if asked.kind == "backfill" and asked.from_ >= asked.to:
        raise InputError("The range is empty: it must end after its start.")
    request = application().requests.ask(asked.kind, asked.detector, asked.payload, by="api")
    place = {"Location": f"/api/v1/requests/{request.id}"}
    return RequestAnswer.of(request).model_dump(), 202, place


@api.get("/requests/<int:id>", responses={"200": RequestAnswer})
def get_request(path: RequestPath) -> dict[str, Any]:
    """How far a request is, and what came of it."""
    return RequestAnswer.of(application().queries.request(path.id)).model_dump()
