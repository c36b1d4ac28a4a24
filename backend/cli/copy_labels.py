"""What `normalcy copy --labels` does: records from one database to another."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from typing import Any

import click

from backend.bootstrap import open_records
from backend.cli.output import print_json
from backend.cli.session import Session
from backend.exceptions import ConfigurationError
from backend.services.copying_labels import copy_labels
from backend.settings import same_place, with_password


def copy_records(session: Session, given: Mapping[str, Any]) -> None:
    """Copy labels in force, and detectors."""
    origin = _whole(session, "--from", given["origin"], 0)
    target = _whole(session, "--to", given["target"], 1)
    clock = session.application.clock  # from now on it is known who acts
    with (
        closing(open_records(origin, create=False, clock=clock)) as source,
        closing(open_records(target, create=True, clock=clock)) as destination,
    ):
        copied = asdict(copy_labels(source, destination))
    if given["as_json"]:
        print_json(copied)
    else:
        _print(copied)


def _whole(session: Session, option: str, url: str, end: int) -> str:
    """The URL with its password, which only the environment may hold."""
    own = session.settings.copy_records[end]
    if own is not None and not same_place(url, own):
        variable = f"NORMALCY_COPY_{option.strip('-').upper()}_RECORDS_URL"
        raise ConfigurationError(f"{variable} names another database than {option}: {url}")
    return with_password(url, [known for known in (own, session.settings.records) if known])


def _print(copied: Mapping[str, int]) -> None:
    click.echo(f"labels copied: {copied['labels']}, there already: {copied['labels_there']}")
    click.echo(
        f"detectors copied: {copied['detectors']}, there already: {copied['detectors_there']}"
    )
    if count := copied["labels_of_configuration"]:
        click.echo(f"labels that stand in normalcy.yaml, and come with it: {count}")
