"""`normalcy restore`: what a backup holds becomes what normalcy remembers."""

from pathlib import Path
from typing import Any

import click

from backend.cli.edge import FAILED
from backend.cli.output import iso, json_option, print_facts, print_json, progress
from backend.cli.session import Session, pass_session


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--replace",
    is_flag=True,
    help="Put it in the place of what is there, which is backed up first.",
)
@json_option
@click.pass_context
@pass_session
def command(session: Session, ctx: click.Context, **given: Any) -> None:
    """Restore the backup FILE, of this machine or another, while normalcy is stopped.

    A file that is damaged, or that a newer normalcy made, is refused and nothing is changed. What
    comes from SQLite may go to PostgreSQL, and the other way round.
    """
    restoring = session.application.backups.restoring
    with progress("restoring") as told:
        found = restoring.run(
            given["file"], by=session.user, replace=given["replace"], progress=told
        )
    facts = {
        "backup of": iso(found.made_at),
        "versions": found.versions,
        "rows": sum(found.rows.values()),
        "stores": ", ".join(found.stores) or None,
        "kept before": str(found.kept) if found.kept else None,
        "configuration": str(found.configuration) if found.configuration else None,
    }
    if given["as_json"]:
        print_json({**facts, "missing": found.missing, "tables": dict(found.rows)})
    else:
        print_facts(facts)
        for line in found.missing:
            click.echo(f"not in the backup: {line}", err=True)
    if found.missing:
        ctx.exit(FAILED)
