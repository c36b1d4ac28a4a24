"""`normalcy access`: accounts and tokens by hand."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from backend.cli import cli
from backend.records import Role, SessionKind
from backend.services.access import Access
from tests.cli.conftest import HOUR, NOW, Command

PASSWORD = "correct horse"


@pytest.fixture
def access(normalcy: Command) -> Access:
    found: Access = normalcy.application.access
    return found


@pytest.fixture
def ada(access: Access) -> None:
    access.add_user("ada", PASSWORD, Role.ADMIN, by="local")


def typed(normalcy: Command, text: str, *arguments: str) -> Result:
    """Run the command with a text on its standard input, which is no terminal."""
    return CliRunner().invoke(cli, ["access", *arguments], input=text, obj=normalcy.session)


def listed(normalcy: Command) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(normalcy("access", "list", "--json").stdout)
    return found


def test_the_password_of_an_account_is_read_from_the_input(
    normalcy: Command, access: Access
) -> None:
    done = typed(normalcy, f"{PASSWORD}\n", "add-user", "ada", "--role", "admin")
    assert done.exit_code == 0
    assert done.stdout == "ada can sign in as admin\n"
    assert access.sign_in("ada", PASSWORD) is not None
    assert typed(normalcy, "another one\r\n", "set-password", "ada").exit_code == 0
    assert access.sign_in("ada", "another one") is not None


def test_it_is_never_an_argument(normalcy: Command) -> None:
    for name in ("add-user", "set-password"):
        help_ = normalcy("access", name, "--help").stdout
        assert "--password" not in help_
        assert "standard input" in help_
        assert typed(normalcy, "", name, "ada", PASSWORD).exit_code == 2


def test_a_person_is_signed_out_everywhere(normalcy: Command) -> None:
    sessions = normalcy.application.sessions
    secrets = [
        sessions.begin(kind, name, "1")
        for kind in (SessionKind.ACCOUNT, SessionKind.ELSEWHERE)
        for name in ("K\u00f6nig", "lee")
    ]
    done = normalcy("access", "sign-out", "Ko\u0308nig")
    assert done.stdout == "sessions of Ko\u0308nig that ended: 2\n"
    assert [sessions.found(one) is None for one in secrets] == [True, False, True, False]
    told = json.loads(normalcy("access", "sign-out", "lee", "--json").stdout)
    assert told == {"name": "lee", "ended": 2}
    assert "ended: 0" in normalcy("access", "sign-out", "nobody").stdout


def test_what_will_not_do_is_one_sentence(normalcy: Command, access: Access) -> None:
    done = typed(normalcy, "short\n", "add-user", "ada", "--role", "admin")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "at least 10 characters" in done.stderr
    done = typed(normalcy, f"{PASSWORD}\n", "add-user", "vic")
    assert "administrator's" in done.stderr
    assert access.users() == []


@pytest.mark.usefixtures("ada")
def test_roles_change_and_the_only_administrator_stays(normalcy: Command, access: Access) -> None:
    done = normalcy("access", "set-role", "ada", "viewer", code=1)
    assert "only administrator" in done.stderr
    assert "only administrator" in normalcy("access", "remove-user", "ada", code=1).stderr
    access.add_user("lee", PASSWORD, Role.LABELLER, by="ada")
    told = json.loads(normalcy("access", "set-role", "lee", "admin", "--json").stdout)
    assert (told["name"], told["role"]) == ("lee", "admin")
    assert "hash" not in json.dumps(told)
    normalcy("access", "remove-user", "ada")
    normalcy("access", "remove-user", "lee", "--last")
    assert access.users() == []
    assert "lee" in normalcy("access", "remove-user", "lee", code=1).stderr


@pytest.mark.usefixtures("ada")
def test_the_secret_of_a_token_is_printed_alone_and_once(normalcy: Command, access: Access) -> None:
    arguments = ("--role", "labeller", "--detector", "gas-room", "--until", "2026-03-10T13:00")
    done = normalcy("access", "add-token", "grafana", *arguments)
    token = access.token_of(done.stdout.strip())
    assert token is not None
    assert (token.role, token.detectors) == (Role.LABELLER, ("gas-room",))
    assert token.expires_at == NOW + HOUR
    (row,) = listed(normalcy)["tokens"]
    assert (row["name"], row["counts"]) == ("grafana", True)
    assert row["expires_at"] == "2026-03-10T13:00:00Z"
    assert done.stdout.strip() not in normalcy("access", "list").stdout
    normalcy("access", "revoke-token", str(token.id))
    assert listed(normalcy)["tokens"][0]["counts"] is False
    assert "revoked 2026-03-10T12:00:00Z" in normalcy("access", "list").stdout
    assert normalcy("access", "revoke-token", str(token.id), code=1).stdout == ""


@pytest.mark.usefixtures("ada")
def test_a_token_of_an_unknown_detector_is_refused(normalcy: Command, access: Access) -> None:
    done = normalcy("access", "add-token", "x", "--detector", "nothing", code=1)
    assert "gas-room" in done.stderr
    assert access.tokens() == []


def test_an_empty_list_says_what_to_do(normalcy: Command) -> None:
    shown = normalcy("access", "list").stdout
    assert "normalcy access add-user NAME --role admin" in shown
    assert listed(normalcy) == {"users": [], "tokens": []}


@pytest.mark.usefixtures("ada")
def test_a_name_does_not_move_the_cursor(normalcy: Command, access: Access) -> None:
    by = "eve\x1b[2J"
    access.add_user("lee", PASSWORD, Role.VIEWER, by=by)
    assert by not in normalcy("access", "list").stdout
