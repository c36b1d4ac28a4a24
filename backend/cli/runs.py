"""`normalcy runs`: what the jobs do and did, and how to end it."""

from collections.abc import Mapping
from typing import Any

import click

from backend.cli.output import (
    iso,
    json_option,
    plain_times,
    print_facts,
    print_json,
    print_table,
    printable,
)
from backend.cli.session import Session, pass_session
from backend.records import Request, Run, State
from backend.services.work import RunView

_STATES = click.Choice([state.value for state in State])
_LINES = 20
"""Newest lines of a log that are shown unless all are asked for."""


@click.group("runs")
def command() -> None:
    """See what goes on, what waits and what ended, and cancel it."""


@command.command("list")
@click.option("--detector", help="Only those of one detector.")
@click.option("--state", type=_STATES, help="Only those in a state.")
@click.option("--limit", default=20, type=click.IntRange(1, 1000), help="How many, newest first.")
@json_option
@pass_session
def list_(
    session: Session, detector: str | None, state: str | None, limit: int, as_json: bool
) -> None:
    """List runs, and requests that wait for a worker."""
    application = session.application
    wanted = None if state is None else State(state)
    runs = application.queries.runs(detector, state=wanted, limit=limit)
    waits = wanted in (None, State.WAITING)
    waiting = application.work.waiting(detector) if waits else []
    if as_json:
        told = [_plain(run, application.work.left_s(run)) for run in runs]
        print_json({"runs": told, "waiting": [_plain_request(one) for one in waiting]})
        return
    rows = [_row(run, application.work.left_s(run)) for run in runs]
    headers = ["id", "kind", "detector", "state", "began", "done", "left", "what"]
    print_table(headers, rows, "no such runs yet; train a detector with: normalcy retrain DETECTOR")
    for one in waiting:
        click.echo(
            f"request {one.id} waits: {one.kind} of {printable(one.detector)}, asked by "
            f"{printable(one.created_by)} at {iso(one.created_at)}"
        )


@command.command("show")
@click.argument("run", type=int)
@click.option("--all", "whole", is_flag=True, help=f"The whole log, not its last {_LINES} lines.")
@json_option
@pass_session
def show(session: Session, run: int, whole: bool, as_json: bool) -> None:
    """Show RUN: how far it is, how long it will go on, what it told, and what to do next."""
    view = session.application.work.look(run)
    if as_json:
        print_json(_plain_view(view))
        return
    print_facts(_facts(view))
    lines = view.log if whole else view.log[-_LINES:]
    if lines:
        click.echo("\nlog")
    for line in lines:
        click.echo(f"  {iso(line.at)}  {printable(line.words)}")
    if view.advice is not None:
        click.echo(f"\nwhat to do: {view.advice}")


@command.command("cancel")
@click.argument("number", type=int)
@click.option("--request", "asked", is_flag=True, help="NUMBER is that of a request, not of a run.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_session
def cancel(session: Session, number: int, asked: bool, yes: bool, as_json: bool) -> None:
    """Cancel run NUMBER: it stops within seconds, and what served goes on.

    A training that was cancelled is not begun by itself before labels change or its next
    scheduled time. A request that still waits is ended at once.
    """
    work = session.application.work
    one: Run | Request = work.look_at_request(number).request if asked else work.look(number).run
    what = "request" if asked else "run"
    if not yes:
        told = f"{what} {number}, the {one.kind} of {printable(one.detector)}"
        click.confirm(f"Cancel {told}?", abort=True, err=True)
    if asked:
        request = work.cancel_request(number, by=session.user).request
        plain, state = _plain_request(request), request.state
    else:
        view = work.cancel_run(number, by=session.user)
        plain, state = _plain_view(view), view.run.state
    if as_json:
        print_json(plain)
    elif state is State.CANCELLED:
        click.echo(f"{what} {number} is cancelled")
    else:
        click.echo(f"{what} {number} will stop within seconds")


def _row(run: Run, left_s: float | None) -> list[Any]:
    done = f"{run.progress:.0%}" if run.state is State.RUNNING else ""
    left = "" if left_s is None else f"{left_s:.0f} s"
    words = " ".join((run.message or run.words).split())
    what = printable(words if len(words) <= 80 else f"{words[:79]}…")
    began = iso(run.started_at)
    return [run.id, run.kind, printable(run.detector), run.state, began, done, left, what]


def _facts(view: RunView) -> Mapping[str, Any]:
    run = view.run
    facts = {
        "run": f"{run.id}, {run.kind} of {printable(run.detector) or 'no detector'}",
        "state": run.state,
        "began": iso(run.started_at),
        "ended": None if run.finished_at is None else iso(run.finished_at),
        "by": printable(run.worker),
        "id in the log": run.details.get("run_id"),
        "done": f"{run.progress:.0%}" if run.state is State.RUNNING else None,
        "left": None if view.left_s is None else f"about {view.left_s:.0f} s",
        "now": printable(run.words) if run.state is State.RUNNING else None,
        "cancelled by": None if run.cancelled_by is None else printable(run.cancelled_by),
        "asked by": _asked(view.request),
        "made": None if view.version is None else f"{printable(run.detector)}/{view.version}",
        "message": printable(run.message) or None,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _asked(request: Request | None) -> str | None:
    return None if request is None else f"{printable(request.created_by)}, request {request.id}"


def _plain(run: Run, left_s: float | None) -> dict[str, Any]:
    moments = plain_times(run, "started_at", "finished_at", "told_at")
    return {**vars(run), **moments, "seconds_left": left_s}


def _plain_view(view: RunView) -> dict[str, Any]:
    return {
        **_plain(view.run, view.left_s),
        "version": view.version,
        "request": None if view.request is None else view.request.id,
        "advice": view.advice,
        "log": [{"at": iso(line.at), "words": line.words} for line in view.log],
    }


def _plain_request(request: Request) -> dict[str, Any]:
    moments = plain_times(request, "created_at", "claimed_at", "deadline", "finished_at")
    return {**vars(request), **moments}
