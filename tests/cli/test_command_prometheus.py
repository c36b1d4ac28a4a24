from backend.services.own_rules import rules_file
from tests.cli.conftest import Command


def test_the_rules_are_printed_and_nothing_else(normalcy: Command) -> None:
    assert normalcy("prometheus").stdout == rules_file()
