"""Labels come from a file, or go into one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from backend.cli.moments import MOMENT
from backend.cli.output import json_option, plain_label, print_json
from backend.cli.session import Session, pass_session
from backend.cli.tags import TAG, tags_of
from backend.exceptions import ImportFileError, InputError
from backend.records import LabelKind
from backend.services.label_choices import Choices, Form
from backend.services.label_files import LARGEST

FORMS = click.Choice([str(form) for form in Form])


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--detector", help="For entries that name none.")
@click.option(
    "--kind",
    type=click.Choice([str(kind) for kind in LabelKind]),
    help="For entries that say none; events of a calendar are exclude otherwise.",
)
@click.option(
    "--tag", "tags", type=TAG, multiple=True, help="For entries that name no series; repeatable."
)
@click.option("--from", "start", type=MOMENT, help="Only what reaches beyond this moment.")
@click.option("--to", "stop", type=MOMENT, help="Only what begins before this moment.")
@click.option("--timezone", "zone", help="Of times that name no zone, such as Europe/Berlin.")
@click.option("--format", "form", type=FORMS, help="Default is what the file's name says.")
@json_option
@pass_session
def import_(session: Session, file: Path, as_json: bool, **given: Any) -> None:
    """Add the labels of a file, all or none; those that are there already are left alone.

    CSV with the columns start, stop, kind, detector, tags (as tag=value,…) and note; the last three
    may be missing. iCalendar (.ics): every event, each time that it recurs between two years ago
    and 90 days ahead, or --from and --to. JSON as Grafana's /api/annotations answers: its tags say
    kind, detector and series.
    """
    choices = _choices(session, given)
    brought = session.application.label_files.bring(
        _content(file), str(file), choices, by=session.user
    )
    if as_json:
        print_json([plain_label(label) for label in brought.added])
    else:
        click.echo(brought.words)


def _choices(session: Session, given: Mapping[str, Any]) -> Choices:
    now = session.now()
    return Choices(
        detector=given["detector"],
        kind=LabelKind(given["kind"]) if given["kind"] else None,
        tags=tags_of(given["tags"]),
        start=given["start"] and given["start"].at(now),
        stop=given["stop"] and given["stop"].at(now),
        zone=given["zone"],
        form=Form(given["form"]) if given["form"] else None,
    )


def _content(file: Path) -> bytes:
    """A file, or a little more than what is too much of it."""
    try:
        with file.open("rb") as stream:
            return stream.read(LARGEST + 1)
    except OSError as error:
        raise ImportFileError(f"{file} cannot be read: {error.strerror}.") from error


@click.command("export")
@click.argument("detector", required=False)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="File; default is the screen."
)
@click.option(
    "--format", "form", type=FORMS, default="csv", show_default=True, help="What the file is to be."
)
@pass_session
def export(session: Session, detector: str | None, out: Path | None, form: str) -> None:
    """Write the labels of DETECTOR, or of all, as a file that `label import` reads."""
    text = session.application.label_files.write(detector, Form(form))
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}.") from error
    count = len(session.application.labelling.list(detector))
    click.echo(f"{count} labels written to {out}", err=True)
