"""Train a detector now."""

import click

from backend.cli.output import json_option, print_json, progress
from backend.cli.session import Session, pass_session
from backend.cli.training import plain_version, print_verdict


@click.command("retrain")
@click.argument("detector")
@click.option(
    "--cold", is_flag=True, help="Begin anew, not with the weights of the version that serves."
)
@json_option
@pass_session
def command(session: Session, detector: str, cold: bool, as_json: bool) -> None:
    """Train DETECTOR on what is labelled normal, and say what became of the new version.

    Without labels it learns from recent data, and the version is provisional.
    """
    with progress(f"Training {detector}") as report:
        version = session.application.retraining.run(detector, report, cold=cold)
    if as_json:
        print_json(plain_version(version))
    else:
        print_verdict(version)
