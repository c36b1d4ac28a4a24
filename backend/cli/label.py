"""Say what was normal, an anomaly, or maintenance."""

import click

from backend.cli.label_file import export, import_
from backend.cli.label_history import diff, history, revert
from backend.cli.label_suggest import suggest
from backend.cli.label_sync import sync
from backend.cli.moments import MOMENT, Moment
from backend.cli.output import iso, json_option, plain_label, print_json, print_table
from backend.cli.session import Session, pass_session
from backend.cli.tags import TAG, tags_of
from backend.records import Label, LabelDraft, LabelKind, series_key


@click.group("label")
def command() -> None:
    """Say what was normal, an anomaly, or to be excluded (maintenance).

    The next training learns from it. Labels are taken back, never changed.
    """


for part in (sync, import_, export, history, diff, revert, suggest):
    command.add_command(part)


@command.command("add")
@click.argument("detector")
@click.argument("kind", type=click.Choice([str(kind) for kind in LabelKind]))
@click.option("--from", "start", type=MOMENT, required=True, help="First moment of the range.")
@click.option("--to", "stop", type=MOMENT, required=True, help="First moment after the range.")
@click.option(
    "--tag", "tags", type=TAG, multiple=True, help="Only series with this tag; may be repeated."
)
@click.option("--note", default="", help="Why; kept with the label.")
@json_option
@pass_session
def add(  # noqa: PLR0913, PLR0917 - one parameter an option
    session: Session,
    detector: str,
    kind: str,
    start: Moment,
    stop: Moment,
    tags: tuple[tuple[str, str], ...],
    note: str,
    as_json: bool,
) -> None:
    """Label a range of DETECTOR as KIND: normal, anomaly or exclude; prints the label's id.

    Times are ISO 8601, in UTC unless they name a zone, or relative to now as in now-6h.
    """
    now = session.now()
    draft = LabelDraft(detector, LabelKind(kind), start.at(now), stop.at(now), tags_of(tags), note)
    label = session.application.labelling.add(draft, source="command", by=session.user)
    if as_json:
        print_json(plain_label(label))
    else:
        click.echo(label.id)


@command.command("list")
@click.argument("detector", required=False)
@click.option("--removed", is_flag=True, help="Show labels that were taken back, too.")
@json_option
@pass_session
def list_(session: Session, detector: str | None, removed: bool, as_json: bool) -> None:
    """List the labels of DETECTOR, or of all."""
    labels = session.application.labelling.list(detector, removed=removed)
    if as_json:
        print_json([plain_label(label) for label in labels])
        return
    headers = ["id", "detector", "kind", "from", "to", "tags", "by", "note"]
    empty = "no labels yet; add one with: normalcy label add DETECTOR normal --from … --to …"
    if removed:
        print_table([*headers, "removed"], [[*_row(x), _removed(x)] for x in labels], empty)
    else:
        print_table(headers, [_row(label) for label in labels], empty)


def _row(label: Label) -> list[object]:
    times = iso(label.start), iso(label.stop)
    by = label.created_by or label.source
    return [label.id, label.detector, label.kind, *times, series_key(label.tags), by, label.note]


def _removed(label: Label) -> str:
    if label.removed_at is None:
        return ""
    return f"{iso(label.removed_at)} by {label.removed_by}"


@command.command("remove")
@click.argument("ids", metavar="ID...", type=int, nargs=-1, required=True)
@json_option
@pass_session
def remove(session: Session, ids: tuple[int, ...], as_json: bool) -> None:
    """Take labels back by their ids, all or none; they stay on record."""
    labels = session.application.labelling.remove(list(dict.fromkeys(ids)), by=session.user)
    if as_json:
        print_json([plain_label(label) for label in labels])
        return
    for label in labels:
        click.echo(
            f"removed {label.id}: {label.detector} {label.kind} "
            f"{iso(label.start)} to {iso(label.stop)}"
        )
