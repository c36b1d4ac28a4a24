"""`normalcy models verify`: would this program score as the one did that made the versions?"""

from dataclasses import asdict
from pathlib import Path

import click

from backend.cli.edge import FAILED
from backend.cli.output import json_option, print_json, print_table, progress
from backend.cli.session import Session, pass_session


@click.command("verify")
@click.argument("detector", required=False)
@click.option("--all", "every", is_flag=True, help="Also versions that do not serve.")
@click.option(
    "--backup",
    "file",
    type=click.Path(path_type=Path),
    help="Those in this backup: the records of the program that is running are left alone.",
)
@json_option
@click.pass_context
@pass_session
def verify(
    session: Session,
    ctx: click.Context,
    detector: str | None,
    every: bool,
    file: Path | None,
    as_json: bool,
) -> None:
    """Score the probes of the versions that serve, of DETECTOR or of all, and compare.

    Each version keeps some rows with the scores that they had when it was made. Where another
    program, such as one with a newer TensorFlow, gives other scores, it would refuse to serve.
    """
    verifying = session.application.backups.verifying
    with progress("verifying") as told:
        if file is None:
            found = verifying.run(detector, every=every, progress=told)
        else:
            found = verifying.in_backup(file, detector, every=every, progress=told)
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        rows = [
            (one.model, "ok" if one.ok else "REFUSED", one.words or ", ".join(one.changed) or "-")
            for one in found
        ]
        print_table(("version", "scores", "what differs"), rows, "no version serves yet")
    if not all(one.ok for one in found):
        ctx.exit(FAILED)
