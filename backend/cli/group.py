"""The command's table of contents; a subcommand's file is imported when it is called."""

import os
from importlib import import_module
from typing import Any

import click

from backend import __version__
from backend.cli.edge import guarded
from backend.cli.session import Session

COMMANDS = {
    "demo": ("backend.cli.demo:command", "Show the whole loop on simulated sensors."),
    "up": ("backend.cli.up:command", "Run the pages and the jobs, supervised."),
    "web": ("backend.cli.web:command", "Serve the pages and the API."),
    "jobs": ("backend.cli.jobs:command", "Run the timetable: scoring and retraining."),
    "healthy": ("backend.cli.healthy:command", "Say whether the service on this host lives."),
    "check": ("backend.cli.check:command", "Say what works, and what to do where it does not."),
    "catalogue": ("backend.cli.catalogue:command", "Show what the stores hold."),
    "profile": ("backend.cli.profile:command", "Look at a file or a detector's data first."),
    "detectors": (
        "backend.cli.detectors:command",
        "Set up detectors, and judge their labels.",
    ),
    "import": ("backend.cli.import_:command", "Bring a file of measurements into the store."),
    "copy": ("backend.cli.copy:command", "Move series, results or labels to another store."),
    "label": ("backend.cli.label:command", "Say what was normal, an anomaly, or maintenance."),
    "retrain": ("backend.cli.retrain:command", "Train a detector on its labels now."),
    "score": ("backend.cli.score:command", "Score what is due now, or a past range."),
    "runs": ("backend.cli.runs:command", "See how far work is, what it told, and end it."),
    "capacity": ("backend.cli.capacity:command", "Say how large a fleet this machine can hold."),
    "explain": ("backend.cli.explain:command", "Say why a point is scored as it is."),
    "results": ("backend.cli.results:command", "Delete what was written for a detector."),
    "models": (
        "backend.cli.models:command",
        "List, promote, roll back, export, verify model versions.",
    ),
    "threshold": (
        "backend.cli.threshold:command",
        "Say what another threshold would have given, and apply it.",
    ),
    "access": ("backend.cli.access:command", "Manage accounts and tokens: who may do what."),
    "audit": ("backend.cli.audit:command", "Look up who changed what."),
    "backup": ("backend.cli.backup:command", "Put all that is remembered into one file."),
    "restore": ("backend.cli.restore:command", "Bring back what a backup holds."),
    "prune": ("backend.cli.prune:command", "Remove old versions, runs and results."),
    "support-bundle": (
        "backend.cli.support_bundle:command",
        "Write one file, without secrets, for whoever is to help.",
    ),
    "prometheus": ("backend.cli.prometheus:command", "Print alert rules on normalcy itself."),
    "grafana": ("backend.cli.grafana:command", "Make dashboards and alert rules for Grafana."),
    "trial": ("backend.cli.trial:command", "Replay the past as if it had been watched."),
    "embed": ("backend.cli.embed:command", "Write what a network makes of each window."),
    "evaluate": ("backend.cli.evaluate:command", "Train and score a file, and report how well."),
}
"""Name to where the command stands and its short help, in the order in which it is shown."""


class LazyGroup(click.Group):
    """A group that imports a subcommand only to run it, or to show that one's own help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the file that a subcommand stands in."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command), f"{module}:{attribute} is not a command"
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List subcommands by the short help of the table, importing none."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a subcommand; whatever goes wrong becomes one sentence and an exit code."""
        with guarded(ctx):
            return super().invoke(ctx)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="normalcy", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Watch sensor series, learned from what the operator calls normal.

    The configuration is normalcy.yaml in this directory, or the file named by NORMALCY_CONFIG.
    """
    if ctx.obj is None:
        ctx.obj = Session(os.environ)
    ctx.call_on_close(ctx.obj.close)
