"""`normalcy backup`: everything that normalcy remembers, in one file."""

import os
from pathlib import Path
from typing import Any

import click

from backend.cli.edge import FAILED
from backend.cli.output import json_option, print_facts, print_json, progress
from backend.cli.session import Session, pass_session
from backend.exceptions import NotFound


@click.command("backup")
@click.argument("file", type=click.Path())
@click.option("--with-store", is_flag=True, help="Also the embedded stores of sensors and results.")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@json_option
@click.pass_context
@pass_session
def command(session: Session, ctx: click.Context, **given: Any) -> None:
    """Back up records and model files into FILE, while everything goes on.

    Where FILE is a directory, the file in it gets a name with the time. It is read back before it
    has its name. Keys and passwords are not in it: of passwords and tokens it holds digests only.
    """
    path = Path(given["file"])
    if given["file"].endswith(os.sep) and not path.is_dir():
        raise NotFound(f"There is no directory {path}: make it, or mount what it lies on.")
    backups = session.application.backups
    stores = backups.stores(required=True) if given["with_store"] else {}
    with progress("backing up") as told:
        made = backups.backing_up.run(path, replace=given["force"], stores=stores, progress=told)
    facts = {
        "file": str(made.path),
        "bytes": made.size,
        "versions": made.versions,
        "rows": sum(made.rows.values()),
    }
    if given["as_json"]:
        print_json({**facts, "extras": made.extras, "left_out": made.left_out})
    else:
        print_facts({**facts, "bytes": f"{made.size:,}", "also": ", ".join(made.extras) or None})
        for line in made.left_out:
            click.echo(f"left out: {line}", err=True)
    if made.left_out:
        ctx.exit(FAILED)
