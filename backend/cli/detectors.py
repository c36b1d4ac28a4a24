"""Detectors: list, propose, add, change, write as YAML, remove; and the verdict on their labels."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from backend.cli.moments import DurationType
from backend.cli.output import json_option
from backend.cli.session import Session, pass_session

_EXAMPLES = """\b
Examples:
  normalcy detectors propose air
  normalcy detectors add --from-measurement air --set every=10m
  normalcy detectors edit air --set threshold.kind=quantile --set threshold.q=0.999
  normalcy detectors verdict air --series room=R1
"""

_set = click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="As model.window=20; repeatable."
)
_file = click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML with a section detectors:, as normalcy.yaml has.",
)
_unseen = click.option(
    "--unseen", is_flag=True, help="Also where the source does not have its names yet."
)


@click.group("detectors", epilog=_EXAMPLES)
def command() -> None:
    """List, propose, add, change, export and remove detectors."""


@command.command("list")
@json_option
@pass_session
def list_(session: Session, as_json: bool) -> None:
    """List all detectors, and where each is defined."""
    from backend.cli.detectors_run import show_list  # noqa: PLC0415 - not needed for --help

    show_list(session, as_json=as_json)


@command.command()
@click.argument("measurement")
@json_option
@pass_session
def propose(session: Session, measurement: str, as_json: bool) -> None:
    """Propose a detector for MEASUREMENT, with the reasons; nothing is stored."""
    from backend.cli.detectors_run import show_proposal  # noqa: PLC0415

    show_proposal(session, measurement, as_json=as_json)


@command.command()
@click.argument("name", required=False)
@click.option("--from-measurement", "measurement", help="Begin with what is proposed for it.")
@_file
@_set
@_unseen
@json_option
@pass_session
def add(session: Session, **asked: Any) -> None:
    """Store a detector, from a proposal or from a file, and say what it became.

    With --file and no NAME all detectors of the file are stored, or none.
    """
    from backend.cli.detectors_change import Asked  # noqa: PLC0415
    from backend.cli.detectors_change import add as run  # noqa: PLC0415

    run(session, Asked(**asked))


@command.command()
@click.argument("name")
@_file
@_set
@click.option("--unset", "unset", multiple=True, metavar="KEY", help="Back to its default.")
@_unseen
@json_option
@pass_session
def edit(session: Session, **asked: Any) -> None:
    """Change a stored detector; those of normalcy.yaml are changed there."""
    from backend.cli.detectors_change import Asked  # noqa: PLC0415
    from backend.cli.detectors_change import edit as run  # noqa: PLC0415

    run(session, Asked(**asked))


@command.command()
@click.argument("names", nargs=-1)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it there.")
@pass_session
def export(session: Session, names: tuple[str, ...], out: Path | None) -> None:
    """Write detectors as normalcy.yaml holds them: those NAMED, else all that are stored."""
    from backend.cli.detectors_run import export as run  # noqa: PLC0415

    run(session, names, out)


@command.command()
@click.argument("name")
@json_option
@pass_session
def remove(session: Session, name: str, as_json: bool) -> None:
    """Remove a stored detector; its labels, versions and results stay."""
    from backend.cli.detectors_change import remove as run  # noqa: PLC0415

    run(session, name, as_json=as_json)


@command.command()
@click.argument("name")
@click.option("--series", help="Key of a series, tag=value,…: with all figures and ranges.")
@click.option(
    "--last",
    type=DurationType(),
    default="2w",
    show_default=True,
    help="How much recent data is compared.",
)
@json_option
@pass_session
def verdict(
    session: Session, name: str, series: str | None, last: timedelta, as_json: bool
) -> None:
    """Say whether enough normal time is labelled, for all series or in full for one."""
    from backend.cli.detectors_verdict import show  # noqa: PLC0415

    show(session, name, series, last, as_json=as_json)
