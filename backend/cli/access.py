"""Who may call: accounts of people and tokens of programs."""

import sys
from typing import Any

import click

from backend.cli.moments import MOMENT, Moment
from backend.cli.output import (
    iso,
    json_option,
    plain_times,
    print_json,
    print_table,
    printable,
)
from backend.cli.session import Session, pass_session
from backend.records import Role, SessionKind, Token, User
from backend.services.access import TokenDraft

_PEOPLE = (SessionKind.ACCOUNT, SessionKind.ELSEWHERE)
_ROLE = click.Choice([role.value for role in Role])
_PASSWORDS_HELP = (
    "The password is asked for, or read as a line from standard input where there is no terminal."
)


@click.group("access")
def command() -> None:
    """Manage accounts and tokens: who may look, label, or change everything.

    From the first account or token on everybody has to sign in.
    """


@command.command("list")
@json_option
@pass_session
def list_(session: Session, as_json: bool) -> None:
    """List accounts and tokens."""
    access = session.application.access
    users, tokens = access.users(), access.tokens()
    if as_json:
        plain = [_plain_token(one, counts=access.counts(one)) for one in tokens]
        print_json({"users": [_plain_user(one) for one in users], "tokens": plain})
        return
    rows = [[printable(one.name), one.role, iso(one.created_at), _by(one)] for one in users]
    empty = "no accounts yet; add the first one with: normalcy access add-user NAME --role admin"
    print_table(["account", "role", "made", "by"], rows, empty)
    click.echo()
    headers = ["id", "token", "role", "detectors", "made", "by", "last used", "state"]
    print_table(
        headers,
        [_row(one, counts=access.counts(one)) for one in tokens],
        "no tokens yet; make one with: normalcy access add-token NAME --role viewer",
    )


def _by(one: User | Token) -> str:
    return printable(one.created_by)


def _row(one: Token, *, counts: bool) -> list[object]:
    used = iso(one.used_at) if one.used_at is not None else "never"
    only = ", ".join(one.detectors) or "all"
    name = printable(one.name)
    return [one.id, name, one.role, only, iso(one.created_at), _by(one), used, _state(one, counts)]


def _state(one: Token, counts: bool) -> str:
    if one.revoked_at is not None:
        return f"revoked {iso(one.revoked_at)}"
    if one.expires_at is None:
        return "counts"
    return f"{'counts until' if counts else 'expired'} {iso(one.expires_at)}"


@command.command("add-user", help=f"Make an account NAME. {_PASSWORDS_HELP}")
@click.argument("name")
@click.option("--role", type=_ROLE, default="viewer", show_default=True, help="What it may do.")
@json_option
@pass_session
def add_user(session: Session, name: str, role: str, as_json: bool) -> None:
    """Make an account."""
    access = session.application.access
    user = access.add_user(name, _read_password(), Role(role), by=session.user)
    _tell(user, f"{printable(user.name)} can sign in as {user.role}", as_json)


@command.command("set-password", help=f"Give the account NAME another password. {_PASSWORDS_HELP}")
@click.argument("name")
@json_option
@pass_session
def set_password(session: Session, name: str, as_json: bool) -> None:
    """Give an account another password."""
    user = session.application.access.change_user(name, password=_read_password())
    _tell(user, f"{printable(user.name)} has a new password, and has to sign in again", as_json)


@command.command("set-role")
@click.argument("name")
@click.argument("role", type=_ROLE)
@json_option
@pass_session
def set_role(session: Session, name: str, role: str, as_json: bool) -> None:
    """Let the account NAME do what ROLE may: viewer, labeller or admin."""
    user = session.application.access.change_user(name, role=Role(role))
    _tell(user, f"{printable(user.name)} is {user.role} now, and has to sign in again", as_json)


@command.command("remove-user")
@click.argument("name")
@click.option(
    "--last", is_flag=True, help="Even the only administrator; nobody can sign in as one then."
)
@pass_session
def remove_user(session: Session, name: str, last: bool) -> None:
    """Remove the account NAME; what its owner did stays on record."""
    session.application.access.remove_user(name, last=last)
    click.echo(f"{printable(name)} is removed")


@command.command("add-token")
@click.argument("name")
@click.option("--role", type=_ROLE, default="viewer", show_default=True, help="What it may do.")
@click.option("--detector", "detectors", multiple=True, help="For this one only; may be repeated.")
@click.option("--until", type=MOMENT, help="When it ends, such as 2027-01-31; never if left out.")
@json_option
@pass_session
def add_token(
    session: Session,
    name: str,
    role: str,
    detectors: tuple[str, ...],
    until: Moment | None,
    as_json: bool,
) -> None:
    """Make a token for a program and print it, this once; NAME says what it is for."""
    ends = None if until is None else until.at(session.now())
    draft = TokenDraft(name, Role(role), detectors, ends)
    token, secret = session.application.access.add_token(draft, by=session.user)
    if as_json:
        print_json({**_plain_token(token, counts=True), "secret": secret})
        return
    click.echo(f"token {token.id} is shown only this once:", err=True)
    click.echo(secret)


@command.command("revoke-token")
@click.argument("number", metavar="ID", type=int)
@json_option
@pass_session
def revoke_token(session: Session, number: int, as_json: bool) -> None:
    """Take the token ID back; whoever uses it is refused from now on."""
    token = session.application.access.revoke_token(number)
    if as_json:
        print_json(_plain_token(token, counts=False))
    else:
        click.echo(f"token {token.id}, {printable(token.name)}, counts no more")


@command.command("sign-out")
@click.argument("name")
@json_option
@pass_session
def sign_out(session: Session, name: str, as_json: bool) -> None:
    """End every session of the person NAME, who may sign in again unless something else forbids it.

    Also of one who signs in by another service.
    """
    sessions = session.application.sessions
    ended = sum(sessions.end_all(kind, name) for kind in _PEOPLE)
    if as_json:
        print_json({"name": name, "ended": ended})
    else:
        click.echo(f"sessions of {printable(name)} that ended: {ended}")


def _read_password() -> str:
    """Never an argument: those are seen by everybody on the machine, and kept by the shell."""
    if sys.stdin.isatty():
        prompted: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return prompted
    return sys.stdin.readline().rstrip("\r\n")


def _tell(user: User, words: str, as_json: bool) -> None:
    if as_json:
        print_json(_plain_user(user))
    else:
        click.echo(words)


def _plain_user(user: User) -> dict[str, Any]:
    times = plain_times(user, "created_at", "changed_at")
    return {"name": user.name, "role": user.role, "created_by": user.created_by, **times}


def _plain_token(token: Token, *, counts: bool) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "role": token.role,
        "detectors": list(token.detectors),
        "counts": counts,
        "created_by": token.created_by,
        **plain_times(token, "created_at", "expires_at", "revoked_at", "used_at"),
    }
