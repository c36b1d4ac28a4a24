"""Who said what when, what changed since, and back to it."""

from collections.abc import Iterable, Sequence
from typing import Any

import click

from backend.cli.moments import MOMENT, Moment
from backend.cli.output import iso, json_option, plain_label, print_json, print_table, printable
from backend.cli.session import Session, pass_session
from backend.records import Label, series_key
from backend.services.label_history import Difference, Reversal


@click.command("history")
@click.argument("detector")
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=50,
    show_default=True,
    help="Most changes to show, the newest.",
)
@json_option
@pass_session
def history(session: Session, detector: str, limit: int, as_json: bool) -> None:
    """Show who added and took back labels of DETECTOR, and when; the newest first."""
    changes = session.application.label_history.changes(detector, limit=limit)
    if as_json:
        print_json(
            [{"at": iso(one.at), "by": one.by, **_plain(one.added, one.removed)} for one in changes]
        )
        return
    rows = [
        [iso(change.at), printable(change.by), sign, *_cells(label)]
        for change in changes
        for sign, label in _signed(change.added, change.removed)
    ]
    print_table(["at", "by", "", "id", "kind", "from", "to", "tags", "note"], rows, "no labels yet")


@click.command("diff")
@click.argument("detector")
@click.option("--from", "earlier", type=MOMENT, help="The earlier moment.")
@click.option("--to", "later", type=MOMENT, help="The later moment; default is now.")
@click.option("--version", type=click.IntRange(1), help="What changed since this version learned.")
@json_option
@pass_session
def diff(
    session: Session,
    detector: str,
    earlier: Moment | None,
    later: Moment | None,
    version: int | None,
    as_json: bool,
) -> None:
    """Show which labels of DETECTOR came (+) and went (-) between two moments."""
    if (earlier is None) == (version is None) or (version is not None and later is not None):
        raise click.UsageError("Give --from, and --to where it is not now; or else --version.")
    known, now = session.application.label_history, session.now()
    if version is not None:
        found = known.of_version(detector, version)
    else:
        assert earlier is not None, "one of both is given"
        found = known.difference(detector, earlier.at(now), later.at(now) if later else None)
    if as_json:
        print_json({**_plain(found.added, found.removed), "unchanged": found.unchanged})
    else:
        _print(found)


def _print(found: Difference) -> None:
    for sign, label in _signed(found.added, found.removed):
        click.echo(f"{sign} {_line(label)}")
    click.echo(
        f"{len(found.added)} came, {len(found.removed)} went, {found.unchanged} stayed as they were"
    )


@click.command("revert")
@click.argument("detector")
@click.option("--to", "moment", type=MOMENT, required=True, help="The moment to go back to.")
@click.option("--yes", is_flag=True, help="Do it; without, it is only told what would be done.")
@json_option
@pass_session
def revert(session: Session, detector: str, moment: Moment, yes: bool, as_json: bool) -> None:
    """Say again what the labels of DETECTOR said at a moment.

    It is done by new labels and by taking some back: all that was said stays on record, and a
    revert to a moment before it undoes it. Labels of normalcy.yaml and those that annotations in
    Grafana say are left as they are.
    """
    known = session.application.label_history
    to = moment.at(session.now())
    if yes:
        reversal, _ = known.revert(detector, to, by=session.user, source="command")
    else:
        reversal = known.reversal(detector, to)
    if as_json:
        print_json({**_plain(reversal.add, reversal.remove), "done": yes, "left": reversal.notice})
    else:
        _tell(reversal, done=yes)


def _tell(reversal: Reversal, *, done: bool) -> None:
    for sign, label in _signed(reversal.add, reversal.remove):
        click.echo(f"{sign} {_line(label)}")
    if reversal.notice:
        click.echo(reversal.notice)
    if not reversal.add and not reversal.remove:
        click.echo(f"nothing to do: the labels are as they were at {iso(reversal.to)}")
    elif done:
        click.echo(f"{len(reversal.add)} said again, {len(reversal.remove)} taken back")
    else:
        click.echo(
            f"{len(reversal.add)} would be said again, {len(reversal.remove)} taken back; "
            "--yes does it"
        )


def _plain(added: Sequence[Label], removed: Sequence[Label]) -> dict[str, Any]:
    return {
        "added": [plain_label(label) for label in added],
        "removed": [plain_label(label) for label in removed],
    }


def _signed(added: Iterable[Label], removed: Iterable[Label]) -> list[tuple[str, Label]]:
    return [*(("+", label) for label in added), *(("-", label) for label in removed)]


def _cells(label: Label) -> list[object]:
    tags, note = printable(series_key(label.tags)), printable(label.note)
    return [label.id, label.kind, iso(label.start), iso(label.stop), tags, note]


def _line(label: Label) -> str:
    of = f" of {series_key(label.tags)}" if label.tags else ""
    note = f": {label.note}" if label.note else ""
    return printable(f"{label.kind}{of} {iso(label.start)} to {iso(label.stop)}{note}")
