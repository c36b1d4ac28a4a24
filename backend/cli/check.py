"""Say what works and what does not."""

from dataclasses import asdict

import click

from backend import __version__
from backend.cli.edge import FAILED
from backend.cli.output import json_option, print_json
from backend.cli.session import Session, pass_session
from backend.exceptions import ConfigurationError
from backend.services.checking import CheckLine
from backend.settings import Settings, require_token
from backend.settings.web import SHORTEST_SECRET
from backend.stores.records.migrating import schemas
from backend.web.security import is_loopback

_IN_CLEAR = (
    "; passwords and tokens cross the network in clear: put a proxy with TLS in front, and set "
    "NORMALCY_URL to its https:// address"
)


@click.command("check")
@click.option(
    "--write",
    "scratch",
    is_flag=True,
    help="Also write a point to normalcy_check in the results, and read it back.",
)
@json_option
@click.pass_context
@pass_session
def command(session: Session, ctx: click.Context, scratch: bool, as_json: bool) -> None:
    """Look at configuration, stores, clock and detectors: one line each, ok or what to do."""
    found = session.application.checking.lines(scratch=scratch)
    lines = [*_configuration(session.settings), *found]
    if as_json:
        print_json([asdict(line) for line in lines])
    else:
        _print(lines)
    if not all(line.ok for line in lines):
        ctx.exit(FAILED)


_SHORT = (
    f"NORMALCY_TOKEN has fewer than {SHORTEST_SECRET} characters and can be guessed: set a random "
    "one, such as openssl rand -hex 24 prints"
)


def _configuration(settings: Settings) -> list[CheckLine]:
    source = settings.config or "no file: the defaults and the environment"
    count = len(settings.detectors)
    first = CheckLine("configuration", True, f"{source}; detectors in it: {count}")
    return [_program(), first, _pages(settings)]


def _program() -> CheckLine:
    told = f"normalcy {__version__}; the records take the form {schemas()[-1]}"
    return CheckLine("program", True, told)


def _pages(settings: Settings) -> CheckLine:
    try:
        require_token(settings)
    except ConfigurationError as error:
        return CheckLine("pages", False, str(error))
    web = settings.web
    if web.token is not None and len(web.token) < SHORTEST_SECRET:
        return CheckLine("pages", False, _SHORT)
    told = f"http://{web.host}:{web.port}"
    if not is_loopback(web.host):
        told += f", for browsers {web.url}" if web.url.startswith("https:") else _IN_CLEAR
    return CheckLine("pages", True, told)


def _print(lines: list[CheckLine]) -> None:
    width = max(len(line.what) for line in lines)
    for line in lines:
        mark = click.style("ok  ", fg="green") if line.ok else click.style("FAIL", fg="red")
        click.echo(f"{mark}  {line.what.ljust(width)}  {line.detail}")
