"""The `normalcy` command: parse, call a use case, print; one file a group of subcommands."""

from backend.cli.group import cli

__all__ = ["cli"]
