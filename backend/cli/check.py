"""Say what works and what does not."""

from dataclasses import asdict

import click

from backend.cli.edge import FAILED
from backend.cli.output import json_option, print_json
from backend.cli.session import Session, pass_session
from backend.exceptions import ConfigurationError
from backend.services.checking import CheckLine
from backend.settings import Settings, require_token


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


def _configuration(settings: Settings) -> list[CheckLine]:
    source = settings.config or "no file: the defaults and the environment"
    count = len(settings.detectors)
    first = CheckLine("configuration", True, f"{source}; detectors in it: {count}")
    return [first, _pages(settings)]


def _pages(settings: Settings) -> CheckLine:
    try:
        require_token(settings)
    except ConfigurationError as error:
        return CheckLine("pages", False, str(error))
    return CheckLine("pages", True, f"http://{settings.web.host}:{settings.web.port}")


def _print(lines: list[CheckLine]) -> None:
    width = max(len(line.what) for line in lines)
    for line in lines:
        mark = click.style("ok  ", fg="green") if line.ok else click.style("FAIL", fg="red")
        click.echo(f"{mark}  {line.what.ljust(width)}  {line.detail}")
