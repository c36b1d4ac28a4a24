"""Say whether the service on this host lives, for a container's health check."""

from dataclasses import asdict

import click

from backend.cli.edge import FAILED
from backend.cli.liveness import look_at_jobs, look_at_web
from backend.cli.output import json_option, print_json
from backend.cli.session import Session, pass_session
from backend.settings.rereading import load_in_force

_TO_ANSWER_S = 4.0


@click.command("healthy")
@click.argument("part", type=click.Choice(["up", "web", "jobs"]), default="up")
@json_option
@click.pass_context
@pass_session
def command(session: Session, ctx: click.Context, part: str, as_json: bool) -> None:
    """Say whether the service on this host lives and gets on; ends with 1 if it does not.

    PART is web, jobs, or up for both of them. It asks no store: what is out of reach is told by
    normalcy check, and no reason to start the service again.
    """
    # A wrong edit of normalcy.yaml is no reason either: what runs goes on with the former.
    settings = load_in_force(session.environ)
    parts = []
    if part in ("up", "web"):
        parts.append(look_at_web(settings.web, _TO_ANSWER_S))
    if part in ("up", "jobs"):
        parts.append(look_at_jobs(settings))
    if as_json:
        print_json([asdict(one) for one in parts])
    else:
        for one in parts:
            click.echo(f"{one.name} {'ok' if one.ok else 'FAIL'}: {one.detail}")
    if not all(one.ok for one in parts):
        ctx.exit(FAILED)
