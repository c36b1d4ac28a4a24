"""`normalcy audit`: who changed what, and that commands are among it."""

import json
from typing import Any

from backend.records import How
from backend.services.acting import Actor, actor
from backend.services.audit_log import Wanted
from tests.cli.conftest import Command


def entries(normalcy: Command, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(normalcy("audit", "list", "--json", *arguments).stdout)
    return found


def test_nothing_was_changed_yet(normalcy: Command) -> None:
    assert "no such changes" in normalcy("audit", "list").stdout


def test_what_a_command_changes_is_on_record(normalcy: Command) -> None:
    normalcy("access", "add-token", "wall", "--role", "admin")
    normalcy("access", "revoke-token", "1")
    revoked, made = entries(normalcy)
    assert (made["action"], made["how"], made["address"]) == ("token.add", "command", "")
    assert made["who"] == normalcy.session.user
    assert (revoked["action"], revoked["words"]) == ("token.revoke", "token 1 wall, admin")
    assert made["at"].endswith("Z")
    shown = normalcy("audit", "list", "--action", "token.revoke").stdout
    assert "token.revoke" in shown
    assert "token.add" not in shown


def test_it_is_narrowed(normalcy: Command) -> None:
    normalcy("access", "add-token", "wall", "--role", "admin")
    normalcy("access", "add-token", "hall", "--role", "viewer")
    newest = entries(normalcy, "--limit", "1")
    assert [one["words"] for one in newest] == ["token 2 hall, viewer"]
    older = entries(normalcy, "--before", str(newest[0]["id"]))
    assert [one["words"] for one in older] == ["token 1 wall, admin"]
    assert entries(normalcy, "--who", "nobody") == []
    assert entries(normalcy, "--detector", "pump") == []
    normalcy("audit", "list", "--limit", "0", code=2)


def test_a_name_cannot_move_the_cursor(normalcy: Command) -> None:
    normalcy("access", "add-token", "wall", "--role", "admin")
    store = normalcy.application.records
    entry = normalcy.application.audit.entries(Wanted())[0]
    store.add_audit(type(entry)(**{**vars(entry), "who": "\x1b[2Jeve", "how": How.API}))
    assert "\x1b" not in normalcy("audit", "list").stdout


def test_after_the_command_nobody_acts(normalcy: Command) -> None:
    normalcy("audit", "list")
    normalcy.session.close()
    assert actor() == Actor()
