"""What `normalcy copy` does, once its options are read."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from typing import Any

import click

from backend.bootstrap import open_copying, open_records
from backend.cli.moments import Moment
from backend.cli.output import iso, print_json, print_table, progress
from backend.cli.session import Session
from backend.exceptions import ConfigurationError
from backend.schema import RESULT_MEASUREMENTS
from backend.services.copying import Copied, Copying, refuse_losses
from backend.services.copying_labels import copy_labels
from backend.settings import check_records_url, check_series_url

_EVER = (-(2**63), 2**63 - 1)


def run(session: Session, given: Mapping[str, Any]) -> None:
    """Copy what was asked for."""
    _check_choice(given)
    if given["origin"] == given["target"]:
        raise click.UsageError("--from and --to name the same store: expected two different ones")
    (_labels if given["labels"] else _series)(session, given)


def _check_choice(given: Mapping[str, Any]) -> None:
    choices = ("measurements", "results", "everything", "labels")
    if sum(bool(given[name]) for name in choices) != 1:
        raise click.UsageError(
            "say what to copy by one of --measurement NAME, --results, --all and --labels"
        )


def _series(session: Session, given: Mapping[str, Any]) -> None:
    origin, target = given["origin"], given["target"]
    for option, url, variables in (
        ("--from", origin, "NORMALCY_COPY_FROM"),
        ("--to", target, "NORMALCY_COPY_TO"),
    ):
        _checked(option, lambda u=url, v=variables: check_series_url(u, v))
    now = session.now()
    start, stop = _at(given["since"], now, _EVER[0]), _at(given["until"], now, _EVER[1])
    if start >= stop:
        raise click.UsageError("the range is empty: --since has to be before --until")
    span = (repr(given["since"]), repr(given["until"]))
    copying = open_copying(session.settings, origin, target, *span)
    with closing(copying), progress("Copying") as bar:
        if given["restart"]:
            copying.restart()
        copied = copying.run(_chosen(copying, given), start, stop, bar)
    _print(copied, as_json=given["as_json"])
    refuse_losses(copied)


def _chosen(copying: Copying, given: Mapping[str, Any]) -> list[str]:
    if given["results"]:
        there = copying.chosen((), everything=True)
        return [name for name in RESULT_MEASUREMENTS if name in there]
    return copying.chosen(given["measurements"], everything=given["everything"])


def _at(moment: Moment | None, now: int, otherwise: int) -> int:
    return otherwise if moment is None else moment.at(now)


def _labels(session: Session, given: Mapping[str, Any]) -> None:
    for option in ("from", "to"):
        url = given["origin" if option == "from" else "target"]
        secret = url == session.settings.records  # that one may come from the environment
        _checked(f"--{option}", lambda u=url, s=secret: check_records_url(u, secret_allowed=s))
    with (
        closing(open_records(given["origin"])) as source,
        closing(open_records(given["target"])) as target,
    ):
        copied = asdict(copy_labels(source, target))
    if given["as_json"]:
        print_json(copied)
        return
    click.echo(f"labels copied: {copied['labels']}, there already: {copied['labels_there']}")
    click.echo(
        f"detectors copied: {copied['detectors']}, there already: {copied['detectors_there']}"
    )
    if count := copied["labels_of_configuration"]:
        click.echo(f"labels that stand in normalcy.yaml, and come with it: {count}")


def _checked(option: str, check: Any) -> None:
    try:
        check()
    except ValueError as error:
        raise ConfigurationError(f"{option}: {error}") from error


def _print(copied: list[Copied], *, as_json: bool) -> None:
    if as_json:
        print_json([one.plain() for one in copied])
        return
    rows = [(one.measurement, one.rows, one.series, one.dropped) for one in copied]
    print_table(("measurement", "rows", "series", "dropped"), rows, "nothing was there to copy")
    for one in copied:
        if one.resumed_from is not None:
            click.echo(
                f"{one.measurement}: went on from {iso(one.resumed_from)}, the rest was there"
            )
        for note in one.notes:
            click.echo(f"{one.measurement}: {note}")
