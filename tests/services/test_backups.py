"""Backups of a plant: made while it works, restored elsewhere, and never by halves."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path

import pytest

from backend.exceptions import (
    Conflict,
    InputError,
    NotFound,
    StoreRefused,
    StoreUnavailable,
)
from backend.ports import Query, Restoration
from backend.records import Label, LabelKind, Role, StoredDetector, User, Verdict
from backend.services.backing_up import BACKUP, BackingUp, Remembered
from backend.services.restoring import RESTORE, Places, Restoring
from backend.services.verifying import Verifying
from backend.stores.artifacts import FileArtifactStore
from backend.stores.backups import ZipBackups
from backend.stores.embedded import EmbeddedSeriesStore
from backend.stores.embedded.copying import staged
from backend.stores.embedded.database import Database
from backend.stores.records import SqlRecordStore
from backend.stores.records.dumping import SqlRecordDumps
from tests.fakes.clock import StillClock
from tests.fakes.models import LinearModel
from tests.servers.postgres import PostgresServer, binaries_or_skip, running_postgres
from tests.services.plant import Plant

NOW = 1_790_000_000_000_000_000
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres(binaries_or_skip()) as server:
        yield server


@cache
def trained() -> Plant:
    """A plant with a version, trained once for all tests here."""
    return Plant().ready()


class Home:
    """Where one normalcy remembers, on real stores."""

    def __init__(self, directory: Path, url: str | None = None) -> None:
        directory.mkdir(exist_ok=True)
        self.directory = directory
        url = url or f"sqlite:///{directory}/records.sqlite3"
        self.records, self.dumps = SqlRecordStore(url), SqlRecordDumps(url)
        self.artifacts = FileArtifactStore(directory / "artifacts")
        self.series = EmbeddedSeriesStore(directory / "store")
        self.clock = StillClock(NOW)
        remembered = Remembered(self.dumps, self.records, self.artifacts, ZipBackups())
        self.backing_up = BackingUp(remembered, self.clock, b"detectors: {}\n")
        places = Places(directory, {"source.sqlite3": self.series}, lambda size: None)
        self.restoring = Restoring(remembered, self.backing_up, self.clock, places)

    def close(self) -> None:
        for store in (self.records, self.dumps, self.series):
            store.close()

    def fill(self) -> "Home":
        """A trained plant that two people look after."""
        plant = trained()
        self.records.add_labels(plant.records.labels())
        self.artifacts.save("rooms/1", plant.artifacts.load("rooms/1"))
        self.records.next_number("rooms")
        (version,) = plant.records.versions("rooms")
        self.records.add_version(version)
        for promotion in plant.records.promotions("rooms"):
            self.records.promote(promotion)
        self.records.add_user(User("ada", "scrypt$x", Role.ADMIN, "", NOW, NOW))
        return self

    def restore(self, path: Path, *, replace: bool = False):
        return self.restoring.run(path, by="ada", replace=replace)


@pytest.fixture
def homes(tmp_path: Path) -> Iterator[Callable[..., Home]]:
    opened: list[Home] = []

    def home(name: str, url: str | None = None) -> Home:
        opened.append(Home(tmp_path / name, url))
        return opened[-1]

    yield home
    for one in opened:
        one.close()


def verified(home: Home) -> list[bool]:
    plant = Plant()
    found = Verifying(home.records, home.artifacts, plant.detectors, LinearModel, ZipBackups())
    return [one.ok for one in found.run(every=True)]


class TestThereAndBack:
    @pytest.mark.parametrize(("origin", "target"), [("sqlite", "postgres"), ("postgres", "sqlite")])
    def test_another_machine_with_another_database_remembers_the_same(
        self,
        origin: str,
        target: str,
        homes: Callable[..., Home],
        tmp_path: Path,
        postgres: PostgresServer,
    ) -> None:
        urls = {origin: None, target: None, "postgres": postgres.new_database()}
        here = homes("here", urls[origin]).fill()
        made = here.backing_up.run(tmp_path)
        there = homes("there", urls[target])

        found = there.restore(made.path)

        assert made.versions == found.versions == 1
        assert found.missing == ()
        assert found.kept is None
        assert found.made_at == NOW
        assert there.records.labels() == here.records.labels()
        assert there.records.versions("rooms") == here.records.versions("rooms")
        assert there.records.users() == here.records.users()
        assert there.artifacts.load("rooms/1") == here.artifacts.load("rooms/1")
        assert verified(there) == [True]
        assert found.configuration is not None
        assert found.configuration.read_bytes() == b"detectors: {}\n"

    def test_when_it_was_made_and_restored_is_on_record(
        self, homes: Callable[..., Home], tmp_path: Path
    ) -> None:
        here, there = homes("here").fill(), homes("there")
        made = here.backing_up.run(tmp_path / "a.backup")
        there.restore(made.path)

        (kept,) = here.records.upkeep()
        assert (kept.name, kept.at) == (BACKUP, NOW)
        assert kept.details["size"] == made.size == made.path.stat().st_size
        assert RESTORE in {one.name for one in there.records.upkeep()}
        entry = there.records.audit(limit=1)[0]
        assert (entry.who, entry.action) == ("ada", RESTORE)

    def test_embedded_stores_go_with_it_when_asked(
        self, homes: Callable[..., Home], tmp_path: Path
    ) -> None:
        plant, here, there = Plant(), homes("here").fill(), homes("there")
        plant.source = here.series  # type: ignore[assignment]
        plant.measure(0, 300)
        stores = {"source.sqlite3": here.series.copied_out}
        made = here.backing_up.run(tmp_path / "a.backup", stores=stores)

        found = there.restore(made.path)

        assert found.stores == ("source.sqlite3",)
        assert there.series.measurements() == ["air"]
        plant.source = there.series  # type: ignore[assignment]
        assert rows(there.series) == rows(here.series) == 600
        with pytest.raises(Conflict, match="already"):
            there.restore(made.path)

    def test_no_secret_is_in_it(self, homes: Callable[..., Home], tmp_path: Path) -> None:
        here = homes("here").fill()
        for name in ("links.key", "session.key"):
            (here.directory / name).write_text("hunter2" * 9)
        made = here.backing_up.run(tmp_path / "a.backup")

        with zipfile.ZipFile(made.path) as archive:
            content = b"".join(archive.read(name) for name in archive.namelist())
        assert b"hunter2" not in content
        assert b"scrypt$x" in content


def rows(store: EmbeddedSeriesStore) -> int:
    return sum(map(len, store.read(Query("air", ("x", "y"), 0, 2**62, group_by=("room",)))))


class TestWhatIsThere:
    def test_it_is_not_overwritten_unless_told_and_then_kept(
        self, homes: Callable[..., Home], tmp_path: Path
    ) -> None:
        here, there = homes("here").fill(), homes("there")
        made = here.backing_up.run(tmp_path / "a.backup")
        there.records.add_labels([Label(0, "pump", LabelKind.NORMAL, 1, 2)])
        with pytest.raises(Conflict, match="holds labels, detectors, versions or accounts already"):
            there.restore(made.path)
        assert there.artifacts.names() == []

        found = there.restore(made.path, replace=True)

        assert {label.detector for label in there.records.labels()} == {"rooms"}
        assert found.kept is not None
        there.clock.time += 10**9
        again = there.restore(found.kept, replace=True)
        assert {label.detector for label in there.records.labels()} == {"pump"}
        assert again.kept is not None
        assert again.kept != found.kept

    def test_other_model_files_of_the_same_name_stay_until_the_records_are_in(
        self, homes: Callable[..., Home], tmp_path: Path
    ) -> None:
        here, there = homes("here").fill(), homes("there")
        made = here.backing_up.run(tmp_path / "a.backup")
        there.artifacts.save("rooms/1", {"other": b"files"})

        there.restore(made.path)

        (version,) = there.records.versions("rooms")
        assert version.artifact.startswith("rooms/1-")
        assert there.artifacts.load(version.artifact) == here.artifacts.load("rooms/1")
        assert there.artifacts.load("rooms/1") == {"other": b"files"}
        assert verified(there) == [True]

    def test_nothing_is_restored_under_running_jobs(
        self, homes: Callable[..., Home], tmp_path: Path
    ) -> None:
        here, there = homes("here").fill(), homes("there")
        made = here.backing_up.run(tmp_path / "a.backup")
        there.records.take_lease("process:me", holder="host:1:a", length=60 * 10**9)

        with pytest.raises(Conflict, match=r"Jobs are running \(host:1:a\): stop normalcy"):
            there.restore(made.path)
        assert there.records.labels() == []

    def test_a_damaged_backup_changes_nothing(
        self, homes: Callable[..., Home], tmp_path: Path
    ) -> None:
        here, there = homes("here").fill(), homes("there")
        path = here.backing_up.run(tmp_path / "a.backup").path
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)

        with pytest.raises(InputError, match="Nothing was changed"):
            there.restore(path)
        assert there.records.labels() == []
        assert there.artifacts.names() == []

    def test_records_that_cannot_be_loaded_leave_the_old_ones(
        self, homes: Callable[..., Home], tmp_path: Path
    ) -> None:
        there = homes("there").fill()
        path = tmp_path / "a.backup"
        with ZipBackups().create(path) as draft:
            draft.add("records/labels.jsonl", [b'{"id":1}\n'])
            draft.tell(schema="0001", counters={}, made_at=NOW)

        with pytest.raises(InputError, match="has other columns"):
            there.restore(path, replace=True)
        assert len(there.records.labels()) == 1
        assert verified(there) == [True]

    def test_a_version_whose_files_are_damaged_is_told_and_the_rest_is_kept(
        self, homes: Callable[..., Home], tmp_path: Path
    ) -> None:
        here, there = homes("here").fill(), homes("there")
        (here.directory / "artifacts/rooms/1/weights.npz").write_bytes(b"")

        made = here.backing_up.run(tmp_path / "a.backup")
        found = there.restore(made.path)

        (line,) = made.left_out
        assert line.startswith("rooms/1: Artifact rooms/1 is damaged")
        assert found.missing == made.left_out
        assert there.records.versions("rooms")[0].verdict is Verdict.CHAMPION
        with pytest.raises(NotFound):
            there.artifacts.load("rooms/1")

    def test_files_of_one_version_that_the_disk_does_not_give_keep_nothing_else_out(
        self, homes: Callable[..., Home], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here = homes("here").fill()

        def failing(name: str, prefix: object = "") -> None:
            raise StoreUnavailable("weights.npz cannot be read (Input/output error).")

        monkeypatch.setattr(here.artifacts, "load", failing)
        made = here.backing_up.run(tmp_path / "a.backup")

        (line,) = made.left_out
        assert line == "rooms/1: weights.npz cannot be read (Input/output error)."
        assert made.rows["labels"] == 1

    def test_what_json_can_hold_goes_with_it(
        self, homes: Callable[..., Home], tmp_path: Path
    ) -> None:
        """Half of a character, as a script may send it, and a number of any length."""
        here, there = homes("here"), homes("there")
        odd = {"plant": "\ud83d", "count": 10**30}
        here.records.save_detector(StoredDetector("pump", odd, "ada", NOW))

        there.restore(here.backing_up.run(tmp_path / "a.backup").path)

        (found,) = there.records.detectors()
        assert found.spec["plant"] == "\ud83d"
        assert found.spec["count"] == 10**30

    def test_a_newer_embedded_store_leaves_records_and_files_as_they_are(
        self, homes: Callable[..., Home], tmp_path: Path
    ) -> None:
        here, there = homes("here").fill(), homes("there")
        measured(here.series)
        newer = tmp_path / "newer.sqlite3"
        newer.write_bytes(b"".join(here.series.copied_out()))
        connection = sqlite3.connect(newer)
        connection.execute("PRAGMA user_version = 9")
        connection.close()
        stores = {"source.sqlite3": lambda: iter([newer.read_bytes()])}
        path = here.backing_up.run(tmp_path / "a.backup", stores=stores).path

        with pytest.raises(StoreRefused, match="newer normalcy"):
            there.restore(path)
        assert there.records.labels() == []
        assert there.artifacts.names() == []
        assert there.series.measurements() == []

    def test_records_of_a_newer_program_are_refused_before_anything_is_written(
        self, homes: Callable[..., Home], tmp_path: Path
    ) -> None:
        there = homes("there").fill()
        path = tmp_path / "a.backup"
        with ZipBackups().create(path) as draft:
            draft.add("artifacts/pump/1/version.json", [b"{}"])
            draft.tell(schema="9999", counters={}, made_at=NOW)

        with pytest.raises(StoreRefused, match="newer normalcy"):
            there.restore(path, replace=True)
        assert there.artifacts.names() == ["rooms/1"]
        assert list(there.directory.glob("before-restore-*")) == []

    def test_only_stores_that_are_replaced_are_kept(
        self, homes: Callable[..., Home], tmp_path: Path
    ) -> None:
        """What the sensors measured may be far larger than all the rest."""
        here, there, empty = homes("here").fill(), homes("there").fill(), homes("empty")
        made = here.backing_up.run(tmp_path / "a.backup")
        for one in (there, empty):
            measured(one.series)

        kept = there.restore(made.path, replace=True).kept
        assert kept is not None
        with ZipBackups().open(kept) as backup:
            assert backup.attachments() == ["normalcy.yaml"]
        assert empty.restore(made.path).kept is None
        assert rows(there.series) == rows(empty.series) == 20

    def test_jobs_that_are_started_meanwhile_are_noticed(
        self, homes: Callable[..., Home], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here, there = homes("here").fill(), homes("there")
        made = here.backing_up.run(tmp_path / "a.backup")
        save = there.artifacts.save

        def saved(name: str, files: Mapping[str, bytes]) -> None:
            save(name, files)
            there.records.take_lease("process:me", holder="host:1:a", length=60 * 10**9)

        monkeypatch.setattr(there.artifacts, "save", saved)
        with pytest.raises(Conflict, match="Jobs are running"):
            there.restore(made.path)
        assert there.records.labels() == []

    def test_a_new_version_never_meets_the_files_of_one_that_is_gone(
        self, homes: Callable[..., Home], tmp_path: Path
    ) -> None:
        here, there = homes("here").fill(), homes("there")
        made = here.backing_up.run(tmp_path / "a.backup")
        there.artifacts.save("rooms/7", {"trained": b"since"})

        there.restore(made.path)

        assert there.records.next_number("rooms") == 8

    @pytest.mark.parametrize("left_out", [5, None, "rooms/1"])
    def test_a_manifest_that_is_not_ours_is_refused_before_anything_is_changed(
        self, left_out: object, homes: Callable[..., Home], tmp_path: Path
    ) -> None:
        there, path = homes("there"), tmp_path / "a.backup"
        with ZipBackups().create(path) as draft:
            draft.tell(schema="0001", counters={}, made_at=NOW, left_out=left_out)

        with pytest.raises(InputError, match="does not say what it lacks"):
            there.restore(path)
        assert there.records.upkeep() == []

    def test_the_home_need_not_be_there_yet(
        self, homes: Callable[..., Home], tmp_path: Path, postgres: PostgresServer
    ) -> None:
        here, there = homes("here").fill(), homes("there", postgres.new_database())
        made = here.backing_up.run(tmp_path / "a.backup")
        there.series.close()
        shutil.rmtree(there.directory)

        found = there.restore(made.path)
        there.clock.time += 10**9
        shutil.rmtree(there.directory)
        again = there.restore(made.path, replace=True)

        assert found.configuration is not None
        assert again.kept is not None
        assert again.kept.is_file()

    def test_an_embedded_store_needs_its_place(
        self, homes: Callable[..., Home], tmp_path: Path
    ) -> None:
        here, there = homes("here").fill(), homes("there")
        stores = {"results.sqlite3": here.series.copied_out}
        made = here.backing_up.run(tmp_path / "a.backup", stores=stores)

        with pytest.raises(Conflict, match=r"an embedded store, results\.sqlite3"):
            there.restore(made.path)


class TestEmbeddedCopies:
    @pytest.mark.parametrize("harm", ["no file", "another database", "a trigger", "newer"])
    def test_what_is_no_store_is_refused(self, harm: str, tmp_path: Path) -> None:
        store = EmbeddedSeriesStore(tmp_path / "store")
        measured(store)
        content = b"".join(store.copied_out())
        file = tmp_path / "copy.sqlite3"
        file.write_bytes(content)
        if harm == "no file":
            content = b"nothing"
        else:
            connection = sqlite3.connect(file)
            connection.executescript(
                {
                    "another database": "DROP TABLE segments; CREATE TABLE t (x)",
                    "a trigger": "CREATE TRIGGER t AFTER INSERT ON series BEGIN DELETE FROM "
                    "fields; END",
                    "newer": "PRAGMA user_version = 9",
                }[harm]
            )
            connection.close()
            content = file.read_bytes()

        words = "newer normalcy" if harm == "newer" else "is no embedded store"
        with pytest.raises((InputError, StoreRefused), match=words):
            put(store, [content])
        assert rows(store) == 20
        store.close()

    def test_others_go_on_writing_while_it_is_copied(self, tmp_path: Path) -> None:
        store = EmbeddedSeriesStore(tmp_path / "store")
        measured(store)
        chunks = store.copied_out()
        first = next(chunks)
        measured(store, 10, 20)
        copy = EmbeddedSeriesStore(tmp_path / "copy")
        put(copy, [first, *chunks])

        assert rows(copy) == 20
        assert rows(store) == 40
        for one in (store, copy):
            one.close()

    def test_a_writer_that_hangs_is_not_waited_for_without_end(self, tmp_path: Path) -> None:
        store = EmbeddedSeriesStore(tmp_path / "store")
        measured(store)
        hasty = Database(tmp_path / "store", busy_seconds=0.01)
        with (
            staged(hasty, store.copied_out()) as replace,
            hanging(tmp_path / "store"),
            pytest.raises(StoreUnavailable, match="another process has been writing"),
        ):
            replace()
        assert rows(store) == 20
        hasty.close()
        store.close()


@contextmanager
def hanging(directory: Path) -> Iterator[None]:
    """Another writer, in the middle of a transaction."""
    connection = sqlite3.connect(directory / "series.sqlite3", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield
    connection.close()


def put(store: EmbeddedSeriesStore, chunks: Iterable[bytes]) -> None:
    with store.staged(chunks) as replace:
        replace()


def measured(store: EmbeddedSeriesStore, start: int = 0, stop: int = 10) -> None:
    plant = Plant()
    plant.source = store  # type: ignore[assignment]
    plant.measure(start, stop)


class TestBesideAnotherProcess:
    WRITER = """
import sys
from backend.records import Label, LabelKind
from backend.stores.records import SqlRecordStore
store = SqlRecordStore(sys.argv[1])
n = 0
while True:
    store.add_labels([Label(0, "pump", LabelKind.NORMAL, n, n + k) for k in (1, 2)])
    store.next_number("pump")
    n += 1
    print(n, flush=True)
"""

    def test_a_backup_under_a_writer_is_of_one_moment(
        self, homes: Callable[..., Home], tmp_path: Path
    ) -> None:
        here, there = homes("here").fill(), homes("there")
        url = f"sqlite:///{here.directory}/records.sqlite3"
        writer = subprocess.Popen(
            [sys.executable, "-c", self.WRITER, url], stdout=subprocess.PIPE, cwd=ROOT, text=True
        )
        try:
            assert writer.stdout is not None
            written = [int(writer.stdout.readline()) for _ in range(5)][-1]
            made = here.backing_up.run(tmp_path / "a.backup")
            later = int(writer.stdout.readline())
        finally:
            writer.kill()
            writer.wait()
            writer.stdout.close()
        there.restore(made.path)

        labels = len(there.records.labels("pump"))
        assert labels % 2 == 0
        assert labels >= 2 * written
        assert later >= written
        # both of a pair are there, and the number that was drawn behind it is at most one behind
        assert there.records.next_number("pump") in (labels // 2, labels // 2 + 1)

    KILLED = """
import sys
from pathlib import Path
from backend.stores.backups import ZipBackups
with ZipBackups().create(Path(sys.argv[1])) as draft:
    draft.add("records/labels.jsonl", [b"{}\\n"])
    print("half", flush=True)
    sys.stdin.read()
"""

    def test_a_killed_backup_has_no_name(self, tmp_path: Path) -> None:
        path = tmp_path / "a.backup"
        process = subprocess.Popen(
            [sys.executable, "-c", self.KILLED, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"half\n"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        process.stdin.close()

        assert not path.exists()
        assert [one.name[:17] for one in tmp_path.iterdir()] == [".normalcy-backup-"]

    def test_a_restore_that_is_cut_off_is_done_again(
        self, homes: Callable[..., Home], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here, there = homes("here").fill(), homes("there")
        made = here.backing_up.run(tmp_path / "a.backup")

        class Killed(BaseException):
            pass

        class Cut:
            def load(self, restoration: Restoration) -> None:
                raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(there.dumps, "staged", lambda dump: nullcontext(Cut()))
            with pytest.raises(Killed):
                there.restore(made.path)
        assert there.records.labels() == []

        there.restore(made.path)
        assert there.artifacts.names() == ["rooms/1"]
        assert verified(there) == [True]


def test_a_backup_can_be_verified_before_the_program_is_changed(
    homes: Callable[..., Home], tmp_path: Path
) -> None:
    here = homes("here").fill()
    made = here.backing_up.run(tmp_path / "a.backup")
    plant = Plant()
    empty = Plant()
    verifying = Verifying(
        empty.records, empty.artifacts, plant.detectors, LinearModel, ZipBackups()
    )

    (one,) = verifying.in_backup(made.path)
    assert (one.model, one.ok) == ("rooms/1", True)
    with pytest.raises(NotFound, match="holds no version of a detector 'pump'"):
        verifying.in_backup(made.path, "pump")
    assert len(verifying.in_backup(made.path, every=True)) == 1
    assert verifying.run() == []
