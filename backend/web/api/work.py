"""Work: what the jobs did, and what is asked of them."""

from typing import Any

from backend.exceptions import InputError
from backend.records import Role
from backend.web.api.asked import LimitQuery, RequestBody, RequestPath, RunPath, RunsQuery
from backend.web.api.blueprints import part
from backend.web.api.work_rows import (
    Accepted,
    GoingRow,
    RequestAnswer,
    RequestRow,
    RequestRows,
    RunAnswer,
    RunRow,
    RunRows,
    WorkAnswer,
    accepted,
)
from backend.web.application import application
from backend.web.rights import REQUESTS
from backend.web.scope import require_same_source
from backend.web.who import by, first_seen, require, seen

api = part("work", "Runs of the jobs and requests to them.")


@api.get("/work", responses={"200": WorkAnswer})
def list_work() -> dict[str, Any]:
    """What goes on and how far it is, and what waits for a worker."""
    work = application().work
    running = seen(work.going_on(), lambda run: run.detector)
    waiting = seen(work.waiting(), lambda one: one.detector)
    return WorkAnswer(
        running=[GoingRow.seen_at(run, work.left_s(run)) for run in running],
        waiting=[RequestRow.of(one) for one in waiting],
    ).model_dump()


@api.get("/runs", responses={"200": RunRows})
def list_runs(query: RunsQuery) -> list[RunRow]:
    """Runs, newest first unless asked for otherwise."""
    queries = application().queries
    runs = first_seen(
        lambda limit: queries.runs(query.detector, state=query.state, limit=limit),
        lambda one: one.detector,
        query.limit,
    )
    return [RunRow.of(one) for one in (runs[::-1] if query.ascending else runs)]


@api.get("/requests", responses={"200": RequestRows})
def list_requests(query: LimitQuery) -> list[RequestRow]:
    """Requests, newest first."""
    queries = application().queries
    found = first_seen(
        lambda limit: queries.requests(limit=limit), lambda one: one.detector, query.limit
    )
    return [RequestRow.of(one) for one in found]


@api.post("/requests", responses={"202": RequestAnswer})
def ask(body: RequestBody) -> Accepted:
    """Ask for work; a worker takes it up, and its id tells how far it is and what came of it."""
    asked = body.root
    require(REQUESTS.get(asked.kind, Role.ADMIN))
    if asked.kind == "dry_run" and asked.spec is not None:
        require_same_source(asked.detector, asked.spec)
    if asked.kind == "backfill" and asked.from_ >= asked.to:
        raise InputError("The range is empty: it must end after its start.")
    request = application().requests.ask(asked.kind, asked.detector, asked.payload, by=by("api"))
    return accepted(request)


@api.get("/requests/<int:id>", responses={"200": RequestAnswer})
def get_request(path: RequestPath) -> dict[str, Any]:
    """How far a request is, and what came of it."""
    view = application().work.look_at_request(path.id)
    require(Role.VIEWER, view.request.detector)
    return RequestAnswer.seen(view).model_dump()


@api.post("/requests/<int:id>/cancel", responses={"202": RequestAnswer})
def cancel_request(path: RequestPath) -> tuple[dict[str, Any], int]:
    """End a request: at once if it waits, else its worker does so within seconds."""
    one = application().queries.request(path.id)
    require(REQUESTS.get(one.kind, Role.ADMIN), one.detector)
    view = application().work.cancel_request(path.id, by=by("api"))
    return RequestAnswer.seen(view).model_dump(), 202


@api.get("/runs/<int:id>", responses={"200": RunAnswer})
def get_run(path: RunPath) -> dict[str, Any]:
    """How far a run is, how long it will go on, what it told, and what to do next."""
    view = application().work.look(path.id)
    require(Role.VIEWER, view.run.detector)
    return RunAnswer.seen(view).model_dump()


@api.post("/runs/<int:id>/cancel", responses={"202": RunAnswer})
def cancel_run(path: RunPath) -> tuple[dict[str, Any], int]:
    """Ask for the end of a run; its worker stops within seconds, and no version is made."""
    require(Role.ADMIN, application().work.look(path.id).run.detector)
    return RunAnswer.seen(application().work.cancel_run(path.id, by=by("api"))).model_dump(), 202
