"""Every change leaves an entry: who, how, from where, former and new value, never a secret."""

import inspect
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from backend.exceptions import Conflict, NotFound
from backend.records import (
    LONGEST_WORDS,
    AnnotationLink,
    AuditEntry,
    DriftAnswer,
    How,
    Identity,
    Label,
    LabelDraft,
    LabelKind,
    Promotion,
    Role,
    SessionKind,
    SignedIn,
    StoredDetector,
    Tie,
    Token,
    User,
    Verdict,
    Version,
)
from backend.services.acting import Actor, acting, actor
from backend.services.audit_log import AuditLog, Wanted
from backend.services.audited import ACTIONS, ASKING, AUDITED, UNSAID, audited, differences
from backend.services.comparison_request import COMPARE
from backend.services.detectors import Detectors
from backend.services.dry_run import DRY_RUN
from backend.services.labelling import Labelling
from backend.services.requests import EXPLAIN
from backend.specs import DetectorSpec
from backend.stores.records import SqlRecordStore
from tests.fakes.clock import StillClock
from tests.fakes.records import MemoryRecordStore

NOW = 1_780_000_000_000_000_000
ANNA = Actor("anna", How.PAGE, "10.0.0.1")
LABEL = Label(0, "pump", LabelKind.NORMAL, NOW - 20, NOW - 10, created_by="x", created_at=NOW)


@pytest.fixture
def store():
    return audited(MemoryRecordStore(), StillClock(NOW))


def last(store) -> AuditEntry:
    return store.audit(limit=1)[0]


def version(number: int) -> Version:
    return Version("pump", number, NOW, f"a{number}", {}, "l", "d", False, Verdict.CHALLENGER, {})


def test_every_way_to_write_leaves_an_entry_or_says_why_not():
    """What writes is read from the code of the store itself, so that a new way cannot be missed."""
    writing = {
        name
        for name, method in inspect.getmembers(SqlRecordStore, inspect.isfunction)
        if not name.startswith("_") and ".writing" in inspect.getsource(method)
    }
    assert set(AUDITED) <= writing
    assert set(UNSAID) & set(AUDITED) == set()
    assert writing - set(AUDITED) - set(UNSAID) == set()
    assert all(UNSAID.values())


def test_what_asks_only_is_named_as_the_requests_are():
    assert {EXPLAIN, COMPARE, DRY_RUN} == ASKING


def test_an_entry_says_who_how_and_from_where(store):
    with acting(ANNA):
        store.add_labels([LABEL])
    assert last(store) == AuditEntry(
        id=1,
        at=NOW,
        who="anna",
        how=How.PAGE,
        address="10.0.0.1",
        action="label.add",
        detector="pump",
        words="label 1: normal 2026-05-28T20:26:39.99999998Z to "
        "2026-05-28T20:26:39.99999999Z, all series",
    )
    assert actor() == Actor()


def test_where_nobody_is_known_the_record_says_who(store):
    store.add_labels([LABEL])
    assert (last(store).who, last(store).how) == ("x", How.JOB)


def test_who_signs_in_acts_whoever_was_signed_in_there_before(store):
    with acting(ANNA):
        store.begin_session(SignedIn(0, "d", SessionKind.ACCOUNT, "bob", "1", NOW, NOW))
        assert (last(store).who, last(store).how, last(store).address) == (
            "bob", How.PAGE, "10.0.0.1",
        )  # fmt: skip
        store.begin_session(SignedIn(0, "e", SessionKind.CONFIGURED, "", "1", NOW, NOW))
        assert last(store).who == ""
        store.keep_identity(Identity("https://id.example", "7", "mia", NOW, NOW))
        assert last(store).who == "mia"
        assert actor() == ANNA


def test_labels_of_the_configuration_are_said_by_it_whoever_asks_first(store):
    spec = DetectorSpec(name="pump", measurement="m", channels=("a",), every=timedelta(minutes=1))
    detectors = Detectors({"pump": spec}, store, StillClock(NOW))
    draft = LabelDraft("pump", LabelKind.NORMAL, NOW - 20, NOW - 10)
    labelling = Labelling(store, detectors, StillClock(NOW), (draft,))
    with acting(ANNA):
        labelling.list()
    assert (last(store).action, last(store).who) == ("label.add", "normalcy.yaml")
    assert (last(store).how, last(store).address) == (How.JOB, "")


def test_many_labels_are_one_entry_for_each_detector(store):
    store.add_labels([replace(LABEL, start=NOW - 50 + n, detector="pump") for n in range(8)])
    store.add_labels([LABEL, replace(LABEL, detector="gas")])
    assert [one.detector for one in store.audit()] == ["gas", "pump", "pump"]
    assert store.audit()[2].words == "8 labels: 1, 2, 3, 4, 5, 6, 7, 8"


def test_a_change_that_is_refused_leaves_none(store):
    with pytest.raises(NotFound):
        store.remove_labels([4711], by="anna", at=NOW)
    store.add_user(User("ada", "h", Role.ADMIN, "local", NOW, NOW))
    with pytest.raises(Conflict):
        store.remove_user("ada")
    assert [one.action for one in store.audit()] == ["user.add"]


def test_a_change_whose_entry_cannot_be_written_is_not_made():
    class Full(MemoryRecordStore):
        def add_audit(self, entry):
            raise Conflict("no room")

    kept = Full()
    with pytest.raises(Conflict):
        audited(kept, StillClock(NOW)).add_labels([LABEL])
    assert kept.labels() == []


def test_a_definition_is_told_key_by_key(store):
    store.save_detector(StoredDetector("pump", {"every": "1m", "channels": ["a"]}, "x", NOW))
    store.save_detector(StoredDetector("pump", {"every": "5m", "channels": ["a"]}, "x", NOW))
    store.delete_detector("pump")
    assert [(one.action, one.words) for one in store.audit()] == [
        ("detector.remove", "every: 5m -> none; channels: ['a'] -> none"),
        ("detector.change", "every: 1m -> 5m"),
        ("detector.add", "every: none -> 1m; channels: none -> ['a']"),
    ]


def test_versions_are_told_with_the_one_before(store):
    for number in (1, 2):
        store.add_version(version(store.next_number("pump")))
        store.promote(Promotion("pump", number, NOW, NOW, "bob"))
    store.set_verdict("pump", 1, Verdict.REJECTED)
    assert [one.words for one in store.audit()] == [
        "version 1: retired -> rejected",
        "serving: version 1 -> version 2, from 2026-05-28T20:26:40Z",
        "serving: none -> version 1, from 2026-05-28T20:26:40Z",
    ]


def test_accounts_and_tokens_are_told_without_any_secret(store):
    store.add_user(User("ada", "hush-hash", Role.ADMIN, "local", NOW, NOW))
    store.add_user(User("lee", "hush-hash", Role.VIEWER, "ada", NOW, NOW))
    store.change_user("lee", at=NOW, role=Role.LABELLER)
    store.change_user("lee", at=NOW, password_hash="hush-other")
    store.remove_user("lee")
    token = store.add_token(Token(0, "wall", "hush-digest", Role.VIEWER, ("pump",), "ada"))
    store.revoke_token(token.id, at=NOW)
    session = SignedIn(0, "hush-digest", SessionKind.ACCOUNT, "ada", "hush-proof", NOW, NOW)
    number = store.begin_session(session).id
    store.end_session(number)
    store.end_session(number)
    store.keep_identity(Identity("https://id.example", "7", "bo", NOW, NOW))
    store.keep_identity(Identity("https://id.example", "7", "bo", NOW, NOW))
    assert [(one.action, one.words) for one in reversed(store.audit())] == [
        ("user.add", "ada, admin"),
        ("user.add", "lee, viewer"),
        ("user.change", "lee, role: viewer -> labeller"),
        ("user.change", "lee, another password"),
        ("user.remove", "lee, labeller"),
        ("token.add", "token 1 wall, viewer for pump"),
        ("token.revoke", "token 1 wall, viewer for pump"),
        ("session.begin", "session 1 by account"),
        ("session.end", "session 1"),
        ("identity.add", "bo of https://id.example, subject 7"),
    ]
    assert "hush" not in repr(store.audit())


def test_what_a_person_asks_of_the_jobs_is_told_and_what_they_ask_of_themselves_is_not(store):
    store.add_request("retrain", "pump", {}, by="retraining", at=NOW)
    assert store.audit() == []
    with acting(ANNA):
        for kind in sorted(ASKING):
            store.add_request(kind, "pump", {}, by="anna", at=NOW)
        assert store.audit() == []
        made = store.add_request("backfill", "pump", {"start": 1, "stop": 2}, by="anna", at=NOW)
        store.cancel_request(made.id, by="anna", at=NOW)
        run = store.start_run("score", "pump", worker="w", at=NOW)
        store.cancel_run(run.id, by="anna")
        store.cancel_run(run.id, by="bo")
    store.cancel_run(run.id, by="anna")  # by the worker that stops
    assert [one.words for one in store.audit()] == [
        f"score, run {run.id}",
        f"backfill, request {made.id}",
        f"backfill, request {made.id}: start=1, stop=2",
    ]


def test_labels_that_come_and_go_in_grafana_are_told(store):
    link = AnnotationLink("book", "7", Tie.DRAWN, NOW - 20, NOW - 10, "c")
    tied = store.tie(link, add=[LABEL], by="grafana: ann", at=NOW)
    moved = replace(LABEL, stop=NOW - 5)
    tied = store.tie(tied, add=[moved], remove=tied.labels, by="grafana: ann", at=NOW)
    store.untie(tied, remove=[2], by="grafana", at=NOW)
    told = [(one.action, one.who, one.words[:7]) for one in reversed(store.audit())]
    assert told == [
        ("label.add", "grafana: ann", "label 1"),
        ("label.remove", "grafana: ann", "label 1"),
        ("label.add", "grafana: ann", "label 2"),
        ("label.remove", "grafana", "label 2"),
    ]


def test_an_entry_never_grows_without_bound(store):
    spec = {f"key{n}": "x" * 500 for n in range(50)}
    store.save_detector(StoredDetector("pump", spec, "x", NOW))
    assert len(last(store).words) == LONGEST_WORDS
    assert last(store).words.endswith("…")


def test_nothing_is_different_in_the_same():
    assert differences({"a": 1}, {"a": 1}) == ""


def test_the_actions_are_known_by_name():
    source = inspect.getsource(inspect.getmodule(audited))
    named = set(re.findall(r'"([a-z]+\.[a-z]+)"', source))
    answers = {f"drift.{one}" for one in DriftAnswer if one is not DriftAnswer.OPEN}
    elsewhere = {"results.remove", "series.import", "series.copy", "restore"}
    assert named | elsewhere == set(ACTIONS)
    assert answers <= named


class TestLog:
    def test_it_is_kept_for_as_long_as_the_settings_say(self, store):
        clock = StillClock(NOW)
        log = AuditLog(store, clock, timedelta(days=30))
        store.add_labels([LABEL])
        clock.time = NOW + 30 * 86_400 * 10**9
        assert log.forget() == 0
        clock.time += 1
        assert log.forget() == 1
        assert log.entries(Wanted()) == []

    def test_it_answers_with_what_is_wanted(self, store):
        store.add_labels([LABEL, replace(LABEL, detector="gas")])
        log = AuditLog(store, StillClock(NOW), timedelta(days=30))
        assert len(log.entries(Wanted(), limit=10**9)) == 2
        assert [one.detector for one in log.entries(Wanted(detectors=("gas",)))] == ["gas"]
        assert log.entries(Wanted(action="user")) == []
        assert len(log.entries(Wanted(action="label", before=2))) == 1
