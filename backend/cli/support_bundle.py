"""One file for whoever is to help: how this installation is, without secrets."""

from pathlib import Path

import click

from backend.cli.session import Session, pass_session


@click.command("support-bundle")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write; else normalcy-support-… in this directory. One that exists is left alone.",
)
@pass_session
def command(session: Session, out: Path | None) -> None:
    """Write one zip file that tells somebody else what they need to see in order to help.

    It holds versions, settings, what normalcy check says, metrics, definitions of detectors, model
    versions, runs with their logs, and which files there are. It holds no password, token or key,
    no name of a person, no label's note, and no measured value. Look into it before you send it.
    """
    from backend.cli.support_bundle_run import write  # noqa: PLC0415  # asks for all of the product

    path, left_out = write(session, out)
    click.echo(f"{path} is written; look into it before you send it.")
    for name in left_out:
        click.echo(f"{name} could not be read; the file tells why in its place.", err=True)
