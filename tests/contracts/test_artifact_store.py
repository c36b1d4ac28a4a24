"""What every artifact store does, and what the one on disk does against crashes and damage."""

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from backend.exceptions import ArtifactError, Conflict, InputError, NotFound, StoreRefused
from backend.ports import ArtifactStore
from backend.stores.artifacts import FileArtifactStore
from tests.fakes.artifacts import MemoryArtifactStore

FILES = {"weights.npz": bytes(range(256)) * 40, "scaler.json": b'{"a": 1}', "empty": b""}


@pytest.fixture(params=["memory", "files"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    if request.param == "memory":
        return MemoryArtifactStore()
    return FileArtifactStore(tmp_path / "deep" / "artifacts")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "artifacts"


@pytest.fixture
def files(directory: Path) -> FileArtifactStore:
    return FileArtifactStore(directory)


def assert_one_of_four_saves_wins(store: ArtifactStore, name: str) -> None:
    """One of them wins, the others are told, and what the winner saved stays."""
    gate = threading.Barrier(4)

    def save(number: int) -> int | None:
        gate.wait()
        try:
            store.save(name, {"file": bytes([number]) * 10_000})
        except Conflict:
            return None
        return number

    with ThreadPoolExecutor(4) as pool:
        (winner,) = (one for one in pool.map(save, range(4)) if one is not None)
    assert store.load(name) == {"file": bytes([winner]) * 10_000}


class TestContract:
    def test_what_was_saved_is_read_back(self, store: ArtifactStore) -> None:
        store.save("gas-room/7", FILES)
        assert store.load("gas-room/7") == FILES

    def test_a_name_without_a_slash_is_fine(self, store: ArtifactStore) -> None:
        store.save("one", {"file": b"1"})
        assert store.load("one") == {"file": b"1"}

    def test_names_are_sorted(self, store: ArtifactStore) -> None:
        assert store.names() == []
        for name in ("gas-room/7", "boiler/1", "gas-room/10", "archive"):
            store.save(name, FILES)
        assert store.names() == ["archive", "boiler/1", "gas-room/10", "gas-room/7"]

    def test_an_artifact_is_never_replaced(self, store: ArtifactStore) -> None:
        store.save("gas-room/7", FILES)
        with pytest.raises(Conflict, match="gas-room/7"):
            store.save("gas-room/7", {"other": b""})
        assert store.load("gas-room/7") == FILES

    def test_of_several_saves_at_once_one_wins(self, store: ArtifactStore) -> None:
        for number in range(20):  # enough to meet at a bad moment
            assert_one_of_four_saves_wins(store, f"gas-room/{number}")

    def test_files_are_read_by_the_beginning_of_their_names(self, store: ArtifactStore) -> None:
        store.save("gas-room/7", FILES)
        assert store.load("gas-room/7", "weights") == {"weights.npz": FILES["weights.npz"]}
        assert store.load("gas-room/7", "nothing") == {}

    def test_what_was_removed_is_gone_and_may_come_again(self, store: ArtifactStore) -> None:
        store.save("gas-room/7", FILES)
        store.save("gas-room/8", FILES)
        store.remove("gas-room/7")
        store.remove("gas-room/7")
        assert store.names() == ["gas-room/8"]
        with pytest.raises(NotFound, match="gas-room/7"):
            store.load("gas-room/7")
        store.save("gas-room/7", {"file": b"2"})
        assert store.load("gas-room/7") == {"file": b"2"}
        with pytest.raises(InputError):
            store.remove("../gas-room")

    def test_an_unknown_artifact_is_not_found(self, store: ArtifactStore) -> None:
        with pytest.raises(NotFound, match="gas-room/8"):
            store.load("gas-room/8")

    @pytest.mark.parametrize(
        "name",
        ["", "/", "..", "../x", "a/../b", "/etc", "a/b/c", "a//b", "a/", ".hidden", "a\\b", "a\nb"],
    )
    def test_a_name_cannot_leave_the_store(self, store: ArtifactStore, name: str) -> None:
        with pytest.raises(InputError):
            store.save(name, FILES)
        with pytest.raises(InputError):
            store.load(name)

    @pytest.mark.parametrize(
        "file", ["", "..", "../x", "a/b", "/etc/passwd", ".hidden", "manifest.json", "a\\b"]
    )
    def test_a_file_name_cannot_leave_its_artifact(self, store: ArtifactStore, file: str) -> None:
        with pytest.raises(InputError):
            store.save("gas-room/7", {file: b""})
        assert store.names() == []

    def test_artifacts_do_not_nest(self, store: ArtifactStore) -> None:
        store.save("a/1", FILES)
        store.save("b", FILES)
        with pytest.raises(Conflict):
            store.save("a", FILES)
        with pytest.raises(Conflict):
            store.save("b/1", FILES)
        assert store.load("a/1") == store.load("b") == FILES


class TestDamage:
    @pytest.fixture(autouse=True)
    def saved(self, files: FileArtifactStore) -> None:
        files.save("gas-room/7", FILES)

    @pytest.fixture
    def artifact(self, directory: Path) -> Path:
        return directory / "gas-room" / "7"

    def test_a_flipped_bit(self, files: FileArtifactStore, artifact: Path) -> None:
        content = bytearray((artifact / "weights.npz").read_bytes())
        content[5000] ^= 1
        (artifact / "weights.npz").write_bytes(content)
        with pytest.raises(ArtifactError, match=r"weights\.npz was changed .* backup"):
            files.load("gas-room/7")

    def test_a_truncated_file(self, files: FileArtifactStore, artifact: Path) -> None:
        os.truncate(artifact / "weights.npz", 10)
        with pytest.raises(ArtifactError, match=r"has 10 bytes, 10240 were written"):
            files.load("gas-room/7")

    def test_a_missing_file(self, files: FileArtifactStore, artifact: Path) -> None:
        (artifact / "scaler.json").unlink()
        with pytest.raises(ArtifactError, match=r"scaler\.json is missing"):
            files.load("gas-room/7")

    def test_a_foreign_file(self, files: FileArtifactStore, artifact: Path) -> None:
        (artifact / "model.pkl").write_bytes(b"cos\nsystem\n")
        with pytest.raises(ArtifactError, match=r"model\.pkl does not belong to it"):
            files.load("gas-room/7")

    def test_a_link_in_place_of_a_file(self, files: FileArtifactStore, artifact: Path) -> None:
        outside = artifact.parent.parent / "outside"
        (artifact / "scaler.json").rename(outside)
        (artifact / "scaler.json").symlink_to(outside)
        with pytest.raises(ArtifactError, match="not a plain file"):
            files.load("gas-room/7")

    def test_a_missing_manifest(self, files: FileArtifactStore, artifact: Path) -> None:
        (artifact / "manifest.json").unlink()
        assert files.names() == []
        with pytest.raises(ArtifactError, match=r"manifest\.json is missing"):
            files.load("gas-room/7")

    @pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"format": 1}', "\xff"])
    def test_a_manifest_that_is_none(
        self, files: FileArtifactStore, artifact: Path, text: str
    ) -> None:
        (artifact / "manifest.json").write_bytes(text.encode("latin-1"))
        with pytest.raises(ArtifactError, match=r"manifest\.json cannot be read"):
            files.load("gas-room/7")

    def test_a_manifest_that_names_a_path_outside(
        self, files: FileArtifactStore, artifact: Path
    ) -> None:
        manifest = json.loads((artifact / "manifest.json").read_text())
        manifest["files"]["../../outside"] = manifest["files"].pop("empty")
        (artifact.parent.parent / "outside").write_bytes(b"")
        (artifact / "manifest.json").write_text(json.dumps(manifest))
        with pytest.raises(ArtifactError, match=r"\.\./\.\./outside is missing"):
            files.load("gas-room/7")

    def test_another_artifact_under_this_name(
        self, files: FileArtifactStore, artifact: Path
    ) -> None:
        artifact.rename(artifact.with_name("8"))
        with pytest.raises(ArtifactError, match="holds the files of 'gas-room/7'"):
            files.load("gas-room/8")

    def test_a_newer_format(self, files: FileArtifactStore, artifact: Path) -> None:
        manifest = json.loads((artifact / "manifest.json").read_text())
        (artifact / "manifest.json").write_text(json.dumps({**manifest, "format": 2}))
        with pytest.raises(ArtifactError, match="newer normalcy"):
            files.load("gas-room/7")

    def test_of_several_saves_over_a_broken_one_one_wins(
        self, files: FileArtifactStore, directory: Path
    ) -> None:
        for number in range(20):
            broken = directory / "pump" / str(number)
            broken.mkdir(parents=True)
            (broken / "half").write_text("written")
            assert_one_of_four_saves_wins(files, f"pump/{number}")

    def test_a_damaged_artifact_may_be_saved_again(
        self, files: FileArtifactStore, artifact: Path
    ) -> None:
        (artifact / "scaler.json").write_bytes(b"?")
        files.save("gas-room/7", {"new": b"1"})
        assert files.load("gas-room/7") == {"new": b"1"}
        assert [path.name for path in artifact.parent.iterdir()] == ["7"]


class TestCrashes:
    def test_constructing_touches_nothing(self, files: FileArtifactStore, directory: Path) -> None:
        assert files.names() == []
        assert not directory.exists()

    def test_a_save_that_never_ended_is_not_seen(
        self, files: FileArtifactStore, directory: Path
    ) -> None:
        """A child is killed inside the rename that would have published the artifact."""
        script = (
            "import os, signal, sys; from pathlib import Path\n"
            "from backend.stores.artifacts import FileArtifactStore\n"
            "Path.rename = lambda self, target: os.kill(os.getpid(), signal.SIGKILL)\n"
            "FileArtifactStore(Path(sys.argv[1])).save('gas-room/7', {'file': b'1'})\n"
        )
        command = [sys.executable, "-c", script, str(directory)]
        assert subprocess.run(command, check=False, timeout=60).returncode == -9
        (leftover,) = (directory / "gas-room").iterdir()
        assert files.names() == []
        with pytest.raises(NotFound):
            files.load("gas-room/7")

        files.save("gas-room/7", FILES)
        assert files.load("gas-room/7") == FILES
        assert leftover.exists()  # its writer might have been another process, still at work

        os.utime(leftover, (0, 0))
        files.save("gas-room/8", FILES)
        assert not leftover.exists()
        assert files.names() == ["gas-room/7", "gas-room/8"]

    def test_a_failed_save_leaves_nothing(
        self, files: FileArtifactStore, directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        files.save("gas-room/1", FILES)
        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(Exception, match="No space left on device") as caught:
            files.save("gas-room/2", FILES)
        assert getattr(caught.value, "retry", None) is True
        assert files.names() == ["gas-room/1"]
        assert [path.name for path in (directory / "gas-room").iterdir()] == ["1"]

    def test_files_and_directories_are_synced_before_the_name_appears(
        self, files: FileArtifactStore, directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        synced: list[tuple[str, bool]] = []
        fsync, target = os.fsync, directory / "gas-room" / "7"

        def record(descriptor: int) -> None:
            name = Path(f"/proc/self/fd/{descriptor}").readlink().name
            synced.append((name, target.exists()))
            fsync(descriptor)

        if not Path("/proc/self/fd").exists():
            pytest.skip("open files have names only under Linux")
        monkeypatch.setattr("os.fsync", record)
        files.save("gas-room/7", FILES)
        before = [name for name, published in synced if not published]
        assert {*FILES, "manifest.json"} <= set(before)
        assert before[-1].startswith(".unfinished-")
        assert synced[-1] == ("gas-room", True)

    def test_a_file_in_place_of_the_directory_is_refused(self, directory: Path) -> None:
        directory.write_text("")
        with pytest.raises(StoreRefused, match="artifacts"):
            FileArtifactStore(directory).save("gas-room/7", FILES)
