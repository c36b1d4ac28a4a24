"""The key of links: made once, whole, and for its owner only."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from backend.exceptions import StoreRefused
from backend.stores.key_file import FileKey


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "links.key"


def test_it_is_made_when_first_needed_and_stays(path: Path) -> None:
    key = FileKey(path)
    assert not path.parent.exists()
    assert len(key()) == 64
    assert key() == FileKey(path)() == path.read_text().strip()


def test_only_its_owner_reads_it(path: Path) -> None:
    FileKey(path)()
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["links.key"]


def test_every_installation_has_its_own(tmp_path: Path) -> None:
    assert FileKey(tmp_path / "a")() != FileKey(tmp_path / "b")()


def test_made_at_once_it_is_the_same_for_all(path: Path) -> None:
    gate = Barrier(8)

    def ask(_: int) -> str:
        gate.wait()
        return FileKey(path)()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1


@pytest.mark.parametrize("held", ["", "short", "x" * 63, "../" * 30])
def test_a_damaged_one_is_refused_and_left_alone(path: Path, held: str) -> None:
    path.parent.mkdir()
    path.write_text(held)
    with pytest.raises(StoreRefused, match="damaged"):
        FileKey(path)()
    assert path.read_text() == held


def test_a_place_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreRefused, match="cannot be used"):
        FileKey(tmp_path / "file" / "links.key")()
    with pytest.raises(StoreRefused, match="cannot be used"):
        FileKey(tmp_path)()
