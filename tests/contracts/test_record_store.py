"""What every record store does: the fake in memory, SQLite, and a real PostgreSQL."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from backend.exceptions import Conflict, NotFound, StoreRefused
from backend.ports import RecordStore
from backend.records import (
    LOG_LINES,
    LOGS_KEPT,
    Alert,
    AlertState,
    AnnotationLink,
    AnnotationProblem,
    AuditEntry,
    Delivery,
    DriftAnswer,
    DriftProposal,
    DriftWatch,
    How,
    Identity,
    Label,
    LabelKind,
    LogLine,
    Message,
    ProcessReport,
    Promotion,
    Run,
    SessionKind,
    SetAside,
    SignedIn,
    Standing,
    State,
    StoredDetector,
    Tie,
    Upkeep,
    Verdict,
    Version,
)
from backend.stores.records import SqlRecordStore
from tests.fakes.records import MemoryRecordStore
from tests.servers.postgres import PostgresServer, binaries_or_skip, running_postgres

T = TypeVar("T")
NOW = 1_800_000_000_123_456_789


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres(binaries_or_skip()) as server:
        yield server


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RecordStore]:
    opened = _open(request, tmp_path)
    yield opened
    opened.close()


def _open(request: pytest.FixtureRequest, directory: Path) -> RecordStore:
    if request.param == "memory":
        return MemoryRecordStore()
    if request.param == "sqlite":
        return SqlRecordStore(f"sqlite:///{directory}/deep/records.sqlite3")
    server: PostgresServer = request.getfixturevalue("postgres")
    return SqlRecordStore(server.new_database())


def label(start: int = NOW, detector: str = "gas-room", **values: Any) -> Label:
    kind = values.pop("kind", LabelKind.NORMAL)
    return Label(0, detector, kind, start, start + 1000, **values)


def version(number: int, detector: str = "gas-room", **values: Any) -> Version:
    made = Version(
        detector=detector,
        number=number,
        created_at=NOW,
        artifact=f"{detector}/{number}",
        spec={"model": {"kind": "dense_autoencoder", "units": [32, 4]}},
        label_hash="a" * 64,
        data_hash="b" * 64,
        provisional=False,
        verdict=Verdict.CHALLENGER,
        training={"losses": [0.5, 0.25], "warnings": []},
    )
    return replace(made, **values)


def at_once(times: int, work: Callable[[int], T]) -> list[T]:
    """Call `work` in as many threads, all let go together."""
    gate = threading.Barrier(times)

    def run(number: int) -> T:
        gate.wait()
        return work(number)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(run, range(times)))


def test_ping_says_what_answers(store: RecordStore) -> None:
    name, _, number = store.ping().partition(" ")
    assert name in ("memory", "SQLite", "PostgreSQL")
    assert name == "memory" or int(number.split(".")[0]) >= 3


class TestLabels:
    def test_what_was_added_is_read_back(self, store: RecordStore) -> None:
        full = label(
            kind=LabelKind.ANOMALY,
            tags={"room": 'a,b="c"', "größe": "日本"},
            note='it\'s\n"loud"; DROP TABLE labels; %s :x',
            source="page",
            created_by="ada",
            created_at=NOW,
        )
        (added,) = store.add_labels([full])
        assert added == replace(full, id=added.id)
        (read,) = store.labels()
        assert read == added
        assert type(read.kind) is LabelKind

    def test_ids_rise_in_the_order_given(self, store: RecordStore) -> None:
        first = store.add_labels([label(30), label(10), label(20)])
        second = store.add_labels([label(5)])
        assert [one.start for one in first] == [30, 10, 20]
        ids = [one.id for one in first + second]
        assert ids == sorted(set(ids))
        assert min(ids) > 0

    def test_many_at_once(self, store: RecordStore) -> None:
        added = store.add_labels([label(start) for start in range(3000)])
        assert [one.start for one in added] == list(range(3000))
        assert store.labels() == added

    def test_none_is_nothing(self, store: RecordStore) -> None:
        assert store.add_labels([]) == []
        assert store.labels() == []

    def test_listed_by_start_and_id_and_detector(self, store: RecordStore) -> None:
        one, two = store.add_labels([label(20), label(10)])
        three, other = store.add_labels([label(20), label(15, "boiler")])
        assert store.labels() == [two, other, one, three]
        assert store.labels("gas-room") == [two, one, three]
        assert store.labels("unknown") == []

    def test_a_removed_label_stays_on_record(self, store: RecordStore) -> None:
        kept, gone = store.add_labels([label(1), label(2)])
        (removed,) = store.remove_labels([gone.id], by="bob", at=NOW)
        assert removed == replace(gone, removed_by="bob", removed_at=NOW)
        assert store.labels() == [kept]
        assert store.labels("gas-room", removed=True) == [kept, removed]

    def test_removing_is_all_or_none(self, store: RecordStore) -> None:
        one, two = store.add_labels([label(1), label(2)])
        with pytest.raises(NotFound, match="999"):
            store.remove_labels([one.id, 999], by="bob", at=NOW)
        assert store.labels() == [one, two]
        store.remove_labels([two.id], by="bob", at=NOW)
        with pytest.raises(NotFound, match=str(two.id)):
            store.remove_labels([one.id, two.id], by="eve", at=NOW + 1)
        assert store.labels(removed=True)[1].removed_by == "bob"

    def test_a_label_named_twice_is_removed_once(self, store: RecordStore) -> None:
        one, two = store.add_labels([label(2), label(1)])
        removed = store.remove_labels([one.id, two.id, one.id], by="bob", at=NOW)
        assert [taken.id for taken in removed] == [two.id, one.id]

    def test_two_people_cannot_remove_the_same(self, store: RecordStore) -> None:
        (one,) = store.add_labels([label()])

        def remove(number: int) -> bool:
            try:
                store.remove_labels([one.id], by=str(number), at=NOW)
            except NotFound:
                return False
            return True

        assert sum(at_once(4, remove)) == 1

    def test_what_is_not_json_is_refused_and_nothing_stored(self, store: RecordStore) -> None:
        wrong: Any = {"room": {1, 2}}
        with pytest.raises(StoreRefused, match="JSON"):
            store.add_labels([label(), label(tags=wrong)])
        assert store.labels() == []

    def test_a_change_takes_some_back_and_adds_others(self, store: RecordStore) -> None:
        one, two, three = store.add_labels([label(2), label(1), label(3)])
        added, taken = store.change_labels(
            [label(5), label(4)], [one.id, two.id], by="bob", at=NOW + 1
        )
        assert [x.start for x in added] == [5, 4]
        assert [x.id for x in taken] == [two.id, one.id]
        assert {(x.removed_by, x.removed_at) for x in taken} == {("bob", NOW + 1)}
        assert store.labels() == [three, *reversed(added)]

    def test_a_change_of_what_is_gone_changes_nothing(self, store: RecordStore) -> None:
        one, two = store.add_labels([label(1), label(2)])
        store.remove_labels([two.id], by="ann", at=NOW)
        for gone in (two.id, 999):
            with pytest.raises(NotFound, match=str(gone)):
                store.change_labels([label(3)], [one.id, gone], by="bob", at=NOW + 1)
        assert store.labels() == [one]

    def test_a_change_that_cannot_be_stored_takes_nothing_back(self, store: RecordStore) -> None:
        (one, told) = store.add_labels([label(1), label(2, source="alert f 1")])
        with pytest.raises(Conflict):
            store.change_labels([label(3, source="alert f 1")], [one.id], by="bob", at=NOW)
        assert store.labels() == [one, told]
        added, _ = store.change_labels([label(3, source="alert f 1")], [told.id], by="bob", at=NOW)
        assert store.labels() == [one, *added]

    def test_only_one_of_many_changes_a_label(self, store: RecordStore) -> None:
        (one,) = store.add_labels([label()])

        def change(number: int) -> bool:
            try:
                store.change_labels([label(number)], [one.id], by=str(number), at=NOW)
            except NotFound:
                return False
            return True

        assert sum(at_once(4, change)) == 1
        assert len(store.labels()) == 1


def link(annotation: str = "7", **values: Any) -> AnnotationLink:
    made = AnnotationLink(
        book="http://grafana#1",
        annotation=annotation,
        tie=Tie.DRAWN,
        start=NOW,
        stop=NOW + 1000,
        content="d1",
        updated=12,
        dashboard="gas",
    )
    return replace(made, **values)


class TestAnnotations:
    def test_a_link_brings_its_labels(self, store: RecordStore) -> None:
        tied = store.tie(link(), add=[label(1), label(2)], by="ann", at=NOW)
        assert tied.labels == tuple(one.id for one in store.labels())
        assert tied == replace(link(), labels=tied.labels, revision=1)
        (read,) = store.annotation_links("http://grafana#1")
        assert read == tied
        assert type(read.tie) is Tie
        assert store.annotation_links("http://grafana#2") == []

    def test_a_change_takes_labels_back_and_brings_others(self, store: RecordStore) -> None:
        tied = store.tie(link(), add=[label(1), label(2)], by="ann", at=NOW)
        changed = replace(tied, content="d2", labels=tied.labels[1:])
        again = store.tie(changed, add=[label(3)], remove=tied.labels[:1], by="bob", at=NOW + 1)
        assert [one.start for one in store.labels()] == [2, 3]
        assert again.labels == tuple(one.id for one in store.labels())
        (gone,) = [one for one in store.labels(removed=True) if one.removed_at]
        assert (gone.id, gone.removed_by, gone.removed_at) == (tied.labels[0], "bob", NOW + 1)

    def test_labels_taken_back_already_stay_as_they_are(self, store: RecordStore) -> None:
        tied = store.tie(link(), add=[label(1), label(2)], by="ann", at=NOW)
        store.remove_labels([tied.labels[0]], by="eve", at=NOW + 1)
        store.untie(tied, remove=[*tied.labels, 999], by="bob", at=NOW + 2)
        assert store.labels() == []
        assert [one.removed_by for one in store.labels(removed=True)] == ["eve", "bob"]
        assert store.annotation_links("http://grafana#1") == []

    def test_who_comes_second_changes_nothing(self, store: RecordStore) -> None:
        tied = store.tie(link(), add=[label(1)], by="ann", at=NOW)
        with pytest.raises(Conflict, match="7"):
            store.tie(link(), add=[label(2)], by="bob", at=NOW)
        later = store.tie(replace(tied, content="d2"), by="ann", at=NOW)
        with pytest.raises(Conflict):
            store.tie(replace(tied, content="d3"), add=[label(3)], by="bob", at=NOW)
        with pytest.raises(Conflict):
            store.untie(tied, remove=tied.labels, by="bob", at=NOW)
        assert store.annotation_links(tied.book) == [later]
        assert [one.id for one in store.labels()] == list(tied.labels)
        store.untie(later, by="ann", at=NOW)
        with pytest.raises(Conflict):
            store.untie(later, by="bob", at=NOW)

    def test_only_one_of_many_takes_an_annotation_up(self, store: RecordStore) -> None:
        def take(number: int) -> bool:
            try:
                store.tie(link(), add=[label(number)], by="ann", at=NOW)
            except Conflict:
                return False
            return True

        assert sum(at_once(4, take)) == 1
        assert len(store.labels()) == 1

    def test_a_rid_is_tied_once_in_a_book(self, store: RecordStore) -> None:
        store.tie(link("1", rid="r"), by="ann", at=NOW)
        with pytest.raises(Conflict):
            store.tie(link("2", rid="r"), add=[label(1)], by="ann", at=NOW)
        assert store.labels() == []
        other = store.tie(link("2", rid="r", book="http://a#2"), by="ann", at=NOW)
        assert [one.annotation for one in store.annotation_links()] == ["2", "1"]
        assert store.annotation_links("http://a#2") == [other]
        for annotation in ("3", "4"):
            store.tie(link(annotation), by="ann", at=NOW)

    def test_problems_are_those_noted_last(self, store: RecordStore) -> None:
        first = [
            AnnotationProblem("b", "2", "it says both", 5),
            AnnotationProblem("b", "1", "x", 6),
        ]
        other = AnnotationProblem("a", "9", "größer", NOW)
        store.note_annotation_problems("b", first)
        store.note_annotation_problems("a", [other])
        assert store.annotation_problems() == [*first, other]
        store.note_annotation_problems("b", first[1:])
        assert store.annotation_problems() == [other, first[1]]
        store.note_annotation_problems("a", [])
        assert store.annotation_problems() == first[1:]


class TestDetectors:
    def test_saved_replaced_deleted(self, store: RecordStore) -> None:
        first = StoredDetector("b", {"every": "10m", "channels": ["y", "x"]}, "ada", NOW)
        other = StoredDetector("Z", {}, "ada", NOW)
        store.save_detector(first)
        store.save_detector(other)
        changed = replace(first, spec={"every": "1m"}, changed_by="bob", changed_at=NOW + 1)
        store.save_detector(changed)
        assert store.detectors() == [other, changed]
        store.delete_detector("b")
        assert store.detectors() == [other]
        with pytest.raises(NotFound, match="'b'"):
            store.delete_detector("b")

    def test_a_spec_keeps_the_order_of_its_keys(self, store: RecordStore) -> None:
        spec = {"name": 1, "measurement": 2, "channels": 3, "a": {"z": 1, "b": 2}}
        store.save_detector(StoredDetector("one", spec, "ada", NOW))
        read = store.detectors()[0].spec
        assert list(read) == list(spec)
        assert list(read["a"]) == ["z", "b"]


class TestVersions:
    def test_numbers_are_never_given_twice(self, store: RecordStore) -> None:
        given = at_once(8, lambda _: [store.next_number("gas-room") for _ in range(5)])
        assert sorted(number for some in given for number in some) == list(range(1, 41))
        assert store.next_number("boiler") == 1

    def test_what_was_added_is_read_back(self, store: RecordStore) -> None:
        one = version(1, provisional=True)
        assert store.add_version(one) == one
        read = store.version("gas-room", 1)
        assert read == one
        assert type(read.verdict) is Verdict
        assert read.provisional is True

    def test_a_number_is_not_used_twice(self, store: RecordStore) -> None:
        store.add_version(version(1))
        with pytest.raises(Conflict, match="gas-room/1"):
            store.add_version(version(1, artifact="other"))
        assert store.version("gas-room", 1).artifact == "gas-room/1"

    def test_newest_first(self, store: RecordStore) -> None:
        for number in (2, 10, 1):
            store.add_version(version(number))
        store.add_version(version(3, "boiler"))
        assert [one.number for one in store.versions("gas-room")] == [10, 2, 1]
        assert [one.number for one in store.versions("gas-room", limit=2)] == [10, 2]
        assert store.versions("unknown") == []

    def test_unknown_ones_are_not_found(self, store: RecordStore) -> None:
        store.add_version(version(1))
        with pytest.raises(NotFound, match="version"):
            store.version("gas-room", 2)
        with pytest.raises(NotFound):
            store.set_verdict("boiler", 1, Verdict.REJECTED)

    def test_a_verdict_changes_one_version(self, store: RecordStore) -> None:
        store.add_version(version(1))
        store.add_version(version(2))
        store.set_verdict("gas-room", 2, Verdict.REJECTED)
        assert [one.verdict for one in store.versions("gas-room")] == [
            Verdict.REJECTED,
            Verdict.CHALLENGER,
        ]

    def test_a_training_record_that_is_not_a_number_is_refused(self, store: RecordStore) -> None:
        with pytest.raises(StoreRefused, match="JSON"):
            store.add_version(version(1, training={"loss": float("nan")}))
        assert store.versions("gas-room") == []

    def test_promotion_retires_the_former_champion(self, store: RecordStore) -> None:
        for number in (1, 2):
            store.add_version(version(number))
        store.add_version(version(1, "boiler"))
        made = [
            Promotion("gas-room", 1, NOW, NOW, "auto"),
            Promotion("boiler", 1, NOW, NOW, "auto"),
            Promotion("gas-room", 2, NOW + 5, NOW + 3, "ada"),
            Promotion("gas-room", 1, NOW + 9, NOW + 2, "bob"),
        ]
        for promotion in made:
            store.promote(promotion)
        assert store.promotions("gas-room") == [made[0], made[2], made[3]]
        assert store.version("gas-room", 1).verdict is Verdict.CHAMPION
        assert store.version("gas-room", 2).verdict is Verdict.RETIRED
        assert store.version("boiler", 1).verdict is Verdict.CHAMPION

    def test_a_champion_promoted_again_stays_champion(self, store: RecordStore) -> None:
        store.add_version(version(1))
        for _ in range(2):
            store.promote(Promotion("gas-room", 1, NOW, NOW, "ada"))
        assert store.version("gas-room", 1).verdict is Verdict.CHAMPION
        assert len(store.promotions("gas-room")) == 2

    def test_promoting_an_unknown_version_changes_nothing(self, store: RecordStore) -> None:
        store.add_version(version(1))
        store.promote(Promotion("gas-room", 1, NOW, NOW, "ada"))
        with pytest.raises(NotFound):
            store.promote(Promotion("gas-room", 2, NOW, NOW, "ada"))
        assert store.version("gas-room", 1).verdict is Verdict.CHAMPION
        assert len(store.promotions("gas-room")) == 1

    def test_promotions_at_once_leave_one_champion(self, store: RecordStore) -> None:
        for number in range(6):
            store.add_version(version(number))
        at_once(6, lambda number: store.promote(Promotion("gas-room", number, NOW, NOW, "x")))
        verdicts = [one.verdict for one in store.versions("gas-room")]
        assert sorted(verdicts) == [Verdict.CHAMPION] + [Verdict.RETIRED] * 5
        last = store.promotions("gas-room")[-1]
        assert store.version("gas-room", last.number).verdict is Verdict.CHAMPION


class TestScoring:
    def test_watermarks_only_move_forward(self, store: RecordStore) -> None:
        assert store.watermarks("gas-room") == {}
        store.set_watermarks("gas-room", {"": NOW, "room=1": NOW})
        store.set_watermarks("gas-room", {"": NOW - 1, "room=1": NOW + 1, "room=2": 5})
        store.set_watermarks("boiler", {"room=1": 1})
        store.set_watermarks("gas-room", {})
        assert store.watermarks("gas-room") == {"": NOW, "room=1": NOW + 1, "room=2": 5}

    def test_watermarks_that_lie_ahead_are_moved_back(self, store: RecordStore) -> None:
        store.set_watermarks("gas-room", {"": NOW, "room=1": NOW + 1, "room=2": 5})
        store.set_watermarks("boiler", {"room=1": NOW + 2})
        store.rewind_watermarks("gas-room", NOW - 3)
        assert store.watermarks("gas-room") == {"": NOW - 3, "room=1": NOW - 3, "room=2": 5}
        assert store.watermarks("boiler") == {"room=1": NOW + 2}
        store.set_watermarks("gas-room", {"": NOW})
        assert store.watermarks("gas-room")[""] == NOW

    def test_watermarks_moved_at_once_keep_the_furthest(self, store: RecordStore) -> None:
        series = [f"room={number}" for number in range(20)]

        def move(number: int) -> None:
            ordered = series if number % 2 else series[::-1]
            store.set_watermarks("gas-room", dict.fromkeys(ordered, number))

        at_once(8, move)
        assert store.watermarks("gas-room") == dict.fromkeys(series, 7)

    def test_series_set_aside_and_readmitted(self, store: RecordStore) -> None:
        late = SetAside("gas-room", "room=b", "no data", NOW, NOW + 60)
        early = SetAside("gas-room", "room=A", "flat", NOW, NOW + 60)
        for one in (late, early, SetAside("boiler", "", "no data", NOW, NOW)):
            store.set_aside(one)
        renewed = replace(late, reason="still no data", since=NOW + 1, retry_at=NOW + 120)
        store.set_aside(renewed)
        assert store.series_set_aside("gas-room") == [early, renewed]
        store.readmit("gas-room", "room=A")
        store.readmit("gas-room", "room=A")
        assert store.series_set_aside("gas-room") == [renewed]


class TestRuns:
    def test_begun_and_finished(self, store: RecordStore) -> None:
        run = store.start_run("score", "gas-room", worker="host:1", at=NOW)
        assert run == Run(run.id, "score", "gas-room", State.RUNNING, NOW, "host:1")
        store.finish_run(
            run.id, State.FAILED, at=NOW + 1, message="no data", details={"points": 3, "aside": {}}
        )
        assert store.runs() == [
            replace(
                run,
                state=State.FAILED,
                finished_at=NOW + 1,
                message="no data",
                details={"points": 3, "aside": {}},
            )
        ]

    def test_what_is_known_when_it_begins_stays_unless_it_ends_with_more(
        self, store: RecordStore
    ) -> None:
        run = store.start_run("retrain", "a", worker="w", at=NOW, details={"basis": "x"})
        assert store.runs() == [run]
        assert run.details == {"basis": "x"}
        store.finish_run(run.id, State.DONE, at=NOW, details={"version": 3})
        assert store.run(run.id).details == {"version": 3}

    def test_how_far_it_is_and_what_it_told(self, store: RecordStore) -> None:
        other = store.start_run("retrain", "b", worker="w", at=NOW)
        run = store.start_run("retrain", "a", worker="w", at=NOW)
        assert store.run_log(run.id) == []
        store.tell_run(run.id, share=0.0, words="reading", at=NOW + 1)
        store.tell_run(other.id, share=0.5, words="reading", at=NOW + 1)
        store.tell_run(run.id, share=0.1, words="reading", at=NOW + 2)
        told = store.tell_run(run.id, share=0.25, words="epoch 1, <b>50 %</b>", at=NOW + 3)
        assert told == store.run(run.id)
        assert told == replace(run, progress=0.25, words="epoch 1, <b>50 %</b>", told_at=NOW + 3)
        assert store.run_log(run.id) == [
            LogLine(NOW + 1, "reading"),
            LogLine(NOW + 3, "epoch 1, <b>50 %</b>"),
        ]
        assert store.open_runs() == [store.run(other.id), told]

    def test_one_that_ended_takes_no_progress_any_more(self, store: RecordStore) -> None:
        run = store.start_run("retrain", "a", worker="w", at=NOW)
        store.tell_run(run.id, share=0.5, words="fitting", at=NOW)
        store.finish_run(run.id, State.DONE, at=NOW + 1, details={})
        told = store.tell_run(run.id, share=0.9, words="late", at=NOW + 2)
        assert (told.state, told.progress, told.words) == (State.DONE, 0.5, "fitting")
        assert [line.words for line in store.run_log(run.id)] == ["fitting"]

    def test_of_a_long_log_the_oldest_lines_go(self, store: RecordStore) -> None:
        run = store.start_run("retrain", "a", worker="w", at=NOW)
        for number in range(LOG_LINES + 2):
            store.tell_run(run.id, share=0.5, words=f"step {number}", at=NOW + number)
        lines = store.run_log(run.id)
        assert len(lines) == LOG_LINES
        assert (lines[0].words, lines[-1].words) == ("step 2", f"step {LOG_LINES + 1}")

    def test_logs_of_old_runs_are_forgotten_their_ends_are_not(
        self, store: RecordStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert LOGS_KEPT > 2
        for module in ("backend.stores.records.run_log", "tests.fakes.records"):
            monkeypatch.setattr(f"{module}.LOGS_KEPT", 2)
        runs = []
        for number in range(3):
            runs.append(store.start_run("retrain", "a", worker="w", at=NOW + number))
            store.tell_run(runs[-1].id, share=0.5, words="fitting", at=NOW)
        assert [len(store.run_log(run.id)) for run in runs] == [0, 1, 1]
        assert len(store.runs()) == 3

    def test_one_that_goes_on_is_asked_to_end_once(self, store: RecordStore) -> None:
        run = store.start_run("retrain", "a", worker="w", at=NOW)
        asked = store.cancel_run(run.id, by="ada")
        assert asked == replace(run, cancelled_by="ada")
        assert store.cancel_run(run.id, by="bob") == asked
        assert store.tell_run(run.id, share=0.1, words="", at=NOW).cancelled_by == "ada"
        store.finish_run(run.id, State.CANCELLED, at=NOW + 3, message="enough", details={})
        store.finish_run(run.id, State.DONE, at=NOW + 4, details={"version": 3})
        ended = store.run(run.id)
        assert (ended.state, ended.finished_at) == (State.CANCELLED, NOW + 3)
        assert (ended.message, ended.cancelled_by) == ("enough", "ada")

    def test_one_that_ended_is_not_asked_to(self, store: RecordStore) -> None:
        run = store.start_run("retrain", "a", worker="w", at=NOW)
        store.finish_run(run.id, State.DONE, at=NOW, details={})
        with pytest.raises(Conflict, match="done"):
            store.cancel_run(run.id, by="ada")
        assert store.run(run.id).cancelled_by is None

    def test_one_asked_to_end_is_cancelled_where_it_is_found_interrupted(
        self, store: RecordStore
    ) -> None:
        runs = [store.start_run("retrain", name, worker="w", at=NOW) for name in "ab"]
        store.cancel_run(runs[1].id, by="ada")
        assert store.interrupt_runs(worker="w", at=NOW) == 2
        states = [store.run(run.id).state for run in runs]
        assert states == [State.INTERRUPTED, State.CANCELLED]

    def test_newest_first_and_no_more_than_asked(self, store: RecordStore) -> None:
        begun = [
            store.start_run("score", name, worker="w", at=NOW - number)
            for number, name in enumerate(["a", "b", "a", "a"])
        ]
        assert store.runs() == begun[::-1]
        assert store.runs("a", limit=2) == [begun[3], begun[2]]
        assert store.runs("c") == []

    def test_an_unknown_run_is_not_found(self, store: RecordStore) -> None:
        for ask in (
            lambda: store.finish_run(77, State.DONE, at=NOW, details={}),
            lambda: store.tell_run(77, share=0.1, words="", at=NOW),
            lambda: store.cancel_run(77, by="ada"),
            lambda: store.run(77),
            lambda: store.run_log(77),
        ):
            with pytest.raises(NotFound, match="77"):
                ask()

    def test_one_that_was_found_interrupted_stays_so(self, store: RecordStore) -> None:
        run = store.start_run("retrain", "a", worker="paused", at=NOW)
        store.interrupt_runs(worker="paused", at=NOW + 1)
        store.finish_run(run.id, State.DONE, at=NOW + 2, details={"version": 3})
        (found,) = store.runs()
        assert (found.state, found.finished_at) == (State.INTERRUPTED, NOW + 1)
        assert found.details == {}

    def test_open_ones_are_those_that_go_on_however_many_ended_since(
        self, store: RecordStore
    ) -> None:
        first, second, third = (
            store.start_run("score", name, worker="w", at=NOW) for name in "abc"
        )
        store.finish_run(second.id, State.DONE, at=NOW, details={})
        for _ in range(120):
            ended = store.start_run("score", "a", worker="w", at=NOW)
            store.finish_run(ended.id, State.FAILED, at=NOW, details={})
        assert store.open_runs() == [first, third]

    def test_only_running_runs_of_the_worker_are_interrupted(self, store: RecordStore) -> None:
        workers = ["jobs:1", "jobs:1", "jobs:1", "JOBS:1", "jobs:12", "jobs", "jobs%"]
        runs = [store.start_run("score", "a", worker=worker, at=NOW) for worker in workers]
        store.finish_run(runs[0].id, State.DONE, at=NOW, details={})
        assert store.interrupt_runs(worker="jobs:1", at=NOW + 9) == 2
        ended = [(run.state, run.finished_at) for run in reversed(store.runs())]
        assert ended[0] == (State.DONE, NOW)
        assert ended[1:3] == [(State.INTERRUPTED, NOW + 9)] * 2
        assert ended[3:] == [(State.RUNNING, None)] * 4
        assert store.interrupt_runs(worker="jobs:1", at=NOW) == 0


LONG = 3600 * 10**9
OVER = 0
"""Lengths of leases: one that outlasts any test, and one that has run out when it is taken."""


class TestLeases:
    def test_one_at_a_time(self, store: RecordStore) -> None:
        mine = store.take_lease("score:a", "here", length=LONG)
        assert mine is not None
        assert (mine.name, mine.holder, mine.due, mine.formerly) == ("score:a", "here", None, "")
        for holder in ("there", "here"):
            assert store.take_lease("score:a", holder, length=LONG) is None
        assert store.take_lease("score:b", "there", length=LONG) is not None
        store.drop_lease("score:a", mine.token, done=True)
        assert store.take_lease("score:a", "there", length=LONG) is not None

    def test_one_from_before_the_clock_was_set_back_is_free(self, store: RecordStore) -> None:
        store.take_lease("score:a", "here", length=2 * LONG)  # as by a clock an hour ahead
        assert store.take_lease("score:a", "there", length=LONG) is not None

    def test_held_ones_are_listed_by_name(self, store: RecordStore) -> None:
        taken = [
            store.take_lease(name, "here", length=length, due=NOW)
            for name, length in (("b", LONG), ("a", OVER), ("B", LONG), ("c", LONG))
        ]
        c = taken.pop()
        assert c is not None
        store.drop_lease("c", c.token, done=True)
        found = store.leases()
        assert [(one.name, one.expired) for one in found] == [("B", 0), ("a", 1), ("b", 0)]
        assert [replace(one, expired=False) for one in found] == sorted(
            (one for one in taken if one), key=lambda one: one.name
        )

    def test_one_that_ran_out_is_taken_over_and_tells_from_whom(self, store: RecordStore) -> None:
        lost = store.take_lease("score:a", "here", length=OVER)
        taken = store.take_lease("score:a", "there", length=LONG)
        assert lost is not None
        assert taken is not None
        assert taken.formerly == "here"
        assert not store.holds_lease("score:a", lost.token)
        assert store.holds_lease("score:a", taken.token)

    def test_who_lost_one_can_neither_renew_nor_drop_it(self, store: RecordStore) -> None:
        lost = store.take_lease("score:a", "here", length=OVER, due=1)
        taken = store.take_lease("score:a", "there", length=LONG, due=2)
        assert lost is not None
        assert taken is not None
        assert store.renew_leases([lost.token], length=LONG) == frozenset()
        for done in (True, False):
            store.drop_lease("score:a", lost.token, done=done)
        assert store.holds_lease("score:a", taken.token)
        assert store.take_lease("score:a", "here", length=LONG) is None

    def test_one_that_ran_out_may_be_renewed_while_nobody_took_it(self, store: RecordStore) -> None:
        late, free = (store.take_lease(name, "here", length=OVER) for name in "ab")
        assert late is not None
        assert free is not None
        store.drop_lease("b", free.token, done=True)
        renewed = store.renew_leases([late.token, free.token], length=LONG)
        assert renewed == {late.token}
        assert store.renew_leases([], length=LONG) == frozenset()
        assert store.take_lease("a", "there", length=LONG) is None
        assert [one.expired for one in store.leases()] == [False]

    def test_a_renewed_one_ends_as_said_last(self, store: RecordStore) -> None:
        mine = store.take_lease("a", "here", length=LONG)
        assert mine is not None
        store.renew_leases([mine.token], length=OVER)
        assert [one.expired for one in store.leases()] == [True]

    def test_a_time_that_was_served_is_served_no_more(self, store: RecordStore) -> None:
        now = time.time_ns()
        mine = store.take_lease("a", "here", length=LONG, due=now)
        assert mine is not None
        assert mine.due == now
        store.drop_lease("a", mine.token, done=True)
        assert store.take_lease("a", "there", length=LONG, due=now) is None
        assert store.take_lease("a", "there", length=LONG, due=now - 1) is None
        later = store.take_lease("a", "there", length=OVER, due=now + 1)
        assert later is not None
        # Its holder is gone: this time was not served, and the one before it still is.
        assert store.take_lease("a", "here", length=OVER, due=now) is None
        assert store.take_lease("a", "here", length=OVER, due=now + 1) is not None

    def test_a_lease_tells_which_time_was_served_before(self, store: RecordStore) -> None:
        now = time.time_ns()
        told: list[int | None] = []
        for due in (now - 2, now - 1, None, None):
            mine = store.take_lease("a", "here", length=LONG, due=due)
            assert mine is not None
            told.append(mine.served)
            store.drop_lease("a", mine.token, done=True)

        assert told == [None, now - 2, now - 1, now - 1]

    def test_what_is_not_about_a_time_may_be_done_at_any(self, store: RecordStore) -> None:
        served = store.take_lease("a", "here", length=LONG, due=time.time_ns())
        assert served is not None
        store.drop_lease("a", served.token, done=True)
        other = store.take_lease("a", "here", length=LONG)
        assert other is not None
        assert other.due is None
        store.drop_lease("a", other.token, done=True)
        assert store.take_lease("a", "here", length=LONG, due=served.due) is None

    def test_a_time_served_by_a_clock_that_was_wrong_holds_nobody_up(
        self, store: RecordStore
    ) -> None:
        now = time.time_ns()
        wrong = store.take_lease("a", "here", length=LONG, due=now + LONG)
        assert wrong is not None
        store.drop_lease("a", wrong.token, done=True)
        right = store.take_lease("a", "here", length=LONG, due=now)
        assert right is not None
        store.drop_lease("a", right.token, done=True)
        assert store.take_lease("a", "there", length=LONG, due=now) is None

    def test_one_given_back_unfinished_keeps_its_time_for_another(self, store: RecordStore) -> None:
        now = time.time_ns()
        first = store.take_lease("a", "here", length=LONG, due=now)
        assert first is not None
        store.drop_lease("a", first.token, done=False)
        assert not store.holds_lease("a", first.token)
        assert [(one.holder, one.due) for one in store.leases()] == [("", now)]
        second = store.take_lease("a", "there", length=LONG, due=now)
        assert second is not None
        assert second.formerly == ""
        store.drop_lease("a", second.token, done=True)
        assert store.leases() == []
        assert store.take_lease("a", "here", length=LONG, due=now) is None

    def test_who_takes_one_for_no_time_leaves_or_serves_the_one_left_over(
        self, store: RecordStore
    ) -> None:
        now = time.time_ns()
        first = store.take_lease("a", "here", length=OVER, due=now)
        assert first is not None
        for done in (False, True):
            other = store.take_lease("a", "there", length=LONG)
            assert other is not None
            assert other.due == now
            store.drop_lease("a", other.token, done=done)
        assert store.take_lease("a", "here", length=LONG, due=now) is None

    def test_one_without_a_time_leaves_nothing_behind(self, store: RecordStore) -> None:
        for done in (True, False):
            mine = store.take_lease("process:here", "here", length=LONG)
            assert mine is not None
            store.drop_lease("process:here", mine.token, done=done)
            assert store.leases() == []

    def test_of_many_at_once_one_gets_it(self, store: RecordStore) -> None:
        store.take_lease("a", "dead", length=OVER)
        tries = at_once(8, lambda n: store.take_lease("a", str(n), length=LONG, due=NOW + n))
        (mine,) = [one for one in tries if one]
        assert mine.formerly == "dead"
        assert [one.token for one in store.leases()] == [mine.token]

    def test_of_many_at_once_one_serves_a_time(self, store: RecordStore) -> None:
        due = time.time_ns()

        def serve(number: int) -> int:
            lease = store.take_lease("a", str(number), length=LONG, due=due)
            if lease is None:
                return 0
            store.drop_lease("a", lease.token, done=True)
            return 1

        assert sum(at_once(8, serve)) == 1


class TestRequests:
    def test_the_life_of_a_request(self, store: RecordStore) -> None:
        payload = {"start": NOW, "series": ["a"], "deep": {"x": None}}
        asked = store.add_request("backfill", "gas-room", payload, by="ada", at=NOW)
        assert (asked.state, asked.payload, asked.created_by) == (State.WAITING, payload, "ada")
        claimed = store.claim_request(worker="w1", at=NOW + 1, deadline=NOW + 100)
        assert claimed == replace(
            asked, state=State.RUNNING, worker="w1", claimed_at=NOW + 1, deadline=NOW + 100
        )
        store.update_request(asked.id, progress=0.25, deadline=NOW + 200)
        halfway = store.request(asked.id)
        assert (halfway.progress, halfway.deadline) == (0.25, NOW + 200)
        store.finish_request(
            asked.id, State.DONE, at=NOW + 2, result={"points": 10}, message="scored"
        )
        assert store.request(asked.id) == replace(
            halfway,
            state=State.DONE,
            finished_at=NOW + 2,
            result={"points": 10},
            message="scored",
        )

    def test_what_is_done_for_it_is_told_and_forgotten_with_the_claim(
        self, store: RecordStore
    ) -> None:
        asked = store.add_request("retrain", "a", {}, by="ada", at=NOW)
        store.claim_request(worker="w", at=NOW, deadline=NOW + 1)
        told = store.update_request(asked.id, progress=0.5, deadline=NOW + 2, words="fitting")
        assert (told.words, told.progress) == ("fitting", 0.5)
        assert store.update_request(asked.id, progress=0.6, deadline=NOW + 2).words == "fitting"
        again = store.claim_request(worker="v", at=NOW + 2, deadline=NOW + 3)
        assert again is not None
        assert (again.words, again.progress) == ("", 0.0)

    def test_one_that_waits_is_cancelled_at_once(self, store: RecordStore) -> None:
        asked = store.add_request("retrain", "a", {}, by="ada", at=NOW)
        ended = store.cancel_request(asked.id, by="bob", at=NOW + 1)
        assert ended == store.request(asked.id)
        assert ended == replace(
            asked, state=State.CANCELLED, finished_at=NOW + 1, cancelled_by="bob"
        )
        assert store.claim_request(worker="w", at=NOW, deadline=NOW + 1) is None
        assert store.add_request("retrain", "a", {}, by="ada", at=NOW).id != asked.id

    def test_one_worked_on_is_asked_to_end_and_its_worker_ends_it(self, store: RecordStore) -> None:
        asked = store.add_request("retrain", "a", {}, by="ada", at=NOW)
        store.claim_request(worker="w", at=NOW, deadline=NOW + 9)
        noted = store.cancel_request(asked.id, by="bob", at=NOW + 1)
        assert (noted.state, noted.cancelled_by) == (State.RUNNING, "bob")
        assert noted.finished_at is None
        assert store.cancel_request(asked.id, by="eve", at=NOW + 2).cancelled_by == "bob"
        told = store.update_request(asked.id, progress=0.5, deadline=NOW + 9, worker="w")
        assert told.cancelled_by == "bob"
        store.finish_request(asked.id, State.CANCELLED, at=NOW + 3, result={}, worker="w")
        assert store.request(asked.id).state is State.CANCELLED

    def test_one_that_ended_cannot_be_cancelled(self, store: RecordStore) -> None:
        asked = store.add_request("retrain", "a", {}, by="ada", at=NOW)
        store.finish_request(asked.id, State.DONE, at=NOW, result={})
        with pytest.raises(Conflict, match="done"):
            store.cancel_request(asked.id, by="bob", at=NOW)
        with pytest.raises(NotFound, match="77"):
            store.cancel_request(77, by="bob", at=NOW)

    def test_an_equal_waiting_request_is_found_again(self, store: RecordStore) -> None:
        first = store.add_request("backfill", "a", {"x": 1, "y": [2]}, by="ada", at=NOW)
        again = store.add_request("backfill", "a", {"y": [2], "x": 1}, by="bob", at=NOW + 1)
        assert again == first
        others = [
            store.add_request("retrain", "a", {"x": 1, "y": [2]}, by="ada", at=NOW),
            store.add_request("backfill", "b", {"x": 1, "y": [2]}, by="ada", at=NOW),
            store.add_request("backfill", "a", {"x": 1, "y": [3]}, by="ada", at=NOW),
        ]
        assert len({first.id, *(other.id for other in others)}) == 4
        assert store.requests() == [*others[::-1], first]
        assert store.requests(limit=1) == others[-1:]

    def test_requests_are_found_by_kind_detector_and_payload(self, store: RecordStore) -> None:
        payloads = ({"x": 1, "y": None}, {"x": 2, "y": None})
        asked = {
            (kind, detector, payload["x"]): store.add_request(
                kind, detector, payload, by="ada", at=NOW
            )
            for kind in ("compare", "retrain")
            for detector in "ab"
            for payload in payloads
        }
        for number in (1, 2):
            store.finish_request(
                asked["compare", "a", number].id, State.DONE, at=NOW, result={"n": number}
            )
        again = store.add_request("compare", "a", {"y": None, "x": 1}, by="bob", at=NOW)

        found = store.requests(kind="compare", detector="a")
        assert [one.id for one in found] == [
            again.id,
            asked["compare", "a", 2].id,
            asked["compare", "a", 1].id,
        ]
        found = store.requests(kind="compare", detector="a", payload={"y": None, "x": 1})
        assert [(one.id, dict(one.result)) for one in found] == [
            (again.id, {}),
            (asked["compare", "a", 1].id, {"n": 1}),
        ]
        assert len(store.requests(kind="retrain")) == 4
        assert len(store.requests(detector="b", limit=3)) == 3
        assert store.requests(kind="sync") == []

    def test_a_claimed_request_may_be_asked_again(self, store: RecordStore) -> None:
        first = store.add_request("retrain", "a", {}, by="ada", at=NOW)
        store.claim_request(worker="w", at=NOW, deadline=NOW + 1)
        second = store.add_request("retrain", "a", {}, by="ada", at=NOW)
        assert second.id != first.id
        store.finish_request(second.id, State.FAILED, at=NOW, result={})
        assert store.add_request("retrain", "a", {}, by="ada", at=NOW).id not in (
            first.id,
            second.id,
        )

    def test_open_ones_are_those_that_wait_or_run_however_many_came_since(
        self, store: RecordStore
    ) -> None:
        first, second, third = (
            store.add_request("retrain", name, {}, by="ada", at=NOW) for name in "abc"
        )
        store.claim_request(worker="w", at=NOW, deadline=NOW + 1)
        store.finish_request(second.id, State.FAILED, at=NOW, result={})
        for number in range(120):
            store.add_request("backfill", "a", {"x": number}, by="ada", at=NOW)
        found = store.open_requests()
        assert len(found) == 122
        assert [one.id for one in found[:2]] == [first.id, third.id]
        assert [one.state for one in found[:2]] == [State.RUNNING, State.WAITING]

    def test_equal_requests_at_once_are_one(self, store: RecordStore) -> None:
        asked = at_once(8, lambda n: store.add_request("retrain", "a", {}, by=str(n), at=NOW))
        assert len({request.id for request in asked}) == 1
        assert len(store.requests()) == 1

    def test_claimed_oldest_first(self, store: RecordStore) -> None:
        ids = [store.add_request("retrain", name, {}, by="", at=NOW).id for name in "abc"]
        claims = [store.claim_request(worker="w", at=NOW, deadline=NOW + 9) for _ in range(4)]
        assert [claim and claim.id for claim in claims] == [*ids, None]

    def test_claimed_by_kind(self, store: RecordStore) -> None:
        retrain = store.add_request("retrain", "a", {}, by="", at=NOW)
        backfill = store.add_request("backfill", "a", {}, by="", at=NOW)

        def claim(*kinds: str) -> int | None:
            taken = store.claim_request(worker="w", at=NOW, deadline=NOW + 9, kinds=kinds)
            return taken.id if taken else None

        assert claim() is None
        assert claim("backfill") == backfill.id
        assert claim("backfill") is None
        assert claim("backfill", "retrain") == retrain.id
        again = store.claim_request(worker="w", at=NOW + 9, deadline=NOW + 20, kinds=["backfill"])
        assert again is not None
        assert again.id == backfill.id

    def test_a_claim_that_ran_out_is_taken_over(self, store: RecordStore) -> None:
        asked = store.add_request("retrain", "a", {}, by="", at=NOW)
        store.claim_request(worker="w1", at=NOW, deadline=NOW + 10)
        store.update_request(asked.id, progress=0.5, deadline=NOW + 20)
        assert store.claim_request(worker="w2", at=NOW + 19, deadline=NOW + 30) is None
        taken = store.claim_request(worker="w2", at=NOW + 20, deadline=NOW + 30)
        assert taken is not None
        assert (taken.id, taken.worker, taken.progress) == (asked.id, "w2", 0.0)

    def test_no_two_workers_get_the_same(self, store: RecordStore) -> None:
        asked = [store.add_request("backfill", "a", {"n": n}, by="", at=NOW).id for n in range(20)]

        def work(number: int) -> list[int]:
            mine = []
            while claim := store.claim_request(worker=str(number), at=NOW, deadline=NOW + 1):
                mine.append(claim.id)
            return mine

        claimed = [one for some in at_once(6, work) for one in some]
        assert sorted(claimed) == asked

    def test_the_first_end_stands(self, store: RecordStore) -> None:
        asked = store.add_request("retrain", "a", {}, by="", at=NOW)
        with pytest.raises(Conflict, match="waiting"):
            store.update_request(asked.id, progress=0.5, deadline=NOW)
        store.claim_request(worker="w", at=NOW, deadline=NOW + 1)
        store.finish_request(asked.id, State.DONE, at=NOW + 1, result={"number": 7})
        with pytest.raises(Conflict, match="done"):
            store.finish_request(asked.id, State.FAILED, at=NOW + 2, result={})
        with pytest.raises(Conflict, match="done"):
            store.update_request(asked.id, progress=0.9, deadline=NOW + 5)
        assert store.request(asked.id).result == {"number": 7}
        assert store.claim_request(worker="w", at=NOW + 99, deadline=NOW + 100) is None

    def test_a_certain_one_may_be_claimed(self, store: RecordStore) -> None:
        first, second = (store.add_request("retrain", x, {}, by="", at=NOW).id for x in "ab")

        def claim(request: int, *kinds: str) -> int | None:
            taken = store.claim_request(
                worker="w", at=NOW, deadline=NOW + 9, kinds=kinds or None, request=request
            )
            return taken.id if taken else None

        assert claim(second, "backfill") is None
        assert claim(second) == second
        assert claim(second) is None
        assert claim(77) is None
        assert claim(first, "retrain") == first

    def test_who_lost_a_claim_can_neither_extend_nor_end_it(self, store: RecordStore) -> None:
        asked = store.add_request("retrain", "a", {}, by="", at=NOW)
        store.claim_request(worker="w1", at=NOW, deadline=NOW + 1)
        store.update_request(asked.id, progress=0.5, deadline=NOW + 2, worker="w1")
        store.claim_request(worker="w2", at=NOW + 2, deadline=NOW + 9)
        with pytest.raises(Conflict, match="w2"):
            store.update_request(asked.id, progress=0.9, deadline=NOW + 99, worker="w1")
        with pytest.raises(Conflict, match="w2"):
            store.finish_request(asked.id, State.DONE, at=NOW, result={}, worker="w1")
        found = store.request(asked.id)
        assert (found.progress, found.deadline, found.worker) == (0.0, NOW + 9, "w2")
        store.finish_request(asked.id, State.DONE, at=NOW + 3, result={}, worker="w2")
        with pytest.raises(Conflict, match="done"):
            store.finish_request(asked.id, State.DONE, at=NOW + 4, result={}, worker="w2")

    def test_unknown_ones_are_not_found(self, store: RecordStore) -> None:
        for call in (
            lambda: store.request(77),
            lambda: store.update_request(77, progress=0.1, deadline=NOW),
            lambda: store.finish_request(77, State.DONE, at=NOW, result={}),
        ):
            with pytest.raises(NotFound, match="77"):
                call()


def alert(start: int = NOW, **values: Any) -> Alert:
    state = values.get("state", AlertState.FIRING)
    made = Alert(
        id=0,
        fingerprint="c0ffee",
        state=state,
        start=start,
        stop=start + 60 if state is AlertState.RESOLVED else None,
        detector="gas-room",
        received_at=NOW,
        heard_at=NOW,
    )
    return replace(made, **values)


def resolved(start: int = NOW, **values: Any) -> Alert:
    return alert(start, state=AlertState.RESOLVED, **values)


def told(store: RecordStore, *alerts: Alert, at: int = NOW) -> list[Alert]:
    return store.add_alerts(alerts, at=at, telling=True)


class TestAlerts:
    def test_what_was_told_is_read_back(self, store: RecordStore) -> None:
        full = alert(
            tags={"room": 'a,b="c"'},
            rule="normalcy-alarm",
            title="Anomaly",
            summary="größer; DROP TABLE alerts; %s :x",
            description="…",
            labels={"detector": "gas-room", "room": 'a,b="c"'},
            annotations={"score": "4.2"},
            values={"B": 1.0},
            panel_url="https://grafana.example/d/x",
        )
        (stored,) = told(store, full)
        assert stored == replace(full, id=stored.id, message=stored.message)
        assert store.alert(stored.id) == stored
        assert store.alerts() == store.alerts_of_fingerprint("c0ffee") == [stored]
        assert type(store.alerts()[0].state) is AlertState

    def test_an_unknown_one_is_not_found(self, store: RecordStore) -> None:
        with pytest.raises(NotFound, match="77"):
            store.alert(77)

    def test_what_is_said_again_is_stored_once_and_heard_of_again(self, store: RecordStore) -> None:
        (first,) = told(store, alert())
        assert told(store, alert(summary="other words"), at=NOW + 5) == []
        assert store.alerts() == [replace(first, heard_at=NOW + 5)]

    def test_what_is_new_among_what_is_known_comes_back_in_order(self, store: RecordStore) -> None:
        told(store, alert(2))
        new = told(store, alert(9), alert(2), alert(1), resolved(2), alert(9, fingerprint="b"))
        assert [(one.start, one.fingerprint, one.state.value) for one in new] == [
            (9, "c0ffee", "firing"),
            (1, "c0ffee", "firing"),
            (2, "c0ffee", "resolved"),
            (9, "b", "firing"),
        ]
        assert len({one.id for one in new}) == 4

    def test_many_at_once(self, store: RecordStore) -> None:
        many = [alert(fingerprint=str(number)) for number in range(3000)]
        assert [one.fingerprint for one in told(store, *many)] == [str(n) for n in range(3000)]
        assert told(store, *many) == []
        assert told(store) == []

    def test_the_same_told_at_once_is_stored_once(self, store: RecordStore) -> None:
        new = at_once(6, lambda _: told(store, alert(1), alert(2)))
        assert sorted(len(one) for one in new) == [0, 0, 0, 0, 0, 2]
        assert len(store.due_messages(NOW)) == 1

    def test_one_that_is_over_shows_as_resolved_only(self, store: RecordStore) -> None:
        told(store, alert(10), resolved(10, stop=20))
        told(store, alert(30), alert(5, fingerprint="b"))
        assert [(one.start, one.state.value) for one in store.alerts()] == [
            (30, "firing"),
            (10, "resolved"),
            (5, "firing"),
        ]
        assert [one.start for one in store.alerts(state=AlertState.FIRING)] == [30, 5]
        assert [one.start for one in store.alerts(state=AlertState.RESOLVED)] == [10]

    def test_the_end_may_come_first_and_with_another_start(self, store: RecordStore) -> None:
        told(store, resolved(15, stop=20))
        told(store, alert(10))
        assert [one.state.value for one in store.alerts()] == ["resolved"]

    def test_newest_first_by_detector_and_no_more_than_asked(self, store: RecordStore) -> None:
        told(store, *(alert(start, fingerprint=str(start)) for start in (2, 3, 1)))
        told(store, alert(9, detector="boiler"))
        assert [one.start for one in store.alerts()] == [9, 3, 2, 1]
        assert [one.start for one in store.alerts("gas-room", limit=2)] == [3, 2]
        assert store.alerts("unknown") == []

    def test_old_ones_are_forgotten_with_their_messages(self, store: RecordStore) -> None:
        told(store, alert(1), alert(2))
        told(store, alert(1), at=NOW + 50)
        assert store.forget_alerts(before=NOW + 10) == 1
        (left,) = store.alerts()
        assert left.start == 1
        assert left.message is not None
        assert store.messages([left.message])
        assert store.forget_alerts(before=NOW + 60) == 1
        assert store.messages([left.message]) == {}
        assert store.due_messages(NOW + 99) == []

    def test_numbers_are_not_given_twice(self, store: RecordStore) -> None:
        (first,) = told(store, alert())
        store.forget_alerts(before=NOW + 1)
        (second,) = told(store, alert())
        assert second.id > first.id

    def test_what_is_not_json_is_refused_and_nothing_stored(self, store: RecordStore) -> None:
        with pytest.raises(StoreRefused, match="JSON"):
            told(store, alert(1), alert(2, values={"B": float("nan")}))
        assert store.alerts() == []
        assert store.due_messages(NOW) == []


class TestMessages:
    def test_one_tells_of_all_that_is_new_together(self, store: RecordStore) -> None:
        told(store, alert(1))
        both = told(store, alert(1), alert(2), alert(3))
        (number,) = {one.message for one in both}
        assert number is not None
        assert store.alerts_of_message(number) == both
        assert store.messages([number, 999]) == {
            number: Message(number, NOW, Delivery.PENDING, NOW)
        }

    def test_none_is_made_when_nobody_is_told(self, store: RecordStore) -> None:
        (silent,) = store.add_alerts([alert()], at=NOW, telling=False)
        assert silent.message is None
        assert store.due_messages(NOW) == []

    def test_a_claim_keeps_others_off_until_it_ends(self, store: RecordStore) -> None:
        told(store, alert())
        (due,) = store.due_messages(NOW)
        claimed = at_once(4, lambda _: store.claim_message(due.id, at=NOW, until=NOW + 30))
        (mine,) = [one for one in claimed if one]
        assert (mine.tries, mine.next_try) == (1, NOW + 30)
        assert store.due_messages(NOW + 29) == []
        again = store.claim_message(due.id, at=NOW + 30, until=NOW + 60)
        assert again is not None
        assert again.tries == 2

    def test_one_that_failed_for_now_waits(self, store: RecordStore) -> None:
        told(store, alert())
        (due,) = store.due_messages(NOW)
        store.claim_message(due.id, at=NOW, until=NOW + 30)
        store.settle_message(due.id, Delivery.PENDING, at=NOW + 70, problem="no answer")
        assert store.due_messages(NOW + 69) == []
        (later,) = store.due_messages(NOW + 70)
        assert (later.problem, later.tries, later.ended_at) == ("no answer", 1, None)

    @pytest.mark.parametrize("end", [Delivery.DELIVERED, Delivery.FAILED])
    def test_one_that_ended_is_never_due_again(self, store: RecordStore, end: Delivery) -> None:
        told(store, alert())
        (due,) = store.due_messages(NOW)
        store.settle_message(due.id, end, at=NOW + 3, problem="why")
        kept = store.messages([due.id])[due.id]
        assert (kept.state, kept.ended_at, kept.problem) == (end, NOW + 3, "why")
        assert type(kept.state) is Delivery
        assert store.due_messages(NOW + 10**12) == []
        assert store.claim_message(due.id, at=NOW + 10**12, until=NOW + 10**13) is None

    def test_oldest_first_and_no_more_than_asked(self, store: RecordStore) -> None:
        for start in (1, 2, 3):
            told(store, alert(start))
        numbers = [one.id for one in store.due_messages(NOW)]
        assert numbers == sorted(numbers)
        assert [one.id for one in store.due_messages(NOW, limit=2)] == numbers[:2]

    def test_an_unknown_one_is_not_found(self, store: RecordStore) -> None:
        assert store.claim_message(77, at=NOW, until=NOW + 1) is None
        with pytest.raises(NotFound, match="77"):
            store.settle_message(77, Delivery.FAILED, at=NOW)


class TestLabelsOfAlerts:
    def test_an_alert_leads_to_one_label(self, store: RecordStore) -> None:
        source = alert().source
        store.add_labels([label(1, source=source)])
        with pytest.raises(Conflict):
            store.add_labels([label(2), label(3, source=source)])
        assert [one.start for one in store.labels()] == [1]
        store.add_labels([label(4, source="api"), label(5, source="api")])

    def test_said_at_once_it_is_said_once(self, store: RecordStore) -> None:
        def say(number: int) -> bool:
            try:
                store.add_labels([label(number, source=alert().source)])
            except Conflict:
                return False
            return True

        assert sum(at_once(6, say)) == 1
        assert len(store.labels()) == 1

    def test_taken_back_it_may_be_said_anew(self, store: RecordStore) -> None:
        (first,) = store.add_labels([label(1, source=alert().source)])
        store.remove_labels([first.id], by="ada", at=NOW)
        store.add_labels([label(2, source=alert().source)])
        assert [one.start for one in store.labels()] == [2]


# -- how detectors stand, and what processes say ---------------------------------------------------


def said(name: str = "here:1:a", **values: Any) -> ProcessReport:
    made = ProcessReport(name, "jobs", "here", 1, "0.1.0", started_at=NOW, at=NOW + 5)
    return replace(made, **values)


def test_a_detector_of_which_nothing_is_known_does_not_stand(store: RecordStore) -> None:
    assert store.standings() == []


def test_a_standing_counts_series_and_tells_the_version_that_was_promoted_last(
    store: RecordStore,
) -> None:
    for number in (1, 2, 3):
        made = store.add_version(version(number, created_at=NOW + number))
        if made.number < 3:
            store.promote(Promotion("gas-room", made.number, NOW, NOW + number, "anna"))
    store.set_watermarks("gas-room", {"room=1": NOW + 1, "room=2": NOW + 9})
    store.set_aside(SetAside("gas-room", "room=3", "nothing comes", NOW, NOW + 5))
    store.set_aside(SetAside("pump", "", "nothing comes", NOW, NOW + 5))
    assert store.standings() == [
        Standing("gas-room", 2, NOW + 1, NOW + 9, 1, serving=2, made_at=NOW + 2),
        Standing("pump", set_aside=1),
    ]


def test_what_a_process_says_takes_the_place_of_what_it_said(store: RecordStore) -> None:
    store.report_process(said(families={"normalcy_jobs": {"samples": [["x", {}, 1.0]]}}))
    later = said(at=NOW + 20, families={"normalcy_jobs": {"samples": [["x", {"k": "v"}, 2.5]]}})
    store.report_process(later)
    other = said("b:2:c", role="web")
    store.report_process(other)
    assert store.process_reports() == [other, later]
    assert store.process_reports(counts=False) == [other, replace(later, families={})]


def test_what_processes_said_is_forgotten(store: RecordStore) -> None:
    for name in ("a", "b", "c"):
        store.report_process(said(name))
    store.forget_processes([])
    store.forget_processes(["a", "c", "never heard of"])
    assert [one.name for one in store.process_reports()] == ["b"]


def test_a_report_that_json_cannot_express_is_refused(store: RecordStore) -> None:
    with pytest.raises(StoreRefused, match="JSON"):
        store.report_process(said(families={"x": float("nan")}))


def deed(**more: Any) -> AuditEntry:
    told = {"at": NOW, "who": "anna", "how": How.PAGE, "address": "10.0.0.1", "action": "label.add"}
    return AuditEntry(id=0, **{**told, "detector": "gas-room", "words": "1 -> 2", **more})


def test_the_audit_log_tells_the_newest_first_and_only_what_is_asked(store: RecordStore) -> None:
    made = [
        store.add_audit(deed()),
        store.add_audit(deed(who="bob", action="label.remove")),
        store.add_audit(deed(detector="pump", action="labels", how=How.COMMAND)),
        store.add_audit(deed(detector="", action="user.add", words='é "quoted"')),
    ]
    assert [one.id for one in made] == sorted({one.id for one in made})
    assert store.audit() == made[::-1]
    assert store.audit(limit=2) == [made[3], made[2]]
    assert store.audit(before=made[2].id) == [made[1], made[0]]
    assert store.audit(who="bob") == [made[1]]
    assert store.audit(detectors=["pump", "gas-room"]) == [made[2], made[1], made[0]]
    assert store.audit(action="label") == [made[1], made[0]]
    assert store.audit(action="label.add") == [made[0]]
    assert store.audit(action="l%") == []


def test_old_entries_of_the_audit_log_are_removed_and_no_others(store: RecordStore) -> None:
    store.add_audit(deed(at=NOW - 1))
    kept = store.add_audit(deed())
    assert store.forget_audit(before=NOW) == 1
    assert store.audit() == [kept]
    assert store.add_audit(deed()).id > kept.id


def test_calls_together_hold_all_or_none(store: RecordStore) -> None:
    def fail() -> None:
        with store.together():
            store.add_audit(deed())
            assert len(store.audit()) == 1
            with store.together():
                store.spend_link("d1", at=NOW)
            assert store.is_spent("d1")
            raise NotFound("something")

    with pytest.raises(NotFound):
        fail()
    assert store.audit() == []
    assert not store.is_spent("d1")
    with store.together():
        store.add_audit(deed())
        store.spend_link("d1", at=NOW)
    assert (len(store.audit()), store.is_spent("d1")) == (1, True)


def test_a_refusal_inside_undoes_what_came_before(store: RecordStore) -> None:
    def fail() -> None:
        with store.together():
            store.add_audit(deed())
            store.remove_labels([4711], by="anna", at=NOW)

    with pytest.raises(NotFound):
        fail()
    assert store.audit() == []


def test_other_threads_do_not_see_what_is_not_settled(store: RecordStore, request: Any) -> None:
    if isinstance(store, MemoryRecordStore):
        pytest.skip("its lock lets nobody else in")
    with ThreadPoolExecutor(1) as other:
        with store.together():
            store.add_audit(deed())
            assert other.submit(store.audit).result() == []
        assert len(other.submit(store.audit).result()) == 1


def entered(**more: Any) -> SignedIn:
    told = {"digest": "d", "kind": SessionKind.ACCOUNT, "name": "anna", "proof": "1"}
    return SignedIn(id=0, **{**told, "began_at": NOW, "seen_at": NOW, **more})


def test_a_session_is_found_until_it_is_ended(store: RecordStore) -> None:
    first = store.begin_session(entered(address="10.0.0.1", agent="Firefox"))
    second = store.begin_session(entered(digest="e"))
    store.begin_session(entered(digest="f", kind=SessionKind.TOKEN))
    assert store.session("d") == first
    assert store.sessions(SessionKind.ACCOUNT, "anna") == [second, first]
    assert store.sessions(SessionKind.ACCOUNT, "bob") == []
    store.touch_session(first.id, at=NOW + 60)
    assert store.session("d") == replace(first, seen_at=NOW + 60)
    assert store.end_session(first.id)
    assert not store.end_session(first.id)
    assert store.session("d") is None


def test_sessions_that_are_over_are_removed(store: RecordStore) -> None:
    store.begin_session(entered(digest="idle", seen_at=NOW - 10))
    store.begin_session(entered(digest="old", began_at=NOW - 100))
    kept = store.begin_session(entered(began_at=NOW - 50))
    assert store.forget_sessions(seen_before=NOW - 5, began_before=NOW - 60) == 2
    assert store.sessions(SessionKind.ACCOUNT, "anna") == [kept]


def test_a_link_is_spent_once(store: RecordStore) -> None:
    assert not store.is_spent("d1")
    assert store.spend_link("d1", at=NOW)
    assert not store.spend_link("d1", at=NOW)
    assert store.is_spent("d1")
    assert store.forget_links(before=NOW) == 0
    assert store.forget_links(before=NOW + 1) == 1
    assert not store.is_spent("d1")


def test_a_name_belongs_to_one_person_elsewhere(store: RecordStore) -> None:
    anna = Identity("https://id.example", "1", "anna", NOW, NOW)
    assert store.keep_identity(anna) == anna
    later = store.keep_identity(replace(anna, first_at=NOW + 5, last_at=NOW + 5))
    assert later == replace(anna, last_at=NOW + 5)
    for other in (replace(anna, subject="2"), replace(anna, issuer="https://other.example")):
        with pytest.raises(Conflict, match="anna"):
            store.keep_identity(other)
    assert store.identity("anna") == later
    renamed = store.keep_identity(replace(anna, name="anna b"))
    assert (store.identity("anna"), store.identity("anna b")) == (None, renamed)


class TestDrift:
    def test_how_far_errors_are_followed_is_kept_in_place_of_what_was(
        self, store: RecordStore
    ) -> None:
        assert store.drift_watch("pump") is None
        store.keep_drift_watch(DriftWatch("pump", 1, NOW, {"series": {"a": {"total": 0.5}}}))
        newer = DriftWatch("pump", 2, NOW + 1, {"series": {}})
        store.keep_drift_watch(newer)
        assert store.drift_watch("pump") == newer
        assert store.drift_watch("press") is None

    def test_a_proposal_takes_the_place_of_one_that_is_open(self, store: RecordStore) -> None:
        first = store.propose_retraining(DriftProposal("pump", 1, NOW, "it drifts"))
        other = store.propose_retraining(DriftProposal("press", 1, NOW, "it drifts"))
        second = store.propose_retraining(
            DriftProposal("pump", 1, NOW + 5, "more drift", {"series": {"a": {"times": 2.0}}})
        )
        assert store.drift_proposals("pump") == [second, store.drift_proposal(first.id)]
        assert store.drift_proposal(first.id).answer is DriftAnswer.OUTDATED
        assert [one.id for one in store.drift_proposals()] == [second.id, other.id, first.id]
        assert second.answer is DriftAnswer.OPEN
        assert second.details == {"series": {"a": {"times": 2.0}}}

    def test_a_proposal_is_answered_once(self, store: RecordStore) -> None:
        made = store.propose_retraining(DriftProposal("pump", 1, NOW, "it drifts"))
        said = store.answer_drift(made.id, DriftAnswer.DISMISSED, by="ann", at=NOW + 1)
        assert said == replace(made, answer=DriftAnswer.DISMISSED, by="ann", answered_at=NOW + 1)
        assert store.drift_proposal(made.id) == said
        with pytest.raises(Conflict, match="answered before"):
            store.answer_drift(made.id, DriftAnswer.ACCEPTED, by="bob", at=NOW + 2)
        with pytest.raises(NotFound, match="no proposal 999"):
            store.answer_drift(999, DriftAnswer.ACCEPTED, by="bob", at=NOW + 2)

    def test_proposals_that_were_answered_long_ago_are_forgotten(self, store: RecordStore) -> None:
        for at in range(3):
            made = store.propose_retraining(DriftProposal("pump", 1, NOW, "it drifts"))
            if at < 2:
                store.answer_drift(made.id, DriftAnswer.DISMISSED, by="ann", at=NOW + at)
        run = store.start_run("score", "pump", worker="me", at=NOW)
        store.finish_run(run.id, State.DONE, at=NOW, details={})

        assert store.ended(before=NOW + 1) == 2
        assert store.forget_ended(before=NOW + 1, limit=1) == 1
        assert store.forget_ended(before=NOW + 1) == 1
        assert [one.id for one in store.drift_proposals()] == [made.id, made.id - 1]


class TestUpkeep:
    def test_what_was_done_last_is_kept_once_for_each_way(self, store: RecordStore) -> None:
        assert store.upkeep() == []
        store.note_upkeep(Upkeep("prune", NOW))
        store.note_upkeep(Upkeep("backup", NOW, {"size": 3}))
        store.note_upkeep(Upkeep("backup", NOW + 1, {"size": 4}))

        assert store.upkeep() == [Upkeep("backup", NOW + 1, {"size": 4}), Upkeep("prune", NOW)]

    def test_versions_are_removed_but_for_the_one_that_serves(self, store: RecordStore) -> None:
        for number in (1, 2):
            store.add_version(version(number))
        store.add_version(version(1, "pump"))
        store.promote(Promotion("gas-room", 2, NOW, NOW, "ada"))

        with pytest.raises(Conflict, match="serves"):
            store.remove_version("gas-room", 2)
        assert store.remove_version("gas-room", 1)
        assert not store.remove_version("gas-room", 1)
        assert [one.number for one in store.versions("gas-room")] == [2]
        assert store.versioned() == ["gas-room", "pump"]
        assert store.artifacts_in_use() == {"gas-room/2", "pump/1"}

    def test_what_ended_long_ago_is_forgotten_the_oldest_first(self, store: RecordStore) -> None:
        for at in (NOW, NOW + 1, NOW + 2):
            run = store.start_run("score", "gas-room", worker="me", at=at)
            store.tell_run(run.id, share=0.5, words="half", at=at)
            store.finish_run(run.id, State.DONE, at=at, details={})
        going_on = store.start_run("retrain", "gas-room", worker="me", at=NOW)
        request = store.add_request("retrain", "gas-room", {}, by="ada", at=NOW)
        store.cancel_request(request.id, by="ada", at=NOW)
        waiting = store.add_request("retrain", "gas-room", {}, by="ada", at=NOW)

        assert store.ended(before=NOW + 2) == 3
        assert store.forget_ended(before=NOW + 2, limit=1) == 1
        with pytest.raises(NotFound):
            store.run_log(1)
        assert [run.id for run in store.runs()] == [4, 3, 2]
        assert store.forget_ended(before=NOW + 2) == 2
        assert store.ended(before=NOW + 2) == 0

        assert [run.id for run in store.runs()] == [going_on.id, 3]
        assert [one.id for one in store.requests()] == [waiting.id]
        assert store.start_run("score", "gas-room", worker="me", at=NOW).id == going_on.id + 1
