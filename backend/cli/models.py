"""Model versions: list, show, compare, promote, turn down, roll back, export, verify."""

from pathlib import Path
from typing import Any

import click

from backend.cli.models_compare import compare, keep
from backend.cli.models_verify import verify
from backend.cli.network_file import NetworkType, check_free, default_name, facts, write_network
from backend.cli.output import iso, json_option, print_facts, print_json, print_table
from backend.cli.session import Session, pass_session
from backend.cli.training import plain_version, print_version
from backend.exceptions import NotFound
from backend.records import Promotion, Verdict, Version


@click.group("models")
def command() -> None:
    """List, show, compare, promote, turn down, roll back, export and verify model versions."""


for part in (compare, keep, verify):
    command.add_command(part)


@command.command("list")
@click.argument("detector")
@json_option
@pass_session
def list_(session: Session, detector: str, as_json: bool) -> None:
    """List the versions of DETECTOR, newest first."""
    versions = _versions(session, detector)
    if as_json:
        print_json([plain_version(version) for version in versions])
        return
    headers = ["version", "trained", "verdict", "rows", "seconds", "learned from"]
    rows = [_row(version) for version in versions]
    print_table(headers, rows, f"no versions yet; train with: normalcy retrain {detector}")


def _versions(session: Session, detector: str) -> list[Version]:
    """Versions outlive their detector's definition; a name that never was is an error."""
    versions = session.application.records.versions(detector)
    if not versions:
        session.application.detectors.get(detector)
    return versions


def _row(version: Version) -> list[object]:
    training = version.training
    return [
        version.number,
        iso(version.created_at),
        version.verdict,
        training.get("rows"),
        training.get("seconds"),
        "recent data" if version.provisional else "labels",
    ]


@command.command("show")
@click.argument("detector")
@click.argument("number", type=int, required=False)
@json_option
@pass_session
def show(session: Session, detector: str, number: int | None, as_json: bool) -> None:
    """Show version NUMBER of DETECTOR, or the one that serves: what it learned and from what."""
    version = _chosen(session, detector, number)
    if as_json:
        print_json(plain_version(version))
    else:
        print_version(version)


def _chosen(session: Session, detector: str, number: int | None) -> Version:
    if number is not None:
        return session.application.records.version(detector, number)
    for version in _versions(session, detector):
        if version.verdict is Verdict.CHAMPION:
            return version
    raise NotFound(
        f"No version of {detector!r} serves yet; name one, or train with: normalcy retrain "
        f"{detector}"
    )


@command.command("promote")
@click.argument("detector")
@click.argument("number", type=int)
@json_option
@pass_session
def promote(session: Session, detector: str, number: int, as_json: bool) -> None:
    """Let version NUMBER of DETECTOR serve from now on."""
    _tell(session.application.promotion.promote(detector, number, by=session.user), as_json)


@command.command("rollback")
@click.argument("detector")
@json_option
@pass_session
def rollback(session: Session, detector: str, as_json: bool) -> None:
    """Let the version of DETECTOR serve that served before."""
    _tell(session.application.promotion.rollback(detector, by=session.user), as_json)


def _tell(promotion: Promotion, as_json: bool) -> None:
    name = f"{promotion.detector}/{promotion.number}"
    since = iso(promotion.serves_from)
    if as_json:
        print_json(
            {"model": name, "serves_from": since, "at": iso(promotion.at), "by": promotion.by}
        )
    else:
        click.echo(f"{name} serves from {since}")


@command.command("export")
@click.argument("detector")
@click.option("--series", help="Key of the series, tag=value,…; may be left out if there is one.")
@click.option("--version", "number", type=int, help="Of this version; default the one that serves.")
@click.option("--out", type=NetworkType(), help="File to write; named by version and series.")
@click.option("--part", type=int, help="Which member of an ensemble, from 1 on.")
@click.option(
    "--with-scaling", is_flag=True, help="Take and give sensor units, and not scaled windows."
)
@click.option("--force", is_flag=True, help="Replace the files if they are there.")
@json_option
@pass_session
def export(session: Session, detector: str, **options: Any) -> None:
    """Write the network of one series of DETECTOR as a .keras file that plain Keras loads.

    Beside it FILE.json says what one has to know to use it: channels, window, scaling, error and
    limit.
    """
    exporting = session.application.exporting
    version = exporting.version(detector, options["number"])
    out: Path = options["out"] or default_name(version.name, options["series"])
    check_free(out, force=options["force"])
    found = exporting.export(
        version, options["series"], part=options["part"], scaled=not options["with_scaling"]
    )
    write_network(out, found, force=options["force"])
    told = facts(out, found)
    if options["as_json"]:
        print_json(told)
        return
    warnings = told.pop("warnings")
    print_facts({**told, "outputs": ", ".join(told["outputs"])})
    for warning in warnings:
        click.echo(f"warning: {warning}")
