"""The record store as people reach it: every change of theirs leaves an entry in the audit log.

The entry is written in the transaction of the change, so that neither is there without the other.
What is not listed here changes nothing that a person answers for; `UNSAID` names it with reasons.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, cast

from backend.ports import Clock, RecordStore
from backend.records import (
    AnnotationLink,
    DriftAnswer,
    DriftProposal,
    How,
    Identity,
    Label,
    Promotion,
    Request,
    Role,
    Run,
    SignedIn,
    StoredDetector,
    Token,
    User,
    Verdict,
)
from backend.services.acting import acting, actor
from backend.services.audit_log import entry_of
from backend.specs.times import format_time

MOST_NAMED = 5
"""Labels that an entry describes one by one; of more it tells the numbers."""

ASKING = frozenset({"explain", "compare", "dry_run"})
"""Kinds of requests that change nothing."""

ACTIONS = (
    "label.add",
    "label.remove",
    "detector.add",
    "detector.change",
    "detector.remove",
    "version.promote",
    "version.verdict",
    "drift.accepted",
    "drift.dismissed",
    "drift.outdated",
    "request.add",
    "request.cancel",
    "run.cancel",
    "user.add",
    "user.change",
    "user.remove",
    "token.add",
    "token.revoke",
    "session.begin",
    "session.end",
    "identity.add",
    "results.remove",
    "series.import",
    "series.copy",
    "restore",
)
"""What entries call the changes."""

UNSAID: Mapping[str, str] = {
    "add_audit": "it is the audit log",
    "forget_audit": "retention, by the settings",
    "note_annotation_problems": "what the sync with Grafana could not read",
    "add_version": "a training; what made it, and its promotion, are entries",
    "next_number": "of a training",
    "set_watermarks": "how far scoring is",
    "rewind_watermarks": "how far scoring is",
    "set_aside": "what scoring and training found of a series",
    "readmit": "what scoring and training found of a series",
    "start_run": "the runs are a log of their own",
    "tell_run": "the runs are a log of their own",
    "finish_run": "the runs are a log of their own",
    "interrupt_runs": "the runs are a log of their own",
    "take_lease": "how the jobs share their work",
    "renew_leases": "how the jobs share their work",
    "drop_lease": "how the jobs share their work",
    "claim_request": "how the jobs share their work",
    "update_request": "how far a request is",
    "finish_request": "how a request ended; that it was made is an entry",
    "add_alerts": "what Grafana told, kept whole in the alerts",
    "forget_alerts": "retention",
    "remove_version": "retention, by the settings",
    "forget_ended": "retention, by the settings",
    "keep_drift_watch": "how far errors are followed",
    "propose_retraining": "what was seen of errors; what a person answers is an entry",
    "note_upkeep": "when a backup was made, or old things removed",
    "claim_message": "how a message is sent",
    "settle_message": "how a message was sent",
    "touch_token": "when a token was last shown",  # nosec B105  # no password
    "touch_session": "when a browser was last seen",
    "forget_sessions": "sessions that are over by themselves",
    "spend_link": "the label that a link leads to is an entry",
    "forget_links": "retention",
    "report_process": "what a process says of itself",
    "forget_processes": "processes that are gone",
}
"""Ways to write into the record store that leave no entry, and why."""


def audited(records: RecordStore, clock: Clock) -> RecordStore:
    """The same record store, with an entry for every change."""
    return cast(RecordStore, _Audited(records, clock))


class _Audited:
    """Passes everything on, and tells of what changes."""

    def __init__(self, records: RecordStore, clock: Clock) -> None:
        self._records = records
        self._clock = clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    # -- labels

    def add_labels(self, labels: Sequence[Label]) -> list[Label]:
        with self._records.together():
            made = self._records.add_labels(labels)
            self._tell_labels("label.add", made)
        return made

    def remove_labels(self, ids: Sequence[int], *, by: str, at: int) -> list[Label]:
        with self._records.together():
            gone = self._records.remove_labels(ids, by=by, at=at)
            self._tell_labels("label.remove", gone, by)
        return gone

    def change_labels(
        self, add: Sequence[Label], remove: Sequence[int], *, by: str, at: int
    ) -> tuple[list[Label], list[Label]]:
        with self._records.together():
            made, gone = self._records.change_labels(add, remove, by=by, at=at)
            self._tell_labels("label.remove", gone, by)
            self._tell_labels("label.add", made, by)
        return made, gone

    def tie(
        self,
        link: AnnotationLink,
        *,
        add: Sequence[Label] = (),
        remove: Sequence[int] = (),
        by: str,
        at: int,
    ) -> AnnotationLink:
        with self._records.together():
            gone = self._in_force(remove)
            tied = self._records.tie(link, add=add, remove=remove, by=by, at=at)
            self._tell_labels("label.remove", gone, by)
            fresh = [number for number in tied.labels if number not in link.labels]
            made = [replace(one, id=number) for number, one in zip(fresh, add, strict=False)]
            self._tell_labels("label.add", made, by)
        return tied

    def untie(self, link: AnnotationLink, *, remove: Sequence[int] = (), by: str, at: int) -> None:
        with self._records.together():
            gone = self._in_force(remove)
            self._records.untie(link, remove=remove, by=by, at=at)
            self._tell_labels("label.remove", gone, by)

    def _in_force(self, ids: Sequence[int]) -> list[Label]:
        wanted = set(ids)
        return [one for one in self._records.labels() if one.id in wanted] if wanted else []

    def _tell_labels(self, action: str, labels: Sequence[Label], by: str = "") -> None:
        of: dict[str, list[Label]] = {}
        for label in labels:
            of.setdefault(label.detector, []).append(label)
        for detector, those in of.items():
            self._tell(action, _labels(those), detector, by or those[0].created_by)

    # -- detectors and versions

    def save_detector(self, detector: StoredDetector) -> None:
        with self._records.together():
            former = self._definition(detector.name)
            self._records.save_detector(detector)
            action = "detector.add" if former is None else "detector.change"
            words = differences(former or {}, detector.spec)
            self._tell(action, words, detector.name, detector.changed_by)

    def delete_detector(self, name: str) -> None:
        with self._records.together():
            former = self._definition(name)
            self._records.delete_detector(name)
            self._tell("detector.remove", differences(former or {}, {}), name)

    def _definition(self, name: str) -> Mapping[str, Any] | None:
        return next((one.spec for one in self._records.detectors() if one.name == name), None)

    def promote(self, promotion: Promotion) -> None:
        with self._records.together():
            before = self._records.promotions(promotion.detector)
            self._records.promote(promotion)
            former = f"version {before[-1].number}" if before else "none"
            since = format_time(promotion.serves_from)
            words = f"serving: {former} -> version {promotion.number}, from {since}"
            self._tell("version.promote", words, promotion.detector, promotion.by)

    def set_verdict(self, detector: str, number: int, verdict: Verdict) -> None:
        with self._records.together():
            former = self._records.version(detector, number).verdict
            self._records.set_verdict(detector, number, verdict)
            self._tell("version.verdict", f"version {number}: {former} -> {verdict}", detector)

    # -- work

    def answer_drift(
        self, proposal: int, answer: DriftAnswer, *, by: str, at: int
    ) -> DriftProposal:
        with self._records.together():
            made = self._records.answer_drift(proposal, answer, by=by, at=at)
            told = f"proposal {made.id} about version {made.number}"
            self._tell(f"drift.{answer}", told, made.detector, by)
        return made

    def add_request(
        self, kind: str, detector: str, payload: Mapping[str, Any], *, by: str, at: int
    ) -> Request:
        if kind in ASKING or actor().how is How.JOB:  # what the jobs ask of themselves is a run
            return self._records.add_request(kind, detector, payload, by=by, at=at)
        with self._records.together():
            made = self._records.add_request(kind, detector, payload, by=by, at=at)
            told = f"{kind}, request {made.id}{_payload(payload)}"
            self._tell("request.add", told, detector, by)
        return made

    def cancel_request(self, request: int, *, by: str, at: int) -> Request:
        if actor().how is How.JOB:  # the worker that stops, as a person has asked already
            return self._records.cancel_request(request, by=by, at=at)
        with self._records.together():
            found = self._records.cancel_request(request, by=by, at=at)
            self._tell("request.cancel", f"{found.kind}, request {request}", found.detector, by)
        return found

    def cancel_run(self, run: int, *, by: str) -> Run:
        if actor().how is How.JOB:  # likewise
            return self._records.cancel_run(run, by=by)
        with self._records.together():
            asked_before = self._records.run(run).cancelled_by is not None
            found = self._records.cancel_run(run, by=by)
            if asked_before:  # the first wish stands
                return found
            self._tell("run.cancel", f"{found.kind}, run {run}", found.detector, by)
        return found

    # -- who may call

    def add_user(self, user: User) -> User:
        with self._records.together():
            made = self._records.add_user(user)
            self._tell("user.add", f"{made.name}, {made.role}", by=made.created_by)
        return made

    def change_user(
        self, name: str, *, at: int, password_hash: str | None = None, role: Role | None = None
    ) -> User:
        with self._records.together():
            former = self._records.user(name)
            changed = self._records.change_user(name, at=at, password_hash=password_hash, role=role)
            told = [f"role: {former.role} -> {changed.role}"] if role is not None else []
            told += ["another password"] if password_hash is not None else []
            self._tell("user.change", f"{name}, {'; '.join(told)}")
        return changed

    def remove_user(self, name: str, *, last: bool = False) -> None:
        with self._records.together():
            former = self._records.user(name)
            self._records.remove_user(name, last=last)
            self._tell("user.remove", f"{name}, {former.role}")

    def add_token(self, token: Token) -> Token:
        with self._records.together():
            made = self._records.add_token(token)
            self._tell("token.add", _token(made), by=made.created_by)
        return made

    def revoke_token(self, token: int, *, at: int) -> Token:
        with self._records.together():
            gone = self._records.revoke_token(token, at=at)
            self._tell("token.revoke", _token(gone))
        return gone

    def begin_session(self, session: SignedIn) -> SignedIn:
        with self._records.together(), _signing_in_as(session.name):
            begun = self._records.begin_session(session)
            words = f"session {begun.id} by {begun.kind}"
            self._tell("session.begin", words)
        return begun

    def end_session(self, session: int) -> bool:
        with self._records.together():
            ended = self._records.end_session(session)
            if ended:
                self._tell("session.end", f"session {session}")
        return ended

    def keep_identity(self, identity: Identity) -> Identity:
        with self._records.together(), _signing_in_as(identity.name):
            is_known = self._records.identity(identity.name) is not None
            kept = self._records.keep_identity(identity)
            if not is_known:
                words = f"{kept.name} of {kept.issuer}, subject {kept.subject}"
                self._tell("identity.add", words)
        return kept

    def _tell(self, action: str, words: str, detector: str = "", by: str = "") -> None:
        entry = entry_of(action, words, self._clock.now(), detector=detector, by=by)
        self._records.add_audit(entry)


AUDITED: Mapping[str, Callable[..., Any]] = {
    name: method for name, method in vars(_Audited).items() if not name.startswith("_")
}
"""Ways to write into the record store that leave an entry."""


def _signing_in_as(name: str) -> AbstractContextManager[None]:
    """Whoever was signed in there until now, it is this person who acts."""
    return acting(replace(actor(), who=name))


def differences(former: Mapping[str, Any], present: Mapping[str, Any]) -> str:
    """What is otherwise in a definition, each key with its former and its new value."""
    keys = [key for key in {**former, **present} if former.get(key) != present.get(key)]
    return "; ".join(f"{key}: {_short(former, key)} -> {_short(present, key)}" for key in keys)


def _short(of: Mapping[str, Any], key: str) -> str:
    text = str(of[key]) if key in of else "none"
    return text if len(text) <= 200 else f"{text[:199]}…"


def _labels(labels: Sequence[Label]) -> str:
    if len(labels) > MOST_NAMED:
        numbers = _listed(str(one.id) for one in labels)
        return f"{len(labels)} labels: {numbers}"
    return "; ".join(map(_label, labels))


def _label(one: Label) -> str:
    where = ", ".join(f"{tag}={value}" for tag, value in one.tags.items()) or "all series"
    span = f"{format_time(one.start)} to {format_time(one.stop)}"
    return f"label {one.id}: {one.kind} {span}, {where}"


def _token(one: Token) -> str:
    only = f" for {', '.join(one.detectors)}" if one.detectors else ""
    return f"token {one.id} {one.name}, {one.role}{only}"


def _payload(payload: Mapping[str, Any]) -> str:
    plain = {key: value for key, value in payload.items() if key != "spec"}
    return f": {_listed(f'{key}={value}' for key, value in plain.items())}" if plain else ""


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)
