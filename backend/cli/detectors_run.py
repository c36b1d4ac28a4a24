"""What `normalcy detectors` prints of what there is and of what is proposed."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from backend.cli.output import iso, print_facts, print_json, print_table, printable
from backend.cli.session import Session
from backend.exceptions import InputError
from backend.services.detector_yaml import body_as_yaml
from backend.services.proposing import Considered
from backend.specs import DetectorSpec, format_duration


def show_list(session: Session, *, as_json: bool) -> None:
    """Print every detector."""
    detectors = session.application.detectors
    found = [(spec, detectors.is_configured(spec.name)) for spec in detectors.all()]
    if as_json:
        print_json([{**spec.plain(), "read_only": fixed} for spec, fixed in found])
        return
    headers = ["detector", "defined in", "measurement", "channels", "group by", "every", "model"]
    empty = "no detectors yet; begin with: normalcy detectors propose MEASUREMENT"
    print_table(headers, [_row(spec, fixed) for spec, fixed in found], empty)


def _row(spec: DetectorSpec, fixed: bool) -> list[object]:
    return [
        spec.name,
        "normalcy.yaml" if fixed else "the record store",
        printable(spec.measurement),
        len(spec.inputs),
        printable(", ".join(spec.group_by)) or "-",
        format_duration(spec.every),
        spec.model.kind,
    ]


def show_proposal(session: Session, measurement: str, *, as_json: bool) -> None:
    """Print what is proposed for a measurement, and why."""
    found = session.application.setting_up.propose(measurement)
    if as_json:
        print_json({**asdict(found), "first": iso(found.first), "last": iso(found.last)})
        return
    print_facts(
        {
            "data": f"{iso(found.first)} to {iso(found.last)}",
            "series": len(found.series),
            "fields": "\n".join(map(_told, found.fields)),
            "tags": "\n".join(map(_told, found.tags)) or "none",
            "because": "\n".join(map(printable, found.reasons)),
            "warnings": "\n".join(map(printable, found.warnings)) or "none",
        }
    )
    click.echo()
    click.echo(body_as_yaml(found.name, found.body), nl=False)


def _told(one: Considered) -> str:
    return printable(f"{one.name}: {one.use}, {one.reason}")


def export(session: Session, names: Sequence[str], out: Path | None) -> None:
    """Print YAML, or write it to a new file."""
    text = session.application.setting_up.export(names)
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise InputError(f"{out} is there already: name another file, or remove it.") from None
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}.") from error
    click.echo(f"written: {out}")
