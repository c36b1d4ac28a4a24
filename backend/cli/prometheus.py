"""Rules by which Prometheus alerts because normalcy itself is not well."""

import click

from backend.services.own_rules import rules_file


@click.command("prometheus")
def command() -> None:
    """Print the alert rules by which Prometheus watches normalcy itself.

    Write them to a file that rule_files of prometheus.yml names; they hold for every detector.
    """
    click.echo(rules_file(), nl=False)
