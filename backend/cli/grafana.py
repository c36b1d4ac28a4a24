"""`normalcy grafana`: dashboards, datasources and alert rules, as files or by Grafana's API."""

from collections import Counter
from pathlib import Path

import click

from backend.cli.grafana_plan import for_api, for_files
from backend.cli.output import json_option, print_json, print_table, progress
from backend.cli.session import Session, pass_session
from backend.exceptions import ConfigurationError
from backend.grafana.client import GrafanaClient
from backend.grafana.files import provision as write_files
from backend.grafana.provisioning import make
from backend.grafana.syncing import look
from backend.grafana.syncing import sync as bring
from backend.settings.grafana import read_version


def _version(ctx: click.Context, parameter: click.Parameter, value: str | None) -> object:
    try:
        return None if value is None else read_version(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.group("grafana")
def command() -> None:
    """Make the dashboards, datasources and alert rules for your detectors.

    What panels and rules read, and where links lead, is taken from normalcy.yaml.
    """


@command.command("provision")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder to write to; what is in it and was not made by normalcy is not touched.",
)
@click.option(
    "--for",
    "version",
    callback=_version,
    metavar="VERSION",
    help='Version of Grafana, as "9.3"; else grafana.version of the configuration.',
)
@json_option
@pass_session
def provision(session: Session, out: Path, version: tuple[int, int] | None, as_json: bool) -> None:
    """Write the files that a Grafana loads at its start: dashboards, datasources, alert rules.

    They are checked as a whole before anything is written, and the same configuration writes the
    same files. Mount OUT/provisioning as Grafana's provisioning folder, and OUT/dashboards where
    grafana.dashboards says. No secret is written: give Grafana the same variables as normalcy.
    """
    settings = session.settings
    specs = session.application.detectors.all()
    made = make(for_files(settings, specs, version or settings.grafana.version))
    changes = write_files(made, out, settings.grafana.dashboards)
    if as_json:
        print_json([{"path": str(change.path), "what": change.what} for change in changes])
    else:
        rows = [(change.what, str(out / change.path)) for change in changes]
        print_table(("", "file"), rows, "")


@command.command("sync")
@json_option
@pass_session
def sync(session: Session, as_json: bool) -> None:
    """Bring dashboards, datasources and alert rules to the Grafana that grafana.url names.

    Doing it again changes nothing. What normalcy made and no longer needs is removed; what it did
    not make, and what was provisioned from files, is left alone. Alert rules and datasources need
    the role Admin in Grafana.
    """
    settings = session.settings
    if settings.grafana.url is None:
        raise ConfigurationError(
            "no Grafana is known: set grafana.url in normalcy.yaml or NORMALCY_GRAFANA_URL, and "
            "NORMALCY_GRAFANA_TOKEN"
        )
    client = GrafanaClient(settings.grafana.url, settings.grafana.credentials)
    try:
        made = make(for_api(settings, session.application.detectors.all(), look(client)))
        with progress("Grafana") as told:
            done = bring(client, made, told)
    finally:
        client.close()
    if as_json:
        print_json([vars(one) for one in done])
        return
    rows = [(one.what, one.kind, one.name, one.note) for one in done if one.what != "unchanged"]
    print_table(("", "kind", "uid", "why"), rows, "everything is there already")
    counts = Counter(one.what for one in done)
    click.echo(", ".join(f"{count} {what}" for what, count in sorted(counts.items())), err=True)
