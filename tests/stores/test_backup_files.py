"""Backups as files: whole or not there, and refused whole where they are not as written."""

import json
import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend.exceptions import Conflict, InputError, NotFound, StoreRefused, StoreUnavailable
from backend.stores.backups import ZipBackups, require_room

FILES = {
    "records/labels.jsonl": b'{"id":1}\n{"id":2}\n',
    "artifacts/pump/1/version.json": b"{}",
    "artifacts/pump/1/weights.npz": b"\x00" * 3000,
    "extra/normalcy.yaml": b"detectors: {}\n",
}


def made(path: Path) -> Path:
    with ZipBackups().create(path) as draft:
        for name, content in FILES.items():
            draft.add(name, [content[:5], content[5:]])
        draft.tell(schema="0001", counters={"labels": 2})
    return path


def rewritten(
    path: Path,
    change: Callable[[dict[str, bytes], dict[str, Any]], object],
    compression: int = zipfile.ZIP_STORED,
) -> Path:
    """The same backup with other files or another manifest."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(files.pop("manifest.json"))
    change(files, manifest)
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr("manifest.json", json.dumps(manifest))
    return path


def read(path: Path) -> dict[str, Any]:
    with ZipBackups().open(path) as backup:
        return {
            "labels": list(backup.records().rows("labels")),
            "artifacts": {name: backup.artifact(name) for name in backup.artifacts()},
            "extras": {
                name: b"".join(backup.attachment(name) or ()) for name in backup.attachments()
            },
        }


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = made(tmp_path / "a.backup")

    assert read(path) == {
        "labels": [{"id": 1}, {"id": 2}],
        "artifacts": {"pump/1": {"version.json": b"{}", "weights.npz": b"\x00" * 3000}},
        "extras": {"normalcy.yaml": b"detectors: {}\n"},
    }
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
    with ZipBackups().open(path) as backup:
        assert backup.size == sum(map(len, FILES.values()))
        assert backup.attachment("other") is None
        assert backup.artifact("pump/1", "version") == {"version.json": b"{}"}
        with pytest.raises(NotFound):
            backup.artifact("pump/2")


def test_a_file_that_is_there_stays_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "a.backup"
    path.write_text("precious")
    with pytest.raises(Conflict, match="is there already"):
        made(path)
    assert path.read_text() == "precious"

    with ZipBackups().create(path, replace=True) as draft:
        draft.tell(schema="0001", counters={})
    with ZipBackups().open(path) as backup:
        assert backup.artifacts() == []


def test_a_backup_that_fails_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.backup"
    path.write_text("the one before")
    with (
        pytest.raises(KeyError),
        ZipBackups().create(path, replace=True) as draft,
    ):
        draft.add("records/labels.jsonl", ({}["no row"] for _ in range(1)))

    assert path.read_text() == "the one before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(StoreUnavailable, match="No space left"),
        ZipBackups().create(tmp_path / "a.backup"),
    ):
        raise OSError(28, "No space left on device")
    with pytest.raises(NotFound, match="There is no directory"):
        made(tmp_path / "nowhere/a.backup")


def test_what_a_killed_backup_left_is_removed_a_day_later(tmp_path: Path) -> None:
    old, young = tmp_path / ".normalcy-backup-1", tmp_path / ".normalcy-backup-2"
    for path in (old, young):
        path.touch()
    os.utime(old, (1, 1))
    made(tmp_path / "a.backup")

    assert not old.exists()
    assert young.exists()


@pytest.mark.parametrize("place", range(60))
def test_a_changed_byte_is_found(place: int, tmp_path: Path) -> None:
    path = made(tmp_path / "a.backup")
    data = bytearray(path.read_bytes())
    at = place * len(data) // 60
    data[at] ^= 0x55
    path.write_bytes(data)
    try:
        found = read(path)
    except (InputError, NotFound, StoreRefused):
        return
    # some bytes, as those of times, mean nothing
    assert found == read(made(tmp_path / "b.backup"))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_file_that_is_cut_off_is_refused(share: float, tmp_path: Path) -> None:
    path = made(tmp_path / "a.backup")
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError, match="is no backup of normalcy"):
        read(path)


def _rename(files: dict[str, bytes], manifest: dict[str, Any], name: str) -> None:
    files[name] = files.pop("extra/normalcy.yaml")
    manifest["files"][name] = manifest["files"].pop("extra/normalcy.yaml")


HARM: dict[str, tuple[Callable[[dict[str, bytes], dict[str, Any]], object], str]] = {
    "climbs out": (lambda f, m: _rename(f, m, "../../etc/passwd"), "no name that a backup holds"),
    "climbs out of artifacts": (lambda f, m: _rename(f, m, "artifacts/../x/y"), "no name"),
    "absolute": (lambda f, m: _rename(f, m, "/etc/passwd"), "no name that a backup holds"),
    "backslashes": (lambda f, m: _rename(f, m, "artifacts\\x\\y"), "no name"),
    "not in the manifest": (lambda f, m: f.update({"extra/x": b""}), "other files than"),
    "not in the file": (lambda f, m: f.pop("extra/normalcy.yaml"), "other files than"),
    "another digest": (
        lambda f, m: f.update({"extra/normalcy.yaml": b"DETECTORS: {}\n"}),
        "was changed",
    ),
    "another size": (lambda f, m: f.update({"extra/normalcy.yaml": b""}), "another size"),
    "no numbers": (lambda f, m: m["facts"].update(counters={"labels": "x"}), "counter"),
    "no schema": (lambda f, m: m["facts"].pop("schema"), "does not say what its records are"),
    "no facts": (lambda f, m: m.pop("facts"), "manifest cannot be read"),
    "format as text": (lambda f, m: m.update(format="x"), "manifest cannot be read"),
}


@pytest.mark.parametrize("harm", HARM)
def test_what_was_tampered_with_is_refused(harm: str, tmp_path: Path) -> None:
    change, words = HARM[harm]
    path = rewritten(made(tmp_path / "a.backup"), change)
    with pytest.raises(InputError, match=words), ZipBackups().open(path) as backup:
        backup.records().counters()


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    path = rewritten(made(tmp_path / "a.backup"), lambda f, m: m.update(format=2))
    with pytest.raises(StoreRefused, match="made by a newer normalcy"):
        read(path)


def test_model_files_cannot_be_larger_than_they_look(tmp_path: Path) -> None:
    path = rewritten(made(tmp_path / "a.backup"), lambda f, m: None, zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError, match="packed in another way than model files are"):
        read(path)


def test_what_would_unpack_to_far_more_than_its_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.backup"
    with ZipBackups().create(tmp_path / "whole.backup") as draft:
        draft.tell(schema="0001", counters={})
    zeros = b"\x00" * (1 << 20)
    digest = "0" * 64
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("records/labels.jsonl", "w", force_zip64=True) as stream:
            for _ in range(100):
                stream.write(zeros)
        entry = {"sha256": digest, "size": 100 << 20}
        facts = {"schema": "0001", "counters": {}}
        manifest = {"format": 1, "facts": facts, "files": {"records/labels.jsonl": entry}}
        archive.writestr("manifest.json", json.dumps(manifest))
    with pytest.raises(InputError, match="it would unpack to 104,857,600 bytes"):
        read(path)


def test_links_and_encrypted_files_are_refused(tmp_path: Path) -> None:
    path = made(tmp_path / "a.backup")
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            if name.startswith("extra"):
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, content)
    with pytest.raises(InputError, match="is no plain file"):
        read(path)


@pytest.mark.parametrize(
    "content", [b"", b"PK", b"SQLite format 3\x00", b"\x1f\x8b" + b"\x00" * 99]
)
def test_other_files_are_no_backups(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(InputError, match="is no backup of normalcy"):
        read(path)
    with pytest.raises(NotFound):
        read(tmp_path / "none")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(InputError, match=r"it has no manifest\.json"):
        read(path)


@pytest.mark.parametrize(
    ("line", "words"),
    [(b"[1]\n", "is no row"), (b"{\n", "is no JSON"), (b'{"id":1}', "cut off or too long")],
)
def test_rows_that_are_none_are_refused(line: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "a.backup"
    with ZipBackups().create(path) as draft:
        draft.add("records/labels.jsonl", [line])
        draft.tell(schema="0001", counters={})
    with pytest.raises(InputError, match=words):
        read(path)


def test_a_table_that_it_does_not_hold_has_no_rows(tmp_path: Path) -> None:
    with ZipBackups().open(made(tmp_path / "a.backup")) as backup:
        assert list(backup.records().rows("versions")) == []


def test_too_little_room_is_told_before_anything_is_written(tmp_path: Path) -> None:
    require_room(tmp_path, 1)
    require_room(tmp_path / "not/there/yet", 1)
    with pytest.raises(StoreRefused, match="make room first"):
        require_room(tmp_path, 1 << 60)


def test_only_what_a_backup_can_hold_is_written(tmp_path: Path) -> None:
    with ZipBackups().create(tmp_path / "a.backup") as draft:
        draft.add("extra/x", [b""])
        for name in ("../x", "extra/x", "records/../x.jsonl", "x"):
            with pytest.raises(ValueError, match="cannot hold"):
                draft.add(name, [])
