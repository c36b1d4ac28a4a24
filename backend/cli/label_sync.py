"""Let labels and the annotations of Grafana say the same."""

import click

from backend.cli.output import json_option, print_json, printable, progress
from backend.cli.session import Session, pass_session
from backend.exceptions import ConfigurationError
from backend.services.label_sync import Deletions, SyncReport
from backend.services.requests import NO_GRAFANA

_COUNTS = (
    ("added", "labels added"),
    ("replaced", "annotations edited, and their labels replaced"),
    ("removed", "labels taken back"),
    ("written", "annotations written"),
    ("erased", "annotations removed"),
)


@click.command("sync")
@click.option(
    "--accept-deletions",
    "accept",
    is_flag=True,
    help="Take labels back though many of their annotations vanished at once.",
)
@click.option(
    "--keep-labels",
    "keep",
    is_flag=True,
    help="Keep labels whose annotations vanished, and let them stand by themselves.",
)
@json_option
@pass_session
def sync(session: Session, accept: bool, keep: bool, as_json: bool) -> None:
    """Take up what people drew, edited and deleted in Grafana, now.

    The jobs do so by themselves. Where it is configured, labels made elsewhere and detected events
    are written to Grafana too. What could not become a label is listed with the reason.
    """
    if accept and keep:
        raise click.UsageError("--accept-deletions and --keep-labels exclude each other.")
    label_sync = session.application.label_sync
    if label_sync is None:
        raise ConfigurationError(NO_GRAFANA)
    deletions = Deletions.ACCEPT if accept else Deletions.KEEP if keep else Deletions.HOLD
    with progress("Syncing with Grafana") as tell:
        report = label_sync.run(tell, deletions=deletions)
    if as_json:
        print_json(report.plain())
    else:
        _print(report)


def _print(report: SyncReport) -> None:
    counts = report.plain()
    for name, words in _COUNTS:
        if counts[name]:
            click.echo(f"{words}: {counts[name]}")
    if report.is_quiet:
        click.echo("labels and annotations said the same already")
    for problem in report.problems:
        click.echo(f"problem: {printable(problem)}")
