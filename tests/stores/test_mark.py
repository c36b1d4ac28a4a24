"""The mark by which machines tell whether they see the same directory."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from backend.exceptions import StoreRefused
from backend.stores.artifacts import FileArtifactStore
from backend.stores.mark import mark


def test_a_directory_keeps_its_mark(tmp_path: Path) -> None:
    first = mark(tmp_path / "artifacts")

    assert len(first) == 8
    assert mark(tmp_path / "artifacts") == first


def test_two_directories_have_two_marks(tmp_path: Path) -> None:
    assert mark(tmp_path / "one") != mark(tmp_path / "other")


def test_those_who_ask_at_once_hear_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        marks = set(threads.map(lambda _: mark(tmp_path / "artifacts"), range(32)))

    assert len(marks) == 1
    assert [path.name for path in (tmp_path / "artifacts").iterdir()] == [".mark"]


def test_a_mark_is_no_artifact(tmp_path: Path) -> None:
    store = FileArtifactStore(tmp_path)
    store.save("gas-room/1", {"model.json": b"{}"})
    mark(tmp_path)

    assert store.names() == ["gas-room/1"]


def test_what_cannot_be_marked_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreRefused, match=r"artifacts cannot be marked \(.+\): check"):
        mark(tmp_path / "file" / "artifacts")
