"""`normalcy prune`: remove what is older than it is to be kept."""

import click

from backend.cli.output import json_option, print_facts, print_json
from backend.cli.session import Session, pass_session


@click.command("prune")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@json_option
@pass_session
def command(session: Session, dry_run: bool, as_json: bool) -> None:
    """Remove versions, runs and results that are older than the key keep: says.

    The jobs do the same once a day. What serves, what a roll back would bring back and what waits
    to be looked at is never removed.
    """
    pruning = session.application.pruning
    found = pruning.plan() if dry_run else pruning.run()
    results = {name: list(detectors) for name, detectors in found.results}
    if as_json:
        print_json({**vars(found), "results": results, "dry_run": dry_run})
        return
    said = "would remove" if dry_run else "removed"
    print_facts(
        {
            f"{said} versions": ", ".join(found.versions) or "none",
            "model files of no version": ", ".join(found.artifacts) or "none",
            "runs and requests": found.runs,
            "old results": ", ".join(f"{m} of {', '.join(d)}" for m, d in results.items())
            or "none",
        }
    )
    if found.note:
        click.echo(found.note)
