"""Model files are damaged, half-written or do not fit on the disk: refused, said, and mended."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backend.exceptions import ArtifactError, NormalcyError
from backend.records import State
from tests.faults.site import Site
from tests.faults.tally import Facts, Outcome

ARCHIVE = "archive.npz"


def files_of(site: Site, number: int) -> list[Path]:
    artifact = site.app.records.version("rooms", number).artifact
    return sorted((site.home / "artifacts" / artifact).iterdir())


def damage(file: Path) -> bytes:
    """Turn a bit in the middle; what it was."""
    was = file.read_bytes()
    at = len(was) // 2
    file.write_bytes(was[:at] + bytes([was[at] ^ 1]) + was[at + 1 :])
    return was


def check(site: Site) -> str:
    (line,) = [one for one in site.app.checking.lines() if one.what == "detector rooms"]
    assert not line.ok
    return line.detail


@pytest.mark.fault("model file damaged")
@pytest.mark.parametrize("which", range(8))
def test_the_version_that_serves(
    site: Site, undisturbed: Facts, outcome: Outcome, which: int
) -> None:
    before = site.facts()
    files = [file for file in files_of(site, 1) if file.name != ARCHIVE]
    file = files[which % len(files)]
    was = damage(file)
    site.restart()
    with pytest.raises(ArtifactError):
        site.tick(1000)
    assert "rooms/" in check(site)
    (run, *_) = site.app.records.runs("rooms")
    assert (run.kind, run.state) == ("score", State.FAILED)

    file.write_bytes(was)  # from the backup
    outcome.compare(site.facts(), before)
    site.tick()
    outcome.compare(site.facts(), undisturbed)


@pytest.mark.fault("model file damaged")
def test_rows_that_only_a_training_reads(site: Site, undisturbed: Facts, outcome: Outcome) -> None:
    (file,) = [one for one in files_of(site, 1) if one.name == ARCHIVE]
    was = damage(file)
    site.restart()
    site.tick(1000)
    assert ARCHIVE in check(site)
    file.write_bytes(was)
    outcome.compare(site.facts(), undisturbed)


@pytest.mark.fault("model file damaged")
def test_a_new_training_serves_in_its_place(site: Site, outcome: Outcome) -> None:
    before = {key: value for key, value in site.facts().items() if key[0] != "version"}
    damage(files_of(site, 1)[-1])
    site.restart()
    site.clock.time += 3600 * 10**9
    made = site.train()
    report = site.tick(1000)
    assert made.number == 2
    assert report.judged > 0
    found = site.rows("normalcy_scores", ("score", "model"))
    assert {value[1] for key, value in found.items() if key[2] >= made.created_at} == {"rooms/2"}
    labels = {key: value for key, value in before.items() if key[0] == "label"}
    outcome.compare(site.labels(), labels)


@pytest.mark.fault("model file half-written")
def test_a_save_that_ended_in_the_middle_is_in_nobodys_way(
    site: Site, undisturbed: Facts, outcome: Outcome
) -> None:
    before = site.facts()
    folder = files_of(site, 1)[0].parent
    for name in (".unfinished-0123456789abcdef", "2"):
        (folder.parent / name).mkdir()
        (folder.parent / name / "fitted.json").write_bytes(b'{"half": ')
    outcome.compare(site.facts(), before)
    site.tick(1000)
    outcome.compare(site.facts(), undisturbed)
    assert site.train().number == 2  # over what was left of a former try


@pytest.mark.fault("model file half-written")
def test_without_its_manifest_it_is_no_version(
    site: Site, undisturbed: Facts, outcome: Outcome
) -> None:
    (manifest,) = [one for one in files_of(site, 1) if one.name == "manifest.json"]
    text = manifest.read_bytes()
    manifest.write_bytes(text[: len(text) // 2])
    site.restart()
    with pytest.raises(ArtifactError, match="manifest"):
        site.tick(1000)
    manifest.write_bytes(text)
    site.tick()
    outcome.compare(site.facts(), undisturbed)


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """As a disk or a quota that is full: writing ends in the middle of a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.fault("disk full: model files")
def test_a_version_that_does_not_fit_is_none(
    site: Site, undisturbed: Facts, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = site.facts()
    save = site.app.artifacts.save

    def saved(name: str, files: dict[str, bytes]) -> None:
        with no_file_longer_than(2048):
            save(name, files)

    monkeypatch.setattr(site.app.artifacts, "save", saved)
    with pytest.raises(NormalcyError) as told:
        site.train()
    assert "artifacts" in str(told.value)
    assert not list((site.home / "artifacts").glob("*/.unfinished*"))
    outcome.compare(site.facts(), before)

    monkeypatch.undo()
    site.tick(1000)
    outcome.compare(site.facts(), undisturbed)
    site.label(600, 650)
    assert site.train().number > 1
