import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec

import click
import pytest
from click.testing import CliRunner

from backend import __version__
from backend.cli import cli
from backend.cli.group import COMMANDS


def walk(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    yield " ".join(path), command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from walk(inner, (*path, name))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_says_what_it_does(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None

    for path, found in walk(command, (name,)):
        assert found.help, f"normalcy {path} has no help"
        for parameter in found.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"normalcy {path} {parameter.opts[0]} has no help"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_names_commands_that_exist(name: str) -> None:
    module, _, attribute = COMMANDS[name][0].partition(":")

    assert find_spec(module) is not None
    assert attribute == "command"
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.name == name


def test_the_help_lists_every_command_with_its_short_help() -> None:
    lines = CliRunner().invoke(cli, ["--help"]).stdout

    for name, (_, text) in COMMANDS.items():
        assert name in lines
        assert text in lines


def test_the_version() -> None:
    assert CliRunner().invoke(cli, ["--version"]).stdout == f"normalcy {__version__}\n"


def test_an_unknown_command_is_wrong_usage() -> None:
    result = CliRunner().invoke(cli, ["tran"])

    assert result.exit_code == 2
    assert "No such command 'tran'" in result.stderr


@pytest.mark.parametrize(
    "words", [["--help"], ["demo", "--help"], ["evaluate", "--help"], ["import", "--help"]]
)
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    program = (
        "import sys\n"
        "from backend.cli import cli\n"
        f"cli.main({words}, standalone_mode=False)\n"
        "heavy = {'tensorflow', 'keras', 'pandas', 'sqlalchemy', 'numpy', 'pydantic', 'sklearn'}\n"
        "sys.exit(len(heavy & set(sys.modules)))\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )

    assert done.stderr == ""
    assert done.returncode == 0
    assert done.stdout.startswith("Usage:")
