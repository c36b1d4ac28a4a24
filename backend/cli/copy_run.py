"""What `normalcy copy` does with series, once its options are read."""

from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

import click

from backend.bootstrap import open_copying
from backend.cli.copy_labels import copy_records
from backend.cli.moments import Moment
from backend.cli.noting import noted
from backend.cli.output import iso, print_json, print_table, progress
from backend.cli.session import Session
from backend.exceptions import ConfigurationError
from backend.schema import RESULT_MEASUREMENTS
from backend.services.copying import Copying
from backend.services.copying_summary import Copied, refuse_losses
from backend.settings import check_records_url, check_series_url, same_place

_EVER = (-(2**63), 2**63 - 1)
_ENDS = (("--from", "origin", "NORMALCY_COPY_FROM"), ("--to", "target", "NORMALCY_COPY_TO"))


def run(session: Session, given: Mapping[str, Any]) -> None:
    """Copy what was asked for."""
    _check_choice(given)
    for option, name, variables in _ENDS:
        _check_url(option, given[name], variables, _records_url if given["labels"] else _series_url)
    if same_place(given["origin"], given["target"]):
        raise click.UsageError("--from and --to name the same store: expected two different ones")
    (copy_records if given["labels"] else _series)(session, given)


def _check_choice(given: Mapping[str, Any]) -> None:
    choices = ("measurements", "results", "everything", "labels")
    if sum(bool(given[name]) for name in choices) != 1:
        raise click.UsageError(
            "say what to copy by one of --measurement NAME, --results, --all and --labels"
        )
    if given["labels"] and (given["since"] or given["until"]):
        raise click.UsageError("--labels copies all labels in force: leave --since and --until out")


def _check_url(option: str, url: str, variables: str, check: Callable[[str, str], None]) -> None:
    try:
        check(url, variables)
    except ValueError as error:
        raise ConfigurationError(f"{option}: {error}") from error


def _series_url(url: str, variables: str) -> None:
    check_series_url(url, variables)


def _records_url(url: str, variables: str) -> None:
    variable = f"{variables}_RECORDS_URL"
    check_records_url(url, secret_allowed=False, place="here", variable=variable)


def _series(session: Session, given: Mapping[str, Any]) -> None:
    now = session.now()
    start, stop = _at(given["since"], now, _EVER[0]), _at(given["until"], now, _EVER[1])
    if start >= stop:
        raise click.UsageError("the range is empty: --since has to be before --until")
    span = (repr(given["since"]), repr(given["until"]))
    copying = open_copying(session.settings, given["origin"], given["target"], *span)
    with closing(copying), progress("Copying") as bar:
        chosen = _chosen(copying, given)
        if given["restart"]:
            copying.restart(chosen)
        ends = f"from {given['origin']} to {given['target']}"
        with noted(session, "series.copy", ends) as told:
            copied = copying.run(chosen, start, stop, bar)
            told(", ".join(f"{one.rows} rows of {one.measurement}" for one in copied))
    _print(copied, as_json=given["as_json"])
    refuse_losses(copied)


def _chosen(copying: Copying, given: Mapping[str, Any]) -> list[str]:
    if given["results"]:
        there = copying.chosen((), everything=True)
        return [name for name in RESULT_MEASUREMENTS if name in there]
    return copying.chosen(given["measurements"], everything=given["everything"])


def _at(moment: Moment | None, now: int, otherwise: int) -> int:
    return otherwise if moment is None else moment.at(now)


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
