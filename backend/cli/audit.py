"""Who changed what."""

import click

from backend.cli.output import iso, json_option, plain_times, print_json, print_table, printable
from backend.cli.session import Session, pass_session
from backend.services.audit_log import MOST, Wanted


@click.group("audit")
def command() -> None:
    """Look up who changed what, when and from where."""


@command.command("list")
@click.option("--who", help="Of this person, token or program.")
@click.option("--detector", help="Of this detector.")
@click.option("--action", help="Such as label.add, or label for all that begin with it.")
@click.option("--before", type=click.IntRange(min=1), help="Older than the entry of this id.")
@click.option(
    "--limit", type=click.IntRange(1, MOST), default=50, show_default=True, help="At most so many."
)
@json_option
@pass_session
def list_(  # noqa: PLR0913 - one argument an option
    session: Session,
    *,
    who: str | None,
    detector: str | None,
    action: str | None,
    before: int | None,
    limit: int,
    as_json: bool,
) -> None:
    """List changes and sign-ins, newest first."""
    wanted = Wanted(who, (detector,) if detector else (), action, before)
    entries = session.application.audit.entries(wanted, limit=limit)
    if as_json:
        print_json([{**vars(one), **plain_times(one, "at")} for one in entries])
        return
    rows = [
        [
            one.id,
            iso(one.at),
            printable(one.who) or "-",
            f"{one.how} {one.address}".strip(),
            one.action,
            printable(one.detector) or "-",
            printable(one.words),
        ]
        for one in entries
    ]
    headers = ["id", "at", "who", "how", "action", "detector", "what"]
    print_table(headers, rows, "no such changes on record")
