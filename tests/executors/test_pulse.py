"""Signs of life: by socket to whoever watches, and by file."""

import logging
import socket
import time
from pathlib import Path

import pytest

from backend.executors.pulse import SignOfLife, Watcher


def test_words_reach_a_socket_by_its_name(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "notify"))
        Watcher({"NOTIFY_SOCKET": str(tmp_path / "notify")}).tell("READY=1", "STATUS=at work")

        assert ear.recv(100) == b"READY=1\nSTATUS=at work"


def test_words_reach_a_socket_that_lies_in_no_folder(tmp_path: Path) -> None:
    name = f"normalcy-{tmp_path.name}-{time.monotonic_ns()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind("\0" + name)
        Watcher({"NOTIFY_SOCKET": f"@{name}"}).tell("WATCHDOG=1")

        assert ear.recv(100) == b"WATCHDOG=1"


def test_without_anybody_who_watches_nothing_is_said() -> None:
    watcher = Watcher({})
    watcher.tell("READY=1")

    assert not watcher.is_there


def test_one_who_has_gone_or_does_not_hear_holds_nothing_up(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(address)
        for _ in range(10_000):  # more than a socket keeps
            Watcher({"NOTIFY_SOCKET": address}).tell("WATCHDOG=1")
    Watcher({"NOTIFY_SOCKET": address}).tell("WATCHDOG=1")
    Path(address).unlink()
    Watcher({"NOTIFY_SOCKET": address}).tell("WATCHDOG=1")


def test_a_sign_is_as_old_as_it_is(tmp_path: Path) -> None:
    sign = SignOfLife(tmp_path, "jobs")
    before = sign.age_s()
    began = time.monotonic()
    sign.show()
    age = sign.age_s()

    assert before is None
    assert age is not None
    assert 0 <= age <= time.monotonic() - began
    sign.remove()
    assert sign.age_s() is None
    sign.remove()


def test_it_is_overwritten_in_place(tmp_path: Path) -> None:
    """A disk that is full lets no file grow."""
    sign = SignOfLife(tmp_path, "jobs")
    sign.show()
    before = sign.file.stat()
    first = sign.file.read_text()
    sign.show()

    after = sign.file.stat()
    assert (after.st_ino, after.st_size) == (before.st_ino, before.st_size)
    assert sign.file.read_text() != first


AHEAD = f"{time.monotonic_ns() + 10**18} 1"


@pytest.mark.parametrize("text", ["", "soon", AHEAD], ids=["empty", "no number", "ahead"])
def test_a_sign_that_is_damaged_or_of_before_the_start_of_the_machine_is_none(
    tmp_path: Path, text: str
) -> None:
    sign = SignOfLife(tmp_path, "jobs")
    sign.show()
    sign.file.write_text(text)

    assert sign.age_s() is None


def test_hosts_over_one_folder_have_signs_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SignOfLife(tmp_path, "jobs").show()
    monkeypatch.setattr("socket.gethostname", lambda: "another")

    assert SignOfLife(tmp_path, "jobs").age_s() is None


def test_what_hinders_it_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "run").write_text("a file where a folder should be")
    sign = SignOfLife(tmp_path, "jobs")
    with caplog.at_level(logging.WARNING):
        sign.show()
        sign.show()

    assert len(caplog.messages) == 1
    assert "cannot be written" in caplog.messages[0]
